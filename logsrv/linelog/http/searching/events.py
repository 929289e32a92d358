"""Server-Sent Events as bytes, for a browser's EventSource, and a queue of them. No I/O."""

from __future__ import annotations

import json
from collections import deque

# A comment in the stream, which keeps proxies from closing an idle connection.
HEARTBEAT = b": still here\n\n"
# Milliseconds after which a browser connects again, if the connection is lost.
RETRY = b"retry: 2000\n\n"


def line_event(position: str, document: str) -> bytes:
    """Return the event of a line. position: "" for one that comes late. document: JSON, without LF."""
    known = f"id: {position}\n" if position else ""
    return f"{known}event: line\ndata: {document}\n\n".encode()


def missed_event(lines: int | None, position: str | None = None) -> bytes:
    """Return the event that lines were left out.

    lines: their number; None if unknown. position: of the next line, if known.
    """
    found: dict[str, object] = {"lines": lines}
    if position is not None:
        found["from"] = position
    return f"event: missed\ndata: {json.dumps(found)}\n\n".encode()


def error_event(sentence: str) -> bytes:
    """Return the event that tells why a stream ends.

    Its name is not `error`, because EventSource uses that for broken connections.
    """
    return f"event: problem\ndata: {json.dumps({'error': sentence})}\n\n".encode()


class EventQueue:
    """A queue of events with at most `most` lines, in order; lines that do not fit are counted."""

    def __init__(self, most: int) -> None:
        self._room = most
        # Events, each with its number of lines. In place of lines that were left out: b"" and their number.
        self._waiting: deque[tuple[bytes, int]] = deque()

    def add(self, data: bytes, lines: int) -> int:
        """Add the events of some lines; return the number of lines left out.

        The bytes are not copied, so several clients can share them.
        """
        if lines > self._room:
            self.count_left_out(lines)
            return lines
        self._room -= lines
        self._waiting.append((data, lines))
        return 0

    def count_left_out(self, lines: int) -> None:
        """Count lines that are left out at the end of the queue."""
        if lines and self._waiting and not self._waiting[-1][0]:
            lines += self._waiting.pop()[1]
        if lines:
            self._waiting.append((b"", lines))

    def pop_events(self, size: int) -> bytes:
        """Remove and return the first events, about `size` bytes; b"" if there are none."""
        pieces = []
        taken = 0
        while self._waiting and taken < size:
            data, lines = self._waiting.popleft()
            if data:
                self._room += lines
            pieces.append(data or missed_event(lines))
            taken += len(pieces[-1])
        return b"".join(pieces)
