"""Retention: the removal of sealed segments beyond the policy's limits of size and age.

A removed segment does not come back, so a clock that jumps is not trusted at first.

The sizes and times of the segments are in memory, so that a rotation is fast with many segments. They are
listed at the start. Rotation, sealing and retention keep them up to date. Later listings notice changes by
others: each reads all names, and the sizes of some files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import text_size_and_lines
from logsrv.linelog.store.notes.segment_notes import RemovedRun, note_removed
from logsrv.linelog.store.policy import DAY, Hold, StorePolicy
from logsrv.linelog.store.segment import ACTIVE, Form, Segment, sync_number

# The number of sizes that each listing reads again, in turn, because `logsrv reindex` may change them.
LOOKED_AT_AGAIN = 500
# Logging a removal takes longer than the removal itself, so many at once would block the reactor.
MOST_AT_ONCE = 32
# If less than this part of the disk is free, nothing is kept for readers. So a dead target cannot fill the
# disk.
LEAST_FREE = 0.05
# Seconds. An archive is asked whether it has a segment this long before the segment gets too old, so that
# the segment is removed in time.
AHEAD = 3600.0
# The files beside the text, in the order of removal: without the archive's note a start removes the others.
_BESIDE = attrgetter("words", "index", "archived")


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

    listed: whether a listing was taken over. total: the number of segments and of their bytes. waiting: the
    same for segments that wait to be compressed. Other threads may read these.
    """

    def __init__(self, disk: Disk) -> None:
        self.listed = False
        self.total = (0, 0)
        self.waiting = (0, 0)
        self._disk = disk
        self._by_number: dict[int, SegmentSize] = {}
        self._plain: dict[int, Segment] = {}
        self._next = 0

    def __iter__(self) -> Iterator[SegmentSize]:
        """Yield the segments, the oldest first."""
        return iter(self._by_number.values())

    def segments(self) -> list[Segment]:
        """Return the segments; may be called in any thread."""
        return [one.segment for one in self._by_number.copy().values()]

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
        self.listed = True
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


def expired_segments(
    segment_sizes: Iterable[SegmentSize],
    total: int,
    policy: StorePolicy,
    now: float,
    *,
    packing_fails: bool = False,
    holds: Sequence[Hold] = (),
    short: int = 0,
) -> Iterator[SegmentSize]:
    """Yield the segments that the policy no longer keeps, the oldest first, up to the first that it keeps.

    Segments that wait for compression will be smaller soon: `keep_bytes` neither counts nor removes them,
    unless `packing_fails`. holds: requests to keep segments beyond `keep_bytes`; they have no effect on
    `keep_days`, nor while space is missing. short: the bytes missing to the free space that the disk needs.

    total: all bytes that count, including the active segment, which is never removed. A segment that was
    written while the clock was ahead of `now` counts as old as the next one.
    """
    for one, last in _with_last_times(segment_sizes, now):
        counts = packing_fails or not one.awaits_packing
        most = policy.keep_bytes
        if most is not None and short <= 0:
            most += max((hold.most for hold in holds_on(one.segment, holds)), default=0)
        too_much = counts and most is not None and total > most
        too_old = policy.keep_days is not None and now - last > policy.keep_days * DAY
        if not (too_much or too_old):
            return
        yield one
        total -= one.size if counts else 0
        short -= one.size


def holds_on(segment: Segment, holds: Sequence[Hold]) -> list[Hold]:
    """Return the requests that ask to keep a segment."""
    return [hold for hold in holds if hold.first_kept <= segment.number]


def _with_last_times(
    segment_sizes: Iterable[SegmentSize], now: float
) -> Iterator[tuple[SegmentSize, float]]:
    """Yield each segment with the time of its last line.

    If that is after `now`, the time of the next segment counts; without a next one, `now`.
    """
    ahead: list[SegmentSize] = []
    for one in segment_sizes:
        ahead.append(one)
        if one.last <= now:
            yield from ((earlier, one.last) for earlier in ahead)
            ahead.clear()
    yield from ((one, now) for one in ahead)


