"""A view of several stores: their segments in one list, with numbers that tell the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property

from logsrv.linelog.query.literals import Need
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import NEXT_STORE
from logsrv.linelog.store.times import Times


class StoresView(View):
    """The segments of all stores, as they were when the view was opened. Raises as `open_view` does.

    open_view: opens a store or archive by its name; damage there it reports itself. tell: as for `View`.
    """

    def __init__(
        self, names: Iterable[str], open_view: Callable[[str], View], tell: Callable[[str], None]
    ) -> None:
        self._init_reporting(tell)
        self._stores: dict[int, View] = {}
        self.names = tuple(names)
        try:
            for number, name in enumerate(self.names, 1):
                self._stores[number] = open_view(name)
        except BaseException:
            self.close()
            raise
        self.segments = [
            one._replace(number=one.number + number * NEXT_STORE)
            for number, store in self._stores.items()
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

    def open_segment(self, number: int) -> SegmentFrames | None:
        frames = self._store_of(number).open_segment(number % NEXT_STORE)
        if frames is not None:
            frames.number = number
        return frames

    def open_word_index(self, number: int) -> int | None:
        return self._store_of(number).open_word_index(number % NEXT_STORE)

    def archived_frames_with(self, number: int, following: Iterable[int], need: Need) -> int | None:
        store = number // NEXT_STORE
        others = (one % NEXT_STORE for one in following if one // NEXT_STORE == store)
        return self._stores[store].archived_frames_with(number % NEXT_STORE, others, need)

    def times_of_segment(self, number: int) -> Times:
        return self._store_of(number).times_of_segment(number % NEXT_STORE)

    def read_time_span(self) -> tuple[str, str]:
        spans = [store.read_time_span() for store in self._stores.values()]
        known = [span for span in spans if span[0]]
        return min((one for one, _ in known), default=""), max(
            (one for _, one in known), default=""
        )
