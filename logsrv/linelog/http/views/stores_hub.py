"""The hub of all viewers of a store, and of the stores of rules in it.

Each store has a hub of its own (hub.py). As long as there is one store, its hub does everything. With
several, a viewer has a position in each of them, and is live once it has reached those of the others in
all. The id of each event is a cursor: so a client that connects again gets the lines after it of every
store, though another store's line came last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from logsrv.errors import StoreError
from logsrv.lazy_names import later_module
from logsrv.linelog.http.views.catch_up import CatchUp, CatchUpStep
from logsrv.linelog.http.views.hub import (
    BURST,
    MOST_OPEN,
    MOST_STOPS,
    POLL_EVERY,
    REST_FOR_EACH,
    Hub,
)
from logsrv.linelog.http.views.polls import KEPT
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents
from logsrv.linelog.http.views.watched_query import SharedEvents, WatchedQuery
from logsrv.linelog.read.all_stores import stores_in
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.view import View
from logsrv.linelog.store.cursor import Place, positions_in
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.read import stores_search
else:
    # Most stores have no others in them.
    stores_search = later_module("logsrv.linelog.read.stores_search")

# Seconds between looks for stores that a reload of the server has added.
LOOK_FOR_STORES_EVERY = 1.0


@attrs.define(eq=False)
class StoresCatchUp:
    """A viewer that catches up in several stores. by_store: in each, by its number in positions."""

    asked_for: LiveQuery
    by_store: dict[int, CatchUp]

    @property
    def begin(self) -> dict[int, Position]:
        """The positions from which on it gets lines."""
        return {number: one.begin for number, one in self.by_store.items()}

    @property
    def sure(self) -> dict[int, Position]:
        """The positions up to which it gets every matching line."""
        return {number: one.sure for number, one in self.by_store.items()}

    def close(self) -> None:
        for one in self.by_store.values():
            one.close()

    def next_step(
        self, until: Mapping[int, Position], allowed: int, views: Mapping[int, View]
    ) -> CatchUpStep:
        """Return the next events, as `CatchUp.next_step`, of all stores. Raises StoreError."""
        data: list[bytes] = []
        lines = missed = 0
        is_over = True
        for number, one in self.by_store.items():
            others = {each: other.position for each, other in self.by_store.items()}
            step = one.next_step(until[number], allowed, SharedEvents(id_maker(number, others)))
            data.append(step.data)
            lines += step.lines
            missed += step.missed
            is_over = is_over and step.over
            if step.missed:
                # The lines that it has given up are counted once.
                one.close()
                begin = until[number]
                query = WatchedQuery(self.asked_for)
                self.by_store[number] = CatchUp(query, begin, begin, views[number])
        return CatchUpStep(b"".join(data), lines, missed, is_over)


def id_maker(number: int, positions: Mapping[int, Position]) -> Callable[[Hit], str]:
    """Return a function: a line of store `number` → the cursor of who has it.

    positions: where that viewer is in the other stores.
    """
    ordered = sorted(positions)
    texts = [str(positions[one]) for one in ordered]
    at = ordered.index(number)
    head = "".join(f"{one}," for one in texts[:at])
    rest = "".join(f",{one}" for one in texts[at + 1 :])
    return lambda hit: f"{head}{hit.position.beside(len(hit.line) + 1)}{rest}"


class StoresHub:
    """The hub of all viewers. directory: of the main store. tell: as for `View`. Others: as for `Hub`."""

    def __init__(
        self,
        directory: str,
        tell: Callable[[str], None],
        hand_out: Callable[[ViewEvents], None],
        now: Callable[[], float],
        used: Callable[[], float],
    ) -> None:
        self._directory, self._tell = directory, tell
        self._hand_out, self._now, self._used = hand_out, now, used
        self._main = Hub(View(directory, tell), hand_out, now, used)
        self._hubs = {0: self._main}
        self._catching_up: dict[int, StoresCatchUp] = {}
        self._asking: deque[int] = deque()
        self._for_next_poll: list[int] = []
        # The times of the last look for stores, and of the begin of the last poll.
        self._looked = self._began = now()
        self._open_later_stores()

    @property
    def has_viewers(self) -> bool:
        """True if there is any viewer."""
        return self._main.has_viewers or bool(self._catching_up)

    @property
    def step_wanted(self) -> bool:
        """True if a viewer waits for a step."""
        return self._main.step_wanted or bool(self._asking)

    @property
    def seconds_to_next_poll(self) -> float:
        """Seconds from the end of the last poll to the next one."""
        served = sum(hub.served for hub in self._hubs.values())
        return max(POLL_EVERY, served * REST_FOR_EACH)

    @property
    def _views(self) -> dict[int, View]:
        return {number: hub.view for number, hub in self._hubs.items()}

    def attach(self, viewer: int, query: LiveQuery, begin: Place, sure: Place) -> None:
        """Add a viewer, which gets the lines that match `query` from `begin` on: all up to `sure`."""
        begins, ends = positions_in(begin), positions_in(sure)
        if not ends.keys() <= self._hubs.keys():
            self._open_later_stores()
        if len(self._hubs) == 1:
            self._main.attach(viewer, query, begins[0], ends[0])
            return
        by_store = {}
        for number, hub in self._hubs.items():
            if number in begins and number in ends:
                first, last = begins[number], ends[number]
            else:
                # A reload has added it since the server has sent this order.
                first = last = _first_position(hub.view)
            by_store[number] = CatchUp(WatchedQuery(query), first, last, hub.view)
        self._catching_up[viewer] = StoresCatchUp(query, by_store)
        self._asking.append(viewer)

    def queue_step(self, viewer: int) -> None:
        """Queue a step for a viewer. If it is live meanwhile, or has left, nothing happens."""
        self._main.queue_step(viewer)
        if viewer in self._catching_up:
            self._asking.append(viewer)

    def serve_step(self) -> None:
        """Hand out the next lines to the viewer that has waited longest. Raises StoreError."""
        if self._main.step_wanted:
            self._main.serve_step()
            return
        viewer = self._asking.popleft()
        behind = self._catching_up.get(viewer)
        if behind is None:
            return
        reached = self._reached()
        if not reached.keys() >= behind.by_store.keys() or any(
            reached[number] < sure for number, sure in behind.sure.items()
        ):
            # The step waits: the viewer asked for lines that the next poll will read.
            self._for_next_poll.append(viewer)
            return
        allowed = int(self._main.lines_per_second() * BURST)
        step = behind.next_step(reached, allowed, self._views)
        # One message, even if it is empty: a viewer asks for the next step when it has arrived.
        self._hand_out(ViewEvents((viewer,), step.data, step.lines, step.missed, live=step.over))
        if step.over or len(self._catching_up) > MOST_OPEN:
            behind.close()
        if step.over:
            del self._catching_up[viewer]
            self._add_live_viewer(viewer, behind.asked_for)

    def _reached(self) -> dict[int, Position]:
        """Return the positions of the live viewers in all stores; none of stores that nobody reads."""
        found = {number: hub.position for number, hub in self._hubs.items()}
        return {number: position for number, position in found.items() if position is not None}

    def _add_live_viewer(self, viewer: int, asked_for: LiveQuery) -> None:
        for hub in self._hubs.values():
            hub.add_live_viewer(viewer, asked_for)

    def poll(self) -> None:
        """Hand out the lines written since the last poll. Raises StoreError."""
        if self._now() - self._looked >= LOOK_FOR_STORES_EVERY:
            self._looked = self._now()
            self._open_later_stores()
        if len(self._hubs) == 1:
            self._main.poll()
            return
        began, self._began = self._began, self._now()
        kept = int((self._began - began) / POLL_EVERY * KEPT)
        for number, hub in self._hubs.items():
            hub.served = 0
            if hub.position is None and self._catching_up:
                hub.begin_live(min(one.sure[number] for one in self._catching_up.values()))
        for stop in self._stops():
            self._hand_out_lines(kept, stop)
            self._make_live(self._reached())
        self._hand_out_lines(kept, {})
        self._asking += self._for_next_poll
        self._for_next_poll.clear()

    def _hand_out_lines(self, kept: int, until: Mapping[int, Position]) -> None:
        """Hand out the next lines of each store in its turn, up to some positions."""
        for number, hub in list(self._hubs.items()):
            reached = self._reached()
            if number not in reached:
                continue
            try:
                hub.hand_out_new(kept, until.get(number), id_maker(number, reached))
            except StoreError:
                if not number or not hub.view.directory_removed:
                    raise
                self._leave_store(number)

    def _stops(self) -> list[dict[int, Position]]:
        """Return the first places, at or after the live viewers', at which viewers begin at the end."""
        reached = self._reached()
        begins = {
            tuple(one.begin.items())
            for one in self._catching_up.values()
            if one.begin == one.sure
            and all(one.begin[number] >= position for number, position in reached.items())
        }
        # The ends of stores only grow, so each of these is before the next one in all stores.
        return [dict(one) for one in sorted(begins)[:MOST_STOPS]]

    def _make_live(self, reached: dict[int, Position]) -> None:
        """Make the viewers live that begin at the ends of all stores, and where the others are."""
        here = [
            viewer
            for viewer, behind in self._catching_up.items()
            if behind.begin == behind.sure == reached
        ]
        for viewer in here:
            behind = self._catching_up.pop(viewer)
            behind.close()
            self._add_live_viewer(viewer, behind.asked_for)
        if here:
            self._hand_out(ViewEvents(tuple(here), live=True))

    def leave(self, viewer: int) -> None:
        """Remove a viewer, if it is there."""
        behind = self._catching_up.pop(viewer, None)
        if behind is not None:
            behind.close()
        for hub in self._hubs.values():
            hub.leave(viewer)

    # Stores come and go.

    def _open_later_stores(self) -> None:
        """Open the stores that are new; viewers get all of their lines. Raises StoreError."""
        for number, place in stores_in(self._directory).items():
            if number not in self._hubs:
                self._open_store(number, place)

    def _open_store(self, number: int, place: str) -> None:
        view = stores_search.RuleStoreView(number, place, self._tell)
        hub = Hub(view, self._hand_out, self._now, self._used)
        begin = _first_position(view)
        for viewer, alone in self._main.take_catching_up().items():
            self._catching_up[viewer] = StoresCatchUp(alone.query.asked_for, {0: alone})
            self._asking.append(viewer)
        for behind in self._catching_up.values():
            query = WatchedQuery(behind.asked_for)
            behind.by_store[number] = CatchUp(query, begin, begin, view)
        if self._main.position is not None:
            hub.begin_live(begin)
            for viewer, asked_for in self._main.live_viewers:
                hub.add_live_viewer(viewer, asked_for)
        self._hubs[number] = hub
        self._share()

    def _leave_store(self, number: int) -> None:
        """Go on without the store of a rule, which was removed."""
        for behind in self._catching_up.values():
            behind.by_store.pop(number).close()
        self._hubs.pop(number).close()
        self._share()

    def _share(self) -> None:
        for hub in self._hubs.values():
            hub.stores = len(self._hubs)


def _first_position(view: View) -> Position:
    return Position(view.segments[0].number, 0)
