"""A search of several stores: lines merged by their times, each store's lines in their order.

Everything that is counted is counted over the segments of all stores, as of one. Only lines need a search
for each store.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice, repeat
from operator import itemgetter

from logsrv.cores import cores
from logsrv.linelog.fields.stamp import STAMP, TIME_LENGTH
from logsrv.linelog.query.matching.match import Matcher
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.read.stored_lines import LineContext, LineGroup, group_with_context
from logsrv.linelog.read.stores_view import StoresView
from logsrv.linelog.store.segments.segment import Position


class StoresSearch(Search):
    """A query with its scope on several open stores.

    ends: for each store, the position at which its lines end for this search; empty for all lines.
    """

    view: StoresView

    def __init__(
        self,
        view: StoresView,
        matcher: Matcher,
        scope: Scope,
        *,
        with_index: bool = True,
        ends: Mapping[int, Position] | None = None,
    ) -> None:
        super().__init__(view, matcher, scope, with_index=with_index)
        self._ends = ends or {}

    def search_each(self, *, reverse: bool) -> dict[int, Search]:
        """Return a search of each store. Lines with the same TIME come in this order when merged."""
        found = {}
        parts = self.view.parts
        for number in sorted(parts, reverse=reverse):
            end = self._ends.get(number)
            found[number] = one = Search(
                parts[number],
                self.matcher,
                self.scope._replace(before=end and end.in_store(number)),
                with_index=self._with_index,
                processes=max(2, cores() // len(parts)),
            )
            one.stats, one.on_frame = self.stats, self.on_frame
        return found

    def hits(self, *, reverse: bool = False) -> Iterator[Hit]:
        key = partial(_time_of_line, reverse=reverse)
        with ExitStack() as stack:
            searches = self.search_each(reverse=reverse).values()
            streams = [stack.enter_context(closing(one)).hits(reverse=reverse) for one in searches]
            yield from heapq.merge(*streams, key=lambda hit: key(hit.line), reverse=reverse)

    def render_hits(
        self, render: Callable[[Hit], bytes], *, reverse: bool = False
    ) -> Iterator[bytes]:
        def render_with_time(hit: Hit) -> bytes:
            return _time_of_line(hit.line, reverse=reverse) + render(hit)

        with ExitStack() as stack:
            streams = [
                stack.enter_context(closing(one)).render_hits(render_with_time, reverse=reverse)
                for one in self.search_each(reverse=reverse).values()
            ]
            time = itemgetter(slice(TIME_LENGTH))
            for line in heapq.merge(*streams, key=time, reverse=reverse):
                yield line[TIME_LENGTH:]

    def render_frames(self, render: Callable[[bytes], bytes]) -> Iterator[bytes]:
        return self.render_hits(lambda hit: render(hit.line + b"\n"))


def _time_of_line(line: bytes, *, reverse: bool) -> bytes:
    """Return a line's TIME. A line without one gets a time at which it is the next after its neighbour."""
    time = line[:TIME_LENGTH]
    return time if STAMP.match(line) else (b"\xff" if reverse else b"\0") * TIME_LENGTH


def merged_groups(
    search: StoresSearch, most: int | None, around: LineContext, *, reverse: bool
) -> Iterator[LineGroup]:
    """Yield the first `most` hits with their neighbours in their own stores, merged by the first line.

    They are as of `group_with_context`. The lines are searched twice if `most` is given.
    """
    limits: Mapping[int, int] = {}
    if most is not None:
        limits = Counter(hit.position.store for hit in islice(search.hits(reverse=reverse), most))

    def first_time(numbered: tuple[int, LineGroup]) -> bytes:
        hit, _ = numbered[1].lines[-1 if reverse else 0]
        return _time_of_line(hit.line, reverse=reverse)

    before = 0
    with ExitStack() as stack:
        streams = []
        for number, one in search.search_each(reverse=reverse).items():
            hits = stack.enter_context(closing(one)).hits(reverse=reverse)
            found = islice(hits, None if most is None else limits[number])
            groups = group_with_context(one.view, found, around, reverse=reverse)
            streams.append(zip(repeat(number), groups))
        for number, group in heapq.merge(*streams, key=first_time, reverse=reverse):
            yield group._replace(goes_on=group.goes_on and number == before)
            before = number
