"""Files made readable: unpacked up to a break, UTF-16 by its byte order mark, runs of NULs as lines."""

import bz2
import errno
import gzip
import io
import lzma
import random
import shutil
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.importing.files import find_log_files
from logsrv.linelog.importing.readable import CHUNK, readable_text, unpack_file
from logsrv.linelog.importing.summary import file_sentence
from logsrv.linelog.lines.inflated import UnpackingError

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
    ("data", "lines"),
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
def test_the_first_byte_in_utf_8_is_told(data, lines):
    for size in (1, 3, 10_000):
        told: list[int] = []
        list(
            readable_text(
                iter([data[at : at + size] for at in range(0, len(data), size)]), told.append
            )
        )
        assert told == lines


GREETING = "2026-11-20T06:00:00Z grüß {}\n"
ONE, TWO = (GREETING.format(number) for number in ("one", "two"))
NULS = "[logsrv import: {:,} NUL bytes here in the file]\n"
LONG = ONE * (3 * CHUNK // len(ONE))


@pytest.mark.parametrize("packer", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("data", "text", "utf8_from"),
    [
        (ONE.encode() + b"\0" * 3 * CHUNK + TWO.encode(), ONE + NULS.format(3 * CHUNK) + TWO, None),
        (LONG.encode() + b"\0" * 5 + TWO.encode(), LONG + NULS.format(5) + TWO, None),
        (LONG.encode("utf-16-be"), LONG, None),
        (LONG.encode("utf-16") + TWO.encode() * 9, LONG + TWO * 9, 2 + 2 * len(LONG)),
    ],
)
def test_a_file_of_several_pieces_is_readable(tmp_path, packer, data, text, utf8_from):
    (tmp_path / "app.log").write_bytes(packer(data))
    (file,) = find_log_files([str(tmp_path)], pytest.fail, pytest.fail)
    assert file.read_first_moment() is not None
    assert b"".join(lines for _, lines in file.read_dated_lines()).decode() == text
    assert not file.cut
    told = f"in UTF-8 from byte {utf8_from or 0:,} on, in UTF-16 before it"
    assert (told in file_sentence(file)) is (utf8_from is not None)


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
UNPACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
# It takes seconds, and many tests break the same files.
packed = cache(lambda kind, data: COMPRESSORS[kind](data))
TOOLS = sorted(filter(shutil.which, COMPRESSORS))
LINES = b"".join(b"%x line %d\n" % (hash((n, 1)) & 0xFFFFFF, n) for n in range(60_000))
kinds = pytest.mark.parametrize("kind", COMPRESSORS)


def read(data: bytes) -> tuple[bytes, str]:
    """Return what a file of `data` has, and why there is no more."""
    found = []
    try:
        for piece in unpack_file(io.BytesIO(data)):
            found.append(piece)
    except UnpackingError as error:
        return b"".join(found), str(error)
    return b"".join(found), ""


def reference(kind: str, data: bytes) -> bytes:
    """What Python's own objects unpack of members that may be cut, without a limit."""
    found = b""
    while data:
        unpacker = UNPACKERS[kind]()
        while piece := unpacker.decompress(data):
            found += piece
            data = b""
            if unpacker.eof:
                break
        data = unpacker.unused_data
    return found


@given(
    st.sampled_from(sorted(COMPRESSORS)),
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.data(),
)
def test_of_members_cut_anywhere_all_is_there(kind, members, data):
    whole = b"".join(map(COMPRESSORS[kind], members))
    assert read(whole) == (b"".join(members), "")
    cut = whole[: data.draw(st.integers(6, len(whole)))]
    found, why = read(cut)
    assert found == reference(kind, cut)
    ends = {len(b"".join(map(COMPRESSORS[kind], members[:n]))) for n in range(1, len(members) + 1)}
    assert why == ("" if len(cut) in ends else "its compressed data has no end")


@pytest.mark.slow
@kinds
@pytest.mark.parametrize("share", [0.45, 0.6, 0.999])
def test_of_a_large_file_cut_anywhere_all_is_there(kind, share):
    whole = packed(kind, LINES) + packed(kind, LINES)
    cut = whole[: int(len(whole) * share)]
    expected = reference(kind, cut)
    assert len(expected) > len(LINES) // 2
    assert read(cut) == (expected, "its compressed data has no end")


@pytest.mark.slow
@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("how", ["cut", "broken"])
def test_no_tool_gives_more_of_a_file_that_is_cut_or_broken(kind, how, tmp_path):
    chosen = random.Random(18)
    half = LINES[: len(LINES) // 2]
    whole = packed(kind, half) + packed(kind, LINES)
    for _ in range(6):
        at = chosen.randrange(len(whole) // 5, len(whole))
        data = bytearray(whole[:at])
        if how == "broken":
            data += bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        (tmp_path / "a").write_bytes(data)
        with open(tmp_path / "a", "rb") as file:
            theirs = subprocess.run(
                [kind, "-dc"], stdin=file, capture_output=True, check=False, timeout=PATIENCE
            )
        assert theirs.returncode != 0
        found, why = read(bytes(data))
        assert why
        assert found.startswith(theirs.stdout), (at, len(found), len(theirs.stdout))


@pytest.mark.slow
@kinds
def test_all_that_stands_before_a_damaged_place_is_there(kind):
    """It is more than what Python gives: that forgets what it has unpacked in the call that fails."""
    noise = random.Random(18).randbytes(1_000_000)
    whole = packed(kind, LINES) + packed(kind, noise)
    at = len(whole) - 4
    found, why = read(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    assert why == "its compressed data is damaged"
    assert found == LINES + noise


class _Failing(io.BytesIO):
    """A file of which the medium gives no more than the first chunk."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= CHUNK:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.slow
@kinds
def test_all_that_stands_before_an_error_of_the_medium_is_there(kind):
    whole = packed(kind, LINES)
    found: list[bytes] = []
    with pytest.raises(OSError, match="Input/output error"):
        found.extend(unpack_file(_Failing(whole)))
    assert b"".join(found) == reference(kind, whole[:CHUNK])


@kinds
def test_zeros_may_follow_and_stand_between(kind):
    one, zeros = COMPRESSORS[kind](b"one\n"), bytes(CHUNK + 512)
    assert read(one + bytes(8) + one + zeros) == (b"one\none\n", "")
    assert read(one + zeros + one) == (b"one\none\n", "")


@kinds
def test_text_after_compressed_data_is_told(kind):
    assert read(COMPRESSORS[kind](b"one\n") + b"two\n") == (
        b"one\n",
        "something else follows its compressed data",
    )


@kinds
def test_many_small_members_come_in_large_pieces(kind):
    """As of a program that adds each line by itself."""
    pieces = list(unpack_file(io.BytesIO(COMPRESSORS[kind](b"a line\n") * 20_000)))
    assert b"".join(pieces) == b"a line\n" * 20_000
    assert len(pieces) == 1 + 140_000 // CHUNK


@pytest.mark.slow
@kinds
def test_a_bomb_takes_little_memory(kind):
    bomb = COMPRESSORS[kind](bytes(50 << 20))
    tracemalloc.start()
    size = sum(map(len, unpack_file(io.BytesIO(bomb))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 50 << 20
    assert peak < 16 << 20


def test_a_bomb_of_zstandard_comes_in_small_pieces(tmp_path):
    """Of lines that are only LF, what is made of a piece of 8 MiB took a GB."""
    path = tmp_path / "a.zst"
    path.write_bytes(zstandard.compress(b"\n" * (20 << 20)))
    with path.open("rb") as file:
        assert max(map(len, unpack_file(file))) <= CHUNK


def test_plain_text_and_zstandard_files_are_read(tmp_path):
    assert read(LINES) == (LINES, "")
    path = tmp_path / "a.zst"
    path.write_bytes(zstandard.compress(LINES))
    with path.open("rb") as file:
        assert b"".join(unpack_file(file)) == LINES
        assert file.tell() == path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    with path.open("rb") as file, pytest.raises(UnpackingError, match="has no end"):
        list(unpack_file(file))
