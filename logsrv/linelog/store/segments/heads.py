"""Frames of a Zstandard file found by their heads and those of their blocks (RFC 8878, section 3.1.1).

Nothing is unpacked: 256 MiB of text take a few milliseconds. A frame that asks more of its reader than any
of a segment does is none: one with more text than `LARGEST` or of no known size, with a large window or
with a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
LARGEST = 256 << 20
"""The bytes of text of a frame: a MiB of lines, or a line that is longer."""
LARGEST_PACKED = LARGEST + (LARGEST >> 7)
"""Its bytes in the file: text that cannot be compressed takes a little more than as it is."""
MOST = 1 << 18
"""Frames of a segment: half a MiB of text each, or more."""
LONGEST = 18
"""The bytes of the longest head."""
_WINDOW = 8 << 20
_BLOCK_HEAD, _BLOCK = 3, 128 << 10
_RLE, _RESERVED = 1, 3
_CHECKSUM = 4


def text_at(data: bytes) -> int | None:
    """Return how much text the frame has that `data` begins with, by its head; None if that is none."""
    if not data.startswith(MAGIC):
        return None
    try:
        found = zstandard.get_frame_parameters(data)
    except (zstandard.ZstdError, ValueError):
        return None
    if not 0 < found.content_size <= LARGEST or found.dict_id or found.window_size > _WINDOW:
        return None
    return found.content_size


def frame_at(
    read: Callable[[int, int], bytes],
    at: int,
    end: int,
    broken: Callable[[int], bool] = lambda _: False,
) -> tuple[int, int] | None:
    """Return how many bytes the frame at `at` takes, and how many its text has; None if it is none.

    read: returns the bytes at a place, so many. end: of the file. broken: tells of the place of a block
    that no frame with it is one.
    """
    head = read(at, LONGEST)
    text = text_at(head)
    if text is None:
        return None
    place, last = at + zstandard.frame_header_size(head), False
    while not last:
        block = read(place, _BLOCK_HEAD)
        bits = int.from_bytes(block, "little")
        last, kind, size = bool(bits & 1), bits >> 1 & 3, bits >> 3
        wrong = len(block) < _BLOCK_HEAD or kind == _RESERVED or size > _BLOCK
        if wrong or place - at > LARGEST_PACKED or broken(place):
            return None
        place += _BLOCK_HEAD + (1 if kind == _RLE else size)
    place += _CHECKSUM if zstandard.get_frame_parameters(head).has_checksum else 0
    return (place - at, text) if place <= end else None
