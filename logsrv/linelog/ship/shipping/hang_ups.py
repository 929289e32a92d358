"""The search for a line at which a target hangs up each time without refusing it; the line is left out.

After TRIES hang-ups on the same lines they are sent in smaller and smaller parts, down to a single line.
After TRIES hang-ups on that line it is passed by, and the next lines are tried one by one. As soon as one
of them is acknowledged, the passed line is sent once more: if the target hangs up again, the line is
refused. A target that hangs up on the next lines as well has a fault of its own: the order is restored, and
nothing is refused.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from logsrv.linelog.ship.target import SentLines
from logsrv.linelog.store.segments.segment import Position

TRIES = 3
"""Hang-ups on the same lines until they are sent in smaller parts."""
PARTS = 16
"""The number of parts that lines are divided into."""
MOST = 16
"""Lines that are passed by until the target itself is held to be faulty."""


class HangUps:
    """The hang-ups of a target. waiting: the lines to send next, which are divided and reordered here."""

    def __init__(self, waiting: deque[SentLines]) -> None:
        self._waiting = waiting
        self._tries = 0
        # Lines that are passed by; how many of the next lines were passed by and are sent once more.
        self._passed: list[SentLines] = []
        self._last_tries = 0

    @property
    def pending(self) -> bool:
        """True while lines are passed by: the place is before them."""
        return bool(self._passed)

    @property
    def looking(self) -> bool:
        """True during a search for a line: nothing else may be in flight then."""
        return bool(self._tries or self._passed or self._last_tries)

    def taken(self, place: Position, end: Position) -> Position:
        """Note that lines were acknowledged; return the new place: `end`, or still `place`."""
        self._tries = 0
        if self._last_tries:
            self._last_tries -= 1
        if not self._passed:
            return end
        passed, self._passed = self._passed, []
        self._last_tries = len(passed)
        # After the last of them everything up to `end` is done.
        again = [SentLines(one.lines, place) for one in passed[:-1]]
        self._waiting.extendleft(reversed([*again, SentLines(passed[-1].lines, end)]))
        return place

    def refused(self, place: Position, end: Position) -> Position:
        """Note that an answer refused a line; return the new place: `end`, or still `place`."""
        if self._last_tries:
            self._last_tries -= 1
        return place if self._passed else end

    def hung_up(self, place: Position) -> SentLines | None:
        """Note a hang-up on the first waiting lines; return them if they are refused now.

        place: the place up to which the target has everything.
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
