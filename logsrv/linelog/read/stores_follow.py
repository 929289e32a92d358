"""Following the main store and the stores of rules in it as one, each line once.

Each store grows by itself, and its own writer thread writes it. Whoever counts lines by steps of time needs
the lines of all stores in the order of these steps. So a follower of several stores merges them by TIME: it
returns a line only when no line of an earlier step can still come from another store. That is so if the
other store has a later line, or was read to its end at least LAG after the TIME of the line.

A read returns large texts, one after the other, which only together come before the lines of the next read.
A text for each step would be a thousand times as many where lines are sparse.

Without steps nothing is held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heapreplace

from logsrv.errors import StoreError
from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339
from logsrv.linelog.read.follow import LIMIT, AppendedLines, Follower
from logsrv.linelog.read.planned_lines import PlannedStore
from logsrv.linelog.read.watched_stores import StoreChanges, WatchedStores
from logsrv.linelog.store.cursor import (
    Cursor,
    Place,
    has_reached,
    identities_in,
    place_in,
    positions_in,
    start_of_store,
)
from logsrv.linelog.store.segment import Position

LAG = 1.0
"""Seconds after which a line with an earlier TIME has certainly been stored."""
LEAST = 16 << 10
"""Bytes of the smallest piece: with many stores, their pieces together have LIMIT."""


class StoresFollower:
    """A reader's place in all stores, which advances with each read.

    returned_to: the end of the line that was returned before the last text, in its store. is_holding:
    whether the last read returned nothing, though there are lines: earlier ones may still come.
    """

    lag = LAG

    def __init__(self, stores: WatchedStores, place: Place) -> None:
        self._stores = stores
        self._by_store: dict[int, PlannedStore] = {}
        # The positions in stores that cannot be opened yet, and the identities of these.
        self._unread: dict[int, Position] = {}
        self._identities_before = identities_in(place)
        # The positions from which its readers have read the stores that came later.
        self._begins: dict[int, Position] = {}
        for number, position in positions_in(place).items():
            if number in stores.views:
                self._add_store(number, position)
            else:
                self._unread[number] = position
        self.returned_to = self._by_store[0].returned_to
        self.is_holding = False

    def change_stores(self, changes: StoreChanges) -> None:
        """Follow new stores, too, and go on without those that were removed."""
        for number in changes.gone:
            self._begins.pop(number, None)
            self._unread.pop(number, None)
            if (store := self._by_store.pop(number, None)) is not None:
                store.follower.close()
        for number, begin in changes.new.items():
            if number in self._unread:
                known = self._identities_before.get(number, "")
                begin = self._stores.within_store(number, self._unread.pop(number), known)
            if number not in self._by_store:
                self._begins[number] = begin
                self._add_store(number, begin)

    def adopt(self, other: StoresFollower) -> None:
        """Take over the readers of another follower, which is at the same place."""
        for number, begin in other._begins.items():
            self._begins[number] = min(begin, self._begins.get(number, begin))

    def _add_store(self, number: int, position: Position) -> None:
        follower = Follower(self._stores.views[number], position)
        self._by_store[number] = PlannedStore(number, follower, position)

    @property
    def is_of_several(self) -> bool:
        """True if it follows more than the main store."""
        return len(self._by_store) > 1

    @property
    def positions_read(self) -> dict[int, Position]:
        """The position of the next line of each store that can be read."""
        return {number: store.position for number, store in self._by_store.items()}

    @property
    def positions(self) -> dict[int, Position]:
        """The position of the next line of each store, by its number."""
        return {**self.positions_read, **self._unread}

    @property
    def position(self) -> Place:
        """The place of the next line."""
        return place_in(self.positions, self._identities)

    @property
    def _identities(self) -> Mapping[int, str]:
        """The identities of the stores; of one that cannot be opened yet, the one that its position has."""
        present = self._stores.identities
        if not self._unread:
            return present
        before = self._identities_before
        return {
            **present,
            **{number: before[number] for number in self._unread.keys() & before.keys()},
        }

    @property
    def searched_to(self) -> Place:
        """The place of the end of all returned lines, before any that are missing."""
        found = {number: store.returned_to for number, store in self._by_store.items()}
        return place_in({**found, **self._unread}, self._identities)

    @property
    def has_gap(self) -> bool:
        """True if lines are missing before the next line."""
        return self.searched_to != self.position

    def place_at(self, position: Position) -> Place:
        """Return the place of a reader who is at a line of one store, and in the others where this is."""
        return place_in({**self.positions, position.store: position}, self._identities)

    def has_reached(self, until: Place) -> bool:
        """Return whether all lines before a place were returned, in the stores that can be read."""
        return has_reached(Cursor(self.positions_read), until)

    def widened(self, place: Place) -> Place:
        """Return an earlier place of a reader with a position in each store that is followed now."""
        if not self.is_of_several and not self._unread and isinstance(place, Position):
            return place
        known = positions_in(place)
        begins = {**self._begins, **self._unread}
        return place_in(
            {
                number: known.get(number, begins.get(number, start_of_store(number)))
                for number in (*self._by_store, *self._unread)
            },
            self._identities,
        )

    def bounds(self, untils: Iterable[Place], ahead: Place | None) -> dict[int, Position | None]:
        """Return for each store the position at which the next lines have to end; None for no bound.

        untils: ends of readers; of a store that they do not know they have no line. ahead: the place of
        another reader.
        """
        found: dict[int, Position | None] = dict.fromkeys(self._by_store)
        ends = [positions_in(until) for until in untils]
        before = {} if ahead is None else positions_in(ahead)
        for number, store in self._by_store.items():
            those = [one.get(number, start_of_store(number)) for one in ends]
            if number in before:
                # It may be further back in another store.
                those.append(max(before[number], store.position))
            found[number] = min(those, default=None)
        return found

    def read(
        self,
        limit: int = LIMIT,
        bounds: Mapping[int, Position | None] | None = None,
        *,
        steps: Sequence[float] = (),
        holds: bool = True,
    ) -> Iterator[AppendedLines]:
        """Yield the next lines, about `limit` bytes; of each store at least one text. Raises StoreError.

        In one such read, texts of several stores come one after the other: only all of them together are
        before the lines of the next read. bounds: as `bounds` returns them. steps: the seconds of all steps
        in whose order the lines of several stores are. holds: whether earlier lines may still be stored.
        """
        until = bounds or {}
        self.is_holding = False
        stores = [*self._by_store.values()]
        if not self.is_of_several and not stores[0].pieces:
            [store] = stores
            self.returned_to = store.returned_to
            news = store.follower.read(limit, until=until.get(0))
            if news is not None:
                # A read without lines may pass a gap, which is told with the next line.
                store.returned_to = store.follower.position
                yield news
            return
        now = self._stores.time_of_day()
        may_go_on = self._plan(limit, until, rfc3339(now).encode())
        planned = sorted((store for store in stores if store.has_planned), key=PlannedStore.rank)
        bound = None
        if steps and planned:
            if may_go_on:
                # If a clock was set back, the last line may be earlier than the first one.
                times = min(store.time for store in may_go_on), planned[0].first_time
                bound = _next_step(max(times), steps)
            if holds and len(may_go_on) < len(stores):
                sure = rfc3339(now - LAG).encode()
                bound = sure if bound is None else min(bound, sure)
        chosen = [store for store in planned if bound is None or store.first_time < bound]
        self.is_holding = len(chosen) == 0 < len(planned)
        for store in chosen:
            for news in store.take_planned(bound):
                self.returned_to = store.returned_to
                store.returned_to = news.position.beside(len(news.text))
                yield news

    def _plan(
        self, limit: int, until: Mapping[int, Position | None], present: bytes
    ) -> list[PlannedStore]:
        """Plan the lines of the next read: of the store whose last planned line is the earliest first.

        Returns the stores that may have more lines; the others were read to their ends.
        """
        share = max(1, limit // (2 * len(self._by_store)))
        planned = 0

        def plan_more(store: PlannedStore) -> int:
            try:
                return store.plan_more(share, max(LEAST, share), until.get(store.number), present)
            except StoreError as error:
                if not store.number:
                    raise
                # It may be removed: then the next look leaves it. Others go on.
                self._stores.report_fault(store.number, str(error))
            return 0

        going_on: list[tuple[bytes, int]] = []
        for number, store in self._by_store.items():
            store.begin_plan(present)
            planned += plan_more(store)
            if store.has_more:
                going_on.append((store.time, number))
        heapify(going_on)
        while going_on and planned < limit:
            store = self._by_store[going_on[0][1]]
            planned += plan_more(store)
            if store.has_more:
                heapreplace(going_on, (store.time, store.number))
            else:
                heappop(going_on)
        return [self._by_store[number] for _, number in going_on]

    def close(self) -> None:
        for store in self._by_store.values():
            store.follower.close()


def _next_step(time: bytes, steps: Sequence[float]) -> bytes | None:
    """Return the TIME at which the first of the steps ends that `time` is in; None if it is no TIME."""
    try:
        moment = round(parse_rfc3339(time.decode()) * 1e6)
    except ValueError:
        return None
    sizes = {round(step * 1e6) for step in steps}
    return exact_rfc3339(min((moment // size + 1) * size for size in sizes)).encode()
