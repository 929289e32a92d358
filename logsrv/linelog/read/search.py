"""A search: query and scope in; lines or their number out, in the order of the store.

The commands `search`, `tail` and `show`, SQL, the page and the API use it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Self

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.fields.continuations.way_back import may_be_continuation
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored_line import (
    NO_FIRST_LINES,
    FirstLines,
    IsOf,
    make_source_test,
)
from logsrv.linelog.query.line_spans import all_line_spans
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import EVERYTHING, Compare, HasField, leaves
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.plan import (
    ByIndex,
    GroupRead,
    PlannedRead,
    ReadTask,
    Scope,
    SearchStats,
    Work,
    chosen_tasks,
    plan_tasks,
)
from logsrv.linelog.read.pool import run_tasks, work_or_why
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from logsrv.memory import keep_freed_memory

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.column_search import ColumnSearch
    from logsrv.linelog.read.frames_ahead import FramesAhead

WITHOUT_COLUMNS = 12
"""Frames whose text is read before columns are looked for: to load Arrow takes as long."""


# Lines of a text whose records are looked for one by one; for more, all of the text is looked at.
_MOST_ASKED = 20


class Hit(NamedTuple):
    """A found line: its position, and the stored line without LF.

    first_line: that of the record that the line goes on with; None if it begins one.
    """

    position: Position
    line: bytes
    first_line: bytes | None = None

    def record(self) -> Record:
        """Return the line, parsed."""
        return Record(self.line, str(self.position), self.first_line)


class FoundText(NamedTuple):
    """The matching lines of a text, with their LFs. offset: of the text.

    first_lines: of the continuation lines among them, by the places in `lines`.
    """

    offset: int
    text: bytes
    lines: bytes
    first_lines: FirstLines


class Search:
    """A query with its scope on an open store.

    with_index: use the word index and columns. processes: the greatest number of them; 0 for one per core.
    on_frame: is called after each frame has been read.
    """

    def __init__(
        self,
        view: View,
        matcher: Matcher,
        scope: Scope,
        *,
        with_index: bool = True,
        processes: int = 0,
    ) -> None:
        self.view = view
        self.matcher = matcher
        self.scope = scope
        self.stats = SearchStats()
        self._with_index = with_index
        self._processes = processes
        self._is_of = make_source_test(scope.source)
        self._continuations = Continuations(view)
        self.on_frame: Callable[[], None] | None = None
        self._open: SegmentFrames | None = None
        self._ahead: FramesAhead | None = None
        self._columns: ColumnSearch | None = None
        # The frames to be read until it pays to load Arrow.
        self._left_to_text = WITHOUT_COLUMNS if with_index else sys.maxsize
        # The fields that are counted by columns, and whether the text of what they find is read.
        self._counted: Collection[str] = ()
        self._and_text = False

    def within(self, scope: Scope) -> Self:
        """Return the same search within another scope, with the same statistics."""
        view, processes = self.view, self._processes
        found = type(self)(
            view, self.matcher, scope, with_index=self._with_index, processes=processes
        )
        found.stats, found.on_frame = self.stats, self.on_frame
        return found

    def hits(self, *, reverse: bool = False) -> Iterator[Hit]:
        """Yield the matching lines."""
        for _, found in self.hits_by_task(reverse=reverse):
            yield from found

    def hits_by_task(self, *, reverse: bool = False) -> Iterator[tuple[ReadTask, Iterator[Hit]]]:
        """Yield each task, also one without hits, with its matching lines."""

        def work(task: ReadTask) -> list[bytes]:
            found = list(self.hits_in_task(task))
            return [
                part
                for hit in (reversed(found) if reverse else found)
                for part in (
                    hit.position.offset.to_bytes(8, "little"),
                    hit.line,
                    hit.first_line or b"",
                )
            ]

        for task, results in self.run_for_lines(work, reverse=reverse):
            offsets = [int.from_bytes(one, "little") for one in results[::3]]
            places = [Position(task.segment, offset) for offset in offsets]
            first_lines = [one or None for one in results[2::3]]
            yield task, map(Hit, places, results[1::3], first_lines)

    def render_hits(
        self, render: Callable[[Hit], bytes], *, reverse: bool = False
    ) -> Iterator[bytes]:
        """Yield the result of `render` for each matching line. It runs in several processes."""

        def work(task: ReadTask) -> list[bytes]:
            found = [render(hit) for hit in self.hits_in_task(task)]
            return found[::-1] if reverse else found

        for _, results in self.run_for_lines(work, reverse=reverse):
            yield from results

    def render_frames(self, render: Callable[[bytes], bytes]) -> Iterator[bytes]:
        """Yield the result of `render` for each frame. It gets the frame's matching lines with LFs."""

        def work(task: ReadTask) -> list[bytes]:
            if task.group:
                text = b"".join([hit.line + b"\n" for hit in self.hits_in_task(task)])
            else:
                text = b"".join([found.lines for found in self.matching_texts(task)])
            return [render(text)] if text else []

        for _, results in self.run_for_lines(work):
            yield from results

    def matching_texts(self, task: ReadTask, *, inherits: bool = False) -> Iterator[FoundText]:
        """Yield the texts of a task that have matches.

        inherits: whether the first lines of the continuation lines among these are asked for.
        """
        for offset, text in self.task_texts(task):
            place = Position(task.segment, offset)
            asked = inherits or self.matcher.inherits
            first_lines = self.first_lines(place, text) if asked else NO_FIRST_LINES
            is_tested = self._needs_scope_test(task)
            if (first_lines and self.matcher.node != EVERYTHING) or is_tested:
                spans = self.matcher.find(text, place.own, first_lines)
                chosen = [one for one in spans if self._is_in_scope(text, *one, task.in_time)]
                yield from _cut_out(offset, text, chosen, first_lines)
            elif found := self.matcher.matching_lines(text, place.own, first_lines):
                yield FoundText(offset, text, found, first_lines)

    def first_lines(self, position: Position, text: bytes) -> FirstLines:
        """Return the first lines of continuation lines of a text. position: of its first byte."""
        return self._continuations.first_lines(position, text)

    def first_lines_asked(self, position: Position, text: bytes) -> FirstLines:
        """Return the same if the query needs them."""
        if not self.matcher.inherits:
            return NO_FIRST_LINES
        return self._continuations.first_lines(position, text, self.matcher.choose_first_lines)

    def _is_in_scope(self, text: bytes, start: int, end: int, in_time: bool) -> bool:
        if not in_time and not self._is_line_in_time(text[start:end]):
            return False
        return self._is_of is None or self._is_of(text, start, end)

    def _needs_scope_test(self, task: ReadTask) -> bool:
        """Return whether the lines of a task have to be tested for source or time besides the query."""
        return self._is_of is not None or not task.in_time

    def run_for_lines(
        self, work: Work, *, reverse: bool = False
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Do `work`, which asks for `hits_in_task`, on every frame that can have hits, as `run_on_frames`.

        Of frames in which no line fulfils the query by its columns, the text is not read.
        """
        return self.run_on_frames(work, reverse=reverse, columns=(), by_frame=True)

    def run_on_frames(
        self,
        work: Work,
        *,
        reverse: bool = False,
        by_index: ByIndex | None = None,
        columns: Collection[str] | None = None,
        and_text: bool = False,
        by_frame: bool = False,
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Do `work` on every frame that can have hits, on all cores; yield the results in order.

        by_index: as for `plan_tasks`.
        columns: the fields whose columns `work` can read in place of the text; None if it reads none.
        and_text: whether it reads the text of the lines that columns have found.
        by_frame: whether it gets a task for each frame, not for row groups.
        """
        by_columns = None
        asks_for_field = any(
            isinstance(leaf, Compare | HasField) for leaf in leaves(self.matcher.node)
        )
        if columns is not None and (columns or asks_for_field):
            by_columns = self._replace_later if by_frame else self._replace_frames
            self._counted, self._and_text = columns, and_text or by_frame
        planned = plan_tasks(
            self.view,
            self.scope,
            self.stats,
            self.matcher.needs if self._with_index else None,
            reverse=reverse,
            by_index=by_index,
            by_columns=by_columns,
        )
        tell, processes = self.view.report_damage, self._processes
        if self.view.has_archived_text:
            # Most stores have no archive; their searches need not load this.
            from logsrv.linelog.read.frames_ahead import FramesAhead

            self._ahead = FramesAhead(self.view)
            planned = self._ahead.tasks_when_read(planned)
        try:
            for task, results in run_tasks(
                partial(work_or_why, work),
                planned,
                tell,
                processes=processes,
                for_many=self._prepare_for_many,
            ):
                if self._ahead is not None:
                    self._ahead.release_slot(task)
                read = self._columns.planned.pop(task, None) if self._columns else None
                if read is None:
                    yield task, results
                elif results[:1] == [b""]:
                    yield task, results[1:]
                else:
                    for why in results:
                        self.report_unusable_columns(
                            task.segment, why.decode(errors="surrogateescape")
                        )
                    yield from run_tasks(work, self._frames_instead(read), tell, processes=1)
                if self.on_frame is not None:
                    self.on_frame()
        finally:
            if self._ahead is not None:
                self._ahead.close()
                self._ahead = None

    def _replace_later(
        self, frames: PackedFrames, planned: list[PlannedRead]
    ) -> Iterator[PlannedRead]:
        """Yield frames, from some number on with columns: mostly the first few have enough lines."""
        first = planned[: max(0, self._left_to_text)]
        yield from first
        self._left_to_text -= len(first)
        yield from self._replace_frames(frames, planned[len(first) :], by_frame=True)

    def _replace_frames(
        self, frames: PackedFrames, planned: list[PlannedRead], *, by_frame: bool = False
    ) -> list[PlannedRead]:
        """Return row groups in place of frames, if there are columns, and it pays."""
        if self._columns is None:
            self._left_to_text -= sum(one.add is None for one in planned)
            opened = self.view.open_columns(frames.number) if self._left_to_text < 0 else None
            if opened is None:
                return planned
            os.close(opened[0])
        try:
            columns = self._column_search()
        except ImportError:
            # The extra `columns` is not installed.
            self._left_to_text = sys.maxsize
            return planned
        return columns.replace_frames(frames, planned, self.stats, by_frame=by_frame)

    def _column_search(self) -> ColumnSearch:
        """Return the search over columns. Raises ImportError.

        A process that was forked before the first columns were found makes its own.
        """
        if self._columns is None:
            keep_freed_memory()
            from logsrv.linelog.read.column_search import ColumnSearch

            self._columns = ColumnSearch(self, self._counted, and_text=self._and_text)
        return self._columns

    def rows(self, task: ReadTask) -> ColumnRows:
        """Return the matching lines of a task for a row group.

        Raises OSError, and ValueError if its columns or its text are damaged.
        """
        return self._column_search().rows(task)

    def identity_of(self, task: ReadTask) -> list[int | bytes] | None:
        """Return what tells the lines of a task from all others; None if it is not known."""
        if self.scope.source or not task.in_time or task.place:
            return None
        if task.group:
            return self._column_search().identity_of(task)
        frames = self._open_segment(task.segment)
        found = frames.identity(task.start, task.stop) if frames is not None else None
        return None if found is None else [task.segment, *found]

    def lines_of_rows(self, task: ReadTask) -> Iterator[list[Hit]]:
        """Yield the lines of `rows`, those of a text at once. Raises as `rows`."""
        for offset, text, starts in self._column_search().lines(task):
            spans = [(start, text.index(b"\n", start)) for start in starts]
            position = Position(task.segment, offset)
            yield list(hits_at(position, text, spans, self._continuations))

    def frame_tasks(self, task: ReadTask) -> Iterator[ReadTask]:
        """Yield a task for each frame of a row group's. Raises OnlyTextTells if the text is gone."""
        frames = self._open_segment(task.segment)
        if frames is None:
            raise OnlyTextTells("the text is gone")
        for bounds in frames.bounds_between(task.start, task.stop):
            yield ReadTask(task.segment, *bounds, task.in_time)

    def _frames_instead(self, read: GroupRead) -> Iterator[ReadTask]:
        """Yield the tasks for frames that a row group has replaced."""
        self.stats.count_columns(read, -1)
        frames = self._open_segment(read.frames[0].task.segment)
        if frames is None:
            self.view.report_damage(self.view.why_unread(read.frames[0].task.segment))
            return iter(())
        return chosen_tasks(frames, read.frames, self.stats)

    def report_unusable_columns(self, segment: int, why: str) -> None:
        """Report that the text is read because the columns of a segment are damaged."""
        place = Position(segment, 0)
        self.view.stores[place.store].report_unusable_file(
            f"the columns of segment {place.own.segment} are not used: {why}; `logsrv reindex` makes them"
            " again"
        )

    def _prepare_for_many(self) -> None:
        # Each frame is unpacked into newly allocated memory: returning that to the system took half as long
        # as unpacking.
        keep_freed_memory()
        self.matcher.prepare_for_many()

    def hits_in_task(self, task: ReadTask) -> Iterator[Hit]:
        """Yield the matching lines of one task.

        Of one with columns, raises OSError, and ValueError if these are damaged.
        """
        if task.group:
            yield from chain.from_iterable(self.lines_of_rows(task))
            return
        for offset, text in self.task_texts(task):
            place = Position(task.segment, offset)
            for hit in hits_in_text(self.matcher, self._is_of, place, text, self._continuations):
                if task.in_time or self._is_line_in_time(hit.line):
                    yield hit

    def count_in_task(self, task: ReadTask) -> int:
        """Return the number of matching lines of one task."""
        if self._needs_scope_test(task):
            return sum(1 for _ in self.hits_in_task(task))
        count = 0
        for offset, text in self.task_texts(task):
            place = Position(task.segment, offset)
            count += self.matcher.count(text, place.own, self.first_lines_asked(place, text))
        return count

    def task_texts(self, task: ReadTask) -> Iterator[tuple[int, bytes]]:
        """Yield all lines of one task, matching or not, in pieces, each with its offset.

        Raises FileNotFoundError if the segment was removed since the task was planned, and ValueError if it
        is damaged.
        """
        if task.place and self._ahead is not None:
            # Its index tells the first lines of records.
            self._open_segment(task.segment)
            return self._ahead.task_texts(task)
        frames = self._open_segment(task.segment)
        if frames is None:
            raise FileNotFoundError(self.view.why_unread(task.segment))
        return frames.lines_between(task.start, task.stop)

    def _open_segment(self, number: int) -> SegmentFrames | None:
        """Return an open segment. It keeps one open: tasks in sequence mostly have the same segment."""
        if self._open is None or self._open.number != number:
            self._close_segment()
            self._open = self._continuations.open = self.view.open_segment(number)
        return self._open

    def close(self) -> None:
        """Close the segment that is open, and its columns."""
        if self._columns is not None:
            self._columns.close()
        self._close_segment()

    def _close_segment(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = self._continuations.open = None

    def _is_line_in_time(self, line: bytes) -> bool:
        since, until = self.scope.since, self.scope.until
        if not since and not until:
            return True
        # All TIMEs of a store have the same length and sort as text.
        time = line[: len(since or until)].decode("latin-1")
        return time >= since and (not until or time < until)


def hits_in_text(
    matcher: Matcher,
    is_of: IsOf | None,
    position: Position,
    text: bytes,
    continuations: Continuations,
) -> Iterator[Hit]:
    """Yield the lines of a text that match and have a wanted source. position: of the text's first byte."""
    first_lines = continuations.first_lines(position, text) if matcher.inherits else None
    spans = matcher.find(text, position.own, first_lines or NO_FIRST_LINES)
    if is_of is not None:
        spans = (one for one in spans if is_of(text, *one))
    return hits_at(position, text, spans, continuations)


def hits_at(
    position: Position,
    text: bytes,
    spans: Iterable[tuple[int, int]],
    continuations: Continuations | None,
) -> Iterator[Hit]:
    """Yield the lines at some places of a text. position: of the text's first byte."""
    segment, offset = position
    first_lines: FirstLines | None = None
    asked = 0
    for start, end in spans:
        line = text[start:end]
        first_line = None
        if continuations is not None and may_be_continuation(line):
            asked += 1
            if asked > _MOST_ASKED and first_lines is None:
                first_lines = continuations.first_lines(position, text)
            if first_lines is None:
                first_line = continuations.first_line(position, text, start, end)
            else:
                first_line = first_lines.get(start)
        yield Hit(Position(segment, offset + start), line, first_line)


def lines_in_text(
    position: Position, text: bytes, continuations: Continuations | None = None
) -> Iterator[Hit]:
    """Yield all lines of a text. position: of the text's first byte."""
    return hits_at(position, text, all_line_spans(text), continuations)


def text_of_hits(hits: Iterable[Hit]) -> tuple[bytes, FirstLines]:
    """Return lines as a text, and the first lines of the continuation lines in it."""
    first_lines: dict[int, bytes] = {}
    lines: list[bytes] = []
    size = 0
    for hit in hits:
        if hit.first_line is not None:
            first_lines[size] = hit.first_line
        lines.append(hit.line)
        size += len(hit.line) + 1
    return b"\n".join([*lines, b""]) if lines else b"", first_lines


def _cut_out(
    offset: int, text: bytes, spans: list[tuple[int, int]], first_lines: FirstLines
) -> Iterator[FoundText]:
    """Yield some lines of a text as its matching ones, if there are any."""
    if not spans:
        return
    found: list[bytes] = []
    kept: dict[int, bytes] = {}
    size = 0
    for start, end in spans:
        if (first_line := first_lines.get(start)) is not None:
            kept[size] = first_line
        found.append(text[start:end])
        size += end - start + 1
    yield FoundText(offset, text, b"\n".join([*found, b""]), kept)
