"""Records that are not whole yet: what all connections of a listener hold of them is bounded.

A thousand peers may each begin a record of megabytes and never end it. When all of that is too much, the
connection that has waited longest for the rest of a record is closed; its client may send it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Holder(Protocol):
    """A connection that holds the beginning of a record."""

    def give_way(self) -> None:
        """Let go of what is unfinished, and of the peer."""


class Unfinished:
    """Beginnings of records that one listener holds; `most` returns how many bytes they may have."""

    def __init__(self, most: Callable[[], int]) -> None:
        self.size = 0
        self._most = most
        # The one that has waited longest comes first.
        self._sizes: dict[Holder, int] = {}

    def note(self, holder: Holder, size: int, received: int = 0) -> None:
        """Note how many bytes are held now, after so many were received."""
        before = self._sizes.get(holder, 0)
        self.size += size - before
        if size < before + received or not size:
            # A record was completed: it waits for another.
            self._sizes.pop(holder, None)
        if size:
            self._sizes[holder] = size
        while self.size > self._most():
            oldest = next(iter(self._sizes))
            self.forget(oldest)
            oldest.give_way()

    def forget(self, holder: Holder) -> None:
        """Note that nothing is held any more."""
        self.size -= self._sizes.pop(holder, 0)
