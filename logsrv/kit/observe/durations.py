"""Durations: a histogram of how long something takes, counted by one thread and read by any.

No lock: a list of counts and a sum belong to the thread that does the work, and whoever reads takes
them as they are. What two threads do is counted in two of these, and added up when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from time import perf_counter
from typing import ParamSpec, TypeVar

import attrs

P = ParamSpec("P")
T = TypeVar("T")

# Seconds: a write to the page cache takes 50 µs to 1 ms, a sync 1 to 100 ms; what is above a second hurts.
SHORT = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
# Seconds: compressing a segment of 256 MiB takes one or two, beside other work many.
LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@attrs.frozen
class Distribution:
    """Durations that were counted up to now.

    counts: how many durations are at most so long, for each of `bounds` (seconds, ascending) and, as
        the last, for all that were longer; each duration is in one of them. total: all added up.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def __add__(self, other: Distribution) -> Distribution:
        """Return both in one. Raises ValueError if their bounds differ."""
        if self.bounds != other.bounds:
            raise ValueError("two distributions with different bounds cannot be added up")
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return (bound, how many are at most so long); the last bound is infinite."""
        bounds = (*self.bounds, float("inf"))
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Durations:
    """Counts how long something takes that one thread does.

    begun: when what is under way began, by `perf_counter()`; None while nothing is.
    """

    __slots__ = ("_bounds", "_counts", "_total", "begun")

    def __init__(self, bounds: Sequence[float] = SHORT) -> None:
        self.begun: float | None = None
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def timed(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `step` returns, and count how long it took; if it raises, nothing is counted."""
        return self.timed_longer(0.0, step, *args, **kwargs)

    def timed_longer(
        self, before: float, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `timed` does with a step that began so many seconds before."""
        self.begun = begun = perf_counter() - before
        try:
            done = step(*args, **kwargs)
            self.add(perf_counter() - begun)
        finally:
            self.begun = None
        return done

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def under_way(self) -> float:
        """Return for how many seconds that has been going on which is under way; 0 if nothing is."""
        begun = self.begun
        return 0.0 if begun is None else perf_counter() - begun

    def read(self) -> Distribution:
        """Return what was counted; of another thread's, possibly without the latest in `total`."""
        return Distribution(self._bounds, tuple(self._counts), self._total)
