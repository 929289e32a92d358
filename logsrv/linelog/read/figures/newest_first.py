"""Aggregates that are added newest line first, so that an answer can be shown before it is whole.

It is apart from `add_up`, which adds parts as they come, because it keeps them: what is shown, and the
whole answer, is made of them in the order of the store. `answers/task_order.py` orders the reading.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Generic, TypeVar

from logsrv.linelog.read.answers.task_order import NewestFirst, position_of
from logsrv.linelog.read.figures.aggregate import Aggregate, Part, add_up, merge_parts, sources_for
from logsrv.linelog.read.plan import ReadTask, bytes_in_scope
from logsrv.linelog.read.progress import ReadProgress
from logsrv.linelog.read.search import Search
from logsrv.linelog.store.segment import Position

MOST_KEPT = 64 << 20
"""Bytes of parts that are kept for one answer."""
_OF_INDEX = 300
"""Bytes that a part from the index is taken for."""

_Aggregate = TypeVar("_Aggregate", bound=Aggregate)


class NewestLines(Generic[_Aggregate]):
    """The lines of a search that are added to an aggregate, the newest first.

    new: makes an empty aggregate of the same kind.
    """

    def __init__(
        self, search: Search, aggregate: _Aggregate, new: Callable[[], _Aggregate]
    ) -> None:
        self.search, self.aggregate, self._new = search, aggregate, new
        self._kept: list[tuple[Position, Part | bytes]] = []
        self._size = 0
        self._next: tuple[ReadTask, list[bytes]] | None = None

    def begin(self, progress: ReadProgress, most: int, idle: Callable[[], object]) -> None:
        """Begin to read. most: the bytes of parts that may be kept. idle: as of `NewestFirst`."""
        progress.of += bytes_in_scope(self.search.view, self.search.scope)
        sources, columns = sources_for(self.search, self.aggregate, self._add_of_index)
        self._order = NewestFirst(
            progress,
            is_full=lambda: self._size >= most,
            is_decided=lambda: columns.is_decided,
            idle=idle,
        )
        self._found = self.search.ask(sources, order=self._order)

    @property
    def since(self) -> str:
        """The time of the first line from which on all lines are there; "" if it is not known."""
        return self._order.since

    @property
    def done(self) -> Position | None:
        """The position from which on all lines are there."""
        return self._order.done

    def _add_of_index(self, part: Part) -> None:
        position = self._order.adding
        if position is None:
            self.aggregate.merge(part)
        else:
            self._kept.append((position, part))
            self._size += _OF_INDEX

    def positions(self) -> Iterator[Position]:
        """Read, and yield each position from which on all lines are there, while they are kept."""
        known = None
        for task, parts in self._found:
            if not self._order.is_newest(task):
                self._next = task, parts
                return
            if self._order.done is not None and self._order.done != known:
                known = self._order.done
                yield known
            for part in filter(None, parts):
                self._kept.append((position_of(task), part))
                self._size += len(part)

    def so_far(self, position: Position) -> _Aggregate:
        """Return an aggregate of the lines from a position on."""
        return self._merge_kept(self._new(), position)

    def _merge_kept(self, aggregate: _Aggregate, position: Position) -> _Aggregate:
        self._kept.sort(key=itemgetter(0))
        for at, part in self._kept:
            if at >= position:
                if isinstance(part, bytes):
                    merge_parts(aggregate, [part])
                else:
                    aggregate.merge(part)
        return aggregate

    def end(self) -> None:
        """Read the rest, and add all."""
        for _, parts in chain([] if self._next is None else [self._next], self._found):
            merge_parts(self.aggregate, parts)
        self._order.end()
        self._merge_kept(self.aggregate, Position(0, 0))


def add_all(
    lines: Sequence[NewestLines[Any]],
    find: Callable[[list[Any], str], Any] | None,
) -> None:
    """Add all lines of some searches of one view, side by side; tell the progress and what is found so far.

    find: returns what aggregates of the newest lines have found, for the progress. Second, it gets the time
    from which on all lines are there. None if nothing is to be shown.
    """
    view = lines[0].search.view
    progress = view.progress
    # Frames of archives are fetched ahead in the order of the store. The newest segment of several stores
    # is that of the last one, not of the newest lines.
    if progress is None or find is None or view.has_archived_text or view.names:
        for one in lines:
            add_up(one.search, one.aggregate)
        return
    show = find

    def tell(position: Position | None) -> None:
        if not progress.is_due:
            return
        since = max(one.since for one in lines)
        if position is None or not all(one.since for one in lines):
            progress.tell()
        else:
            progress.tell(since, lambda: show([one.so_far(position) for one in lines], since))

    def tell_idle() -> None:
        # One that has nothing to read may be ahead of the others.
        tell(lines[0].done if len(lines) == 1 else None)

    for one in lines:
        one.begin(progress, MOST_KEPT // len(lines), tell_idle)
    for position in heapq.merge(*(one.positions() for one in lines), reverse=True):
        tell(position)
    for one in lines:
        one.end()
