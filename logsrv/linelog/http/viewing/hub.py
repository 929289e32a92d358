"""The hub of the live views: reads new lines once, matches them once for each query, hands them to all.

It works in a process of its own (see `viewing`). A viewer names the place from which it wants all lines.
As long as the others are ahead of that place it is not live: it asks for the lines between, some at a
time, as fast as its client takes them. With the last of these it becomes live, in the same step: no line
is left out, and none comes twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.http.searching.events import line_event, missed_event
from logsrv.linelog.http.viewing.live import Live, Look, size_between
from logsrv.linelog.http.viewing.talk import Handed
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import Matcher, compile
from logsrv.linelog.read.follow import end_of
from logsrv.linelog.read.render import as_json
from logsrv.linelog.read.search import Hit, in_text
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Lines a second to one viewer for long, more than people and browsers can take; and to all viewers, which
# is bounded by what writing to their connections costs the daemon.
RATE = 1000
RATE_OF_ALL = 20_000
# Seconds whose lines may come at once.
BURST = 5
# Bytes that are handed out in one piece: they fill the buffers of a client that does not read.
PIECE = 8 << 10
# Bytes of text that are looked through for a viewer before it is live; a viewer that is slower than the
# writing misses the rest.
MOST_BEHIND = 16 << 20


@attrs.define(eq=False)
class _Query:
    """A query, those who watch for it, and how many lines they may have just now."""

    matcher: Matcher
    counted: float
    left: float = float(RATE * BURST)
    viewers: dict[int, None] = attrs.field(factory=dict)

    def allowed(self, now: float, rate: float) -> int:
        """Return how many lines may be handed out now."""
        self.left = min(rate * BURST, self.left + (now - self.counted) * rate)
        self.counted = now
        return int(self.left)


@attrs.define(eq=False)
class _Behind:
    """A viewer that is not live yet; `read` bytes, `lines` lines were looked through for it."""

    query: str
    matcher: Matcher
    live: Live
    read: int = 0
    lines: int = 0


@attrs.define(eq=False)
class Hub:
    """A look at the store for all viewers.

    hand_out: gets what they are to have. now: seconds that only grow.
    """

    _view: View
    _hand_out: Callable[[Handed], None]
    _now: Callable[[], float]
    _queries: dict[str, _Query] = attrs.field(factory=dict)
    _behind: dict[int, _Behind] = attrs.field(factory=dict)
    _live: Live | None = None

    @property
    def watched(self) -> bool:
        """Return whether there is anybody to look for."""
        return bool(self._queries)

    def join(self, viewer: int, query: str, begin: Position) -> None:
        """Let a viewer have what a query finds from `begin` on. Raises StoreError."""
        self._behind[viewer] = _Behind(query, compile(parse(query)), Live(self._view, begin))
        self._give(viewer)

    def more(self, viewer: int) -> None:
        """Give a viewer the next lines; it may be live since it asked, or have left. Raises StoreError."""
        if viewer in self._behind:
            self._give(viewer)

    def look(self) -> None:
        """Hand out what was written since the last look. Raises StoreError."""
        if self._live is None:
            return
        look = self._live.look()
        watching = sum(len(query.viewers) for query in self._queries.values())
        if not (look.pieces or look.missed) and self._view.removed:
            # Nothing is written there any more. Viewers that come back get the store that is at its path
            # now.
            raise StoreError("the store was removed")
        if not watching or not (look.pieces or look.missed):
            return
        made: dict[Position, bytes] = {}
        for query in self._queries.values():
            allowed = query.allowed(self._now(), min(RATE, RATE_OF_ALL / watching))
            self._show(query, look, made, allowed)

    def _show(self, query: _Query, look: Look, made: dict[Position, bytes], allowed: int) -> None:
        """Hand out the newest lines that a query finds in a look, and how many others there are."""
        viewers = tuple(query.viewers)
        if look.gone and look.pieces:
            self._hand_out(Handed(viewers, missed_event(None, str(look.pieces[0].position))))
        found: deque[Hit] = deque(maxlen=allowed)
        total = 0
        for piece in look.pieces:
            if not allowed:
                total += query.matcher.count(piece.text, piece.position)
                continue
            for hit in in_text(query.matcher, None, piece.position, piece.text):
                found.append(hit)
                total += 1
        query.left -= len(found)
        missed = look.missed + total - len(found)
        if missed:
            self._hand_out(Handed(viewers, missed=missed))
        events = [
            made.get(hit.position) or made.setdefault(hit.position, _event(hit)) for hit in found
        ]
        for lines, data in _pieces(events):
            self._hand_out(Handed(viewers, data, lines))

    def _give(self, viewer: int) -> None:
        """Give a viewer that is behind the next lines; with the last of them it is live."""
        behind = self._behind[viewer]
        if self._live is None:
            self._live = Live(self._view, end_of(self._view))
        if behind.live.position > self._live.position:
            # It knows of lines that were written since the last look.
            self.look()
        until = self._live.position
        if behind.read > MOST_BEHIND:
            passed = size_between(self._view, behind.live.position, until)
            # The length of a line is that of the lines it has seen.
            self._go_live(viewer, Handed((viewer,), missed=passed * behind.lines // behind.read))
            return
        news = behind.live.step(until)
        data, lines = b"", 0
        if news is not None:
            behind.read += len(news.text)
            behind.lines += news.text.count(b"\n")
            hits = in_text(behind.matcher, None, news.position, news.text)
            events = [_event(hit) for hit in hits]
            gap = missed_event(None, str(news.position)) if news.gap else b""
            data, lines = gap + b"".join(events), len(events)
        handed = Handed((viewer,), data, lines)
        if news is None or behind.live.position == until:
            self._go_live(viewer, handed)
        else:
            self._hand_out(handed)

    def _go_live(self, viewer: int, last: Handed) -> None:
        behind = self._behind.pop(viewer)
        behind.live.close()
        query = self._queries.get(behind.query)
        if query is None:
            query = self._queries[behind.query] = _Query(behind.matcher, self._now())
        query.viewers[viewer] = None
        self._hand_out(last._replace(live=True))

    def leave(self, viewer: int) -> None:
        """Give a viewer no more."""
        behind = self._behind.pop(viewer, None)
        if behind is not None:
            behind.live.close()
        for text, query in list(self._queries.items()):
            query.viewers.pop(viewer, None)
            if not query.viewers:
                del self._queries[text]
        if self._live is not None and not self._queries and not self._behind:
            self._live.close()
            self._live = None


def _event(hit: Hit) -> bytes:
    return line_event(str(hit.position), as_json(hit))


def _pieces(events: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the events in pieces of about PIECE bytes, each with the number of those in it."""
    start = size = 0
    for end, event in enumerate(events, 1):
        size += len(event)
        if size >= PIECE or end == len(events):
            yield end - start, b"".join(events[start:end])
            start, size = end, 0
