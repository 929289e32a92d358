"""A query of live viewers: what it finds in a look, within a share of time and a number of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from logsrv.linelog.http.searching.events import line_event
from logsrv.linelog.http.viewing.live import Look
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import Matcher, compile
from logsrv.linelog.read.render import as_json
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position

# Bytes that are handed out in one piece: they fill the buffers of a client that does not read.
PIECE = 8 << 10
# Bytes of lines as events that are kept for viewers that come to the same lines later.
KEPT_EVENTS = 8 << 20


@attrs.define(eq=False)
class WatchedQuery:
    """A query, those who watch for it, and how many lines they may have just now."""

    matcher: Matcher
    counted: float
    left: float
    viewers: dict[int, None] = attrs.field(factory=dict)

    @classmethod
    def of(cls, query: str, now: float, left: float) -> WatchedQuery:
        """Return that of a text, which may have so many lines at once."""
        return cls(compile(parse(query)), now, left)

    def allowed(self, now: float, rate: float, burst: float) -> int:
        """Return how many lines may be handed out now: so many a second, saved up to a burst."""
        self.left = min(burst, self.left + (now - self.counted) * rate)
        self.counted = now
        return int(self.left)

    def find(
        self, look: Look, allowed: int, now: Callable[[], float], until: float
    ) -> tuple[list[Hit], int]:
        """Return the newest lines of a look that match, in order, and how many others are left out.

        The newest piece of text is looked at in any case, those before it until it is `until`; of the rest
        each line is left out.
        """
        found: list[list[Hit]] = []
        missed, late = look.missed, False
        for piece, lines in zip(reversed(look.pieces), reversed(look.lines), strict=True):
            late = late or (piece is not look.pieces[-1] and now() > until)
            if late:
                missed += lines
            elif not allowed:
                missed += self.matcher.count(piece.text, piece.position)
            else:
                segment, offset = piece.position
                lines_found = list(self.matcher.find(piece.text, piece.position))
                missed += max(0, len(lines_found) - allowed)
                del lines_found[:-allowed]
                allowed -= len(lines_found)
                self.left -= len(lines_found)
                found.append(
                    [
                        Hit(Position(segment, offset + start), piece.text[start:end])
                        for start, end in lines_found
                    ]
                )
        return [hit for hits in reversed(found) for hit in hits], missed


class Events:
    """Lines as events, each made once for all viewers that have it at about the same time."""

    def __init__(self) -> None:
        self._made: dict[Position, bytes] = {}
        self._size = 0

    def of(self, hits: list[Hit]) -> list[bytes]:
        """Return the event of each line."""
        made = self._made
        return [made.get(hit.position) or self._make(hit) for hit in hits]

    def _make(self, hit: Hit) -> bytes:
        event = line_event(str(hit.position), as_json(hit))
        if self._size + len(event) > KEPT_EVENTS:
            self._made.clear()
            self._size = 0
        self._made[hit.position] = event
        self._size += len(event)
        return event


def pieces(events: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the events in pieces of about PIECE bytes, each with the number of those in it."""
    start = size = 0
    for end, event in enumerate(events, 1):
        size += len(event)
        if size >= PIECE or end == len(events):
            yield end - start, b"".join(events[start:end])
            start, size = end, 0
