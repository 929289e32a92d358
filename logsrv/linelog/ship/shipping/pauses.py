"""The pauses of a shipper between two tries."""

from __future__ import annotations

from collections.abc import Callable

SHORTEST, LONGEST = 0.1, 30.0
"""Seconds: each pause is up to twice as long as the one before."""
SETTLED = 60.0
"""Seconds between two tries of what does not go away by itself."""
MOST_ASKED = 3600.0
"""Seconds: a target that asks for more is tried all the same."""


class Pauses:
    """Pauses that grow as long as nothing succeeds. random: returns numbers from 0 up to 1.

    Each is of a random length between a half and the whole, so that many shippers whose target was gone do
    not come back all at once.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = SHORTEST

    def reset(self) -> None:
        """Begin anew: something has succeeded."""
        self._next = SHORTEST

    def pause(self, *, after: float | None = None, settled: bool = False) -> float:
        """Return how many seconds to wait. after: what the target has asked for."""
        if settled:
            return SETTLED
        longest, self._next = self._next, min(self._next * 2, LONGEST)
        pause = longest * (1 + self._random()) / 2
        return pause if after is None else min(max(after, pause), MOST_ASKED)
