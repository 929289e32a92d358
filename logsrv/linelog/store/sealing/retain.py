"""Retention: which sealed segments are too many, or too old by a time of day that can be believed.

What is removed does not come back, so a clock that jumps is not believed at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store.policy import DAY, Hold, StorePolicy
from logsrv.linelog.store.sealing.segment_sizes import SegmentSize, SegmentSizes, size_of
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.index import load_head
from logsrv.linelog.store.segments.removed import RemovedRun, note_removed
from logsrv.linelog.store.segments.segment import ACTIVE, Form, Segment, keep_number

PIECE = 1 << 20
# Removals are said in the log, which takes longer than they do: many at once would hold up the reactor.
MOST_AT_ONCE = 32
# The part of the disk that has to be free for anything to be held: a target that is gone stops no writing.
LEAST_FREE = 0.05
# An archive is asked for a segment so many seconds before that is too old, so that it can go in time.
AHEAD = 3600.0
# The files beside the text. The note last: without it the rest is of nobody, and goes at a start.
_BESIDE = attrgetter("words", "index", "archived")


def expired(
    segment_sizes: Iterable[SegmentSize],
    total: int,
    policy: StorePolicy,
    now: float,
    *,
    packing_fails: bool = False,
    holds: Sequence[Hold] = (),
    short: int = 0,
) -> Iterator[SegmentSize]:
    """Yield those of `segment_sizes`, oldest first, that the policy no longer wants.

    Those that wait for compression will be smaller soon: `keep_bytes` neither counts nor removes them,
    unless `packing_fails`. Beyond `keep_bytes` stays what somebody `holds`; not beyond
    `keep_days`, and not while so many bytes are missing, `short`, of what has to be free.

    total: all bytes that count, those of the active segment among them; but that one is never removed. A
    segment written while the clock was ahead of `now` is as old as the next one. Looks no further than it
    must.
    """
    for one, last in _with_last(segment_sizes, now):
        counts = packing_fails or not one.waits
        most = policy.keep_bytes
        if most is not None and short <= 0:
            most += max((hold.most for hold in holding(one.segment, holds)), default=0)
        too_much = counts and most is not None and total > most
        too_old = policy.keep_days is not None and now - last > policy.keep_days * DAY
        if not (too_much or too_old):
            return
        yield one
        total -= one.size if counts else 0
        short -= one.size


def holding(segment: Segment, holds: Sequence[Hold]) -> list[Hold]:
    """Return for whom a segment is to stay."""
    return [hold for hold in holds if hold.first <= segment.number]


def _with_last(
    segment_sizes: Iterable[SegmentSize], now: float
) -> Iterator[tuple[SegmentSize, float]]:
    """Yield each with the time of its last line, or of the next that was not ahead of `now`."""
    ahead: list[SegmentSize] = []
    for one in segment_sizes:
        ahead.append(one)
        if one.last <= now:
            yield from ((earlier, one.last) for earlier in ahead)
            ahead.clear()
    yield from ((one, now) for one in ahead)


def retain(
    disk: Disk,
    segment_sizes: SegmentSizes,
    policy: StorePolicy,
    now: float,
    *,
    packing_fails: bool = False,
    catalogs: int = 0,
    holds: Sequence[Hold] = (),
) -> list[Segment]:
    """Remove what the policy no longer wants, MOST_AT_ONCE at most; return what. Raises OSError.

    catalogs: the bytes of these, which count as well. holds: who has not read all yet.
    """
    if policy.keep_bytes is None and policy.keep_days is None:
        return []
    total = _total(disk, segment_sizes, catalogs, packing_fails)
    short = _short(disk) if holds else 0
    found = expired(
        segment_sizes, total, policy, now, packing_fails=packing_fails, holds=holds, short=short
    )
    gone = [one.segment for one in islice(found, MOST_AT_ONCE)]
    if not gone:
        return []
    # A number is used once: the file must know a higher one before the names of these are gone.
    active = keep_number(disk)
    removed = [segment for segment in gone if segment.number < active]
    # Without it, whoever is told of lines that are gone is told too much.
    with suppress(OSError):
        note_removed(_sizes(removed, disk), disk, {hold.segment for hold in holds})
    for segment in removed:
        # The text first: an index without its segment is cleared away on start, not the reverse.
        disk.unlink(segment.name)
        if policy.keep_indexes is None or not disk.holds(segment.archived):
            for name in _BESIDE(segment):
                disk.unlink(name)
        segment_sizes.remove(segment.number)
    return removed


def due(
    disk: Disk,
    segment_sizes: SegmentSizes,
    policy: StorePolicy,
    now: float,
    *,
    packing_fails: bool = False,
    catalogs: int = 0,
) -> int:
    """Return the number of the last segment that would go within AHEAD if nobody held it; 0 for none.

    No further than MOST_AT_ONCE from the first. Raises OSError.
    """
    total = _total(disk, segment_sizes, catalogs, packing_fails)
    found = expired(segment_sizes, total, policy, now + AHEAD, packing_fails=packing_fails)
    return max((one.segment.number for one in islice(found, MOST_AT_ONCE)), default=0)


def _total(disk: Disk, segment_sizes: SegmentSizes, catalogs: int, packing_fails: bool) -> int:
    waiting = 0 if packing_fails else segment_sizes.waiting[1]
    return size_of(ACTIVE, disk) + catalogs + segment_sizes.total[1] - waiting


def _sizes(removed: Iterable[Segment], disk: Disk) -> Iterator[RemovedRun]:
    """Yield the numbers of segments, with the sizes of their texts where they are known."""
    for segment in removed:
        with suppress(OSError, ValueError):
            numbers = range(segment.number, segment.number + 1)
            if segment.form is Form.PACKED:
                head = load_head(segment, disk)
                yield RemovedRun(numbers, head.text, head.lines)
            else:
                size = size_of(segment.name, disk)
                with open(disk.open(segment.name, os.O_RDONLY), "rb") as file:
                    lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(PIECE), b""))
                yield RemovedRun(numbers, size, lines)


def retain_indexes(
    disk: Disk, away: Sequence[Segment], policy: StorePolicy, now: float
) -> list[Segment]:
    """Remove the indexes of segments, whose text is not here, that are kept no longer; return of which.

    away: in order. The name of a segment tells when its first line came. MOST_AT_ONCE at most. Raises
    OSError.
    """
    keep = policy.keep_indexes
    oldest = "" if keep is None else rfc3339(max(0.0, now - keep * DAY))
    gone = [one for one in away if keep is None or one.first < oldest][:MOST_AT_ONCE]
    for segment in gone:
        for name in _BESIDE(segment):
            disk.unlink(name)
    return gone


def _short(disk: Disk) -> int:
    """Return how many bytes are missing of what has to be free on the disk; 0 or less for none."""
    free, size = disk.free()
    return int(size * LEAST_FREE) - free


class Doubt(NamedTuple):
    """A clock that is not believed yet: it is `ahead` of the monotonic one `since` that was there."""

    ahead: float
    since: float


class BelievedTime:
    """The time of day, but for jumps that have not lasted.

    The rule: a clock that is more than a day away from where it should be by now is believed when
    that has lasted for a day of running. Until then the earlier of the two times counts.

    It begins with what was believed last; a start goes on from what the last run believed. So a server
    that was off for a month waits for a day before it removes by age, and so does one that starts
    with a wrong clock.
    """

    def __init__(self, time: float, monotonic: float) -> None:
        """Believe that it was `time` when the clock that never jumps was at `monotonic`."""
        self.doubted: Doubt | None = None
        self._ahead = time - monotonic

    def believe(self, time: float, monotonic: float) -> float:
        """Return the time of day to go by; `time` is what the clock says."""
        ahead = time - monotonic
        if abs(ahead - self._ahead) > DAY:
            if self.doubted is None or abs(ahead - self.doubted.ahead) > DAY:
                self.doubted = Doubt(ahead, monotonic)
            if monotonic - self.doubted.since < DAY:
                return min(time, monotonic + self._ahead)
        self._ahead, self.doubted = ahead, None
        return time
