"""A viewer that is not live yet: it gets the lines from its position up to the present in steps.

It asks for the next lines as fast as its client reads, until it has reached the position of the other
viewers. Then it is live. It gets every matching line up to `sure`, the end of the store when it was
attached. Of the lines after `sure` it gets no more than a live viewer, from at most MOST_BEHIND bytes of
text. A client that reads more slowly than lines are written misses the rest, and gets the number of missed
lines.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs

from logsrv.linelog.http.views.view_protocol import missed_event
from logsrv.linelog.http.views.watched_query import (
    PIECE,
    LatestRecords,
    SharedEvents,
    WatchedQuery,
)
from logsrv.linelog.read.follow import AppendedLines, Follower, bytes_between
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

# The most bytes of text after `sure` that are searched for a viewer. Then it is live, and the lines that it
# has not reached count as missed.
MOST_BEHIND = 4 << 20
# Bytes of text after which a step ends: searching them takes a millisecond.
MOST_IN_STEP = 256 << 10
# Bytes that are searched at a time, because their events are in memory.
STEP = 8 << 10


class CatchUpStep(NamedTuple):
    """The events of a step, and the number of lines in them. missed: the lines left out after them.

    over: whether the viewer has reached the position of the other viewers.
    """

    data: bytes
    lines: int
    missed: int = 0
    over: bool = False


@attrs.define(eq=False)
class CatchUp:
    """A viewer that catches up.

    begin: the position from which it gets lines. sure: the position up to which it gets all matching lines.
    read, lines: bytes and lines of text after `sure` that were searched. shown: how many of these it got.
    """

    query: WatchedQuery
    begin: Position
    sure: Position
    _view: View
    _follower: Follower = attrs.field(init=False)
    _has_begun: bool = False
    _read: int = 0
    _lines: int = 0
    _shown: int = 0
    _records: LatestRecords = attrs.field(factory=LatestRecords)

    def __attrs_post_init__(self) -> None:
        # Reading begins one byte earlier: if that byte is an LF, a line begins at `begin`.
        start = Position(self.begin.segment, max(0, self.begin.offset - 1))
        self._follower = Follower(self._view, start)

    @property
    def position(self) -> Position:
        """The position up to which it has read."""
        return max(self.begin, self._follower.position)

    def close(self) -> None:
        self._follower.close()

    def next_step(self, until: Position, allowed: int, events: SharedEvents) -> CatchUpStep:
        """Return the next events, up to `until`, the position of the other viewers. Raises StoreError.

        allowed: the number of lines after `sure` that it may get in all steps together.
        """
        data: list[bytes] = []
        size = text = lines = 0
        while size < PIECE and text < MOST_IN_STEP:
            if self._shown >= allowed or self._read > MOST_BEHIND:
                return self._give_up(b"".join(data), lines, until)
            news = self._follower.read(STEP, until=until)
            if news is None:
                return CatchUpStep(b"".join(data), lines, over=True)
            text += len(news.text)
            news = self._cut_to_begin(news)
            made = self._make_events(news, events)
            found = len(made)
            if news.has_gap:
                made.insert(0, missed_event(None, str(news.position)))
            data += made
            size += sum(map(len, made))
            lines += found
            if news.position >= self.sure:
                self._read += len(news.text)
                self._lines += news.text.count(b"\n")
                self._shown += found
        return CatchUpStep(b"".join(data), lines, over=self._follower.position == until)

    def _make_events(self, news: AppendedLines, events: SharedEvents) -> list[bytes]:
        """Return the event of each wanted line."""
        if not news.text:
            return []
        if not self._has_begun:
            # Not before there is a line: it may read earlier ones, and most viewers have missed none.
            self._has_begun = True
            self.query.begin_at(self._view, self.begin)
        if self.query.asked:
            if news.has_gap:
                self._records.forget()
            touched = self._records.add([news], self._view, [self.query.asked])
            return events.events_of_records(
                self.query.asked.lines(touched, news.position), self.query
            )
        if self.query.joined and news.has_gap:
            self.query.joined.forget()
        matcher = self.query.matcher
        first_lines = news.first_lines(matcher.inherits)
        hits = news.hits(matcher.find(news.text, news.position.in_text, first_lines))
        return events.events_for(hits, self.query)

    def _cut_to_begin(self, news: AppendedLines) -> AppendedLines:
        """Return the lines of `news` that begin at position `begin` or after it."""
        if news.position >= self.begin:
            return news
        cut = news.text.find(b"\n") + 1
        segment, offset = news.position
        return news._replace(position=Position(segment, offset + cut), text=news.text[cut:])

    def _give_up(self, data: bytes, lines: int, until: Position) -> CatchUpStep:
        passed, _ = bytes_between(self._view, self._follower.position, until)
        # An estimate, by the average length of the lines searched after `sure`, up to which all are shown.
        missed = passed * self._lines // self._read if self._read else 0
        return CatchUpStep(data, lines, missed, over=True)
