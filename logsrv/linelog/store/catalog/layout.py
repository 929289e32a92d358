"""The file of a catalog, byte by byte; all numbers are little-endian.

0000000001-0000000256.catalog       the numbers of its first and its last segment

head       _HEAD: the number of segments, the CRC-32 of the entries, the bytes of the words; its own CRC-32
entries    an _ENTRY for each segment, in the order of their numbers
words      a word index (words/layout.py), in which frame n stands for segment n of the entries; or nothing
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from logsrv.linelog.store.segments.segment import CATALOG_SUFFIX, DIGITS, DIGITS_AS_ZEROS, Segment
from logsrv.linelog.store.segments.times import SIZE, Times

MAGIC = b"logsrv-catalog-1"
MOST = 512
"""The most segments of a catalog: the most frames of a section of a word index."""

_SHAPE = f"{DIGITS * '0'}-{DIGITS * '0'}{CATALOG_SUFFIX}"
_HEAD = struct.Struct("<16sIIQ")
_ENTRY = struct.Struct("<QQqI16sB27s27s")
_CRC = 4
HEAD_SIZE = _HEAD.size + _CRC
_SURE, _SMALLEST, _LARGEST = 1, 2, 4


class CatalogHead(NamedTuple):
    """The head of a catalog: the number of segments, the CRC-32 of the entries, the bytes of the words."""

    segments: int
    crc: int
    words: int

    @property
    def entries_size(self) -> int:
        """The bytes of the entries."""
        return self.segments * _ENTRY.size


class CatalogEntry(NamedTuple):
    """A segment as it was when the catalog was made.

    size, written: the bytes of its compressed file, and the time of its last write in Unix seconds. stamp:
    the time in its name. known: flags: _SMALLEST and _LARGEST if it has these times, _SURE for
    `Times.sure`.
    """

    number: int
    size: int
    written: int
    frames: int
    stamp: bytes
    known: int
    smallest: bytes
    largest: bytes

    @property
    def times(self) -> Times:
        smallest = self.smallest.decode("latin-1") if self.known & _SMALLEST else None
        largest = self.largest.decode("latin-1") if self.known & _LARGEST else None
        return Times(smallest, largest, bool(self.known & _SURE))

    def is_of(self, segment: Segment, found: os.stat_result) -> bool:
        """Return whether the entry is of this segment. found: the status of its file."""
        return (
            self.size == found.st_size
            and self.written == int(found.st_mtime)
            and self.stamp == time_in_name(segment)
        )


def time_in_name(segment: Segment) -> bytes:
    """Return the time in the name of a sealed segment."""
    return segment.name[DIGITS + 1 : DIGITS + 17].encode()


def make_catalog_entry(
    packed: Segment, found: os.stat_result, frames: int, times: Times
) -> CatalogEntry:
    """Return the entry of a packed segment. found: the status of its file."""
    known = (
        _SURE * times.sure
        | _SMALLEST * (times.smallest is not None)
        | _LARGEST * (times.largest is not None)
    )
    ends = [(time or "").encode("latin-1").ljust(SIZE, b"\0") for time in times[:2]]
    return CatalogEntry(
        packed.number,
        found.st_size,
        int(found.st_mtime),
        frames,
        time_in_name(packed),
        known,
        *ends,
    )


def catalog_name(first: int, last: int) -> str:
    """Return the name of the catalog of segments from number `first` to number `last`."""
    return f"{first:0{DIGITS}d}-{last:0{DIGITS}d}{CATALOG_SUFFIX}"


def catalog_names(names: Iterable[str]) -> list[str]:
    """Return the names that have the form of a catalog's name, in order."""
    return sorted(
        [
            name
            for name in names
            if name.endswith(CATALOG_SUFFIX) and name.translate(DIGITS_AS_ZEROS) == _SHAPE
        ]
    )


def last_cataloged_number(name: str) -> int:
    """Return the number of the last segment in the catalog of this name."""
    return int(name[DIGITS + 1 : 2 * DIGITS + 1])


def pack_catalog(entries: Sequence[CatalogEntry], words: bytes) -> bytes:
    """Return the content of the file for a catalog."""
    body = b"".join([_ENTRY.pack(*one) for one in entries])
    head = _HEAD.pack(MAGIC, len(entries), zlib.crc32(body), len(words))
    return b"".join((head, zlib.crc32(head).to_bytes(_CRC, "little"), body, words))


def unpack_head(data: bytes) -> CatalogHead:
    """Return the head at the beginning of a catalog. Raises ValueError if it is damaged or no catalog."""
    head = data[: _HEAD.size]
    if len(data) < HEAD_SIZE or not head.startswith(MAGIC):
        raise ValueError("it is no catalog, or one of another version, or cut off")
    if zlib.crc32(head).to_bytes(_CRC, "little") != data[_HEAD.size : HEAD_SIZE]:
        raise ValueError("it is damaged: its head has another checksum")
    found = CatalogHead(*_HEAD.unpack(head)[1:])
    if found.segments > MOST:
        raise ValueError("it is damaged: the sizes in it make no sense")
    return found


def unpack_entries(head: CatalogHead, data: bytes) -> list[CatalogEntry]:
    """Return the entries of a catalog. Raises ValueError if they are damaged."""
    if len(data) != head.entries_size or zlib.crc32(data) != head.crc:
        raise ValueError("it is damaged: its entries have another checksum")
    return list(map(CatalogEntry._make, _ENTRY.iter_unpack(data)))
