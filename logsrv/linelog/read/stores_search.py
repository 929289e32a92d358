"""A search of several stores: lines merged by their times, each store's lines in their order.

The view of several stores has their segments in one list, with numbers that tell the store. Everything that
is counted is counted over these, as of one store. Only lines need a search for each store.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from functools import cached_property
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from logsrv.cores import cores
from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339
from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH
from logsrv.linelog.query.record_match import RecordTest
from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.records.found_records import FoundRecords, RecordLine, lines_of_records
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
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import NEXT_STORE, Position
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
        self.__dict__.pop("by_store", None)
        self.segments = [
            one._replace(number=one.number + number * NEXT_STORE)
            for number, store in sorted(self._stores.items())
            for one in store.segments
        ]

    @property
    def stores(self) -> Mapping[int, View]:
        return self._stores

    @cached_property
    def by_store(self) -> Mapping[int, StoresView]:
        """A view for each store, with its segments only, and with the numbers that they have here."""
        found = {}
        for number in self._stores:
            found[number] = view = copy(self)
            view.segments = [one for one in self.segments if one.number // NEXT_STORE == number]
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

    def segment_exists(self, number: int) -> bool:
        return self._store_of(number).segment_exists(number % NEXT_STORE)

    def file_size(self, number: int) -> int:
        return self._store_of(number).file_size(number % NEXT_STORE)

    def times_of_segment(self, number: int) -> Times:
        return self._store_of(number).times_of_segment(number % NEXT_STORE)

    def read_time_span(self) -> tuple[str, str]:
        if self.only is not None:
            return self.seen_span()
        spans = [store.read_time_span() for store in self._stores.values()]
        known = [span for span in spans if span[0]]
        return min((one for one, _ in known), default=""), max(
            (one for _, one in known), default=""
        )


class RuleStoreView(StoresView):
    """The store of a rule alone, for a `Follower`; its segments have the numbers of a view of all."""

    def __init__(self, number: int, directory: str, tell: Callable[[str], None]) -> None:
        super().__init__({number: directory}, lambda name: View(name, tell), tell)
        self._number, self._own = number, self._stores[number]
        self._listed = self._own.segments

    def refresh(self) -> None:
        self._own.refresh()
        self._list_again()

    def refresh_if_rotated(self) -> None:
        self._own.refresh_if_rotated()
        self._list_again()

    def _list_again(self) -> None:
        if self._own.segments is not self._listed:
            self._listed = self._own.segments
            self.open_more({})

    @property
    def directory_removed(self) -> bool:
        return self._own.directory_removed

    def read_file(self, name: str) -> bytes:
        return self._own.read_file(name)

    def is_active_file(self, fd: int) -> bool:
        return self._own.is_active_file(fd)

    def is_sealed_text(self, number: int, fd: int) -> bool:
        return self._own.is_sealed_text(number % NEXT_STORE, fd)

    def index_head(self, number: int) -> IndexHead | None:
        return self._own.index_head(number % NEXT_STORE)

    def missing_between(self, position: Position, following: int) -> MissingText:
        return self._own.missing_between(position.own, following % NEXT_STORE)

    def erased_between(self, start: Position, end: Position) -> bool:
        return self._own.erased_between(start.own, end.own)

    def open_whole_segment(self, number: int) -> SegmentFrames | None:
        frames = super().open_whole_segment(number)
        # Opening may have listed the segments again.
        self._list_again()
        return frames


class StoresSearch(Search):
    """A query with its scope on a view of several stores."""

    view: StoresView

    @cached_property
    def scopes(self) -> Mapping[int, Scope]:
        """The scope in each store that may have lines.

        A position cuts its own store. In another store the cut is at the nearest matching line by the order
        of the merged lines, so that pages in either direction neither leave out a line nor repeat one.
        """
        if self.scope.after is None and self.scope.before is None:
            return dict.fromkeys(self.view.by_store, self.scope)
        ends = ((True, self.scope.after), (False, self.scope.before))
        turns = [(after, at, self._turn_of(at, after)) for after, at in ends if at is not None]
        found = {number: self._scope_in(number, turns) for number in self.view.by_store}
        return {number: scope for number, scope in found.items() if scope is not None}

    def _scope_in(self, number: int, turns: Sequence[tuple[bool, Position, str]]) -> Scope | None:
        """Return the scope in one store; None if no line there is in the scope.

        turns: whether a position is that of `after`, the position, and its turn.
        """
        scope = self.scope
        for after, position, time in turns:
            if position.store == number:
                continue
            scope = scope._replace(after=None) if after else scope._replace(before=None)
            if not time:
                continue
            # Lines of one time are in the order of their stores.
            if number < position.store:
                time = _next_time(time)
            if after:
                timed = scope._replace(since=max(scope.since, time))
            else:
                timed = scope._replace(until=min(scope.until or time, time))
            with closing(
                Search(self.view.by_store[number], self.matcher, timed, processes=1)
            ) as nearest:
                hit = next(nearest.hits(reverse=not after), None)
            if hit is None:
                return None
            if after:
                scope = scope._replace(after=hit.position.beside(-1))
            else:
                scope = scope._replace(before=hit.position.beside(1))
        return scope

    def _turn_of(self, position: Position, forward: bool) -> str:
        """Return the time by which the line at a position has its turn among those of other stores.

        That is its own, unless the clock was set back: then it comes right after a line of its store with a
        later time, and with an earlier one if the newest lines come first. "" if there is no line.
        """
        time = self._time_at(position)
        if not time:
            return ""
        scope = self.scope._replace(after=None, before=None)
        if forward:
            later = _next_time(time)
            scope = scope._replace(before=position, since=max(scope.since, later))
        else:
            scope = scope._replace(after=position, until=min(scope.until or time, time))
        part = self.view.by_store[position.store]
        with closing(Search(part, self.matcher, scope, processes=1)) as passed:
            lines = (hit.line for hit in passed.hits())
            times = {line[: TIME_LENGTH - 1].decode() for line in lines if STAMP.match(line)}
        return (max if forward else min)({time, *times})

    def _time_at(self, position: Position) -> str:
        """Return the TIME of the line at a position, or of a line beside it; "" if there is none."""
        if position.store not in self.view.by_store:
            return ""
        with closing(StoredLines(self.view.by_store[position.store])) as lines:
            beside = chain(
                islice(lines.lines_from(position), 1), islice(lines.lines_before(position), 1)
            )
            return next(
                (hit.line[: TIME_LENGTH - 1].decode() for hit in beside if STAMP.match(hit.line)),
                "",
            )

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

    def render_lines(
        self,
        render: Callable[[View, list[Hit]], list[bytes]],
        *,
        reverse: bool = False,
        most: int,
    ) -> Iterator[tuple[Position, bytes]]:
        """Yield the first `most` lines, each with its position.

        render: makes the lines of some hits of one frame, each of one hit; it runs in several processes.
        """

        def read(_: int, one: Search) -> Iterator[tuple[bytes, Position, bytes]]:
            def work(task: ReadTask) -> list[bytes]:
                found = one.hits_in_task(task)
                hits = list(found)[::-1][:most] if reverse else list(islice(found, most))
                return [
                    part
                    for hit, text in zip(hits, render(one.view, hits), strict=True)
                    for part in (
                        _time(hit.line, reverse),
                        hit.position.offset.to_bytes(8, "little"),
                        text,
                    )
                ]

            for task, results in one.run_for_lines(work, reverse=reverse):
                for time, offset, text in zip(*[iter(results)] * 3, strict=True):
                    yield time, Position(task.segment, int.from_bytes(offset, "little")), text

        for _, position, text in islice(self._merge(read, itemgetter(0), reverse), most):
            yield position, text

    def lines_of_records(
        self, matches: RecordTest, *, reverse: bool = False
    ) -> Iterator[RecordLine]:
        """Yield the lines of the records that match, of each store for itself, merged by their times.

        The query of the search is that of candidates.
        """

        def read(_: int, one: Search) -> Iterator[RecordLine]:
            scope = one.scope

            def search(after: Position | None, before: Position | None) -> Search:
                return Search(
                    one.view,
                    self.matcher,
                    scope._replace(after=after, before=before),
                    processes=1,
                )

            for piece in lines_of_records(
                one.view, search, matches, after=scope.after, before=scope.before, reverse=reverse
            ):
                yield from piece

        return self._merge(read, lambda line: _time(line.hit.line, reverse), reverse)

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
        views = self.view.by_store
        with ExitStack() as stack:
            streams = []
            most = self._processes // len(views) or 1
            for number, scope in sorted(self.scopes.items(), reverse=reverse):
                one = Search(
                    views[number],
                    self.matcher,
                    scope,
                    with_index=self._with_index,
                    processes=most if self._processes else max(2, cores() // len(views)),
                )
                one.stats, one.on_frame = self.stats, self.on_frame
                stack.enter_context(closing(one))
                streams.append(read(number, one))
            yield from heapq.merge(*streams, key=key, reverse=reverse)


def _next_time(time: str) -> str:
    """Return the time a microsecond later."""
    return exact_rfc3339(round(parse_rfc3339(time) * 1e6) + 1)


def _time(line: bytes, reverse: bool) -> bytes:
    """Return a line's TIME. A line without one gets a time at which it is the next after its neighbour."""
    time = line[:TIME_LENGTH]
    return time if STAMP.match(line) else (b"\xff" if reverse else b"\0") * TIME_LENGTH
