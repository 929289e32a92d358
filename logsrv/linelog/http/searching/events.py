"""Server-Sent Events as bytes, as a browser's EventSource reads them, and a queue of them. No I/O."""

from __future__ import annotations

import json
from collections import deque

# A comment: keeps proxies from closing a stream on which nothing happens.
HEARTBEAT = b": still here\n\n"
# Milliseconds after which a browser connects again.
RETRY = b"retry: 2000\n\n"


def line_event(position: str, document: str) -> bytes:
    """Return the event of a line: its position, and it as one line of JSON."""
    return f"id: {position}\nevent: line\ndata: {document}\n\n".encode()


def missed_event(lines: int | None, position: str | None = None) -> bytes:
    """Return the event that lines were left out.

    lines: so many; None if nobody knows. position: where it goes on.
    """
    found: dict[str, object] = {"lines": lines}
    if position is not None:
        found["from"] = position
    return f"event: missed\ndata: {json.dumps(found)}\n\n".encode()


def error_event(sentence: str) -> bytes:
    """Return the event of a stream that ends for a reason. It has the name that is not `error`,
    which EventSource has for broken connections.
    """
    return f"event: problem\ndata: {json.dumps({'error': sentence})}\n\n".encode()


class Outbox:
    """A queue of at most `most` lines as events, in order, with the number of those that did not fit."""

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
