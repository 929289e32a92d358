"""The frames of a block, unpacked: no more memory and time than its headers promise (no I/O)."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.linelog.store.segments.zstd import (
    CONTENTSIZE_UNKNOWN,
    ZstdDecompressor,
    ZstdError,
    frame_content_size,
    frame_header_size,
    get_frame_parameters,
)

MOST_FRAMES = 256
_MAGIC = b"\x28\xb5\x2f\xfd"
_LARGEST_WINDOW = 8 << 20
_RLE, _RESERVED = 1, 3
_CHECKSUM = 4


def split(packed: bytes, size: int) -> list[tuple[memoryview, int]]:
    """Return the frames of a block with `size` bytes of text, each with its bytes of text.

    Nothing is unpacked. Raises ValueError with one sentence.
    """
    whole = memoryview(packed)
    found: list[tuple[memoryview, int]] = []
    left = size
    while whole:
        if len(found) == MOST_FRAMES:
            raise ValueError(f"a block has at most {MOST_FRAMES} frames")
        end, content = frame_at(whole)
        left -= content
        if left < 0:
            break
        found.append((whole[:end], content))
        whole = whole[end:]
    if left:
        raise ValueError("the frames have other sizes than the headers say")
    return found


def frame_at(data: memoryview) -> tuple[int, int]:
    """Return the length of the frame that data begins with, and the bytes of its text.

    Raises ValueError with one sentence, also if it breaks off.
    """
    if data[:4] != _MAGIC:
        raise ValueError("the body is not made of Zstandard frames")
    try:
        found = get_frame_parameters(data)
        content = frame_content_size(data)
        at = frame_header_size(data)
    except ZstdError:
        raise ValueError("a frame breaks off") from None
    if content in (-1, CONTENTSIZE_UNKNOWN) or content == 0 or not found.has_checksum:
        raise ValueError("each frame has to have its size and a checksum")
    if found.dict_id or found.window_size > _LARGEST_WINDOW:
        raise ValueError("a frame needs a dictionary or too much memory")
    last = False
    while not last:
        header = int.from_bytes(data[at : at + 3], "little")
        last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == _RLE else length)
        if kind == _RESERVED or at + _CHECKSUM > len(data):
            raise ValueError("a frame breaks off")
    return at + _CHECKSUM, content


def unpacked(frames: list[tuple[memoryview, int]]) -> Iterator[bytes]:
    """Yield the text of each frame, verified. Raises ValueError with one sentence."""
    decompressor = ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    for frame, content in frames:
        try:
            # Its size is in its header, so no byte more than that is made.
            text = decompressor.decompress(frame, max_output_size=content)
        except ZstdError:
            raise ValueError("a frame is damaged: it has not the text that it promises") from None
        yield text
