"""The order of the tasks of a search that tells its progress, and the bytes of each.

A segment is always planned from its first frame to its last one, whatever the order of its tasks is. So
its tasks are the same, and with them the parts of an answer that are remembered.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.read.plan import (
    Choose,
    PlannedRead,
    ReadTask,
    Scope,
    SearchStats,
    bytes_in_scope,
    plan_tasks,
    report_gaps,
    segments_in_scope,
    tasks_of_segment,
)
from logsrv.linelog.read.progress import ReadProgress
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position


class _Weight(NamedTuple):
    """The bytes of a task, and the time of its first line; "" if that is not known."""

    size: int
    since: str


def position_of(task: ReadTask) -> Position:
    """Return where a task begins: tasks in the order of the store have larger and larger positions."""
    return Position(task.segment, task.start)


class TaskOrder:
    """The order of the store, or of frames the newest first; only the progress is told."""

    def __init__(self, progress: ReadProgress, *, reverse: bool = False) -> None:
        self._progress, self._reverse = progress, reverse
        # A task may get a slot meanwhile, so its position tells which one it is.
        self._weights: dict[Position, _Weight] = {}

    def plan(
        self, view: View, scope: Scope, stats: SearchStats, need: Need | None, choose: Choose
    ) -> Iterator[ReadTask]:
        """Yield the tasks of a search, as `plan_tasks` does."""
        self._progress.of += bytes_in_scope(view, scope)
        weigh = partial(self._weigh, choose)
        return plan_tasks(view, scope, stats, need, reverse=self._reverse, choose=weigh)

    def _weigh(
        self, choose: Choose, frames: SegmentFrames, reads: Iterable[PlannedRead]
    ) -> list[PlannedRead]:
        chosen, skipped = list(choose(frames, reads)), frames.file_size
        for number, read in enumerate(chosen):
            frames_of = [read] if read.replaces is None else read.replaces.frames
            starts = [one.task.start for one in frames_of]
            size = sum(frames.file_bytes_of_frame(frames.frame_at(one)) for one in starts)
            skipped -= size
            chosen[number] = self._weighed(read, _Weight(size, frames.time_at(read.task.start)))
        self._progress.read += max(0, skipped)
        return chosen

    def _weighed(self, read: PlannedRead, weight: _Weight) -> PlannedRead:
        if read.add is None:
            self._weights[position_of(read.task)] = weight
        else:
            self._progress.read += weight.size
        return read

    def note_done(self, task: ReadTask) -> None:
        """Note that a task is done, and its results are taken."""
        self._progress.read += self._weights.pop(position_of(task)).size
        if self._progress.is_due:
            self._progress.tell()


class NewestFirst(TaskOrder):
    """The newest tasks first, until what they have found is large; then the rest in the order of the store.

    The results of the newest are kept, and added in the order of the store after those of the rest. So the
    answer is that of any other search: a sum of decimals depends on the order, as do the first and last
    value of a field, and which groups are forgotten if there are too many.

    The bytes that it may read must be in the progress before it begins: other searches are read beside it.

    is_full: returns whether enough is kept. is_decided: returns whether it no longer depends on the
    segments that were planned whether columns are used. idle: is called after segments without a task.
    done: from this position on all results are there. since: the time of the line there. adding: the
    position of what the index has and adds now; None if that is of the rest.
    """

    def __init__(
        self,
        progress: ReadProgress,
        *,
        is_full: Callable[[], bool],
        is_decided: Callable[[], bool],
        idle: Callable[[], object],
    ) -> None:
        super().__init__(progress)
        self._is_full, self._is_decided, self._idle = is_full, is_decided, idle
        self.done: Position | None = None
        self.adding: Position | None = None
        self.since = ""
        self._rest: set[int] = set()
        # Parts of the index that wait until all that is newer is read: position, negative; number; adder.
        self._adds: list[tuple[int, int, int, Callable[[], None], _Weight]] = []
        self._number = self._under_way = 0

    def is_newest(self, task: ReadTask) -> bool:
        """Return whether the results of a task are to be kept; else it is one of the rest."""
        return task.segment not in self._rest

    def plan(
        self, view: View, scope: Scope, stats: SearchStats, need: Need | None, choose: Choose
    ) -> Iterator[ReadTask]:
        numbers = segments_in_scope(view, scope)
        report_gaps(view, scope)
        weigh = partial(self._weigh, choose)

        def plan_one(number: int) -> list[ReadTask]:
            # No archive is read newest first, so no segment follows that it had to fetch.
            return [*tasks_of_segment(view, number, scope, stats, need, (), choose=weigh)]

        # The first segments decide whether columns are used, as in the order of the store.
        first: dict[int, list[ReadTask]] = {}
        for number in numbers:
            if self._is_decided():
                break
            first[number] = plan_one(number)
        while numbers and not self._is_full():
            number = numbers.pop()
            tasks = first.pop(number) if number in first else plan_one(number)
            for task in reversed(tasks):
                self._under_way += 1
                yield task
            if not self._under_way:
                self._add_until(Position(number, 0))
                self._idle()
        self._rest.update(numbers)
        for number in numbers:
            yield from first.pop(number) if number in first else plan_one(number)

    def _weighed(self, read: PlannedRead, weight: _Weight) -> PlannedRead:
        if read.add is None or not self.is_newest(read.task):
            return super()._weighed(read, weight)
        segment, start = position_of(read.task)
        self._number += 1
        turn = (-segment, -start, self._number, read.add, weight)
        return read._replace(add=partial(heapq.heappush, self._adds, turn))

    def note_done(self, task: ReadTask) -> None:
        if not self.is_newest(task):
            super().note_done(task)
            return
        self._under_way -= 1
        weight = self._weights.pop(position_of(task))
        self._progress.read += weight.size
        self._add_until(position_of(task))
        self.done, self.since = position_of(task), weight.since

    def _add_until(self, position: Position) -> None:
        """Add what the index has of the lines from a position on."""
        while self._adds and (-self._adds[0][0], -self._adds[0][1]) >= position:
            segment, start, _, add, weight = heapq.heappop(self._adds)
            self.adding = Position(-segment, -start)
            add()
            self._progress.read += weight.size
            self.done, self.since, self.adding = self.adding, weight.since, None

    def end(self) -> None:
        """Add all that the index has."""
        self._add_until(Position(0, 0))
