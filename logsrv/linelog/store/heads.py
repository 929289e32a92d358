"""Finding the frames of a Zstandard file by the heads of frames and blocks (RFC 8878, section 3.1.1).

Nothing is unpacked: 256 MiB of text take a few milliseconds. A frame is invalid here if it has more text
than `LARGEST`, text of unknown size, a large window or a dictionary: no frame of a segment has these.
"""

from __future__ import annotations

from collections.abc import Callable

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
LARGEST = 256 << 20
"""The most bytes of text in a frame. Most have about 1 MiB; only a longer line makes a larger one."""
LARGEST_PACKED = LARGEST + (LARGEST >> 7)
"""The most bytes of a frame in the file; text that cannot be compressed grows a little."""
MOST = 1 << 18
"""The most frames of a segment: each has half a MiB of text or more."""
LONGEST = 18
"""The bytes of the longest head of a frame."""
_WINDOW = 8 << 20
_BLOCK_HEAD, _BLOCK = 3, 128 << 10
_RLE, _RESERVED = 1, 3
_CHECKSUM = 4


def text_size_in_head(data: bytes) -> int | None:
    """Return the bytes of text in the frame at the beginning of `data`; None if its head is invalid."""
    if not data.startswith(MAGIC):
        return None
    try:
        found = zstandard.get_frame_parameters(data)
    except (zstandard.ZstdError, ValueError):
        return None
    if not 0 < found.content_size <= LARGEST or found.dict_id or found.window_size > _WINDOW:
        return None
    return found.content_size


def frame_sizes_at(read: Callable[[int, int], bytes], at: int, end: int) -> tuple[int, int] | None:
    """Return the size in bytes of the frame at offset `at`, and of its text; None if it is invalid.

    read: returns bytes of the file, by offset and size. end: the size of the file.
    """
    head = read(at, LONGEST)
    text = text_size_in_head(head)
    if text is None:
        return None
    place, last = at + zstandard.frame_header_size(head), False
    while not last:
        block = read(place, _BLOCK_HEAD)
        bits = int.from_bytes(block, "little")
        last, kind, size = bool(bits & 1), bits >> 1 & 3, bits >> 3
        wrong = len(block) < _BLOCK_HEAD or kind == _RESERVED or size > _BLOCK
        if wrong or place - at > LARGEST_PACKED:
            return None
        place += _BLOCK_HEAD + (1 if kind == _RLE else size)
    place += _CHECKSUM if zstandard.get_frame_parameters(head).has_checksum else 0
    return (place - at, text) if place <= end else None
