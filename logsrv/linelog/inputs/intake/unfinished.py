"""Records and bodies that are not stored yet: what all connections of a service hold of them is bounded.

A thousand peers may each begin a record of megabytes and never end it. When all of that is too much, the
connection that has waited longest for the rest of a record is closed; its client may send it again. Bodies
of HTTP have a bound of their own: who comes when there is no room for one is told to come again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Holder(Protocol):
    """A connection that holds the beginning of a record."""

    def give_way(self) -> None:
        """Let go of what is unfinished, and of the peer."""


# All listeners of a service keep at most so many times --max-body of either.
BODIES = 2


class Unfinished:
    """Beginnings of records that all listeners hold, and bodies.

    max_body: returns the bytes that one may have. size: the bytes of the beginnings. held: those of bodies.
    """

    def __init__(self, max_body: Callable[[], int]) -> None:
        self.size = self.held = 0
        self._max_body = max_body
        # The one that has waited longest comes first.
        self._sizes: dict[Holder, int] = {}

    @property
    def most_held(self) -> int:
        """The bytes that there may be of either."""
        return BODIES * self._max_body()

    def note(self, holder: Holder, size: int, received: int = 0) -> None:
        """Note how many bytes are held now, after so many were received."""
        before = self._sizes.get(holder, 0)
        self.size += size - before
        if size < before + received or not size:
            # A record was completed: it waits for another.
            self._sizes.pop(holder, None)
        if size:
            self._sizes[holder] = size
        while self.size > self.most_held:
            oldest = next(iter(self._sizes))
            self.forget(oldest)
            oldest.give_way()

    def forget(self, holder: Holder) -> None:
        """Note that nothing is held any more."""
        self.size -= self._sizes.pop(holder, 0)
