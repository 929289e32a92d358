"""The search for a line at which a target always ends the connection ("hangs up") without refusing it.

After TRIES hang-ups at the same lines, the lines are sent in smaller and smaller parts, down to a single
line. After TRIES hang-ups at that line, it is skipped, and the next lines are tried one by one: each at
which the target hangs up is skipped, too. When a line is acknowledged, the skipped ones are sent once more,
and those at which the target hangs up again count as refused. If the target hangs up at more than MOST
lines, or no other line waits, the target is faulty itself: the order of the lines is restored, and none is
refused.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from logsrv.linelog.ship.target import LineBatch
from logsrv.linelog.store.segment import Position

TRIES = 3
"""The hang-ups at the same lines after which they are sent in smaller parts."""
PARTS = 16
"""The number of parts into which the lines of a batch are divided."""
MOST = 16
"""The most skipped lines; if the target hangs up at more, it is faulty itself."""


class HangUpSearch:
    """The hang-ups of a target. waiting: the lines to send next, which this class divides and reorders."""

    def __init__(self, waiting: deque[LineBatch]) -> None:
        self._waiting = waiting
        self._tries = 0
        # _passed: the skipped lines. _last_tries: how many of the first waiting lines were skipped, and are
        # sent once more.
        self._passed: list[LineBatch] = []
        self._last_tries = 0

    @property
    def has_skipped(self) -> bool:
        """True while there are skipped lines: the place is before them."""
        return bool(self._passed)

    @property
    def is_searching(self) -> bool:
        """True during the search for a line, when nothing else may be in flight."""
        return bool(self._tries or self._passed or self._last_tries)

    def record_taken(self, place: Position, end: Position) -> Position:
        """Record an acknowledgement; return the new place: `end`, or `place` if lines were skipped."""
        self._tries = 0
        if self._last_tries:
            self._last_tries -= 1
        if not self._passed:
            return end
        passed, self._passed = self._passed, []
        self._last_tries = len(passed)
        # The place moves to `end` with the last of the skipped lines: then all lines up to there are done.
        again = [LineBatch(one.lines, place) for one in passed[:-1]]
        self._waiting.extendleft(reversed([*again, LineBatch(passed[-1].lines, end)]))
        return place

    def record_refused(self, place: Position, end: Position) -> Position:
        """Record that a line was refused; return the new place: `end`, or `place` if lines were skipped."""
        if self._last_tries:
            self._last_tries -= 1
        return place if self._passed else end

    def record_hang_up(self, place: Position) -> LineBatch | None:
        """Record a hang-up at the first waiting lines; return these lines if they count as refused now.

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
            self._waiting[0] = LineBatch(lines[part:], end)
            self._waiting.appendleft(LineBatch(lines[:part], place))
            self._tries = TRIES - 1 if part > 1 else 0
        elif len(self._passed) < MOST and any(one.lines for one in islice(self._waiting, 1, None)):
            self._passed.append(self._waiting.popleft())
        else:
            self._waiting.extendleft(reversed(self._passed))
            self._passed = []
            self._tries = 0
        return None
