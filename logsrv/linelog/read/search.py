"""A search: query and scope in; lines or their number out, in the order of the store.

The commands `search`, `tail` and `show`, SQL, the page and the API use it. Where its answers come from, is
in answers/; what is read, in plan.py; by which processes, in pool.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Self

from logsrv.lazy_names import later_module
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.question import Node, all_of
from logsrv.linelog.read.answers.asking import Asking
from logsrv.linelog.read.answers.sources import AnswerSource, ColumnAnswers, TextAnswers
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import ReadTask, Scope, SearchStats, Work, plan_tasks
from logsrv.linelog.read.pool import run_tasks
from logsrv.linelog.read.task_reader import TaskReader
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position
from logsrv.memory import keep_freed_memory

if TYPE_CHECKING:
    from logsrv.linelog.read.answers import task_order
else:
    # Most searches tell no progress.
    task_order = later_module("logsrv.linelog.read.answers.task_order")


class Search(TaskReader):
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
        super().__init__(view, matcher, scope)
        self.stats = SearchStats()
        self._with_index = with_index
        self._processes = processes
        self.on_frame: Callable[[], None] | None = None
        self._columns: ColumnAnswers | None = None

    def within(self, scope: Scope, condition: Node | None = None) -> Self:
        """Return the same search within another scope, with the same statistics.

        condition: must be true for its lines, too.
        """
        matcher = self.matcher
        if condition is not None:
            matcher = make_matcher(all_of((matcher.node, condition)))
        found = type(self)(
            self.view, matcher, scope, with_index=self._with_index, processes=self._processes
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
            positions = [Position(task.segment, offset) for offset in offsets]
            first_lines = [one or None for one in results[2::3]]
            yield task, map(Hit, positions, results[1::3], first_lines)

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

    def run_for_lines(
        self, work: Work, *, reverse: bool = False
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Do `work`, which asks for `hits_in_task`, on every frame that can have hits, as `ask`.

        Of frames in which no line fulfils the query by its columns, the text is not read.
        """
        columns = ColumnAnswers(self, (), work, by_frame=True)
        return self.ask([columns, TextAnswers(work)], reverse=reverse)

    def ask(
        self,
        sources: Sequence[AnswerSource],
        *,
        reverse: bool = False,
        order: task_order.TaskOrder | None = None,
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Ask some sources, in this order, about every frame that can have hits, on all cores.

        Yield each task, mostly a frame, with its results, in order. The last source is text. order: of the
        tasks, if it is not that of the store.
        """
        if not self._with_index:
            sources = [one for one in sources if not isinstance(one, ColumnAnswers)]
        self._close_columns()
        self._columns = next((one for one in sources if isinstance(one, ColumnAnswers)), None)
        asking = Asking(sources, self, self.stats)
        need = self.matcher.needs if self._with_index else None
        if order is None and self.view.progress is not None:
            order = task_order.TaskOrder(self.view.progress, reverse=reverse)
        if order is None:
            planned = plan_tasks(
                self.view, self.scope, self.stats, need, reverse=reverse, choose=asking.plan
            )
        else:
            planned = order.plan(self.view, self.scope, self.stats, need, asking.plan)
        if self.view.has_archived_text:
            # Most stores have no archive; their searches need not load this.
            from logsrv.linelog.read.frames_ahead import FramesAhead

            self.ahead = FramesAhead(self.view)
            planned = self.ahead.tasks_when_read(planned)
        tell, processes = self.view.report_damage, self._processes
        try:
            for task, results in run_tasks(
                asking.answer, planned, tell, processes=processes, for_many=self._prepare_for_many
            ):
                if self.ahead is not None:
                    self.ahead.release_slot(task)
                yield from asking.collect(task, results)
                if order is not None:
                    order.note_done(task)
                if self.on_frame is not None:
                    self.on_frame()
        finally:
            if self.ahead is not None:
                self.ahead.close()
                self.ahead = None

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
            return chain.from_iterable(self.columns.lines(task))
        return self.hits_of_text(task)

    @property
    def columns(self) -> ColumnAnswers:
        """The columns that are asked at present: the work on a task for row groups reads them."""
        assert self._columns is not None
        return self._columns

    def close(self) -> None:
        """Close the segment that is open, and its columns."""
        self._close_columns()
        super().close()

    def _close_columns(self) -> None:
        if self._columns is not None:
            self._columns.close()
