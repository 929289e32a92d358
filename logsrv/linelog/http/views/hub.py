"""The hub of all viewers of a store: polls, and viewers that catch up (see `view_child`)."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.http.views.catch_up import CatchUp
from logsrv.linelog.http.views.polls import (
    KEPT,
    LiveReader,
    PolledLines,
    QueryGroup,
    SingleQuery,
    group_queries,
)
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents, missed_event
from logsrv.linelog.http.views.watched_query import (
    LatestRecords,
    SharedEvents,
    WatchedQuery,
    event_pieces,
)
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records.joining import OpenRecord
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

# The most lines a second on average, for one viewer and for all together; further lines count as missed.
# One viewer gets more than people and browsers can follow; all together get what the daemon can write.
RATE = 1000
RATE_OF_ALL = 20_000
# A viewer that got few lines may then get the lines of this many seconds in one poll.
BURST = 5
# Seconds from the end of a poll to the next one; or, if that is more, seconds for each viewer that got
# something: that costs the daemon 50 µs a viewer, so viewers take at most a tenth of its time.
POLL_EVERY = 0.05
REST_FOR_EACH = 0.0005
# The most seconds of a processor for matching in a poll; lines not matched by then count as missed.
# While others have the processors, lines come later and are not missed.
MATCHING = 0.2
# The most lines of a poll that are put together to records, and the most tests of queries on them, 5 µs
# each. With more, a query is asked of single lines, and what it may lack by that counts as missed.
MOST_JOINED = 1000
MOST_TESTS = 8000
# Finds the records of lines with NumPy, and is loaded when there are any.
_FIRST_LINES = "logsrv.linelog.fields.continuations.first_lines"
# The most positions of new viewers at which a poll stops reading to make these viewers live; the others of
# the same poll catch up.
MOST_STOPS = 4
# If more viewers catch up, each closes its file after each step.
MOST_OPEN = 100


@attrs.define(eq=False)
class Hub:
    """The hub of all viewers of a store.

    hand_out: gets events for viewers. now: a monotonic clock, in seconds. used: the seconds of a processor
    that this process has had. stores: the number of stores whose hubs share the lines of all viewers.
    """

    _view: View
    _hand_out: Callable[[ViewEvents], None]
    _now: Callable[[], float]
    _used: Callable[[], float]
    _queries: dict[LiveQuery, WatchedQuery] = attrs.field(factory=dict)
    # The queries in the order in which they are matched next; None if the list has to be made again.
    _units: list[SingleQuery | QueryGroup] | None = None
    _catching_up: dict[int, CatchUp] = attrs.field(factory=dict)
    # Viewers of `_catching_up` that wait for a step, and those whose step has to wait for the next poll.
    _asking: deque[int] = attrs.field(factory=deque)
    _for_next_poll: list[int] = attrs.field(factory=list)
    _live: LiveReader | None = None
    _events: SharedEvents = attrs.field(factory=SharedEvents)
    _records: LatestRecords = attrs.field(factory=LatestRecords)
    # The time at which the last poll began.
    _began: float = 0.0
    # The number of viewers that got something in this poll.
    served: int = 0
    stores: int = 1

    @property
    def has_viewers(self) -> bool:
        """True if there is any viewer."""
        return bool(self._queries or self._catching_up)

    @property
    def step_wanted(self) -> bool:
        """True if a viewer waits for a step."""
        return bool(self._asking)

    @property
    def seconds_to_next_poll(self) -> float:
        """Seconds from the end of the last poll to the next one."""
        return max(POLL_EVERY, self.served * REST_FOR_EACH)

    @property
    def view(self) -> View:
        """The view of its store."""
        return self._view

    @property
    def position(self) -> Position | None:
        """The position up to which live viewers have all lines; None without viewers."""
        return None if self._live is None else self._live.position

    @property
    def live_viewers(self) -> list[tuple[int, LiveQuery]]:
        """The live viewers with their queries."""
        return [
            (viewer, asked_for)
            for asked_for, query in self._queries.items()
            for viewer in query.viewers
        ]

    def begin_live(self, position: Position) -> None:
        """Begin to read for live viewers at a position."""
        self._live = LiveReader(self._view, position)

    def hand_out_new(self, kept: int, until: Position | None, id_of: Callable[[Hit], str]) -> None:
        """Hand out the lines since the last poll, up to `until` if it is given, with ids from `id_of`.

        For the hub of several stores, which polls the live viewers of each. Raises StoreError.
        """
        if self._live is not None:
            self._events = SharedEvents(id_of)
            self._hand_out_lines(self._live, kept, until)

    def take_catching_up(self) -> dict[int, CatchUp]:
        """Give the viewers that are not live yet to the hub of several stores."""
        taken, self._catching_up = self._catching_up, {}
        self._asking.clear()
        self._for_next_poll.clear()
        return taken

    def attach(self, viewer: int, query: LiveQuery, begin: Position, sure: Position) -> None:
        """Add a viewer, which gets the lines that match `query` from `begin` on: all up to `sure`."""
        self._catching_up[viewer] = CatchUp(WatchedQuery(query), begin, sure, self._view)
        self._asking.append(viewer)

    def queue_step(self, viewer: int) -> None:
        """Queue a step for a viewer. If it is live meanwhile, or has left, nothing happens."""
        if viewer in self._catching_up:
            self._asking.append(viewer)

    def serve_step(self) -> None:
        """Hand out the next lines to the viewer that has waited longest. Raises StoreError."""
        viewer = self._asking.popleft()
        behind = self._catching_up.get(viewer)
        if behind is None:
            return
        if self._live is None or self._live.position < behind.sure:
            # The step waits: the viewer asked for lines that the next poll will read.
            self._for_next_poll.append(viewer)
            return
        step = behind.next_step(
            self._live.position, int(self.lines_per_second() * BURST), self._events
        )
        events = ViewEvents((viewer,), step.data, step.lines, live=step.over and not step.missed)
        if not step.missed or step.data:
            # Sent even if empty: a viewer asks for a step only when the last one has arrived.
            self._hand_out(events)
        if step.missed:
            self._hand_out(ViewEvents((viewer,), missed=step.missed, live=True))
        if step.over or len(self._catching_up) > MOST_OPEN:
            behind.close()
        if step.over:
            del self._catching_up[viewer]
            self.add_live_viewer(viewer, behind.query.asked_for)

    def poll(self) -> None:
        """Hand out the lines written since the last poll. Raises StoreError."""
        self.served = 0
        if self._live is None and self.has_viewers:
            self._live = LiveReader(self._view, min(one.sure for one in self._catching_up.values()))
            self._began = self._now()
        if self._live is not None:
            began, self._began = self._began, self._now()
            kept = int((self._began - began) / POLL_EVERY * KEPT)
            for stop in self._stops(self._live.position):
                self._hand_out_lines(self._live, kept, stop)
                self._make_live(self._live.position)
            self._hand_out_lines(self._live, kept)
        self._asking += self._for_next_poll
        self._for_next_poll.clear()

    def _stops(self, position: Position) -> list[Position]:
        """Return the first positions, `position` or after it, at which viewers begin at the store's end."""
        begins = {one.begin for one in self._catching_up.values() if one.begin == one.sure}
        return sorted(begin for begin in begins if begin >= position)[:MOST_STOPS]

    def _make_live(self, position: Position) -> None:
        """Make the viewers live that begin at the store's end, and at `position`, that of the others."""
        here = [
            viewer
            for viewer, behind in self._catching_up.items()
            if behind.begin == behind.sure == position
        ]
        for viewer in here:
            self.add_live_viewer(viewer, self._catching_up.pop(viewer).query.asked_for)
        if here:
            self._hand_out(ViewEvents(tuple(here), live=True))

    def add_live_viewer(self, viewer: int, asked_for: LiveQuery) -> None:
        """Add a viewer that has all lines up to the position of the live ones."""
        query = self._queries.get(asked_for)
        if query is None:
            query = self._queries[asked_for] = WatchedQuery(
                asked_for, self._now(), self._lines_per_poll()
            )
            self._units = None
            if self._live is not None:
                query.begin_at(self._view, self._live.position)
        query.viewers[viewer] = None

    def lines_per_second(self) -> float:
        """Return the number of lines a second that each viewer may get."""
        return min(RATE, self._lines_per_poll())

    def _lines_per_poll(self) -> float:
        """Return the most lines that each viewer may get in one poll."""
        live = sum(len(query.viewers) for query in self._queries.values())
        return RATE_OF_ALL / self.stores / max(1, live + len(self._catching_up))

    def _hand_out_lines(self, reader: LiveReader, kept: int, until: Position | None = None) -> None:
        """Hand out the next lines, up to `until` if it is given. kept: see `LiveReader.poll`."""
        polled = reader.poll(kept, until)
        if not (polled.pieces or polled.missed):
            if until is None and self._view.directory_removed:
                # Nobody writes to a removed store. Viewers that connect again get the one now at its path.
                raise StoreError("the store was removed")
            return
        rate, most = self.lines_per_second(), int(self._lines_per_poll())
        gone = str(polled.pieces[0].position) if polled.gone and polled.pieces else ""
        if self._units is None:
            self._units = group_queries(list(self._queries.values()))
        touched = self._touched_records(polled)
        if polled.pieces and _FIRST_LINES not in sys.modules:
            polled.pieces[-1].first_lines()
        # Behind what takes as long as NumPy takes to load; lines put together are bounded in number.
        end = self._used() + MATCHING
        left = sum(len(unit.queries) for unit in self._units)
        for unit in list(self._units):
            now, used = self._now(), self._used()
            for query in unit.queries:
                query.begin_poll(now, rate, rate * BURST, most)
            if used < end:
                if touched is not None and all(query.asked for query in unit.queries):
                    for query in unit.queries:
                        query.add_records(touched, polled.pieces[0].position)
                else:
                    last = used + (end - used) * len(unit.queries) / left
                    unit.match_polled(polled, self._used, last)
                    for query in unit.queries:
                        query.count_unasked(polled.pieces)
                # Queries that had time move to the end, so that the others are first in the next poll.
                self._units.remove(unit)
                self._units.append(unit)
            else:
                for query in unit.queries:
                    query.missed = sum(polled.lines)
            left -= len(unit.queries)
            for query in unit.queries:
                missed = polled.missed + query.missed
                if query.joined and (missed or gone):
                    query.joined.forget()
                self._hand_out_events(
                    tuple(query.viewers),
                    query.events(self._events),
                    missed,
                    gone,
                )

    def _touched_records(self, polled: PolledLines) -> list[OpenRecord] | None:
        """Return the records of a poll's lines; None if the lines, or the queries, are too many."""
        asked = [one.asked for one in self._queries.values() if one.asked]
        lines = sum(polled.lines)
        is_joined = 0 < len(asked) * lines <= MOST_TESTS and lines <= MOST_JOINED
        if polled.missed or polled.gone or not is_joined:
            self._records.forget()
        return self._records.add(polled.pieces, self._view, asked) if is_joined else None

    def _hand_out_events(
        self, viewers: tuple[int, ...], events: list[bytes], missed: int, gone: str
    ) -> None:
        """Hand out events. missed: the number of lines before them that are left out.

        gone: the position after lines that the store no longer has; "" if it has all.
        """
        if gone:
            self._hand_out(ViewEvents(viewers, missed_event(None, gone)))
        if missed and not events:
            self._hand_out(ViewEvents(viewers, missed=missed))
        for lines, data in event_pieces(events):
            self._hand_out(ViewEvents(viewers, data, lines, missed))
            missed = 0
        if events or missed or gone:
            self.served += len(viewers)

    def close(self) -> None:
        """Close the store, which was removed."""
        if self._live is not None:
            self._live.close()
        self._view.close()

    def leave(self, viewer: int) -> None:
        """Remove a viewer, if it is there."""
        behind = self._catching_up.pop(viewer, None)
        if behind is not None:
            behind.close()
        for asked_for, query in list(self._queries.items()):
            query.viewers.pop(viewer, None)
            if not query.viewers:
                del self._queries[asked_for]
                self._units = None
        if self._live is not None and not self.has_viewers:
            self._live.close()
            self._live = None
            self._records.forget()
