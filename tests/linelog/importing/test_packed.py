"""Compressed files, whole ones and broken ones: all that can be unpacked before the break is there."""

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

from logsrv.linelog.importing.packed import CHUNK, unpack_file
from logsrv.linelog.lines.inflated import UnpackingError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
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
packed = cache(lambda kind, data: PACKERS[kind](data))
TOOLS = sorted(filter(shutil.which, PACKERS))
LINES = b"".join(b"%x line %d\n" % (hash((n, 1)) & 0xFFFFFF, n) for n in range(60_000))
kinds = pytest.mark.parametrize("kind", PACKERS)


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
    st.sampled_from(sorted(PACKERS)),
    st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    st.data(),
)
def test_of_members_cut_anywhere_all_is_there(kind, members, data):
    whole = b"".join(map(PACKERS[kind], members))
    assert read(whole) == (b"".join(members), "")
    cut = whole[: data.draw(st.integers(6, len(whole)))]
    found, why = read(cut)
    assert found == reference(kind, cut)
    ends = {len(b"".join(map(PACKERS[kind], members[:n]))) for n in range(1, len(members) + 1)}
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
            theirs = subprocess.run([kind, "-dc"], stdin=file, capture_output=True, check=False)
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
    one, zeros = PACKERS[kind](b"one\n"), bytes(CHUNK + 512)
    assert read(one + bytes(8) + one + zeros) == (b"one\none\n", "")
    assert read(one + zeros + one) == (b"one\none\n", "")


@kinds
def test_text_after_compressed_data_is_told(kind):
    assert read(PACKERS[kind](b"one\n") + b"two\n") == (
        b"one\n",
        "something else follows its compressed data",
    )


@kinds
def test_many_small_members_come_in_large_pieces(kind):
    """As of a program that adds each line by itself."""
    pieces = list(unpack_file(io.BytesIO(PACKERS[kind](b"a line\n") * 20_000)))
    assert b"".join(pieces) == b"a line\n" * 20_000
    assert len(pieces) == 1 + 140_000 // CHUNK


@pytest.mark.slow
@kinds
def test_a_bomb_takes_little_memory(kind):
    bomb = PACKERS[kind](bytes(50 << 20))
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
