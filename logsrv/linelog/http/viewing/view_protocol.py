"""The protocol between the daemon and the process of the live views (no I/O).

The daemon sends orders, each an array of JSON:

    ["join", VIEWER, [TEXT, OF_RECORDS], BEGIN, SURE]
        Add a viewer, a number: it gets the matching lines from position BEGIN on: all up to position SURE,
        and after that as many as other viewers; SURE is null if it begins at the store's end.
    ["more", VIEWER]
        Send the next lines to a viewer that is not live yet.
    ["leave", VIEWER]
        Remove a viewer.

The process sends events: first a line of JSON with their viewers and numbers, then the events as the
browser gets them.
"""

from __future__ import annotations

import json
from typing import NamedTuple


class LiveQuery(NamedTuple):
    """The query of a viewer. of_records: whether the query is asked of whole records."""

    text: str
    of_records: bool = False


class ViewEvents(NamedTuple):
    """Events for some viewers.

    data: the events of `lines` lines, or other events. missed: the number of lines left out before these.
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
