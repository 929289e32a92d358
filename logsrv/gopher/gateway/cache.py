"""A cache of what was fetched a moment ago: bounded in bytes and in seconds. Sans-IO."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """The values used last.

    most_bytes: for all of them; one value may take a quarter of it. seconds: until one is forgotten.
    now: seconds that only grow.
    """

    def __init__(self, most_bytes: int, seconds: float, now: Callable[[], float]) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._now = now
        self._entries: OrderedDict[Key, tuple[Value, int, float]] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Value | None:
        if key not in self._entries:
            return None
        value, _, until = self._entries[key]
        if until <= self._now():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value, size: int) -> None:
        """Remember `value`, which takes about `size` bytes of memory."""
        self._remove(key)
        if size > self._most_bytes // 4:
            return
        self._entries[key] = value, size, self._now() + self._seconds
        self.size += size
        while self.size > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: Key) -> None:
        if key in self._entries:
            self.size -= self._entries.pop(key)[1]
