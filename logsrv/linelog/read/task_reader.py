"""The lines of a task, read from its text: all of them, those that match, their number.

A search (search.py) asks it in every process; columns ask it for the text that they cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines, make_source_test
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.hits import FoundText, Hit, cut_out, hits_at, hits_in_text
from logsrv.linelog.read.only import restricted_matcher
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.read.frames_ahead import FramesAhead


class TaskReader:
    """A reader of the text of a store, which keeps the segment of its last task open.

    ahead: has the frames of archives that were read ahead.
    """

    def __init__(self, view: View, matcher: Matcher, scope: Scope) -> None:
        self.view = view
        self.matcher = restricted_matcher(matcher, view.only)
        self.scope = scope
        self.ahead: FramesAhead | None = None
        self._is_of = make_source_test(scope.source)
        self._continuations = Continuations(view)
        self._open: SegmentFrames | None = None

    def task_texts(self, task: ReadTask) -> Iterator[tuple[int, bytes]]:
        """Yield all lines of one task, matching or not, in pieces, each with its offset.

        Raises FileNotFoundError if the segment was removed since the task was planned, and ValueError if it
        is damaged.
        """
        if task.slot and self.ahead is not None:
            # Its index tells the first lines of records.
            self.open_segment(task.segment)
            return self.ahead.task_texts(task)
        frames = self.open_segment(task.segment)
        if frames is None:
            raise FileNotFoundError(self.view.why_unread(task.segment))
        return frames.lines_between(task.start, task.stop)

    def hits_of_text(self, task: ReadTask) -> Iterator[Hit]:
        """Yield the matching lines of a task."""
        for offset, text in self.task_texts(task):
            position = Position(task.segment, offset)
            for hit in hits_in_text(self.matcher, self._is_of, position, text, self._continuations):
                if task.in_time or self._is_line_in_time(hit.line):
                    yield hit

    def hits_at_starts(
        self, task: ReadTask, offset: int, text: bytes, starts: list[int]
    ) -> list[Hit]:
        """Return the lines that begin at some offsets of a text, which is at `offset`."""
        spans = [(start, text.index(b"\n", start)) for start in starts]
        return [*hits_at(Position(task.segment, offset), text, spans, self._continuations)]

    def count_in_task(self, task: ReadTask) -> int:
        """Return the number of matching lines of one task."""
        if self._needs_scope_test(task):
            return sum(1 for _ in self.hits_of_text(task))
        count = 0
        for offset, text in self.task_texts(task):
            position = Position(task.segment, offset)
            count += self.matcher.count(
                text, position.in_text, self.first_lines_asked(position, text)
            )
        return count

    def matching_texts(self, task: ReadTask, *, inherits: bool = False) -> Iterator[FoundText]:
        """Yield the texts of a task that have matches.

        inherits: whether the first lines of the continuation lines among these are asked for.
        """
        for offset, text in self.task_texts(task):
            position = Position(task.segment, offset)
            asked = inherits or self.matcher.inherits
            first_lines = self.first_lines(position, text) if asked else NO_FIRST_LINES
            is_tested = self._needs_scope_test(task)
            if (first_lines and self.matcher.node != EVERYTHING) or is_tested:
                spans = self.matcher.find(text, position.in_text, first_lines)
                chosen = [one for one in spans if self._is_in_scope(text, *one, task.in_time)]
                yield from cut_out(offset, text, chosen, first_lines)
            elif found := self.matcher.matching_lines(text, position.in_text, first_lines):
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

    def _is_line_in_time(self, line: bytes) -> bool:
        since, until = self.scope.since, self.scope.until
        if not since and not until:
            return True
        # All TIMEs of a store have the same length and sort as text.
        time = line[: len(since or until)].decode("latin-1")
        return time >= since and (not until or time < until)

    def identity_of_text(
        self, task: ReadTask, digest_of: Callable[[Iterator[bytes]], bytes]
    ) -> list[int | bytes] | None:
        """Return what tells the lines of a task from all others; None if it is not known."""
        frames = self.open_segment(task.segment)
        if frames is None:
            return None
        found = frames.identity(task.start, task.stop, digest_of)
        return None if found is None else [task.segment, *found]

    def frame_tasks(self, task: ReadTask) -> Iterator[ReadTask]:
        """Yield a task for each frame of a row group's. Raises OnlyTextTells if the text is gone."""
        frames = self.open_segment(task.segment)
        if frames is None:
            raise OnlyTextTells("the text is gone")
        for bounds in frames.bounds_between(task.start, task.stop):
            yield ReadTask(task.segment, *bounds, task.in_time)

    def report_unusable_columns(self, segment: int, why: str) -> None:
        """Report that the text is read because the columns of a segment are damaged."""
        position = Position(segment, 0)
        self.view.stores[position.store].report_unusable_file(
            f"the columns of segment {position.own.segment} are not used: {why};"
            " `logsrv reindex` makes them again"
        )

    def open_segment(self, number: int) -> SegmentFrames | None:
        """Return an open segment. It keeps one open: tasks in sequence mostly have the same segment."""
        if self._open is None or self._open.number != number:
            self._close_segment()
            self._open = self._continuations.open = self.view.open_whole_segment(number)
        return self._open

    def close(self) -> None:
        """Close the segment that is open."""
        self._close_segment()

    def _close_segment(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = self._continuations.open = None
