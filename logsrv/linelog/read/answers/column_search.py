"""Lines of a search found by columns: which row groups can answer, and their matching lines."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.columns.filter import ColumnFilter, Leaf, Tests, spread
from logsrv.linelog.columns.layout import LineGroupBounds
from logsrv.linelog.columns.read_file import GroupColumns, SegmentColumns, open_columns
from logsrv.linelog.columns.rows import ColumnRows
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.stamps import NO_TIME
from logsrv.linelog.fields.stored_line import (
    NO_FIRST_LINES,
    source_matcher,
    to_stored_bytes,
)
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.question import Node, leaves
from logsrv.linelog.read.plan import GroupRead, PlannedRead, ReadTask
from logsrv.linelog.read.task_reader import TaskReader
from logsrv.linelog.read.texts import AwayFrames, PackedFrames
from logsrv.linelog.store.disk import explanation
from logsrv.linelog.store.segment import Position

FEWEST_FRAMES = 1
"""Frames that must be read; with fewer in a row group, the index tells all."""
_MOST_GROUPS = 3
"""Row groups of a task: 400,000 lines."""


class _OpenSegment(NamedTuple):
    number: int
    columns: SegmentColumns
    filter: ColumnFilter


class ColumnSearch:
    """The columns of a search's segments, one of which is open.

    names: the fields that are counted, besides those of the query. and_text: whether the text of the lines
    that are found is read, too.
    """

    def __init__(
        self, reader: TaskReader, names: Collection[str], *, and_text: bool = False
    ) -> None:
        self._reader = reader
        self._names, self._and_text = names, and_text
        self._node = reader.matcher.node
        self._asked = {*names, *(one.field for one in leaves(self._node) if isinstance(one, Leaf))}
        self._tests: Tests = {}
        self._matchers: dict[Node, Matcher] = {}
        self._open: _OpenSegment | None = None
        self._group: tuple[tuple[int, int], GroupColumns] | None = None
        # Tasks for frames of the same row groups come one after the other.
        self._matching: tuple[GroupColumns, Array] | None = None
        scope = reader.scope
        self._since = _moment(scope.since) if scope.since else NO_TIME + 1
        self._until = _moment(scope.until) if scope.until else None

    def replace_frames(
        self,
        frames: PackedFrames,
        planned: list[PlannedRead],
        *,
        by_frame: bool = False,
    ) -> list[PlannedRead]:
        """Return row groups instead of the frames of which columns can tell all for less.

        by_frame: whether each frame has a task of its own.
        """
        opened = self._open_columns(frames.number)
        names = [*self._names, *(["source"] if self._reader.scope.source else [])]
        if opened is None or not all(map(opened.columns.has, names)):
            return planned
        needs_text = opened.filter.needs_text(self._node)
        # An archive cannot be read in the processes that search.
        if isinstance(frames, AwayFrames) and (needs_text or self._and_text):
            return planned
        groups = opened.columns.groups
        starts = [one.start for one in groups]
        reads: list[PlannedRead] = []
        for number, some in groupby(planned, lambda one: bisect_right(starts, one.task.start)):
            of_group, bounds = list(some), groups[number - 1]
            in_scope = self._is_in_scope(bounds)
            # The times of lines without one are compared as text.
            can_tell = max(one.task.stop for one in of_group) <= bounds.stop and (
                bounds.smallest != NO_TIME or in_scope or _are_in_time(of_group)
            )
            if not can_tell or sum(one.add is None for one in of_group) < FEWEST_FRAMES:
                reads += of_group
                continue
            # Frames between them, which lack the words, have no such values either.
            if by_frame:
                parts = [[one] for one in of_group]
            else:
                parts = [of_group] if in_scope and not needs_text else _adjacent(of_group)
            many, size = 1, opened.columns.size_of(number - 1, self._asked)
            for part in parts:
                if by_frame and part[0].add is not None:
                    reads += part
                    continue
                start, stop = part[0].task.start, part[-1].task.stop
                in_time = in_scope or _are_in_time(part)
                task = ReadTask(frames.number, start, stop, in_time, group=number)
                read = GroupRead(part, many, size)
                planned_read = PlannedRead(task, replaces=read)
                if in_scope and not needs_text and not self._and_text and reads:
                    planned_read = _joined(reads, planned_read)
                reads.append(planned_read)
                many = size = 0
        return reads

    def _is_in_scope(self, bounds: LineGroupBounds) -> bool:
        """Return whether the times of all lines are in the scope."""
        scope = self._reader.scope
        if not scope.since and not scope.until:
            return True
        return self._since <= bounds.smallest and (
            self._until is None or bounds.largest < self._until
        )

    def identity_of(self, task: ReadTask) -> list[int | bytes] | None:
        """Return what tells the lines of a task from all others; None without columns. Raises OSError."""
        opened = self._open_columns(task.segment)
        return None if opened is None else [*opened.columns.identity, task.start, task.stop]

    def rows(self, task: ReadTask) -> ColumnRows:
        """Return the matching lines of a row group.

        Raises OSError, and ValueError if its columns or its text are damaged; OnlyTextTells if the columns
        were removed after the search was planned.
        """
        opened = self._open_columns(task.segment)
        if opened is None:
            raise OnlyTextTells("they are gone")
        group = self._group_of(opened, task)
        chosen: Array = numpy.ones(group.lines, bool)
        if not _is_whole(opened, task):
            low, high = numpy.searchsorted(group.offsets(), [task.start, task.stop])
            chosen[:low] = chosen[high:] = False
        if not task.in_time:
            moments = group.moments()
            chosen &= moments >= self._since
            if self._until is not None:
                chosen &= moments < self._until
        if self._reader.scope.source:
            chosen &= self._lines_of_source(group)
        if opened.filter.needs_text(self._node):
            in_text = partial(self._lines_in_text, task, group)
            chosen = opened.filter.lines(self._node, group, chosen, in_text)
        else:
            chosen &= self._matching_in(opened, group)
        return ColumnRows(task.segment, group, None if chosen.all() else numpy.flatnonzero(chosen))

    def lines(self, task: ReadTask) -> Iterator[tuple[int, bytes, list[int]]]:
        """Yield the texts with matching lines: offset, text, and where these begin in it.

        Frames without any are not read. Raises as `rows`.
        """
        found = self.rows(task).offsets().tolist()
        for frame in self._reader.frame_tasks(task):
            wanted = _between(found, frame.start, frame.stop)
            for start, text in self._reader.task_texts(frame) if wanted else ():
                ended = text if text.endswith(b"\n") else text + b"\n"
                begins = [offset - start for offset in _between(wanted, start, start + len(text))]
                yield start, ended, begins

    def _open_columns(self, number: int) -> _OpenSegment | None:
        """Open the columns of a segment; None if it has none, or unusable ones, which is reported."""
        if self._open is not None and self._open.number == number:
            return self._open
        self.close()
        found = self._reader.view.open_columns(number)
        if found is None:
            return None
        fd, head = found
        try:
            columns = open_columns(fd, head)
        except (OSError, ValueError) as error:
            os.close(fd)
            # After an upgrade, all columns are of another version until they are made again.
            if not isinstance(error, OnlyTextTells):
                self._reader.report_unusable_columns(number, explanation(error))
            return None
        self._open = _OpenSegment(number, columns, ColumnFilter(columns.has, self._tests))
        return self._open

    def _group_of(self, opened: _OpenSegment, task: ReadTask) -> GroupColumns:
        # `close` forgets it, as another segment has other groups.
        numbers = (task.group - 1, task.groups)
        if self._group is None or self._group[0] != numbers:
            self._group = numbers, opened.columns.group(*numbers)
        return self._group[1]

    def _matching_in(self, opened: _OpenSegment, group: GroupColumns) -> Array:
        """Return which lines of row groups fulfil the query by their columns."""
        if self._matching is None or self._matching[0] is not group:
            every = numpy.ones(group.lines, bool)
            self._matching = group, opened.filter.lines(self._node, group, every, _no_text)
        return self._matching[1]

    def _lines_of_source(self, group: GroupColumns) -> Array:
        """Return which lines have a wanted source."""
        matches = source_matcher(self._reader.scope.source)
        field = group.field("source")
        return spread([matches(to_stored_bytes(source)) for source in field.texts], field.codes)

    def _lines_in_text(
        self, task: ReadTask, group: GroupColumns, node: Node, among: Array
    ) -> Array:
        """Return those of some lines whose text fulfils a condition; frames without them are not read."""
        if node not in self._matchers:
            self._matchers[node] = make_matcher(node)
            self._matchers[node].prepare_for_many()
        matcher = self._matchers[node]
        matching: Array = numpy.zeros(group.lines, bool)
        offsets = group.offsets()
        for frame in self._reader.frame_tasks(task):
            low, high = numpy.searchsorted(offsets, [frame.start, frame.stop])
            if not among[low:high].any():
                continue
            for offset, text in self._reader.task_texts(frame):
                position = Position(task.segment, offset)
                first_lines = NO_FIRST_LINES
                if matcher.inherits:
                    first_lines = self._reader.first_lines(position, text)
                found_lines = matcher.find(text, position.in_text, first_lines)
                starts = [offset + start for start, _ in found_lines]
                matching[numpy.searchsorted(offsets, starts)] = True
        return matching & among

    def close(self) -> None:
        """Close the columns that are open."""
        if self._open is not None:
            self._open.columns.close()
            self._open = self._group = self._matching = None


def _joined(reads: list[PlannedRead], read: PlannedRead) -> PlannedRead:
    """Return a read that has the lines of the last one reads, too, if it may; that one is removed.

    Both are for whole row groups. What each of several adds would be merged value by value.
    """
    task, before, earlier = read.task, reads[-1].task, reads[-1].replaces
    if not (
        0 < before.group == task.group - before.groups
        and before.groups < _MOST_GROUPS
        and before.in_time == task.in_time
        and read.replaces is not None
        and earlier is not None
    ):
        return read
    reads.pop()
    frames, groups, size = earlier
    joined = before._replace(stop=task.stop, groups=before.groups + 1)
    more = read.replaces
    together = GroupRead(frames + more.frames, groups + more.groups, size + more.size)
    return PlannedRead(joined, replaces=together)


def _moment(time: str) -> int:
    return round(parse_rfc3339(time.rstrip()) * 1e6)


def _is_whole(opened: _OpenSegment, task: ReadTask) -> bool:
    """Return whether a task has all lines of its row groups."""
    groups = opened.columns.groups[task.group - 1 : task.group - 1 + task.groups]
    return (task.start, task.stop) == (groups[0].start, groups[-1].stop)


def _between(offsets: list[int], start: int, stop: int) -> list[int]:
    return offsets[bisect_left(offsets, start) : bisect_left(offsets, stop)]


def _no_text(node: Node, among: Array) -> Array:
    raise AssertionError("columns tell all")


def _are_in_time(planned: list[PlannedRead]) -> bool:
    return all(one.task.in_time for one in planned)


def _adjacent(planned: list[PlannedRead]) -> list[list[PlannedRead]]:
    """Return runs of frames, each of which begins where the one before it ends."""
    found = [planned[:1]]
    for one in planned[1:]:
        if one.task.start == found[-1][-1].task.stop:
            found[-1].append(one)
        else:
            found.append([one])
    return found
