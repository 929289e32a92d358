"""The plan of a search: the frames of segments that have to be read, and their order.

A segment is skipped if all its times, in the head of its index, are outside the search; a frame, if all
times between its smallest and largest are. The order of the lines does not help, because a clock may have
been set back. The word index of a segment shows which frames lack the words. Every frame that may have a
hit is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.read.word_frames import frames_with_need
from logsrv.linelog.store.segment import NEXT_STORE, Position
from logsrv.linelog.store.times import NONE

Work: TypeAlias = Callable[["ReadTask"], list[bytes]]
"""task → its results. A ValueError or OSError that it raises is reported, and other tasks go on."""
Choose: TypeAlias = "Callable[[SegmentFrames, Iterable[PlannedRead]], Iterable[PlannedRead]]"
"""The frames of a segment that may have hits → what is to be read of them, as `Asking.plan` (answers/)."""


class Scope(NamedTuple):
    """Limits of a search besides its query.

    since, until: the first moment, and the first one that is too late, in the format of TIME; "" for none.
    after, before: only lines between these two positions; the lines at them are left out.
    source: a pattern of SOURCE for `fnmatch`; "" for any.
    ends: of each store by its number (0 of the only one), the own position up to which it is read, as
    `before`; none for those that are not there.
    """

    since: str = ""
    until: str = ""
    after: Position | None = None
    before: Position | None = None
    source: str = ""
    ends: Mapping[int, Position] | None = None

    def end_in(self, segment: int) -> Position | None:
        """Return the position up to which the store of a segment is read; None for no such limit."""
        store = segment // NEXT_STORE
        own = self.ends.get(store) if self.ends else None
        if own is None:
            return self.before
        end = own.in_store(store)
        return end if self.before is None else min(end, self.before)


class ReadTask(NamedTuple):
    """The lines of a segment that begin from offset `start` up to `stop`: at most a frame, or row groups.

    in_time: whether the times of all these lines are known to be in the scope. slot: the frame's slot in
    the shared memory, if it was read ahead; else 0. group: of lines that are counted by their columns, the
    number of their first row group, from 1 on; 0 if the text is read. groups: how many they have.
    """

    segment: int
    start: int
    stop: int
    in_time: bool = False
    slot: int = 0
    group: int = 0
    groups: int = 1


class PlannedRead(NamedTuple):
    """A frame or row group that may have hits. add: adds its lines by the index; None if it cannot.

    replaces: what row groups are read for.
    """

    task: ReadTask
    add: Callable[[], None] | None = None
    replaces: GroupRead | None = None


class GroupRead(NamedTuple):
    """The frames that a task for row groups replaces, and what is counted of the columns.

    groups: how many, without one that an earlier task has, too. size: the bytes of their columns.
    """

    frames: list[PlannedRead]
    groups: int
    size: int


class SearchStats:
    """Counts of a search: segments, frames and their bytes on disk that were read or skipped.

    groups, column_frames, column_bytes: the row groups that were read instead of the text of so many
    frames, and the bytes of their columns. A frame may be read, too, if the query asks for words in it.
    """

    def __init__(self) -> None:
        self.segments = self.skipped_segments = 0
        self.frames = self.skipped_frames = 0
        self.bytes = self.skipped_bytes = 0
        self.groups = self.column_frames = self.column_bytes = 0

    def __str__(self) -> str:
        by_columns = (
            f"; by columns: {self.column_frames} frames, {self.groups} row groups, "
            f"{self.column_bytes} bytes"
        )
        return (
            f"segments: {self.segments} read, {self.skipped_segments} skipped; "
            f"frames: {self.frames} read, {self.skipped_frames} skipped; "
            f"bytes: {self.bytes} read, {self.skipped_bytes} skipped"
            f"{by_columns if self.column_frames else ''}"
        )

    def count_columns(self, read: GroupRead, times: int = 1) -> None:
        """Count what is read by columns. times: -1 to take it back."""
        self.groups += times * read.groups
        self.column_frames += times * len(read.frames)
        self.column_bytes += times * read.size


def plan_tasks(
    view: View,
    scope: Scope,
    stats: SearchStats,
    need: Need | None = None,
    *,
    reverse: bool = False,
    choose: Choose = lambda frames, reads: reads,
) -> Iterator[ReadTask]:
    """Yield the tasks of a search, in the order of the store, or the newest first.

    need: of each hit; word indexes show which frames lack it. None: unknown.
    choose: is called for the frames of each segment.
    """
    numbers = [one.number for one in view.segments]
    left = numbers if reverse else numbers[::-1]
    last: int | None = None
    while left:
        number, neighbour = left.pop(), last
        last = number
        if neighbour is not None and _is_gap_in_scope(view, scope, neighbour, number):
            view.report_missing_segments(*sorted((neighbour, number)))
        if not _may_have_lines(view, number, scope):
            stats.skipped_segments += 1
            continue
        next_ones = (one for one in reversed(left) if _may_have_lines(view, one, scope))
        yield from tasks_of_segment(
            view, number, scope, stats, need, next_ones, reverse=reverse, choose=choose
        )


def tasks_of_segment(
    view: View,
    number: int,
    scope: Scope,
    stats: SearchStats,
    need: Need | None,
    following: Iterable[int],
    *,
    reverse: bool = False,
    choose: Choose,
) -> Iterator[ReadTask]:
    """Yield the tasks of one segment that may have lines. following: the numbers of the next ones."""
    frames = view.open_whole_segment(number)
    if frames is None:
        # It was listed: somebody else than retention may have removed it meanwhile.
        view.report_if_missing(number)
        return
    before = stats.frames + stats.groups
    try:
        words = frames_with_need(view, frames, need, following)
        planned = choose(frames, _plan_segment(frames, scope, words, stats, reverse))
        yield from chosen_tasks(frames, planned, stats)
    finally:
        frames.close()
        if stats.frames + stats.groups > before:
            stats.segments += 1
        else:
            stats.skipped_segments += 1


def segments_in_scope(view: View, scope: Scope) -> list[int]:
    """Return the numbers of the segments that may have lines in the scope, without reading their text."""
    return [one.number for one in view.segments if _may_have_lines(view, one.number, scope)]


def bytes_in_scope(view: View, scope: Scope) -> int:
    """Return the bytes of the files of these segments."""
    return sum(map(view.file_size, segments_in_scope(view, scope)))


def report_gaps(view: View, scope: Scope) -> None:
    """Report the missing segments that may have lines in the scope, as `plan_tasks` does."""
    for before, after in pairwise(one.number for one in view.segments):
        if _is_gap_in_scope(view, scope, before, after):
            view.report_missing_segments(before, after)


def _is_gap_in_scope(view: View, scope: Scope, one: int, other: int) -> bool:
    """Return whether segments between two neighbours are gone, and can have lines in the scope."""
    return abs(one - other) > 1 and any(
        _may_have_lines(view, number, scope) for number in (one, other)
    )


def missing_segments(view: View, scope: Scope) -> list[str]:
    """Return a sentence for each run of missing segments that can have lines in the scope."""
    return [
        sentence
        for before, after in pairwise(one.number for one in view.segments)
        if _is_gap_in_scope(view, scope, before, after)
        for sentence in view.missing_segments(before, after)
    ]


def _may_have_lines(view: View, number: int, scope: Scope) -> bool:
    """Return whether a segment can have lines in the scope, without reading its text."""
    if scope.after and number < scope.after.segment:
        return False
    if (end := scope.end_in(number)) and number > end.segment:
        return False
    timed = scope.since or scope.until
    return not timed or view.times_of_segment(number).may_reach(scope.since, scope.until)


def chosen_tasks(
    frames: SegmentFrames, planned: Iterable[PlannedRead], stats: SearchStats
) -> Iterator[ReadTask]:
    """Yield the tasks of what must be read."""
    for task, add, _ in planned:
        if task.group:
            yield task
            continue
        cost = frames.file_bytes_of_frame(frames.frame_at(task.start))
        if add is not None:
            add()
            stats.skipped_frames += 1
            stats.skipped_bytes += cost
        else:
            stats.frames += 1
            stats.bytes += cost
            yield task


def _plan_segment(
    frames: SegmentFrames,
    scope: Scope,
    words: int | None,
    stats: SearchStats,
    reverse: bool,
) -> Iterator[PlannedRead]:
    if words == 0:
        stats.skipped_frames += frames.count
        stats.skipped_bytes += frames.file_size
        return
    low, high = 0, frames.size
    if scope.after and scope.after.segment == frames.number:
        low = scope.after.offset + 1
    if (end := scope.end_in(frames.number)) and end.segment == frames.number:
        high = min(high, end.offset)
    every = range(frames.count)
    chosen = [frame for frame in every if words is None or words >> frame & 1]
    stats.skipped_frames += frames.count - len(chosen)
    stats.skipped_bytes += frames.file_size - sum(map(frames.file_bytes_of_frame, chosen))
    timed = scope.since or scope.until
    for frame in reversed(chosen) if reverse else chosen:
        bounds = frames.frame_bounds(frame)
        start, stop = max(bounds[0], low), min(bounds[1], high)
        times = frames.times_of_frame(frame) if timed and start < stop else NONE
        reached = start < stop and (not timed or times.may_reach(scope.since, scope.until))
        in_time = not timed or times.surely_within(scope.since, scope.until)
        if not reached:
            stats.skipped_frames += 1
            stats.skipped_bytes += frames.file_bytes_of_frame(frame)
            continue
        yield PlannedRead(ReadTask(frames.number, start, stop, in_time))
