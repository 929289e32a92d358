"""Frames of blocks: unpacked as they promise, and never to more than that."""

from __future__ import annotations

import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.ship.blocks.frames import MOST_FRAMES, split, unpacked
from tests.linelog.inputs.blocks.making import packed


def unpack(data: bytes, size: int) -> bytes:
    return b"".join(unpacked(split(data, size)))


def frame(text: bytes, *, checksum: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(text)


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=5), st.booleans())
def test_frames_one_behind_the_other_are_one_text(texts: list[bytes], long: bool) -> None:
    texts = [1000 * text if long else text for text in texts]
    text = b"".join(texts)
    assert unpack(b"".join(map(packed, texts)), len(text)) == text


@given(st.binary(max_size=300), st.integers(0, 10_000))
def test_anything_else_is_refused_with_a_sentence(data: bytes, size: int) -> None:
    for body in data, b"\x28\xb5\x2f\xfd" + data:
        try:
            assert len(unpack(body, size)) == size
        except ValueError as error:
            assert str(error).isprintable()  # noqa: PT017


@given(st.data())
def test_a_changed_bit_is_never_another_text(data: st.DataObject) -> None:
    text = b"2026-11-20T06:18:42.123456Z tcp:1 one line\n" * 50
    body = bytearray(packed(text))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(body), len(text))
    except ValueError:
        return
    # Some bits of a header mean nothing for the text.
    assert found == text


@pytest.mark.parametrize(
    ("data", "size", "why"),
    [
        (frame(b"abc"), 4, "other sizes"),
        (frame(b"abc"), 2, "other sizes"),
        (frame(b"abc") + frame(b"de"), 3, "other sizes"),
        (frame(b"abc", checksum=False), 3, "a checksum"),
        (zstandard.ZstdCompressor(write_checksum=True).compressobj().flush(), 0, "checksum"),
        (frame(b"abc")[:-1], 3, "breaks off"),
        (frame(b"abc")[:5], 3, "breaks off"),
        (frame(b"abc") + b"behind", 3, "not made of"),
        (b"\x50\x2a\x4d\x18\x01\0\0\0x" + frame(b"abc"), 3, "not made of"),
        (b"", 3, "other sizes"),
        (frame(b"abc")[:-4] + b"0000", 3, "damaged"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, size: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        unpack(data, size)


def test_so_many_frames_are_no_block() -> None:
    with pytest.raises(ValueError, match=f"at most {MOST_FRAMES}"):
        split(frame(b"x") * (MOST_FRAMES + 1), MOST_FRAMES + 1)
    assert unpack(frame(b"x") * MOST_FRAMES, MOST_FRAMES) == b"x" * MOST_FRAMES


def test_a_bomb_takes_no_more_memory_than_it_promises() -> None:
    """Its header says a thousand bytes, and its blocks become 256 MiB."""
    bomb, small = frame(bytes(256 << 20)), frame(bytes(1000))
    body = small[: zstandard.frame_header_size(small)] + bomb[zstandard.frame_header_size(bomb) :]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"damaged|breaks off"):
            unpack(body, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
