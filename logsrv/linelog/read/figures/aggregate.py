"""Counting over lines: the one shape of every answer that is no list of lines.

`count` looks at the matching lines of a frame, in any of the processes of a search, and returns a part.
`merge` adds a part up, in the process that asks, in the order of the store. Each aggregate then returns an
answer of its own form.

    Groups (groups.py)               counts, frequent values, bars, figures, by fields and time
    LargestNumbers (chosen_lines.py) sort, sample
    PatternTable (patterns/find.py)  patterns
    Sources (tallies.py)             sources with their last line
    Windows (alerts/windows.py)      the condition of an alert: it also takes text as it comes

Terminal, page and API call the function beside an aggregate, such as `find_patterns`, or `group`
(compared_groups.py); that calls `add_up`, which says of which sources (answers/) the answer may come, or
`add_lines`.
"""

from __future__ import annotations

import marshal
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from logsrv.linelog.fields.stored_line import INHERITED, FirstLines
from logsrv.linelog.read.answers.sources import (
    AnswerSource,
    ColumnAnswers,
    IndexAnswers,
    RememberedAnswers,
    TextAnswers,
)
from logsrv.linelog.read.figures.line_counts import levels_in_query
from logsrv.linelog.read.hits import FoundText, Hit
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import SegmentFrames

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

Part: TypeAlias = Any
"""Tuples, lists, dicts, texts, bytes and numbers, which `marshal` can represent."""


class FoundLines(NamedTuple):
    """The matching lines of a task, read in the form in which they are asked for."""

    search: Search
    task: ReadTask

    def text(self, fields: Collection[str] = ()) -> tuple[bytes, FirstLines]:
        """Read the lines, and return them with their LFs, and the first lines of continuation lines.

        fields: those that are counted.
        """
        found = [*self.texts(fields)]
        if len(found) == 1:
            return found[0].lines, found[0].first_lines
        first_lines: dict[int, bytes] = {}
        size = 0
        for one in found:
            first_lines.update((size + start, line) for start, line in one.first_lines.items())
            size += len(one.lines)
        return b"".join([one.lines for one in found]), first_lines

    def texts(self, fields: Collection[str] = ()) -> Iterator[FoundText]:
        """Read the texts, and yield those that have matches. fields: those that are counted."""
        return self.search.matching_texts(self.task, inherits=not INHERITED.isdisjoint(fields))

    def hits(self) -> Iterator[Hit]:
        return self.search.hits_in_task(self.task)

    def number(self) -> int:
        """Return the number of the lines, which need not be cut out for that."""
        return self.search.count_in_task(self.task)


class Aggregate(ABC):
    """An answer over all lines of a search, in bounded memory.

    columns: the fields whose columns `count_rows` reads; None if it needs the lines. identity: what tells
    it from those that return other parts of the same lines; empty if its parts are not remembered.
    """

    columns: Collection[str] | None = None
    identity = ""

    @abstractmethod
    def count(self, lines: FoundLines) -> Part:
        """Return what these lines add, in the process that has read them; None for nothing."""

    def count_rows(self, rows: ColumnRows) -> Part:
        """Return what lines add by their columns. Raises OSError and ValueError if these are damaged."""
        raise NotImplementedError

    @abstractmethod
    def merge(self, part: Part) -> None:
        """Add what `count` has returned."""

    def part_by_index(
        self, wanted: Collection[str | None], frames: SegmentFrames, frame: int
    ) -> Part:
        """Return what the lines of a frame add by its index, without reading it; None if that is unknown.

        wanted: the levels for which the query asks. All lines of the frame are in the scope.
        """
        return None


_Aggregate = TypeVar("_Aggregate", bound=Aggregate)


def add_lines(
    search: Search, aggregate: _Aggregate, is_enough: Callable[[], bool] | None = None
) -> _Aggregate:
    """Add the text of all lines that a search finds; return the aggregate.

    is_enough: the newest lines are added first, and it is asked before each further text that has some:
    if it returns True, that and the rest is left out.
    """

    def work(task: ReadTask) -> list[bytes]:
        part = aggregate.count(FoundLines(search, task))
        return [marshal.dumps(part)] if part else []

    for _, parts in search.run_for_lines(work, reverse=is_enough is not None):
        if parts and is_enough is not None and is_enough():
            break
        for part in parts:
            aggregate.merge(marshal.loads(part))  # noqa: S302  a forked process of ours wrote it
    return aggregate


def add_up(search: Search, aggregate: _Aggregate) -> _Aggregate:
    """Add all lines that a search finds; return the aggregate."""
    sources, _ = sources_for(search, aggregate, aggregate.merge)
    for _, parts in search.ask(sources):
        merge_parts(aggregate, parts)
    return aggregate


def merge_parts(aggregate: Aggregate, parts: Iterable[bytes]) -> None:
    """Add parts as the results of a task have them; empty ones have nothing."""
    for part in loaded_parts(parts):
        aggregate.merge(part)


def loaded_parts(parts: Iterable[bytes]) -> Iterator[Part]:
    """Yield parts as the results of a task have them; empty ones have nothing."""
    for part in filter(None, parts):
        yield marshal.loads(part)  # noqa: S302  a forked process of ours wrote it


def sources_for(
    search: Search, aggregate: Aggregate, merge: Callable[[Part], None]
) -> tuple[Sequence[AnswerSource], ColumnAnswers]:
    """Return the sources of the parts of an aggregate; the columns among them, too.

    `search.ask` asks them in this order, the index while it plans, the others in the process that has the
    task. If columns cannot answer about some lines, the text of these is asked in this process.
    merge: adds a part of the index.
    """

    def of_rows(task: ReadTask) -> list[bytes]:
        rows = columns.rows(task)
        # Without a line, the columns that are counted need not be read.
        return [marshal.dumps(aggregate.count_rows(rows)) if rows.lines else b""]

    def of_text(task: ReadTask) -> list[bytes]:
        part = aggregate.count(FoundLines(search, task))
        return [b"" if part is None else marshal.dumps(part)]

    levels = None if search.scope.source else levels_in_query(search.matcher.node)
    of_index = None if levels is None else partial(aggregate.part_by_index, levels)
    columns = ColumnAnswers(search, aggregate.columns, of_rows)
    sources = (
        RememberedAnswers(search, columns, aggregate.identity),
        IndexAnswers(of_index, merge),
        columns,
        TextAnswers(of_text),
    )
    return sources, columns
