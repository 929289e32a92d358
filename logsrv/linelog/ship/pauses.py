"""The pauses of a shipper between two attempts."""

from __future__ import annotations

from collections.abc import Callable

SHORTEST, LONGEST = 0.1, 30.0
"""Seconds: the shortest and the longest pause. The pause doubles after each failure."""
SETTLED = 60.0
"""Seconds between two attempts if the cause of the failure does not pass by itself."""
MOST_ASKED = 3600.0
"""Seconds: the longest pause, even if a target asks for more."""


class RetryPauses:
    """Pauses that grow until an attempt succeeds. random: returns a number from 0 to 1.

    The length is random, from a half to the whole of a pause, so that many shippers do not all try again at
    the same time.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = SHORTEST

    def reset(self) -> None:
        """Go back to the shortest pause, after a success."""
        self._next = SHORTEST

    def next_pause(self, *, after: float | None = None, settled: bool = False) -> float:
        """Return how many seconds to wait before the next attempt.

        after: the seconds that the target has asked for. settled: whether the cause does not pass by
        itself; then the result is SETTLED.
        """
        if settled:
            return SETTLED
        longest, self._next = self._next, min(self._next * 2, LONGEST)
        pause = longest * (1 + self._random()) / 2
        return pause if after is None else min(max(after, pause), MOST_ASKED)