class Retention(NamedTuple):
    """The removal of segments by a policy at a trusted time. Each method may raise OSError."""

    disk: Disk
    segment_sizes: SegmentSizes
    policy: StorePolicy
    now: float
    packing_fails: bool = False

    def remove(self, holds: Sequence[Hold] = ()) -> list[Segment]:
        """Remove at most MOST_AT_ONCE segments that the policy no longer keeps; return them.

        holds: requests of readers to keep segments.
        """
        disk, policy = self.disk, self.policy
        if policy.keep_bytes is None and policy.keep_days is None:
            return []
        gone = self._expired(self.now, holds, _missing_free_bytes(disk) if holds else 0)
        if not gone:
            return []
        # No number may be used twice: the file `number` must have a higher one before these names are
        # removed.
        active = sync_number(disk)
        removed = [segment for segment in gone if segment.number < active]
        # If the note cannot be written, readers are told only that something is missing.
        with suppress(OSError):
            note_removed(_runs_of_known_size(removed, disk), disk, {hold.segment for hold in holds})
        for segment in removed:
            # The text first: a start removes an index without its text, but not a text without its index.
            # After a sealing whose last sync or removal failed, the text has both names.
            disk.unlink(segment.plain)
            disk.unlink(segment.packed)
            # Columns go with the text, also of an archived segment: they take up to 40 % of its room.
            disk.unlink(segment.columns)
            if policy.keep_indexes is None or not disk.has_name(segment.archived):
                for name in _BESIDE(segment):
                    disk.unlink(name)
            self.segment_sizes.forget(segment.number)
        return removed

    def last_number_due(self) -> int:
        """Return the number of the last segment that is due for removal within AHEAD; 0 for none.

        Requests of readers to keep segments are ignored. At most MOST_AT_ONCE segments are considered.
        """
        return max((one.number for one in self._expired(self.now + AHEAD)), default=0)

    def _expired(self, now: float, holds: Sequence[Hold] = (), short: int = 0) -> list[Segment]:
        waiting = 0 if self.packing_fails else self.segment_sizes.waiting[1]
        found = expired_segments(
            self.segment_sizes,
            self.disk.size_or_zero(ACTIVE) + self.segment_sizes.total[1] - waiting,
            self.policy,
            now,
            packing_fails=self.packing_fails,
            holds=holds,
            short=short,
        )
        return [one.segment for one in islice(found, MOST_AT_ONCE)]


def _runs_of_known_size(removed: Iterable[Segment], disk: Disk) -> Iterator[RemovedRun]:
    """Yield a run for each segment whose size is known, with the bytes and lines of its text."""
    for segment in removed:
        with suppress(OSError, ValueError):
            numbers = range(segment.number, segment.number + 1)
            yield RemovedRun(numbers, *text_size_and_lines(segment, disk))


def remove_archived_indexes(
    disk: Disk, away: Sequence[Segment], policy: StorePolicy, now: float
) -> list[Segment]:
    """Remove the indexes of segments whose text is only in an archive, if older than `keep_indexes`.

    Without `keep_indexes` all are removed. Returns the segments, at most MOST_AT_ONCE. away: the segments
    whose text is away, in order. The age is the age of the first line, whose time is in the name. Raises
    OSError.
    """
    keep = policy.keep_indexes
    oldest = "" if keep is None else rfc3339(max(0.0, now - keep * DAY))
    gone = [one for one in away if keep is None or one.first_time < oldest][:MOST_AT_ONCE]
    for segment in gone:
        for name in _BESIDE(segment):
            disk.unlink(name)
    return gone


def _missing_free_bytes(disk: Disk) -> int:
    """Return the bytes that are missing to the free space that the disk needs; 0 or less for none."""
    free, size = disk.free_and_total_bytes()
    return int(size * LEAST_FREE) - free


class ClockDoubt(NamedTuple):
    """A clock that is not trusted yet. ahead: its seconds ahead of the monotonic clock.

    since: when it was first seen so far ahead, by the monotonic clock.
    """

    ahead: float
    since: float


class BelievedTime:
    """The time of day, without jumps of the clock until they have lasted.

    If the clock is more than a day away from the expected time, it is trusted after the server has run for
    a day in this state. Until then the earlier of the two times is used.

    A start begins with the time that the last run trusted. So a server that was off for a month waits for a
    day before it removes segments by age, and so does a server that starts with a wrong clock.
    """

    def __init__(self, time: float, monotonic: float) -> None:
        """Trust that the time of day was `time` when the monotonic clock was at `monotonic`, in seconds."""
        self.doubted: ClockDoubt | None = None
        self._ahead = time - monotonic

    def trusted_time(self, time: float, monotonic: float) -> float:
        """Return the time of day to use. time: the time of the clock, in Unix seconds."""
        ahead = time - monotonic
        if abs(ahead - self._ahead) > DAY:
            if self.doubted is None or abs(ahead - self.doubted.ahead) > DAY:
                self.doubted = ClockDoubt(ahead, monotonic)
            if monotonic - self.doubted.since < DAY:
                return min(time, monotonic + self._ahead)
        self._ahead, self.doubted = ahead, None
        return time
