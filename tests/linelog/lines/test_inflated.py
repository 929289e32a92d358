"""Compressed data, and bombs."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.lines.inflated import (
    TooLargeError,
    UnpackingError,
    inflate_pieces,
    unpack,
    unpack_zstd_pieces,
)


def inflated(data: bytes, most: int) -> bytes:
    return unpack(inflate_pieces(data), most)


def from_zstd(data: bytes, most: int) -> bytes:
    return unpack(unpack_zstd_pieces(data), most)


WAYS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]] = {
    "gzip": (gzip.compress, inflated),
    "zlib": (zlib.compress, inflated),
    "zstd": (zstandard.compress, from_zstd),
}
ways = pytest.mark.parametrize("way", WAYS)


@given(st.sampled_from(sorted(WAYS)), st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_data_of_several_members_is_unpacked_whole(way, members):
    pack, unpack = WAYS[way]
    assert unpack(b"".join(map(pack, members)), 10_000) == b"".join(members)


@pytest.mark.slow
@ways
def test_large_data_is_unpacked_up_to_the_limit_and_refused_above(way):
    pack, unpack = WAYS[way]
    text = b"".join(b"%d\n" % number for number in range(300_000))
    assert unpack(pack(text), len(text)) == text
    with pytest.raises(TooLargeError, match="more than"):
        unpack(pack(text), len(text) - 1)


@pytest.mark.slow
@ways
def test_a_bomb_takes_little_memory(way):
    pack, unpack = WAYS[way]
    bomb = pack(b"\0" * (200 << 20))
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="more than 1000000 bytes"):
        unpack(bomb, 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


@ways
def test_compressed_data_cut_at_any_byte_is_refused(way):
    pack, unpack = WAYS[way]
    whole = pack(b"some text " * 20)
    for cut in range(1, len(whole)):
        with pytest.raises(UnpackingError):
            unpack(whole[:cut], 1000)


@ways
def test_plain_text_is_refused_as_not_compressed(way):
    with pytest.raises(UnpackingError, match="is n"):
        WAYS[way][1](b"plain text, and no more than that", 1000)
    assert WAYS[way][1](b"", 10) == b""


def test_a_zstandard_frame_with_a_huge_window_is_refused():
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packed.compress(b"x" * 100) + packed.flush()
    with pytest.raises(UnpackingError, match="too much memory"):
        from_zstd(data, 1000)


@pytest.mark.parametrize("way", WAYS)
def test_parts_without_content_end_soon(way):
    """Nobody else would have a turn while they are looked for content."""
    pack, unpack = WAYS[way]
    assert unpack(pack(b"") * 1000 + pack(b"a"), 10) == b"a"
    with pytest.raises(
        UnpackingError, match="more than 1000 parts of its compressed data are empty"
    ):
        unpack(pack(b"") * 1002 + pack(b"a"), 10)
    assert unpack((pack(b"") + pack(b"a")) * 2000, 2000) == b"a" * 2000
