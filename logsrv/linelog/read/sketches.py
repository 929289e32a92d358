"""Figures of many lines in bounded memory: the most frequent keys, and quantiles of numbers.

Quantiles are exact as long as the numbers are few, then within 0.5 %. Rare keys are forgotten.
That is Space-Saving in portions. `missed` is the most lines that a forgotten key can have had. A key that
comes again, or for the first time, may have had so many before: that counts when it is decided which keys
are rare. So a key that is missing has `missed` lines at most, and each number is too low by that at most.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

MOST_KEYS = 100_000
"""Keys that are kept when there are twice as many."""
MOST_CHARACTERS = 8 << 20
"""The same for the characters of all keys together; a character has up to four bytes."""
Key = TypeVar("Key", bound=Hashable)


class FrequentKeys(Generic[Key]):
    """Keys with the numbers of their lines. missed: by how much each may be too low; 0 if all are exact."""

    def __init__(self, characters: Callable[[Key], int]) -> None:
        """characters: returns the length of a key."""
        self.missed = 0
        self._lines: Counter[Key] = Counter()
        # The most lines that a key may have had before it came.
        self._before: dict[Key, int] = {}
        self._characters = characters
        self._size = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._lines

    def items(self) -> Iterator[tuple[Key, int]]:
        """Yield the keys with their numbers of lines, each of which is certain."""
        return iter(self._lines.items())

    def add(self, counts: Mapping[Key, int]) -> bool:
        """Add numbers of lines; return True if keys were forgotten."""
        new = [key for key in counts if key not in self._lines]
        self._size += sum(map(self._characters, new))
        if self.missed:
            self._before.update(dict.fromkeys(new, self.missed))
        self._lines.update(counts)
        if len(self._lines) <= 2 * MOST_KEYS and self._size <= 2 * MOST_CHARACTERS:
            return False
        self._forget_rare()
        return True

    def _forget_rare(self) -> None:
        before, kept, self._size = self._before, dict[Key, int](), 0
        most = Counter({key: lines + before.get(key, 0) for key, lines in self._lines.items()})
        for key, lines in most.most_common():
            size = self._size + self._characters(key)
            if len(kept) >= MOST_KEYS or size > MOST_CHARACTERS:
                self.missed = max(self.missed, lines)
                break
            kept[key], self._size = self._lines[key], size
        self._lines = Counter(kept)
        self._before = {key: before[key] for key in before.keys() & kept.keys()}


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
