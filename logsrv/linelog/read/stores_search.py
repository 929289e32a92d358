"""A search of several stores: lines merged by their times, each store's lines in their order.

Everything that is counted is counted over the segments of all stores, as of one. Only lines need a search
for each store.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from operator import itemgetter
from typing import Any

from logsrv.cores import cores
from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.read.stored_lines import LineContext, LineGroup, group_with_context
from logsrv.linelog.read.stores_view import StoresView


class StoresSearch(Search):
    """A query with its scope on a view of several stores."""

    view: StoresView

    def hits(self, *, reverse: bool = False) -> Iterator[Hit]:
        return self._merge(
            lambda _, one: one.hits(reverse=reverse), lambda hit: _time(hit.line, reverse), reverse
        )

    def render_hits(
        self, render: Callable[[Hit], bytes], *, reverse: bool = False
    ) -> Iterator[bytes]:
        def render_with_time(hit: Hit) -> bytes:
            return _time(hit.line, reverse) + render(hit)

        for line in self._merge(
            lambda _, one: one.render_hits(render_with_time, reverse=reverse),
            itemgetter(slice(TIME_LENGTH)),
            reverse,
        ):
            yield line[TIME_LENGTH:]

    def render_frames(self, render: Callable[[bytes], bytes]) -> Iterator[bytes]:
        return self.render_hits(lambda hit: render(hit.line + b"\n"))

    def hits_with_context(
        self, most: int | None, around: LineContext, *, reverse: bool
    ) -> Iterator[LineGroup]:
        """Yield the first `most` hits with their neighbours in their own stores, merged by the first line.

        They are as of `group_with_context`. The lines are searched twice if `most` is given.
        """
        first = islice(self.hits(reverse=reverse), most if most is not None else 0)
        limits = Counter(hit.position.store for hit in first)

        def groups(number: int, one: Search) -> Iterator[LineGroup]:
            hits = islice(one.hits(reverse=reverse), None if most is None else limits[number])
            return group_with_context(one.view, hits, around, reverse=reverse)

        def first_time(group: LineGroup) -> bytes:
            return _time(group.lines[-1 if reverse else 0][0].line, reverse)

        before = 0
        for group in self._merge(groups, first_time, reverse):
            store = group.lines[0][0].position.store
            yield group._replace(goes_on=group.goes_on and store == before)
            before = store

    def _merge(
        self, read: Callable[[int, Search], Iterator[Any]], key: Callable[[Any], Any], reverse: bool
    ) -> Iterator[Any]:
        """Yield what `read` yields for each store's search, by `key`; of equal keys, in a fixed order."""
        parts, ends = self.view.parts, self.scope.ends or {}
        with ExitStack() as stack:
            streams = []
            for number in sorted(parts, reverse=reverse):
                end = ends.get(number)
                one = Search(
                    parts[number],
                    self.matcher,
                    self.scope._replace(before=end and end.in_store(number)),
                    with_index=self._with_index,
                    processes=max(2, cores() // len(parts)),
                )
                one.stats, one.on_frame = self.stats, self.on_frame
                stack.enter_context(closing(one))
                streams.append(read(number, one))
            yield from heapq.merge(*streams, key=key, reverse=reverse)


def _time(line: bytes, reverse: bool) -> bytes:
    """Return a line's TIME. A line without one gets a time at which it is the next after its neighbour."""
    time = line[:TIME_LENGTH]
    return time if STAMP.match(line) else (b"\xff" if reverse else b"\0") * TIME_LENGTH
