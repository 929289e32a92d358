"""A search of several stores: lines merged by their times, each store's lines in their order.

The view of several stores has their segments in one list, with numbers that tell the store. Everything that
is counted is counted over these, as of one store. Only lines need a search for each store.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from copy import copy
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import Any

from logsrv.cores import cores
from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH
from logsrv.linelog.query.record_match import RecordTest
from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records.found_records import FoundRecords
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import (
    LineContext,
    LineGroup,
    StoredLines,
    group_with_context,
)
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.index.segment_index import IndexHead
from logsrv.linelog.store.segment import NEXT_STORE
from logsrv.linelog.store.times import Times


class StoresView(View):
    """The segments of all stores, as they were when the view was opened. Raises as `open_view` does.

    names: of the stores by their numbers in positions; names without numbers are counted from 1.
    open_view: opens a store or archive by its name; damage there it reports itself. tell: as for `View`.
    """

    def __init__(
        self,
        names: Mapping[int, str] | Iterable[str],
        open_view: Callable[[str], View],
        tell: Callable[[str], None],
    ) -> None:
        self._init_reporting(tell)
        self._stores: dict[int, View] = {}
        self._open_view = open_view
        self._names: dict[int, str] = {}
        self.names = self._names
        try:
            numbered = names if isinstance(names, Mapping) else dict(enumerate(names, 1))
            self.open_more(numbered)
        except BaseException:
            self.close()
            raise

    def open_more(self, names: Mapping[int, str]) -> None:
        """Open further stores by their numbers. Raises as `open_view` does."""
        for number, name in sorted(names.items()):
            self._stores[number] = self._open_view(name)
            self._names[number] = name
        self.__dict__.pop("parts", None)
        self.segments = [
            one._replace(number=one.number + number * NEXT_STORE)
            for number, store in sorted(self._stores.items())
            for one in store.segments
        ]

    @property
    def stores(self) -> Mapping[int, View]:
        return self._stores

    @cached_property
    def parts(self) -> Mapping[int, StoresView]:
        """A view for each store, with its segments only, and with the numbers that they have here."""
        found = {}
        for number in self._stores:
            found[number] = part = copy(self)
            part.segments = [one for one in self.segments if one.number // NEXT_STORE == number]
        return found

    @property
    def damaged(self) -> bool:
        return super().damaged or any(store.damaged for store in self._stores.values())

    def close(self) -> None:
        for store in self._stores.values():
            store.close()

    def _store_of(self, number: int) -> View:
        return self._stores[number // NEXT_STORE]

    def missing_segments(self, before: int, after: int) -> list[str]:
        if before // NEXT_STORE != after // NEXT_STORE:
            return []
        return self._store_of(before).missing_segments(before % NEXT_STORE, after % NEXT_STORE)

    def why_unread(self, number: int) -> str:
        store, own = divmod(number, NEXT_STORE)
        return f"{self.names[store]}: {self._stores[store].why_unread(own)}"

    def open_whole_segment(self, number: int) -> SegmentFrames | None:
        frames = self._store_of(number).open_whole_segment(number % NEXT_STORE)
        if frames is not None:
            frames.number = number
        return frames

    def open_word_index(self, number: int) -> int | None:
        return self._store_of(number).open_word_index(number % NEXT_STORE)

    def open_columns(self, number: int) -> tuple[int, IndexHead] | None:
        return self._store_of(number).open_columns(number % NEXT_STORE)

    def archived_frames_with(self, number: int, following: Iterable[int], need: Need) -> int | None:
        store = number // NEXT_STORE
        others = (one % NEXT_STORE for one in following if one // NEXT_STORE == store)
        return self._stores[store].archived_frames_with(number % NEXT_STORE, others, need)

    def file_size(self, number: int) -> int:
        return self._store_of(number).file_size(number % NEXT_STORE)

    def times_of_segment(self, number: int) -> Times:
        return self._store_of(number).times_of_segment(number % NEXT_STORE)

    def read_time_span(self) -> tuple[str, str]:
        spans = [store.read_time_span() for store in self._stores.values()]
        known = [span for span in spans if span[0]]
        return min((one for one, _ in known), default=""), max(
            (one for _, one in known), default=""
        )


def part_of(view: StoresView, number: int) -> View:
    """Return the view of one store, in which its segments have the same numbers as in `view`."""
    return view.parts[number]


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

    def records(self, matches: RecordTest | None, *, reverse: bool = False) -> Iterator[list[Hit]]:
        """Yield the lines of the records that match, of each store for itself, merged by their first lines.

        matches: whether a record is wanted; None for the records of all hits.
        """

        def read(_: int, one: Search) -> Iterator[list[Hit]]:
            with closing(StoredLines(one.view)) as lines:
                finder, hits = FoundRecords(lines, matches), one.hits(reverse=reverse)
                yield from finder.newest_records(hits) if reverse else finder.records(hits)

        return self._merge(read, lambda record: _time(record[0].line, reverse), reverse)

    def _merge(
        self, read: Callable[[int, Search], Iterator[Any]], key: Callable[[Any], Any], reverse: bool
    ) -> Iterator[Any]:
        """Yield what `read` yields for each store's search, by `key`; of equal keys, in a fixed order."""
        parts = self.view.parts
        with ExitStack() as stack:
            streams = []
            for number in sorted(parts, reverse=reverse):
                one = Search(
                    parts[number],
                    self.matcher,
                    self.scope,
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
