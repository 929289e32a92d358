"""The sizes and times of the sealed segments, in memory, so that a rotation is fast with many segments.

They are listed at the start. Rotation, sealing and retention keep them up to date. Later listings notice
changes by others: each reads all names, and the sizes of some files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, Segment

# The number of sizes that each listing reads again, in turn, because `logsrv reindex` may change them.
LOOKED_AT_AGAIN = 500


class SegmentSize(NamedTuple):
    """A sealed segment. size: the bytes of all its files. last: the Unix time of its last line."""

    segment: Segment
    size: int
    last: float

    @property
    def awaits_packing(self) -> bool:
        """True if it has lines that wait to be compressed."""
        return bool(self.size) and self.segment.form is Form.PLAIN


class SegmentSizes:
    """The sealed segments of a directory in order; belongs to the thread that seals.

    total: the number of segments and of their bytes. waiting: the same for segments that wait to be
    compressed. Other threads may read both.
    """

    def __init__(self, disk: Disk) -> None:
        self.total = (0, 0)
        self.waiting = (0, 0)
        self._disk = disk
        self._by_number: dict[int, SegmentSize] = {}
        self._plain: dict[int, Segment] = {}
        self._next = 0

    def __iter__(self) -> Iterator[SegmentSize]:
        """Yield the segments, the oldest first."""
        return iter(self._by_number.values())

    def __contains__(self, segment: Segment) -> bool:
        """Return whether this file is the one that is known for its number."""
        known = self._by_number.get(segment.number)
        return known is not None and known.segment == segment

    def plain_segments(self) -> Iterator[Segment]:
        """Yield the segments that are not compressed, the oldest first."""
        return iter(self._plain.values())

    def replace_known(self, found: Sequence[Segment]) -> None:
        """Replace the known segments by those in a listing, which is in order. Raises OSError."""
        there = {one.number for one in found}
        for number in [number for number in self._by_number if number not in there]:
            self.forget(number)
        try:
            for one in found:
                if one not in self or one.form is Form.PLAIN:
                    self.add(one)
        finally:
            # Sorted even after an error: the segments added so far count as known from now on.
            self._by_number = dict(sorted(self._by_number.items()))
            self._plain = dict(sorted(self._plain.items()))
        self._measure_some_again()

    def _measure_some_again(self) -> None:
        again = list(islice(self._by_number.values(), self._next, self._next + LOOKED_AT_AGAIN))
        self._next = self._next + len(again) if len(again) == LOOKED_AT_AGAIN else 0
        for entry in again:
            self.add(entry.segment)

    def add(self, segment: Segment) -> None:
        """Add a segment, or replace the one of the same number; a new number has to be the highest.

        A segment whose file is missing is not added, and is forgotten if it was known. Raises OSError.
        """
        found = self._disk.stat_or_none(segment.name)
        if found is None:
            if segment in self:
                self.forget(segment.number)
            return
        beside = segment.files[1:] if segment.form is Form.PACKED else ()
        size = found.st_size + sum(map(self._disk.size_or_zero, beside))
        entry = SegmentSize(segment, size, found.st_mtime)
        self._add_to_totals(self._by_number.get(segment.number), -1)
        self._by_number[segment.number] = entry
        if segment.form is Form.PLAIN:
            self._plain[segment.number] = segment
        else:
            self._plain.pop(segment.number, None)
        self._add_to_totals(entry, 1)

    def forget(self, number: int) -> None:
        """Forget a segment."""
        self._add_to_totals(self._by_number.pop(number, None), -1)
        self._plain.pop(number, None)

    def _add_to_totals(self, entry: SegmentSize | None, sign: int) -> None:
        if entry is None:
            return
        self.total = (self.total[0] + sign, self.total[1] + sign * entry.size)
        if entry.awaits_packing:
            self.waiting = (self.waiting[0] + sign, self.waiting[1] + sign * entry.size)
