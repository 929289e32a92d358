"""Files made readable: UTF-16 by its byte order mark, runs of NULs as lines."""

from __future__ import annotations

import pytest

from logsrv.linelog.importing.readable import readable_text

LINE = "[logsrv import: {} here in the file]\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("one\ngrüß 🙂\r\n".encode("utf-16"), "one\ngrüß 🙂\r\n"),
        (b"\xff\xfe" + "one\n".encode("utf-16-le"), "one\n"),
        (b"\xfe\xff" + "one\ngrüß\n".encode("utf-16-be"), "one\ngrüß\n"),
        ("one\n".encode("utf-32"), "one\n"),
        (b"\xff\xfeo\0\n\0x", "o\n\ufffd"),
        (b"\xff\xfe\0\xd8x\0", "\ufffdx"),
        (b"\xff\xfe", ""),
        (b"\xef\xbb\xbfone\n", "one\n"),
        (b"\xef\xbb\xbf", ""),
        (b"\xefx", "\udcefx"),
        # Runs of NULs.
        (b"\0" * 5000 + b"one\n", LINE.format("5,000 NUL bytes") + "one\n"),
        (b"one\n" + b"\0" * 4096 + b"two\n", "one\n" + LINE.format("4,096 NUL bytes") + "two\n"),
        (b"torn" + b"\0" * 100 + b"two\n", "torn\n" + LINE.format("100 NUL bytes") + "two\n"),
        (b"torn" + b"\0" * 100 + b"\ntwo\n", "torn\n" + LINE.format("100 NUL bytes") + "two\n"),
        (b"one\n\0two\n", "one\n" + LINE.format("1 NUL byte") + "two\n"),
        (b"one\n\0\0\n\0\0\n", "one\n" + LINE.format("2 NUL bytes") * 2),
        (b"one\n" + b"\0" * 9, "one\n" + LINE.format("9 NUL bytes")),
        (b"\0" * 9, LINE.format("9 NUL bytes")),
        (b"\xff\xfex\0" + b"\0" * 10 + b"y\0", "x\n" + LINE.format("5 NUL bytes") + "y"),
        (b"__CURSOR=x\nA\n\1\0\0\0\0\0\0\0b\n", "__CURSOR=x\nA\n\1\0\0\0\0\0\0\0b\n"),
        # A few within a line are its own.
        (b"a\0b\0\0\0c\n", "a\0b\0\0\0c\n"),
        (b"a\0", "a\0"),
        (b"", ""),
    ],
)
def test_text_is_readable_however_it_is_cut(data: bytes, text: str) -> None:
    expected = text.encode(errors="surrogateescape")
    for size in (1, 2, 3, 7, 10_000):
        chunks = iter([data[at : at + size] for at in range(0, len(data), size)])
        assert b"".join(readable_text(chunks)) == expected
