"""The line at which a target ends the connection each time, without a refusal: it is found and left out.

After TRIES at the same place the lines there are sent in smaller and smaller parts, until one is alone. If
the target hangs up on it as often, the lines behind it are tried. As soon as one of those is acknowledged,
the line comes once more: hung up on again, it will never be taken, and is refused. A target that hangs up
on the lines behind it as well is not well itself: all is as before, and nothing is refused.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from logsrv.linelog.ship.target import SentLines
from logsrv.linelog.store.segments.segment import Position

TRIES = 3
"""Times that the target hangs up on the same lines, until they are sent in smaller parts."""
PARTS = 16
"""A part of lines is one of so many."""
MOST = 16
"""Lines that are passed by until it is the target that is not well."""


class HangUps:
    """The times that a target has hung up. waiting: what is sent next, which is cut and ordered here."""

    def __init__(self, waiting: deque[SentLines]) -> None:
        self._waiting = waiting
        self._tries = 0
        # Lines that are passed by, and how many of the next lines were passed by and come once more.
        self._passed: list[SentLines] = []
        self._last_tries = 0

    @property
    def pending(self) -> bool:
        """Return true while lines are passed by: the place is before them."""
        return bool(self._passed)

    @property
    def looking(self) -> bool:
        """Return true while a line is looked for: nothing else may be under way then."""
        return bool(self._tries or self._passed or self._last_tries)

    def taken(self, place: Position, end: Position) -> Position:
        """Take note that lines were acknowledged; return the new place: `end`, or `place` as before."""
        self._tries = 0
        if self._last_tries:
            self._last_tries -= 1
        if not self._passed:
            return end
        passed, self._passed = self._passed, []
        self._last_tries = len(passed)
        # With the last of them all up to `end` is done.
        again = [SentLines(one.lines, place) for one in passed[:-1]]
        self._waiting.extendleft(reversed([*again, SentLines(passed[-1].lines, end)]))
        return place

    def refused(self, place: Position, end: Position) -> Position:
        """Take note that a line was refused in words; return the new place: `end`, or `place` as before."""
        if self._last_tries:
            self._last_tries -= 1
        return place if self._passed else end

    def hung_up(self, place: Position) -> SentLines | None:
        """Take note of a hang-up on the first that waits; return it if it is refused now.

        place: up to where the target has everything.
        """
        self._tries += 1
        lines, end = self._waiting[0]
        if self._last_tries:
            self._last_tries -= 1
            return self._waiting.popleft()
        if self._tries < TRIES and not self._passed:
            return None
        if len(lines) > 1:
            part = 1 if self._passed else max(len(lines) // PARTS, 1)
            self._waiting[0] = SentLines(lines[part:], end)
            self._waiting.appendleft(SentLines(lines[:part], place))
            self._tries = TRIES - 1 if part > 1 else 0
        elif len(self._passed) < MOST and any(one.lines for one in islice(self._waiting, 1, None)):
            self._passed.append(self._waiting.popleft())
        else:
            self._waiting.extendleft(reversed(self._passed))
            self._passed = []
            self._tries = 0
        return None
