"""Quantiles of many numbers in bounded memory: exact as long as the numbers are few, then within 0.5 %."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

# The numbers in a bucket differ from its middle by at most half of this ratio.
_RATIO = 1.01
_LOG = math.log(_RATIO)


class QuantileNumbers:
    """Numbers whose quantiles are wanted. is_exact: all numbers are kept."""

    def __init__(self) -> None:
        self._values = array("d")
        self._buckets: Counter[tuple[int, int]] = Counter()
        self.is_exact = True

    def __len__(self) -> int:
        """Return how many numbers are in memory; 0 if only buckets are."""
        return len(self._values)

    def add(self, values: Iterable[float]) -> None:
        if self.is_exact:
            self._values.extend(values)
        else:
            self._buckets.update(map(_bucket, values))

    def compress(self) -> None:
        """Keep only how many numbers are in each bucket."""
        if self.is_exact:
            self.is_exact = False
            self._buckets.update(map(_bucket, self._values))
            self._values = array("d")

    def quantiles(self, parts: Sequence[float]) -> list[float | None]:
        """Return the quantile at each of `parts` (0 to 1), between two numbers in proportion, as SQL's
        quantile_cont does. None without numbers.
        """
        if self.is_exact:
            values = sorted(self._values)
            return [_interpolated(values, part) for part in parts]
        ordered = sorted(self._buckets.items())
        total = sum(count for _, count in ordered)
        return [_in_buckets(ordered, part * (total - 1)) for part in parts]


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
