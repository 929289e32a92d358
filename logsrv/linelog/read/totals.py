"""The totals of a store, from what the daemon knows of it: the sealed segments and its position.

The head of each index tells the lines and times of a compressed segment; other texts are read once, each
from the end of the last count on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.read.texts import PlainFrames
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.index.segment_index import load_head
from logsrv.linelog.store.segment import ACTIVE, Form, Position, Segment, parse_position
from logsrv.linelog.store.times import NONE, Times, combine_times, times_of

_PIECE = 256 << 10
# Attempts to count a store that is rotated during each of them.
_TRIES = 100


class CountedStore(Protocol):
    """The part of a store that is needed to count it."""

    disk: Disk

    @property
    def position(self) -> Position: ...

    def sealed_segments(self) -> list[Segment]: ...


@attrs.frozen
class _Totals:
    """The totals of a segment; of one that is not compressed, of the first `size` bytes of its text."""

    lines: int = 0
    size: int = 0
    compressed: int = 0
    times: Times = NONE


class StoreTotals:
    """The totals of a store; belongs to one thread at a time."""

    def __init__(self, store: CountedStore) -> None:
        self._store = store
        self._counted: dict[int, _Totals] = {}

    def count(self) -> dict[str, Any]:
        """Return the answer of /api/stats. Raises StoreError."""
        if self._store.disk.is_gone():
            raise StoreError("the store was removed")
        try:
            position = self._count_segments()
        except OSError as error:
            raise StoreError(f"the store cannot be counted: {reason(error)}") from error
        totals = self._counted.values()
        times = combine_times(one.times for one in totals)
        return {
            "segments": len(totals),
            "lines": sum(one.lines for one in totals),
            "bytes": sum(one.size for one in totals),
            "compressed": sum(one.compressed for one in totals),
            "oldest": times.smallest,
            "newest": times.largest,
            "position": str(position),
        }

    def _count_segments(self) -> Position:
        """Count all segments; return the position up to which they are counted. Raises OSError."""
        for _ in range(_TRIES):
            position = self._store.position
            active = Segment(position.segment, ACTIVE, Form.ACTIVE)
            # It may have been sealed since.
            present = {one.number: one for one in (active, *self._store.sealed_segments())}
            found = {number: self._totals_of(one, position) for number, one in present.items()}
            counted = {number: one for number, one in found.items() if one is not None}
            if len(counted) == len(found):
                self._counted = counted
                return position
        raise OSError(
            errno.EAGAIN, "current.log is rotated so often that its lines cannot be counted"
        )

    def _totals_of(self, segment: Segment, position: Position) -> _Totals | None:
        """Return the totals of a segment, counted again unless it is compressed. Raises OSError.

        None if the segment was rotated since it was active, at `position`.
        """
        known = self._counted.get(segment.number, _Totals())
        if known.compressed:
            return known
        try:
            if segment.form is Form.PACKED:
                head = load_head(segment, self._store.disk)
                return _Totals(head.lines, head.text, head.compressed, head.times)
            fd = self._store.disk.open(segment.name, os.O_RDONLY)
        except (FileNotFoundError, ValueError):
            # It was compressed, removed or damaged just now; the daemon looks after that.
            return known
        with PlainFrames(segment.number, segment.name, fd) as frames:
            if segment.form is Form.ACTIVE:
                size = os.fstat(fd).st_size
                if self._store.position.segment != segment.number:
                    # The file that was opened may be that of the next segment.
                    return None
                if position.offset and not size:
                    # It is that of the next one, which the store's position has not reached yet.
                    return known
            return _count_text(frames, known)


class StoresTotals:
    """The totals of several stores together; belongs to one thread at a time.

    stores: returns those that are open, by their numbers in positions; 0 is the main one.
    """

    def __init__(self, stores: Callable[[], Mapping[int, CountedStore]]) -> None:
        self._stores = stores
        self._known: dict[int, tuple[CountedStore, StoreTotals]] = {}

    def count(self) -> dict[str, Any]:
        """Return the answer of /api/stats. Raises StoreError."""
        stores = self._stores()
        known = self._known
        self._known = {
            number: known[number]
            if number in known and known[number][0] is store
            else (store, StoreTotals(store))
            for number, store in stores.items()
        }
        found = {
            number: totals.count()
            for number, (store, totals) in self._known.items()
            if number == 0 or _is_there(store)
        }
        if len(found) == 1:
            return found[0]
        ends = [parse_position(one["position"]).in_store(number) for number, one in found.items()]
        return {
            **{
                name: sum(one[name] for one in found.values())
                for name in ("segments", "lines", "bytes", "compressed")
            },
            "oldest": min((one["oldest"] for one in found.values() if one["oldest"]), default=None),
            "newest": max((one["newest"] for one in found.values() if one["newest"]), default=None),
            "position": ",".join(str(one) for one in sorted(ends)),
        }


def _is_there(store: CountedStore) -> bool:
    """Return whether the store of a rule is there: it may be removed by hand once it is empty.

    A refused reload closes the stores that it has opened while another thread counts them.
    """
    try:
        return not store.disk.is_gone()
    except OSError:
        return False


def _count_text(frames: PlainFrames, known: _Totals) -> _Totals:
    if frames.size < known.size:
        # The segment was cut: count it anew.
        known = _Totals()
    lines, times = known.lines, known.times
    for start in range(known.size, frames.size, _PIECE):
        for _, text in frames.lines_between(start, min(start + _PIECE, frames.size)):
            lines += text.count(b"\n")
            times = combine_times((times, times_of(text)))
    return _Totals(lines, frames.size, 0, times)
