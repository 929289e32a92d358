"""The tally of one alert: the lines that matched since the last message, and when the next is due.

The first line waits for further lines of the same moment. After a message nothing is sent before the
interval is over. Lines of a message that fails are counted again, with newer ones.

Only the first lines are kept, so that a flood takes no memory. There is no clock here: the caller gives the
time.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from logsrv.linelog.read.hits import Hit
from logsrv.linelog.store.cursor import NO_PLACE, Place
from logsrv.linelog.store.times import time_text

SHOWN = 10
"""The most lines in a message; the others are only counted."""
LONGEST = 1 << 16
"""The most bytes of a line in a message; the rest is cut off."""
SETTLE = 0.3
"""Seconds from the first match to its message, so that lines of the same moment are in it."""


@attrs.frozen(kw_only=True)
class MatchCount:
    """Lines that matched: their number, the first SHOWN of them, the TIMEs of the first and of the last.

    begin: the place of the first matching line. gap: whether lines before or among them were removed
    from the store unsearched.
    """

    count: int = 0
    first: tuple[Hit, ...] = ()
    since: str | None = None
    until: str | None = None
    begin: Place = NO_PLACE
    gap: bool = False

    def followed_by(self, newer: MatchCount) -> MatchCount:
        """Return the count of these lines and newer ones together."""
        gap = self.gap or newer.gap
        if not self.count or not newer.count:
            return attrs.evolve(newer if newer.count else self, gap=gap)
        first, count = (self.first + newer.first)[:SHOWN], self.count + newer.count
        return attrs.evolve(self, count=count, first=first, until=newer.until, gap=gap)


def _shortened(hit: Hit) -> Hit:
    first_line = hit.first_line and hit.first_line[:LONGEST]
    return hit._replace(line=hit.line[:LONGEST], first_line=first_line)


class MatchTally:
    """A count that is sent at most once in `every` seconds. due: when `take_if_due` has to act, if ever."""

    def __init__(self, every: float, due: float | None = None) -> None:
        """due: the end of an interval that has begun already."""
        self.every = every
        self.due = due
        self.counted = MatchCount()

    def add_matches(
        self,
        hits: Sequence[Hit],
        count: int,
        last: bytes,
        now: float,
        begin: Place | None = None,
    ) -> None:
        """Count matching lines. hits: the first of them, up to SHOWN. count: the number of all.

        last: the last line. now: the time by the monotonic clock, in seconds. begin: the place of the first
        line in all stores; its position if there is one.
        """
        newer = MatchCount(
            count=count,
            first=tuple(_shortened(hit) for hit in hits[:SHOWN]),
            since=time_text(hits[0].line),
            until=time_text(last),
            begin=begin or hits[0].position,
        )
        self.counted = self.counted.followed_by(newer)
        if self.due is None:
            self.due = now + SETTLE

    def put_back(self, undelivered: MatchCount, due: float) -> None:
        """Add the lines of a failed message to the count again, to be sent at `due`."""
        self.counted = undelivered.followed_by(self.counted)
        self.due = due

    def note_missed_lines(self) -> None:
        """Note that lines were removed before they were searched."""
        self.counted = attrs.evolve(self.counted, gap=True)

    def take_if_due(self, now: float, *, at_once: bool = False) -> MatchCount | None:
        """Return the count to send now, and begin a new one; None if none is due.

        at_once: ignore `due`, if any line was counted.
        """
        if self.due is None or (now < self.due and not (at_once and self.counted.count)):
            return None
        if not self.counted.count:
            self.due = None
            return None
        taken, self.counted = self.counted, MatchCount()
        self.due = now + self.every
        return taken
