"""The messages of live views, on their way from the daemon to the process and back to the browser. No I/O.

The daemon sends orders, each an array of JSON:

    ["attach", VIEWER, [TEXT, OF_RECORDS, ONLY], BEGIN, SURE]
        Add a viewer, a number: it gets the matching lines from position BEGIN on: all up to position SURE,
        the end of the store, and after that as many as other viewers. Of several stores, both are cursors.
    ["more", VIEWER]
        Send the next lines to a viewer that is not live yet.
    ["leave", VIEWER]
        Remove a viewer.

The process sends events: first a line of JSON with their viewers and numbers, then Server-Sent Events, the
bytes that a browser's EventSource gets.
"""

from __future__ import annotations

import json
from typing import NamedTuple

# A comment in the stream, which keeps proxies from closing an idle connection.
HEARTBEAT = b": still here\n\n"
# Milliseconds after which a browser connects again, if the connection is lost.
RETRY = b"retry: 2000\n\n"


class LiveQuery(NamedTuple):
    """The query of a viewer. of_records: whether the query is asked of whole records.

    only: the condition of its reader's lines; "" if he may see all.
    """

    text: str
    of_records: bool = False
    only: str = ""


class ViewEvents(NamedTuple):
    """Events for some viewers.

    data: the events of `lines` lines, or other events. missed: the number of lines left out before these;
    of a viewer that catches up, behind them.
    live: whether the viewers get new lines from now on without asking for more.
    """

    viewers: tuple[int, ...]
    data: bytes = b""
    lines: int = 0
    missed: int = 0
    live: bool = False


def encode_events(events: ViewEvents) -> bytes:
    """Return the message for these events."""
    head = (events.viewers, events.lines, events.missed, events.live)
    return json.dumps(head).encode() + b"\n" + events.data


def decode_events(message: bytes) -> ViewEvents:
    head, _, data = message.partition(b"\n")
    viewers, lines, missed, live = json.loads(head)
    return ViewEvents(tuple(viewers), data, lines, missed, live)


def line_event(position: str, document: str) -> bytes:
    """Return the event of a line. position: "" for one that comes late. document: JSON, without LF."""
    known = f"id: {position}\n" if position else ""
    return f"{known}event: line\ndata: {document}\n\n".encode()


def id_event(position: str) -> bytes:
    """Return the event that tells from where a client goes on, without a line."""
    return f"id: {position}\n\n".encode()


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
