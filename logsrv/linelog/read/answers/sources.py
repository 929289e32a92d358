"""Each source of an answer: parts of earlier answers, the index, columns, text, in the order to ask them.

source      in the process that asks          in the process that has the task
remembered  -                                 the part that the same lines added before
index       adds frames that it has counted   -
columns     row groups instead of frames      the lines of row groups
text        all that is left                  the lines of frames
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from logsrv.linelog.query.question import Compare, HasField, leaves
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import PlannedRead, ReadTask, Work
from logsrv.linelog.read.task_reader import TaskReader
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.memory import keep_freed_memory

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.answers.column_search import ColumnSearch
    from logsrv.linelog.read.remembered import RememberedParts

WITHOUT_COLUMNS = 12
"""Frames whose text is read before columns are looked for: to load Arrow takes as long."""

_Part = TypeVar("_Part")


class AnswerSource:
    """A source from which the answer about some lines can come. `Asking` (asking.py) calls its methods."""

    def plan(self, frames: SegmentFrames, reads: Iterable[PlannedRead]) -> Iterable[PlannedRead]:
        """Return what is to be read of the frames of a segment that may have hits."""
        return reads

    def answer(self, task: ReadTask, following: Work) -> list[bytes]:
        """Return the results of a task, mostly in a forked process. following: asks the sources after it.

        A ValueError or OSError about a frame is reported. About row groups it makes the text be asked.
        """
        return following(task)

    def collect(self, results: list[bytes]) -> list[bytes]:
        """Return the results of a task, in the process that asks, without what is for this source."""
        return results


class RememberedAnswers(AnswerSource):
    """Parts that the same lines added before, by notes of other processes, if the view has a memory.

    question: what is asked of the lines that fulfil the query; empty if its parts are not remembered.
    columns: tell of which lines a task for row groups is.
    """

    def __init__(self, reader: TaskReader, columns: ColumnAnswers, question: str) -> None:
        self._reader, self._columns = reader, columns
        self._memory = reader.view.remembered if question else None
        self._question = f"{question} {reader.matcher.node}"

    def answer(self, task: ReadTask, following: Work) -> list[bytes]:
        identity = None if self._memory is None else self._identity_of(task, self._memory)
        if self._memory is None or not identity:
            return following(task)
        key = self._memory.key_of(self._question, identity)
        found = self._memory.get(key)
        return [*(following(task) if found is None else [found]), key]

    def collect(self, results: list[bytes]) -> list[bytes]:
        if self._memory is not None and len(results) > 1:
            self._memory.add(results[1], results[0])
        return results[:1]

    def _identity_of(self, task: ReadTask, memory: RememberedParts) -> list[int | bytes] | None:
        """Return what tells the lines of a task from all others; None if it is not known."""
        if self._reader.scope.source or not task.in_time or task.slot:
            return None
        if task.group:
            return self._columns.identity_of(task)
        return self._reader.identity_of_text(task, memory.digest_of)


class IndexAnswers(AnswerSource):
    """Frames all of whose lines are in the scope, and of which the index of a segment has what is asked.

    part: what the lines of a frame add; None if the frame must be read. merge: adds it, when the frame's
    turn comes while the search is planned.
    """

    def __init__(
        self,
        part: Callable[[SegmentFrames, int], _Part | None] | None,
        merge: Callable[[_Part], None],
    ) -> None:
        """part: None if the index has nothing about this question."""
        self._part: Callable[[SegmentFrames, int], object] | None = part
        self._merge: Callable[..., None] = merge

    def plan(self, frames: SegmentFrames, reads: Iterable[PlannedRead]) -> Iterable[PlannedRead]:
        return reads if self._part is None else self._with_parts(self._part, frames, reads)

    def _with_parts(
        self,
        part_of: Callable[[SegmentFrames, int], object],
        frames: SegmentFrames,
        reads: Iterable[PlannedRead],
    ) -> Iterator[PlannedRead]:
        for read in reads:
            start, stop = read.task.start, read.task.stop
            frame = frames.frame_at(start)
            is_whole = read.task.in_time and frames.frame_bounds(frame) == (start, stop)
            part = part_of(frames, frame) if is_whole else None
            yield read if part is None else read._replace(add=partial(self._merge, part))


class ColumnAnswers(AnswerSource):
    """Row groups of columns, instead of the frames of sealed segments, if it pays.

    names: the fields whose columns `work` reads instead of the text; with none of them, columns only
    tell which lines fulfil the query; None if it needs all text. and_text: whether it reads the text of
    these lines, too. by_frame: whether it gets a task for each frame, not for row groups; then the first
    frames are left to text, because mostly they have enough lines.
    """

    def __init__(
        self,
        reader: TaskReader,
        names: Collection[str] | None,
        work: Work,
        *,
        and_text: bool = False,
        by_frame: bool = False,
    ) -> None:
        self._reader, self._names, self._work = reader, names or (), work
        self._and_text, self._by_frame = and_text or by_frame, by_frame
        self._search: ColumnSearch | None = None
        # The frames to be read until it pays to load Arrow.
        self._left_to_text = WITHOUT_COLUMNS
        asks_for_field = any(
            isinstance(leaf, Compare | HasField) for leaf in leaves(reader.matcher.node)
        )
        self._can_help = names is not None and (bool(names) or asks_for_field)

    @property
    def is_decided(self) -> bool:
        """Return whether columns are used from now on wherever there are any, or never."""
        is_missing = self._left_to_text > WITHOUT_COLUMNS
        return (
            not self._can_help or self._search is not None or self._left_to_text < 0 or is_missing
        )

    def plan(self, frames: SegmentFrames, reads: Iterable[PlannedRead]) -> Iterable[PlannedRead]:
        if not self._can_help or not isinstance(frames, PackedFrames):
            return reads
        planned = list(reads)
        if not planned:
            return planned
        return self._after_some(frames, planned) if self._by_frame else self._plan(frames, planned)

    def _after_some(
        self, frames: PackedFrames, planned: list[PlannedRead]
    ) -> Iterator[PlannedRead]:
        """Yield frames, from some number on with columns."""
        first = planned[: max(0, self._left_to_text)]
        yield from first
        self._left_to_text -= len(first)
        yield from self._plan(frames, planned[len(first) :])

    def _plan(self, frames: PackedFrames, planned: list[PlannedRead]) -> list[PlannedRead]:
        if self._search is None:
            self._left_to_text -= sum(one.add is None for one in planned)
            opened = (
                self._reader.view.open_columns(frames.number) if self._left_to_text < 0 else None
            )
            if opened is None:
                return planned
            os.close(opened[0])
        try:
            search = self._column_search()
        except ImportError:
            # The extra `columns` is not installed.
            self._left_to_text = sys.maxsize
            return planned
        return search.replace_frames(frames, planned, by_frame=self._by_frame)

    def answer(self, task: ReadTask, following: Work) -> list[bytes]:
        return self._work(task) if task.group else following(task)

    def rows(self, task: ReadTask) -> ColumnRows:
        """Return the matching lines of row groups.

        Raises OSError, and ValueError if their columns or their text are damaged.
        """
        return self._column_search().rows(task)

    def lines(self, task: ReadTask) -> Iterator[list[Hit]]:
        """Yield the text of these lines, those of a frame at once. Raises as `rows`."""
        for offset, text, starts in self._column_search().lines(task):
            yield self._reader.hits_at_starts(task, offset, text, starts)

    def identity_of(self, task: ReadTask) -> list[int | bytes] | None:
        """Return what tells the lines of row groups from all others. Raises OSError."""
        return self._column_search().identity_of(task)

    def _column_search(self) -> ColumnSearch:
        """Return the search over columns. Raises ImportError.

        A process that was forked before the first columns were found makes its own.
        """
        if self._search is None:
            keep_freed_memory()
            # It loads Arrow and NumPy, which takes as long as to search the text of twelve frames.
            from logsrv.linelog.read.answers.column_search import ColumnSearch

            self._search = ColumnSearch(self._reader, self._names, and_text=self._and_text)
        return self._search

    def close(self) -> None:
        """Close the columns that are open."""
        if self._search is not None:
            self._search.close()


class TextAnswers(AnswerSource):
    """All that is left: the text of frames. work: reads it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def answer(self, task: ReadTask, following: Work) -> list[bytes]:
        return self._work(task)
