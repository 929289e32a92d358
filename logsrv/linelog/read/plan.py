"""The plan of a search: which frames of which segments have to be read, in which order.

The head of its index says whether a segment can be left out by time, and the smallest and the largest
TIME of a frame whether that can: a clock may have been set back, so the order of the lines says nothing.
The word index says which frames can be left out by words. All frames that may have a hit are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from logsrv.linelog.read.texts import Frames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.catalog.layout import CatalogEntry
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.segments.times import NONE

Work: TypeAlias = Callable[["ReadTask"], list[bytes]]
"""A task in, its results out; what it raises as ValueError or OSError is told, and the rest goes on."""


class Scope(NamedTuple):
    """Limits of a search besides its query.

    since, until: the first moment, and the first one that is too late, as TIME is stored; "" for none.
    after, before: the lines from and to which, both left out.
    source: a pattern of SOURCE, as `fnmatch` has them; "" for any.
    """

    since: str = ""
    until: str = ""
    after: Position | None = None
    before: Position | None = None
    source: str = ""


class ReadTask(NamedTuple):
    """The lines of a segment that begin from `start` up to `stop`: about a frame.

    in_time: the times of all of them are known to be in the scope. place: where the frame is in memory, if
    it was read ahead; 0 if not.
    """

    segment: int
    start: int
    stop: int
    in_time: bool = False
    place: int = 0


class Stats:
    """Numbers of a search: of segments, of frames and their bytes on disk."""

    def __init__(self) -> None:
        self.segments = self.skipped_segments = 0
        self.frames = self.skipped_frames = 0
        self.bytes = self.skipped_bytes = 0

    def __str__(self) -> str:
        return (
            f"segments: {self.segments} read, {self.skipped_segments} skipped; "
            f"frames: {self.frames} read, {self.skipped_frames} skipped; "
            f"bytes: {self.bytes} read, {self.skipped_bytes} skipped"
        )


def tasks(
    view: View,
    scope: Scope,
    stats: Stats,
    *,
    reverse: bool = False,
    by_words: Callable[[Frames, Iterable[int]], int | None] = lambda *_: None,
    by_catalogs: Callable[[int], CatalogEntry | None] = lambda _: None,
    take: Callable[[Frames, int], bool] = lambda *_: False,
) -> Iterator[ReadTask]:
    """Yield what has to be read, in the order of the store, or the newest first.

    by_words: the frames that the word index says can have a hit, frame n as bit n; None for all. It gets
    the numbers of the segments that will be looked at next, too.
    by_catalogs: the entry of a segment, by its number, that its catalog says can have none.
    take: is asked for each frame whose lines are all in the scope, and returns whether it need not be read.
    """
    numbers = [one.number for one in view.segments]
    left = numbers if reverse else numbers[::-1]
    while left:
        number = left.pop()
        if not _may_have(view, number, scope):
            stats.skipped_segments += 1
            continue
        without = by_catalogs(number)
        if without is not None:
            stats.skipped_segments += 1
            stats.skipped_frames += without.frames
            stats.skipped_bytes += without.size
            continue
        frames = view.open(number)
        if frames is None:
            continue
        before = stats.frames
        try:
            next_ones = (one for one in reversed(left) if _may_have(view, one, scope))
            words = by_words(frames, next_ones)
            yield from _within(frames, scope, words, stats, reverse, take)
        finally:
            frames.close()
            if stats.frames > before:
                stats.segments += 1
            else:
                stats.skipped_segments += 1


def _may_have(view: View, number: int, scope: Scope) -> bool:
    """Return whether a segment can have lines in the scope, without looking into its text."""
    if scope.after and number < scope.after.segment:
        return False
    if scope.before and number > scope.before.segment:
        return False
    timed = scope.since or scope.until
    return not timed or view.times(number).reach(scope.since, scope.until)


def _within(
    frames: Frames,
    scope: Scope,
    words: int | None,
    stats: Stats,
    reverse: bool,
    take: Callable[[Frames, int], bool],
) -> Iterator[ReadTask]:
    if words == 0:
        stats.skipped_frames += frames.count
        stats.skipped_bytes += frames.whole_cost
        return
    low, high = 0, frames.size
    if scope.after and scope.after.segment == frames.number:
        low = scope.after.offset + 1
    if scope.before and scope.before.segment == frames.number:
        high = min(high, scope.before.offset)
    every = range(frames.count)
    chosen = [frame for frame in every if words is None or words >> frame & 1]
    stats.skipped_frames += frames.count - len(chosen)
    stats.skipped_bytes += frames.whole_cost - sum(map(frames.cost, chosen))
    timed = scope.since or scope.until
    for frame in reversed(chosen) if reverse else chosen:
        bounds = frames.bounds(frame)
        start, stop = max(bounds[0], low), min(bounds[1], high)
        cost = frames.cost(frame)
        times = frames.times(frame) if timed and start < stop else NONE
        reached = start < stop and (not timed or times.reach(scope.since, scope.until))
        in_time = not timed or times.within(scope.since, scope.until)
        if not reached or (in_time and (start, stop) == bounds and take(frames, frame)):
            stats.skipped_frames += 1
            stats.skipped_bytes += cost
        else:
            stats.frames += 1
            stats.bytes += cost
            yield ReadTask(frames.number, start, stop, in_time)
