"""A line with a checksum: a text, a space, its CRC-32 in eight hex digits, LF: `17:52311 662d6800`."""

from __future__ import annotations

import zlib
from collections.abc import Callable


def line_with_checksum(text: bytes) -> bytes:
    """Return a text as a line with its checksum."""
    return b"%s %08x\n" % (text, zlib.crc32(text))


def strip_checksum(line: bytes) -> bytes:
    """Return the text of a line without its checksum. Raises ValueError for a damaged line."""
    text, _, end = line.rpartition(b" ")
    if end != b"%08x\n" % zlib.crc32(text):
        raise ValueError("its checksum is wrong")
    return text


def repair_one_bit(data: bytes, is_whole: Callable[[bytes], bool]) -> bytes | None:
    """Flip each bit of `data` in turn; return the first result that `is_whole` accepts, or None.

    For data as short as this, only one text with one flipped bit can have the same CRC-32.
    """
    for place in range(8 * len(data)):
        tried = bytearray(data)
        tried[place // 8] ^= 1 << place % 8
        if is_whole(bytes(tried)):
            return bytes(tried)
    return None
