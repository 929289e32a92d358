"""A cache that is bounded in bytes, for pages and what they are made from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Kept = TypeVar("Kept")


class Cache(Generic[Key, Kept]):
    """A cache, bounded in bytes and in seconds, that drops the least recently used values first.

    most_bytes: for all values together. seconds: until a value expires. now: a monotonic clock in seconds.
    """

    def __init__(self, most_bytes: int, seconds: float, now: Callable[[], float]) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._now = now
        self._entries: OrderedDict[Key, tuple[Kept, int, float]] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Kept | None:
        if key not in self._entries:
            return None
        value, _, until = self._entries[key]
        if until <= self._now():
            self.forget(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Kept, size: int) -> None:
        """Store `value`, which takes about `size` bytes of memory; one above `most_bytes` is not stored."""
        self.forget(key)
        if size > self._most_bytes:
            return
        self._entries[key] = value, size, self._now() + self._seconds
        self.size += size
        while self.size > self._most_bytes:
            self.forget(next(iter(self._entries)))

    def forget(self, key: Key) -> None:
        if key in self._entries:
            self.size -= self._entries.pop(key)[1]
