"""A limit of answers per address: a token bucket for each, in bounded memory; sans-IO."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

REMEMBERED_ADDRESSES = 1024


class AnswerLimit:
    """Token buckets by address. One is full at first; the longest unused are forgotten, which fills them.

    clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED_ADDRESSES) -> None:
        self._clock = clock
        self._remembered = remembered
        # Address to its tokens and when they were counted, the one used last at the end.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, rate: float, burst: float) -> bool:
        """Take a token of the address's. Return False if it has none.

        rate: tokens that come in a second. burst: how many there can be.
        """
        now = self._clock()
        tokens, counted = self._buckets.get(address, (burst, now))
        tokens = min(burst, tokens + max(0.0, now - counted) * rate)
        taken = tokens >= 1
        self._buckets[address] = (tokens - taken, now)
        self._buckets.move_to_end(address)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return taken
