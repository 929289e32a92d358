"""Files made readable: UTF-16 by its byte order mark, runs of NULs as lines."""

import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard

from logsrv.linelog.importing.files import find_log_files
from logsrv.linelog.importing.packed import CHUNK
from logsrv.linelog.importing.readable import readable_text
from logsrv.linelog.importing.summary import file_sentence

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
        # Without a mark, if every second byte is NUL.
        ("one\ngrüß one\r\n".encode("utf-16-le"), "one\ngrüß one\r\n"),
        ("one\ngrüß one\n".encode("utf-16-be"), "one\ngrüß one\n"),
        (("x" * 600 + "\n€\n").encode("utf-16-le"), "x" * 600 + "\n€\n"),
        ("one two three".encode("utf-16-le"), "one two three"),
        ("one".encode("utf-16-le"), "o\0n\0e\0"),
        # UTF-8 behind UTF-16.
        (b"\xff\xfe" + b"one\ngr\xc3\xbc\xc3\x9f\n", "one\ngrüß\n"),
        ("one\n".encode("utf-16") + b"two\nthree", "one\ntwo\nthree"),
        (b"\xfe\xff" + "one\n".encode("utf-16-be") + b"two\n", "one\ntwo\n"),
        (
            "one two three\n".encode("utf-16-be") + b"two\n\nthree\n",
            "one two three\ntwo\n\nthree\n",
        ),
        ("one\n".encode("utf-32") + b"two\n", "one\ntwo\n"),
        # Bytes of Chinese in UTF-16 look like ASCII, and \u4e0a has an LF.
        ("one\n\u4e2d\u4e0a\u4e2d\none\n".encode("utf-16"), "one\n\u4e2d\u4e0a\u4e2d\none\n"),
        ("\u0a05\n\u0a05\n".encode("utf-16"), "\u0a05\n\u0a05\n"),
        # Runs of NULs.
        (b"one\n" + b"\0" * 10_000, "one\n" + LINE.format("10,000 NUL bytes")),
        (
            b"x" * 9999 + b"\n" + b"\0" * 10_000 + b"one\n",
            "x" * 9999 + "\n" + LINE.format("10,000 NUL bytes") + "one\n",
        ),
        (
            b"x" * 9990 + b"\n" + b"\0" * 20 + b"one\n",
            "x" * 9990 + "\n" + LINE.format("20 NUL bytes") + "one\n",
        ),
        (
            b"x" * 9998 + b"\n" + b"\0" + b"one\n",
            "x" * 9998 + "\n" + LINE.format("1 NUL byte") + "one\n",
        ),
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
def test_text_is_readable_however_it_is_cut(data, text):
    expected = text.encode(errors="surrogateescape")
    for size in (1, 2, 3, 7, 10_000):
        chunks = iter([data[at : at + size] for at in range(0, len(data), size)])
        assert b"".join(readable_text(chunks)) == expected


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (b"\xff\xfeone\ntwo\n", [2]),
        ("one\n".encode("utf-16") + b"two\n", [10]),
        ("one two three\n".encode("utf-16-le") + b"two\n", [28]),
        ("one\n".encode("utf-32-be") + b"two\n", []),
        ("one\ntwo\n".encode("utf-16"), []),
        ("one\n".encode("utf-16") + b"no end", []),
        ("one\n".encode("utf-16") + b"\xfftwo\n", []),
        (b"one\ntwo\n", []),
    ],
)
def test_the_first_byte_in_utf_8_is_told(data, places):
    for size in (1, 3, 10_000):
        told: list[int] = []
        list(
            readable_text(
                iter([data[at : at + size] for at in range(0, len(data), size)]), told.append
            )
        )
        assert told == places


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
GREETING = "2026-11-20T06:00:00Z grüß {}\n"
ONE, TWO, THREE = (GREETING.format(number) for number in ("one", "two", "three"))
NULS = "[logsrv import: {:,} NUL bytes here in the file]\n"
LONG = ONE * (3 * CHUNK // len(ONE))


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize(
    ("data", "text", "utf8_from"),
    [
        (b"\0" * CHUNK + ONE.encode(), NULS.format(CHUNK) + ONE, None),
        (ONE.encode() + b"\0" * CHUNK, ONE + NULS.format(CHUNK), None),
        (ONE.encode() + b"\0" * (CHUNK - len(ONE.encode())) + TWO.encode(),
         ONE + NULS.format(CHUNK - len(ONE.encode())) + TWO, None),
        (ONE.encode() + b"\0" * 3 * CHUNK + TWO.encode(), ONE + NULS.format(3 * CHUNK) + TWO, None),
        (LONG.encode() + b"\0" * 5 + TWO.encode(), LONG + NULS.format(5) + TWO, None),
        (b"\0" * (CHUNK - 1) + b"\n" + TWO.encode(), NULS.format(CHUNK - 1) + TWO, None),
        (LONG.encode("utf-16-le"), LONG, None),
        (LONG.encode("utf-16-be"), LONG, None),
        (LONG.encode("utf-16") + TWO.encode() * 9, LONG + TWO * 9, 2 + 2 * len(LONG)),
        (ONE.encode("utf-16-le") + LONG.encode(), ONE + LONG, 2 * len(ONE)),
        (b"\xff\xfe" + LONG.encode(), LONG, 2),
        (LONG.encode("utf-16") + b"\0" * CHUNK + TWO.encode("utf-16-le"),
         LONG + NULS.format(CHUNK // 2) + TWO, None),
    ],
)  # fmt: skip
def test_no_line_is_garbage(tmp_path, packer, data, text, utf8_from):
    (tmp_path / "app.log").write_bytes(PACKERS[packer](data))
    (file,) = find_log_files([str(tmp_path)], pytest.fail, pytest.fail)
    assert file.read_first_moment() is not None
    assert b"".join(lines for _, lines in file.read_dated_lines()).decode() == text
    assert not file.cut
    told = f"in UTF-8 from byte {utf8_from or 0:,} on, in UTF-16 before it"
    assert (told in file_sentence(file)) is (utf8_from is not None)
