"""A viewer that asked for a position and is not live yet: it gets what is between in steps, as it asks.

As long as the others are ahead of its place it asks for the next lines, as fast as its client takes them.
With the last of these it is live. Up to the end of the store at the time when it came it gets all. Behind
that it has no more lines than a live viewer, and no more text is looked through for it than MOST_BEHIND:
who is slower than the writing misses the rest, and is told.
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

# Bytes of text that are looked through for a viewer behind what it is sure to get.
MOST_BEHIND = 4 << 20
# Bytes of text that are looked through in a step at most: a millisecond.
MOST_IN_STEP = 256 << 10


class Step(NamedTuple):
    """The events of a step and of how many lines they are; `missed` lines behind them are left out.

    over: it is where the others are, but for those lines.
    """

    data: bytes
    lines: int
    missed: int = 0
    over: bool = False


@attrs.define(eq=False)
class CatchUp:
    """A viewer on its way.

    begin: it gets the lines that begin there or behind it. sure: it gets all lines before it.
    read, lines: bytes and lines of text that were looked through behind `sure`. shown: lines of them that
    it has got.
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
        # It begins at the byte before: where that is the end of a line, a line begins at `begin`.
        start = Position(self.begin.segment, max(0, self.begin.offset - 1))
        self._live = Live(self._view, start)

    def close(self) -> None:
        self._live.close()

    def step(self, until: Position, allowed: int, events: SharedEvents) -> Step:
        """Go on towards `until`, where the others are. Raises StoreError.

        allowed: so many lines it may have behind `sure`, in all its steps.
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
        """Return the text from the first line on that begins at `begin` or behind it."""
        if news.position >= self.begin:
            return news
        cut = news.text.find(b"\n") + 1
        segment, offset = news.position
        return news._replace(position=Position(segment, offset + cut), text=news.text[cut:])

    def _given_up(self, data: bytes, lines: int, until: Position) -> Step:
        passed = size_between(self._view, self._live.position, until)
        # The length of a line is that of the lines it has seen.
        missed = passed * self._lines // self._read if self._read else 0
        return Step(data, lines, missed, over=True)
