"""Bodies that came compressed: whole whatever their pieces, and never more than is allowed."""

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.http.content_encoding import coding_to_undo, unpacked_pieces
from logsrv.linelog.lines.bodies import RequestRefused


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "bare": bare,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def check_all(body: list[bytes], how: str, most: int) -> None:
    list(unpacked_pieces(body, how, most))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(
    st.sampled_from(sorted(PACK)), st.binary(max_size=300), st.integers(1, 50), st.integers(1, 3)
)
def test_a_body_in_any_pieces_is_unpacked_whole(how, data, size, times):
    """Gzip and zstd may go on with another of the kind."""
    times = times if how in ("gzip", "zstd") else 1
    body = cut(PACK[how](data) * times, size)
    name = "deflate" if how == "bare" else how
    assert b"".join(unpacked_pieces(body, name, 10_000)) == data * times


@pytest.mark.parametrize("how", ["gzip", "deflate", "zstd"])
def test_a_body_cut_off_or_broken_is_refused(how):
    packed = PACK[how](b"a line\n" * 1000)
    for broken in (packed[:-1], packed[:-9], b"no " + packed, packed + b"more of it"):
        with pytest.raises(RequestRefused) as refused:
            check_all([broken], how, 1 << 20)
        assert refused.value.status == 400


@pytest.mark.slow
@pytest.mark.parametrize("how", ["gzip", "deflate", "zstd"])
def test_a_bomb_takes_little_memory(how):
    """64 MiB of zeros, of which 1 MiB are allowed."""
    data = io.BytesIO()
    data.write(PACK[how](bytes(64 << 20)))
    tracemalloc.start()
    with pytest.raises(RequestRefused) as refused:
        check_all([data.getvalue()], how, 1 << 20)
    assert refused.value.status == 413 and "1048576 bytes" in str(refused.value)
    assert tracemalloc.get_traced_memory()[1] < 24 << 20
    tracemalloc.stop()


def test_exactly_as_much_as_is_allowed():
    size = 256 << 10
    check_all([gzip.compress(bytes(size))], "gzip", size)
    with pytest.raises(RequestRefused):
        check_all([gzip.compress(bytes(size + 1))], "gzip", size)


def test_gzip_and_identity_are_known_and_others_refused_with_415():
    assert [coding_to_undo(one) for one in (None, b"", b" GZIP ", b"identity")] == [
        "", "", "gzip", "",
    ]  # fmt: skip
    with pytest.raises(RequestRefused) as refused:
        coding_to_undo(b"br")
    assert refused.value.status == 415
    assert list(unpacked_pieces([], "zstd", 1)) == list(unpacked_pieces([], "gzip", 1)) == []
