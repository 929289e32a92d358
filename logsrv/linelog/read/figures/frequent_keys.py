"""The most frequent keys in bounded memory; rare ones are forgotten.

That is Space-Saving in portions. `missed` is the most lines that a forgotten key can have had. A key that
comes again, or for the first time, may have had so many before: that counts when it is decided which keys
are rare. So a key that is missing has `missed` lines at most, and each number is too low by that at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import islice, repeat
from operator import add
from typing import Generic, TypeVar

MOST_KEYS = 250_000
"""Keys that are kept when there are twice as many."""
MOST_CHARACTERS = 8 << 20
"""The same for the characters of all keys together; a character has up to four bytes."""
Key = TypeVar("Key", bound=Hashable)


def characters_of_texts(texts: Iterable[str]) -> int:
    """Return the characters of all; to join them takes less than to look at each."""
    return len("".join(texts))


class FrequentKeys(Generic[Key]):
    """Keys with the numbers of their lines.

    total: of all lines that were added. missed: by how much each number may be too low; 0 if all are exact.
    """

    def __init__(self, characters: Callable[[Iterable[Key]], int], most: int | None = None) -> None:
        """characters: returns the length of keys. most: the keys that are kept; None for MOST_KEYS."""
        self.total = self.missed = 0
        self._most = most or MOST_KEYS
        self._lines: dict[Key, int] = {}
        # The most lines that a key may have had before it came.
        self._before: dict[Key, int] = {}
        self._characters = characters
        self._size = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._lines

    def items(self) -> Iterator[tuple[Key, int]]:
        """Yield the keys with their numbers of lines, each of which is certain."""
        return iter(self._lines.items())

    @property
    def left_out(self) -> int:
        """The number of the lines that were forgotten."""
        return self.total - sum(self._lines.values())

    def add(self, counts: Mapping[Key, int]) -> bool:
        """Add numbers of lines; return True if keys were forgotten."""
        known = len(self._lines)
        # A fourth of the time of Counter.update.
        so_far = map(self._lines.get, counts, repeat(0))
        self._lines |= zip(counts, map(add, counts.values(), so_far), strict=True)
        new = [*islice(reversed(self._lines), len(self._lines) - known)]
        self._size += self._characters(new)
        if self.missed:
            self._before.update(dict.fromkeys(new, self.missed))
        self.total += sum(counts.values())
        if len(self._lines) <= 2 * self._most and self._size <= 2 * MOST_CHARACTERS:
            return False
        self._forget_rare()
        return True

    def _forget_rare(self) -> None:
        before, kept, self._size = self._before, dict[Key, int](), 0
        most = Counter({key: lines + before.get(key, 0) for key, lines in self._lines.items()})
        for key, lines in most.most_common():
            size = self._size + self._characters((key,))
            if len(kept) >= self._most or size > MOST_CHARACTERS:
                self.missed = max(self.missed, lines)
                break
            kept[key], self._size = self._lines[key], size
        self._lines = kept
        self._before = {key: before[key] for key in before.keys() & kept.keys()}
