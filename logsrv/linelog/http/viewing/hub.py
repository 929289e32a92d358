"""The hub of the live views: reads new lines once, matches them once for each query, hands them to all.

It works in a process of its own (see `view_child`). A viewer that begins with what is written now is
live with the next look: lines that were written before it came are shown to the others first. One that
asked for a position catches up (see `catch_up`), and is live in the step with which it has all that the
others have: no line is left out, and none comes twice.

Nothing that many viewers cause takes long: a look has its time, of which each query has a share, and the
next look comes later where much was handed out. What there was no time for is counted and told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.http.searching.events import missed_event
from logsrv.linelog.http.viewing.catch_up import CatchUp
from logsrv.linelog.http.viewing.live import KEPT, Live
from logsrv.linelog.http.viewing.query_groups import QueryGroup, SingleQuery, units
from logsrv.linelog.http.viewing.view_protocol import ViewEvents
from logsrv.linelog.http.viewing.watched_query import SharedEvents, WatchedQuery, pieces
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import compile
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Lines a second to one viewer for long, more than people and browsers can take; and to all viewers, which
# is bounded by what writing to their connections costs the daemon.
RATE = 1000
RATE_OF_ALL = 20_000
# Seconds whose lines may come at once.
BURST = 5
# Seconds from the end of a look to the next; and for each viewer that was handed something: 50 µs of the
# daemon's time each, so with many viewers a tenth of it.
LOOK_EVERY = 0.05
REST_FOR_EACH = 0.0005
# Seconds of a look in which queries are matched.
MATCHING = 0.2
# Places at which a look is interrupted to let viewers in who came just there. Where more came since the
# last look, the others begin a little earlier than they came.
MOST_DOORS = 4
# Viewers behind that may keep a file open.
MOST_OPEN = 100


@attrs.define(eq=False)
class Hub:
    """A look at the store for all viewers.

    hand_out: gets what they are to have. now: seconds that only grow.
    """

    _view: View
    _hand_out: Callable[[ViewEvents], None]
    _now: Callable[[], float]
    _queries: dict[str, WatchedQuery] = attrs.field(factory=dict)
    # The queries as they are matched, the next one first; None: to be made anew.
    _units: list[SingleQuery | QueryGroup] | None = None
    # Those that came since the last look, with their queries: at the place of the others or ahead of it.
    _fresh: dict[int, tuple[str, Position]] = attrs.field(factory=dict)
    _behind: dict[int, CatchUp] = attrs.field(factory=dict)
    # Those of them that wait for a step, and those that do so from the next look on.
    _asking: deque[int] = attrs.field(factory=deque)
    _ahead: list[int] = attrs.field(factory=list)
    _live: Live | None = None
    _events: SharedEvents = attrs.field(factory=SharedEvents)
    # When the last look began.
    _began: float = 0.0
    # The number of viewers that were handed something in this look.
    _handed: int = 0

    @property
    def watched(self) -> bool:
        """Return whether there is anybody to look for."""
        return bool(self._queries or self._fresh or self._behind)

    @property
    def asked(self) -> bool:
        """Return whether there is a step to be made."""
        return bool(self._asking)

    @property
    def rest(self) -> float:
        """Seconds to wait after the last look."""
        return max(LOOK_EVERY, self._handed * REST_FOR_EACH)

    def join(self, viewer: int, query: str, begin: Position, sure: Position | None = None) -> None:
        """Let a viewer have what a query finds from `begin` on.

        sure: it asked for all lines before this place; None: it begins with what is written now.
        """
        if sure is None and (self._live is None or begin >= self._live.position):
            self._fresh[viewer] = query, begin
            return
        matcher = compile(parse(query))
        self._behind[viewer] = CatchUp(query, matcher, begin, sure or begin, self._view)
        self._asking.append(viewer)

    def more(self, viewer: int) -> None:
        """Let a viewer have the next lines; it may be live since it asked, or have left."""
        if viewer in self._behind:
            self._asking.append(viewer)

    def step(self) -> None:
        """Give the next lines to the one that has waited for them longest. Raises StoreError."""
        viewer = self._asking.popleft()
        behind = self._behind.get(viewer)
        if behind is None:
            return
        if self._live is None or self._live.position < behind.sure:
            # It knows of lines that were written since the last look.
            self._ahead.append(viewer)
            return
        step = behind.step(self._live.position, int(self._rate() * BURST), self._events)
        handed = ViewEvents((viewer,), step.data, step.lines, live=step.over and not step.missed)
        if not step.missed or step.data:
            # Also if there is nothing in it: who has not heard of one step asks for no other.
            self._hand_out(handed)
        if step.missed:
            self._hand_out(ViewEvents((viewer,), missed=step.missed, live=True))
        if step.over or len(self._behind) > MOST_OPEN:
            behind.close()
        if step.over:
            del self._behind[viewer]
            self._watch(viewer, behind.query)

    def look(self) -> None:
        """Hand out what was written since the last look; let in who came meanwhile. Raises StoreError."""
        self._handed = 0
        if self._live is None and self.watched:
            begins = [begin for _, begin in self._fresh.values()]
            sure = [one.sure for one in self._behind.values()]
            self._live = Live(self._view, min(begins or sure))
            self._began = self._now()
        for door in sorted({begin for _, begin in self._fresh.values()})[:MOST_DOORS]:
            self._show(door)
            self._let_in(door)
        self._let_in(None)
        self._show(None)
        self._asking += self._ahead
        self._ahead.clear()

    def _let_in(self, door: Position | None) -> None:
        """Let those be live who came there or before; all, if it is None."""
        inside = [
            viewer for viewer, (_, begin) in self._fresh.items() if door is None or begin <= door
        ]
        for viewer in inside:
            self._watch(viewer, self._fresh.pop(viewer)[0])
        if inside:
            self._hand_out(ViewEvents(tuple(inside), live=True))

    def _watch(self, viewer: int, text: str) -> None:
        query = self._queries.get(text)
        if query is None:
            query = self._queries[text] = WatchedQuery.of(text, self._now(), self._at_once())
            self._units = None
        query.viewers[viewer] = None

    def _rate(self) -> float:
        """Return how many lines a second each viewer may have."""
        return min(RATE, self._at_once())

    def _at_once(self) -> float:
        """Return how many lines each viewer may have in one look."""
        live = sum(len(query.viewers) for query in self._queries.values())
        return RATE_OF_ALL / max(1, live + len(self._fresh) + len(self._behind))

    def _show(self, until: Position | None) -> None:
        """Hand out what was written since the last look, up to `until` if that is given."""
        if self._live is None:
            return
        began, self._began = self._began, self._now()
        look = self._live.look(until, int((self._began - began) / LOOK_EVERY * KEPT))
        if not (look.pieces or look.missed):
            if until is None and self._view.removed:
                # Nothing is written there any more. Viewers that come back get the store that is at its
                # path now.
                raise StoreError("the store was removed")
            return
        rate, at_once = self._rate(), int(self._at_once())
        end = self._now() + MATCHING
        gone = str(look.pieces[0].position) if look.gone and look.pieces else ""
        if self._units is None:
            self._units = units(list(self._queries.values()))
        left = sum(len(unit.queries) for unit in self._units)
        for unit in list(self._units):
            now = self._now()
            for query in unit.queries:
                query.begin(now, rate, rate * BURST, at_once)
            if now < end:
                unit.find(look, self._now, now + (end - now) * len(unit.queries) / left)
                # In turn: those for which there is no time are the first in the next look.
                self._units.remove(unit)
                self._units.append(unit)
            else:
                for query in unit.queries:
                    query.missed = sum(look.lines)
            left -= len(unit.queries)
            for query in unit.queries:
                missed = look.missed + query.missed
                self._tell(tuple(query.viewers), self._events.of(query.hits), missed, gone)

    def _tell(self, viewers: tuple[int, ...], events: list[bytes], missed: int, gone: str) -> None:
        """Hand out events, and that so many lines before them are left out.

        gone: the place where it goes on behind lines that the store no longer has.
        """
        if gone:
            self._hand_out(ViewEvents(viewers, missed_event(None, gone)))
        if missed and not events:
            self._hand_out(ViewEvents(viewers, missed=missed))
        for lines, data in pieces(events):
            self._hand_out(ViewEvents(viewers, data, lines, missed))
            missed = 0
        if events or missed or gone:
            self._handed += len(viewers)

    def leave(self, viewer: int) -> None:
        """Give a viewer no more."""
        self._fresh.pop(viewer, None)
        behind = self._behind.pop(viewer, None)
        if behind is not None:
            behind.close()
        for text, query in list(self._queries.items()):
            query.viewers.pop(viewer, None)
            if not query.viewers:
                del self._queries[text]
                self._units = None
        if self._live is not None and not self.watched:
            self._live.close()
            self._live = None
