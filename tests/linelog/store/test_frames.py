"""Frames are found by their heads, and no frame asks for more than those of segments do."""

import pytest
import zstandard

from logsrv.linelog.store.frames import LARGEST, compressor, frame_sizes_at, text_size_in_head

MAGIC = b"\x28\xb5\x2f\xfd"


def at(data: bytes, place: int = 0) -> tuple[int, int] | None:
    return frame_sizes_at(lambda at, size: data[at : at + size], place, len(data))


@pytest.mark.parametrize("size", [1, 255, 256, 70_000, 3_000_000])
def test_a_frame_has_the_size_that_its_blocks_tell(size):
    one = compressor().compress(bytes(range(251)) * (size // 251) + b"x" * (size % 251))
    assert at(one + one) == at(one + one, len(one)) == (len(one), size)
    assert at(one[:-1]) is None
    assert at(one, 1) is None


@pytest.mark.parametrize(
    ("kind", "data", "text"), [(0, b"abc", b"abc"), (1, b"x", b"xxx"), (3, b"abc", None)]
)
def test_a_block_is_as_long_as_its_kind_says(kind, data, text):
    """Raw, one byte that is repeated; the last kind is reserved."""
    frame = MAGIC + b"\x20\x03" + (3 << 3 | kind << 1 | 1).to_bytes(3, "little") + data
    assert at(frame + b"more") == (None if text is None else (len(frame), 3))
    if text is not None:
        assert zstandard.decompress(frame) == text


@pytest.mark.parametrize(
    ("what", "head"),
    [
        ("no text", b"\xe4" + bytes(8)),
        ("too much text", b"\xe4" + (LARGEST + 1).to_bytes(8, "little")),
        ("a dictionary", b"\xe7" + b"\x4d\0\0\0" + (1000).to_bytes(8, "little")),
        ("a window of 2 GiB", b"\xc4\xa8" + (1000).to_bytes(8, "little")),
        ("a skippable frame", b""),
    ],
)
def test_a_frame_that_needs_more_than_those_of_segments_is_refused(what, head):
    data = MAGIC + head + b"\1\0\0" if head else b"\x50\x2a\x4d\x18\xff\xff\xff\xff"
    assert text_size_in_head(data + bytes(100)) is None, what


def test_a_frame_of_the_largest_text_is_accepted():
    """A line of so many bytes is a frame of its own."""
    assert text_size_in_head(MAGIC + b"\xc4\x58" + LARGEST.to_bytes(8, "little")) == LARGEST


def test_a_frame_of_unknown_size_is_refused():
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"text")
    assert at(stream) is None


def test_a_frame_has_its_size_and_a_checksum():
    text = b"2026-11-20T06:00:00.000000Z x hello\n" * 1000
    frame = compressor().compress(text)
    parameters = zstandard.get_frame_parameters(frame)
    assert parameters.content_size == len(text) and parameters.has_checksum
    assert zstandard.ZstdDecompressor().decompress(frame) == text
    assert len(frame) < len(text) / 50
