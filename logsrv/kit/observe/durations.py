"""Durations: a histogram of durations, which one thread counts and any thread reads.

There is no lock: only the thread that does the work changes the counts and the sum. Work of two threads is
counted in two of these, which are added up when somebody asks.
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

# Bounds in seconds, for writes: one to the page cache takes 50 µs to 1 ms, a sync 1 to 100 ms; over 1 s
# hurts.
SHORT = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
# Bounds in seconds, for long work: compressing a segment of 256 MiB takes 1 or 2 s, or much more under
# load.
LONG = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@attrs.frozen
class Distribution:
    """The durations counted so far.

    bounds: in seconds, ascending. counts: the number of durations up to each bound and above the one before
    it; the last is the number above all bounds. total: the sum of all durations, in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def __add__(self, other: Distribution) -> Distribution:
        """Return the sum of both. Raises ValueError if their bounds differ."""
        if self.bounds != other.bounds:
            raise ValueError("two distributions with different bounds cannot be added up")
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return pairs of a bound and the number of durations up to it; the last bound is infinite."""
        bounds = (*self.bounds, float("inf"))
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Durations:
    """Counts the durations of something that one thread does.

    begun: the `perf_counter()` at the start of the present step; None between steps.
    """

    __slots__ = ("_bounds", "_counts", "_total", "begun")

    def __init__(self, bounds: Sequence[float] = SHORT) -> None:
        self.begun: float | None = None
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def timed(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `step`, count its duration, and return its result; if it raises, nothing is counted."""
        return self.timed_longer(0.0, step, *args, **kwargs)

    def timed_longer(
        self, before: float, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do as `timed`, for a step that began `before` seconds ago."""
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
        """Return the seconds since the start of the present step; 0 between steps."""
        begun = self.begun
        return 0.0 if begun is None else perf_counter() - begun

    def read(self) -> Distribution:
        """Return the durations counted so far. In another thread, `total` may miss the latest one."""
        return Distribution(self._bounds, tuple(self._counts), self._total)
