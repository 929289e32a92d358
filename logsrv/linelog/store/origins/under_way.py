"""Blocks under way to the medium: where the next one of each origin has to begin, and is there room."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

from logsrv.linelog.store.segments.segment import Position

ENOUGH = 32 << 20
"""Bytes of text that are under way, from which on who brings more waits."""


class UnderWay:
    """Blocks that are being stored, in the order in which they came; for the reactor's thread.

    size: bytes of their text, and of those that are being unpacked.
    """

    def __init__(self) -> None:
        self.size = 0
        self._ends: dict[str, deque[Position]] = {}
        self._waiting: deque[tuple[Deferred[None], int]] = deque()

    def __len__(self) -> int:
        return sum(map(len, self._ends.values()))

    def last(self, origin: str) -> Position | None:
        """Return where the last of an origin ends there; None if none is under way."""
        ends = self._ends.get(origin)
        return ends[-1] if ends else None

    def begin(self, origin: str, end: Position, size: int) -> None:
        """Take it that one is under way."""
        self._ends.setdefault(origin, deque()).append(end)
        self.size += size

    def end(self, origin: str, size: int) -> None:
        """Take it that the first of an origin no longer is."""
        ends = self._ends[origin]
        ends.popleft()
        if not ends:
            del self._ends[origin]
        self.free(size)

    def room(self, size: int) -> Deferred[None] | None:
        """Keep room for the text of another one; return what fires when there is some, None if there is."""
        if self.size <= ENOUGH and not self._waiting:
            self.size += size
            return None
        told: Deferred[None] = Deferred()
        self._waiting.append((told, size))
        return told

    def free(self, size: int) -> None:
        """Give room back, to those that wait, in their order."""
        self.size -= size
        while self._waiting and self.size <= ENOUGH:
            told, wanted = self._waiting.popleft()
            self.size += wanted
            told.callback(None)
