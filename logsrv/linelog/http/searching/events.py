"""Server-Sent Events as bytes: what a browser's EventSource reads."""

from __future__ import annotations

import json

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
