"""The file of a catalog, byte by byte; all numbers are little-endian.

0000000001-0000000256.catalog       the numbers of its first and its last segment

head       HEAD: how many segments, the CRC-32 of the entries, how many bytes of words; its CRC-32
entries    an ENTRY for each segment, by their numbers
words      a word index (words/layout.py) in which the n-th segment is frame n; or nothing
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
"""Segments of a catalog: as many as frames of a section of a word index."""

_SHAPE = f"{DIGITS * '0'}-{DIGITS * '0'}{CATALOG_SUFFIX}"
_HEAD = struct.Struct("<16sIIQ")
_ENTRY = struct.Struct("<QQqI16sB27s27s")
_CRC = 4
HEAD_SIZE = _HEAD.size + _CRC
_SURE, _SMALLEST, _LARGEST = 1, 2, 4


class CatalogHead(NamedTuple):
    """The beginning of a catalog: its number of segments, a checksum of the entries, bytes of words."""

    segments: int
    crc: int
    words: int

    @property
    def entries(self) -> int:
        """The bytes of the entries."""
        return self.segments * _ENTRY.size


class CatalogEntry(NamedTuple):
    """A segment, as it was when the catalog was made.

    size, written: bytes of its compressed file, and the second in which that was written last.
    stamp: the time in its name. known: which of the times there are, and whether they are sure.
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
        """Return whether the segment is the one that was entered. found: what its file is now."""
        return (
            self.size == found.st_size
            and self.written == int(found.st_mtime)
            and self.stamp == stamp(segment)
        )


def stamp(segment: Segment) -> bytes:
    """Return the time in the name of a sealed segment."""
    return segment.name[DIGITS + 1 : DIGITS + 17].encode()


def entry(packed: Segment, found: os.stat_result, frames: int, times: Times) -> CatalogEntry:
    """Return the entry of a packed segment. found: what its file is."""
    known = (
        _SURE * times.sure
        | _SMALLEST * (times.smallest is not None)
        | _LARGEST * (times.largest is not None)
    )
    ends = [(time or "").encode("latin-1").ljust(SIZE, b"\0") for time in times[:2]]
    return CatalogEntry(
        packed.number, found.st_size, int(found.st_mtime), frames, stamp(packed), known, *ends
    )


def catalog_name(first: int, last: int) -> str:
    """Return the name of the catalog of segments from number `first` to number `last`."""
    return f"{first:0{DIGITS}d}-{last:0{DIGITS}d}{CATALOG_SUFFIX}"


def catalogs(names: Iterable[str]) -> list[str]:
    """Return those of some names that are of catalogs, in order."""
    return sorted(
        [
            name
            for name in names
            if name.endswith(CATALOG_SUFFIX) and name.translate(DIGITS_AS_ZEROS) == _SHAPE
        ]
    )


def last_number(name: str) -> int:
    """Return the number of the last segment in the catalog of this name."""
    return int(name[DIGITS + 1 : 2 * DIGITS + 1])


def pack(entries: Sequence[CatalogEntry], words: bytes) -> bytes:
    """Return a catalog as it is stored."""
    body = b"".join([_ENTRY.pack(*one) for one in entries])
    head = _HEAD.pack(MAGIC, len(entries), zlib.crc32(body), len(words))
    return b"".join((head, zlib.crc32(head).to_bytes(_CRC, "little"), body, words))


def unpack_head(data: bytes) -> CatalogHead:
    """Return the head that a catalog begins with. Raises ValueError for anything else."""
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
    """Return the entries of a catalog. Raises ValueError if these are others than were written."""
    if len(data) != head.entries or zlib.crc32(data) != head.crc:
        raise ValueError("it is damaged: its entries have another checksum")
    return list(map(CatalogEntry._make, _ENTRY.iter_unpack(data)))
