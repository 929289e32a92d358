"""A viewer that asked for a position and is not live yet: it gets the lines up to the present in steps.

It asks for the next lines as fast as its client takes them, until it has reached the place of the other
viewers. Then it is live. It gets every matching line up to the end of the store at the time when it joined.
Behind that it gets no more lines than a live viewer, out of at most MOST_BEHIND bytes of text. A client
that is slower than the writing misses the rest, and is told so.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs

from logsrv.linelog.http.searching.events import missed_event
from logsrv.linelog.http.viewing.live import Live, size_between
from logsrv.linelog.http.viewing.watched_query import PIECE, SharedEvents
from logsrv.linelog.query.matching.match import Matcher
from logsrv.linelog.read.follow import Appended
from logsrv.linelog.read.search import in_text
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Bytes of text that are searched for a viewer behind `sure`.
MOST_BEHIND = 4 << 20
# Bytes of text that a step may search, which takes a millisecond.
MOST_IN_STEP = 256 << 10


class Step(NamedTuple):
    """The events of a step, and their number of lines. missed: lines behind them that are left out.

    over: whether the viewer has reached the place of the others.
    """

    data: bytes
    lines: int
    missed: int = 0
    over: bool = False


@attrs.define(eq=False)
class CatchUp:
    """A viewer that catches up.

    begin: the position from which it gets lines. sure: the position up to which it gets all matching lines.
    read, lines: bytes and lines of text searched behind `sure`. shown: lines of that text which it has got.
    """

    query: str
    matcher: Matcher
    begin: Position
    sure: Position
    _view: View
    _live: Live = attrs.field(init=False)
    _read: int = 0
    _lines: int = 0
    _shown: int = 0

    def __attrs_post_init__(self) -> None:
        # Reading begins one byte earlier: if that byte is an LF, a line begins at `begin`.
        start = Position(self.begin.segment, max(0, self.begin.offset - 1))
        self._live = Live(self._view, start)

    def close(self) -> None:
        self._live.close()

    def step(self, until: Position, allowed: int, events: SharedEvents) -> Step:
        """Return the next events, up to `until`, the place of the others. Raises StoreError.

        allowed: the number of lines behind `sure` that it may get in all steps.
        """
        data: list[bytes] = []
        size = text = lines = 0
        while size < PIECE and text < MOST_IN_STEP:
            if self._shown >= allowed or self._read > MOST_BEHIND:
                return self._given_up(b"".join(data), lines, until)
            news = self._live.step(until)
            if news is None:
                return Step(b"".join(data), lines, over=True)
            text += len(news.text)
            news = self._from_begin(news)
            hits = list(in_text(self.matcher, None, news.position, news.text))
            made = events.of(hits)
            if news.gap:
                made.insert(0, missed_event(None, str(news.position)))
            data += made
            size += sum(map(len, made))
            lines += len(hits)
            if news.position >= self.sure:
                self._read += len(news.text)
                self._lines += news.text.count(b"\n")
                self._shown += len(hits)
        return Step(b"".join(data), lines, over=self._live.position == until)

    def _from_begin(self, news: Appended) -> Appended:
        """Return the lines of `news` that begin at `begin` or behind it."""
        if news.position >= self.begin:
            return news
        cut = news.text.find(b"\n") + 1
        segment, offset = news.position
        return news._replace(position=Position(segment, offset + cut), text=news.text[cut:])

    def _given_up(self, data: bytes, lines: int, until: Position) -> Step:
        passed = size_between(self._view, self._live.position, until)
        # Estimated from the average length of the lines that were read.
        missed = passed * self._lines // self._read if self._read else 0
        return Step(data, lines, missed, over=True)
