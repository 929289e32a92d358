"""A line that shows whether it is whole: `17:52311 662d6800`, a text, a space, its CRC-32, LF."""

from __future__ import annotations

import zlib
from collections.abc import Callable


def with_sum(text: bytes) -> bytes:
    """Return a text as such a line."""
    return b"%s %08x\n" % (text, zlib.crc32(text))


def without_sum(line: bytes) -> bytes:
    """Return the text of a line. Raises ValueError, with what is wrong, for one that is damaged."""
    text, _, end = line.rpartition(b" ")
    if end != b"%08x\n" % zlib.crc32(text):
        raise ValueError("its checksum is wrong")
    return text


def before_one_bit_changed(data: bytes, is_whole: Callable[[bytes], bool]) -> bytes | None:
    """Flip each bit in turn; return the first result that is whole, or None.

    Over so few bytes a CRC-32 leads back from one flipped bit to one text only.
    """
    for place in range(8 * len(data)):
        tried = bytearray(data)
        tried[place // 8] ^= 1 << place % 8
        if is_whole(bytes(tried)):
            return bytes(tried)
    return None
