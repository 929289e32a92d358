"""The numbers of a field in some lines, and every figure of them: sum, avg, min, max, p50, p95, p99.

`group` (groups.py) makes tables of them for the terminal, the page and the API. An alert's windows use the
same sums; they have no percentiles, because each step of each group would have to keep its numbers.

Percentiles are exact as long as the numbers are few, then within 0.5 %.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Sums: TypeAlias = Sequence[float]
"""Of some numbers: how many, their sum, the least, the largest; empty without numbers."""
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

# The numbers in a bucket differ from its middle by at most half of this ratio.
_RATIO = 1.01
_LOG = math.log(_RATIO)


def sums_of(numbers: Sequence[float]) -> Sums:
    return (len(numbers), sum(numbers), min(numbers), max(numbers)) if numbers else ()


def joined_sums(all_: Iterable[Sums]) -> Sums:
    """Return the sums of lines together. all_: the sums of some lines each."""
    known = [one for one in all_ if one]
    if len(known) < 2:
        return known[0] if known else ()
    many, total, least, largest = zip(*known, strict=True)
    return sum(many), sum(total), min(least), max(largest)


def figure(function: str, sums: Sums) -> float | None:
    """Return a figure other than a count or a percentile; None without numbers."""
    if not sums:
        return None
    many, total, least, largest = sums
    return {"sum": total, "avg": total / many, "min": least, "max": largest}[function]


class Numbers:
    """The numbers of a field in a group: their sums and, if percentiles are wanted, the numbers."""

    def __init__(self) -> None:
        self.sums: Sums = ()
        self._values = array("d")
        self._buckets: Counter[tuple[int, int]] = Counter()

    def __len__(self) -> int:
        """Return how many numbers are in memory."""
        return len(self._values)

    def add(self, sums: Sums, values: Iterable[float] = ()) -> None:
        """Add the sums of numbers and, for percentiles, the numbers themselves."""
        self.sums = joined_sums((self.sums, sums))
        self._values.extend(values)

    def compress(self) -> None:
        """Keep only how many numbers are in each bucket."""
        self._buckets.update(map(_bucket, self._values))
        self._values = array("d")

    def figure(self, function: str) -> float | None:
        """Return any figure but a count; None without numbers."""
        if function in PERCENTILES:
            return self.percentile(PERCENTILES[function])
        return figure(function, self.sums)

    def percentile(self, part: float) -> float | None:
        """Return the number at `part` (0 to 1), between two numbers in proportion, as SQL's
        quantile_cont does.
        """
        if not self._buckets:
            self._values = array("d", sorted(self._values))
            return _interpolated(self._values, part)
        self.compress()
        return _in_buckets(sorted(self._buckets.items()), part * (self._buckets.total() - 1))


def _interpolated(values: Sequence[float], part: float) -> float | None:
    if not values:
        return None
    place = part * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _bucket(value: float) -> tuple[int, int]:
    """Return the bucket of a number; buckets sort as their numbers do."""
    if abs(value) < 1e-300:
        return 0, 0
    power = round(math.log(abs(value)) / _LOG)
    return (1, power) if value > 0 else (-1, -power)


def _in_buckets(ordered: Sequence[tuple[tuple[int, int], int]], place: float) -> float | None:
    passed = 0
    for (sign, power), count in ordered:
        passed += count
        if passed > place:
            return sign * math.exp(sign * power * _LOG) if sign else 0.0
    return None
