"""The hub of live viewers: what is written is read once, matched once for each query, handed to all.

Nothing is done while nobody looks. While somebody does, the store is looked at twenty times a second,
and the work that comes of it is cut into slices (see `slices`): so whatever the viewers ask for, lines
are received as before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import CooperativeTask, TaskStopped
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.observe.failures import Failures
from logsrv.linelog.http.events import line_event
from logsrv.linelog.http.live import Live, Look
from logsrv.linelog.http.problems import too_many
from logsrv.linelog.http.slices import Slices
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.follow import end_of
from logsrv.linelog.read.render import as_json
from logsrv.linelog.read.search import Hit, in_text
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

log = Logger()

# Seconds from the end of a look to the next.
LOOK_EVERY = 0.05
# Lines of one look that a query gets, the newest.
MOST_AT_ONCE = 2000
MOST_QUERIES = 200
# Making JSON of a line takes about 50 µs.
RENDERED_AT_ONCE = 20
_READING = ("reading the store", "the live view")


class LineEvent:
    """A line as an event, made when the first viewer wants it."""

    __slots__ = ("_bytes", "hit")

    def __init__(self, hit: Hit) -> None:
        self.hit = hit
        self._bytes: bytes | None = None

    @property
    def data(self) -> bytes:
        if self._bytes is None:
            self._bytes = line_event(str(self.hit.position), as_json(self.hit))
        return self._bytes


class Watching(Protocol):
    """A viewer as the hub needs it."""

    @property
    def ready(self) -> bool:
        """The word that it takes something just now."""

    def show(self, events: list[LineEvent], missed: int) -> None:
        """Send events in order; `missed` lines before them are left out."""

    def gone(self, position: Position) -> None:
        """Tell that lines before `position` are no longer there."""


@attrs.define(eq=False)
class _Query:
    """Viewers that look for the same."""

    matcher: Matcher
    viewers: dict[Watching, None] = attrs.field(factory=dict)


class Hub:
    """The one that looks at the store for all viewers; `open_view` opens it, raising StoreError.

    slices: where all work for viewers is done, that of others too.
    """

    def __init__(self, open_view: Callable[[], View], clock: IReactorTime, slices: Slices) -> None:
        self.slices = slices
        self.open_view = open_view
        self._clock = clock
        self._failures = Failures("logsrv", clock.seconds)
        self._queries: dict[str, _Query] = {}
        self._view: View | None = None
        self._live: Live | None = None
        self._next: IDelayedCall | None = None
        self._work: CooperativeTask[Any] | None = None

    @property
    def view(self) -> View:
        """The store, open. Raises StoreError."""
        if self._view is None:
            self._view = self.open_view()
        return self._view

    @property
    def viewers(self) -> int:
        """The number of those that are watching."""
        return sum(len(query.viewers) for query in self._queries.values())

    @property
    def end(self) -> Position:
        """The place where the next line will begin. Raises StoreError."""
        return end_of(self.view)

    def join(self, viewer: Watching, text: str, matcher: Matcher, begin: Position) -> None:
        """Let a viewer have what its query, `text`, finds in lines that are written from now on.

        begin: the place up to which it has all, which is the end, or was in this turn of the reactor.
        It gets some lines before it once more if the hub has not come as far.
        Raises StoreError, and Problem (429) when there are too many queries.
        """
        query = self._queries.get(text)
        if query is None:
            if len(self._queries) >= MOST_QUERIES:
                raise too_many(f"there are {MOST_QUERIES} live views for other queries", 60)
            query = _Query(matcher)
        if self._live is None:
            self._live = Live(self.view, begin)
            self._next = self._clock.callLater(LOOK_EVERY, self._look)
        self._queries[text] = query
        query.viewers[viewer] = None

    def leave(self, viewer: Watching, text: str) -> None:
        """Let a viewer have no more; one that never joined is ignored."""
        query = self._queries.get(text)
        if query is None:
            return
        query.viewers.pop(viewer, None)
        if not query.viewers:
            del self._queries[text]
        if not self._queries:
            self.close()

    def close(self) -> None:
        """Look no more, and close what is open, until somebody joins again."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._work is not None:
            self._work.stop()
            self._work = None
        if self._live is not None:
            self._live.close()
            self._live = None
        if self._view is not None:
            self._view.close()
            self._view = None

    def _look(self) -> None:
        self._next = None
        assert self._live is not None
        try:
            look = self._live.look()
        except Exception:
            self._failures.note(*_READING, Failure())
            self._again()
            return
        viewers = [(query, list(query.viewers)) for query in self._queries.values()]
        self._work = self.slices.cooperate(self._hand_out(look, viewers))
        self._work.whenDone().addErrback(self._failed).addCallback(self._done)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(TaskStopped):
            log.failure("the live view failed", failure)

    def _done(self, _: object) -> None:
        self._work = None
        if self._queries and self._next is None:
            self._next = self._clock.callLater(LOOK_EVERY, self._look)

    def _again(self) -> None:
        """Begin anew at the end: every viewer is told that it cannot be known what it missed."""
        try:
            assert self._live is not None
            self._live.close()
            self._live = Live(self.view, self.end)
            for query in self._queries.values():
                for viewer in list(query.viewers):
                    viewer.gone(self._live.position)
        except Exception:
            self._failures.note(*_READING, Failure())
        if self._queries:
            self._next = self._clock.callLater(1.0, self._look)

    def _hand_out(self, look: Look, viewers: list[tuple[_Query, list[Watching]]]) -> Iterator[None]:
        """Match and send, step by step; those who joined meanwhile have their turn at the next look."""
        if not (look.pieces or look.missed or look.gone):
            return
        made: dict[Position, LineEvent] = {}
        for query, watching in viewers:
            if look.gone and look.pieces:
                for viewer in watching:
                    viewer.gone(look.pieces[0].position)
            if not any(viewer.ready for viewer in watching):
                total = 0
                for piece in look.pieces:
                    total += query.matcher.count(piece.text, piece.position)
                    yield
                yield from self._show(query, watching, [], look.missed + total)
                continue
            found: deque[LineEvent] = deque(maxlen=MOST_AT_ONCE)
            total = 0
            for piece in look.pieces:
                for hit in in_text(query.matcher, None, piece.position, piece.text):
                    found.append(
                        made.get(hit.position) or made.setdefault(hit.position, LineEvent(hit))
                    )
                    total += 1
                yield
            events = list(found)
            for number in range(0, len(events), RENDERED_AT_ONCE):
                for event in events[number : number + RENDERED_AT_ONCE]:
                    event.data  # noqa: B018
                yield
            yield from self._show(query, watching, events, look.missed + total - len(events))

    def _show(
        self, query: _Query, watching: list[Watching], events: list[LineEvent], missed: int
    ) -> Iterator[None]:
        if not events and not missed:
            return
        for viewer in watching:
            if viewer in query.viewers:
                viewer.show(events, missed)
                yield
