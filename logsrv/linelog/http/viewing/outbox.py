"""Events that wait for a client, and in their place the number of those that did not fit. No I/O."""

from __future__ import annotations

from collections import deque

from logsrv.linelog.http.searching.events import missed_event


class Outbox:
    """A queue of at most `most` lines as events, in order, with the gaps between them."""

    def __init__(self, most: int) -> None:
        self._room = most
        # Events and how many lines they are; without events, of lines that are left out there.
        self._waiting: deque[tuple[bytes, int]] = deque()

    def add(self, data: bytes, lines: int) -> int:
        """Put events at the end, which many clients may share; return how many lines did not fit."""
        if lines > self._room:
            self.leave_out(lines)
            return lines
        self._room -= lines
        self._waiting.append((data, lines))
        return 0

    def leave_out(self, lines: int) -> None:
        """Count lines that would have stood here."""
        if lines and self._waiting and not self._waiting[-1][0]:
            lines += self._waiting.pop()[1]
        if lines:
            self._waiting.append((b"", lines))

    def take(self, size: int) -> bytes:
        """Remove the first events, about `size` bytes or all, and return them; b"" if there are none."""
        pieces = []
        taken = 0
        while self._waiting and taken < size:
            data, lines = self._waiting.popleft()
            if data:
                self._room += lines
            pieces.append(data or missed_event(lines))
            taken += len(pieces[-1])
        return b"".join(pieces)
