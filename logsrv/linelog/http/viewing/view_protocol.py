"""The talk between the daemon and the process of the live views (no I/O).

The daemon gives orders, an array of JSON each:

    ["join", VIEWER, QUERY, BEGIN, SURE]  let a viewer, a number, have what its query finds in the lines
                                          that begin at BEGIN or behind it: all up to SURE, a position, and
                                          behind that as much as others have; null: it begins with them
    ["more", VIEWER]                      give a viewer that is not live yet the next lines
    ["leave", VIEWER]                     give it no more

The process hands lines out: a line of JSON that says to whom and how much, and behind it the events as a
browser gets them.
"""

from __future__ import annotations

import json
from typing import NamedTuple


class ViewEvents(NamedTuple):
    """Events for some viewers.

    data: `lines` lines as events, or something else to be told. missed: so many lines before them are
    left out. live: from here on the viewers get what is written without asking for more.
    """

    viewers: tuple[int, ...]
    data: bytes = b""
    lines: int = 0
    missed: int = 0
    live: bool = False


def encode_events(handed: ViewEvents) -> bytes:
    """Return what is handed out as a message."""
    head = (handed.viewers, handed.lines, handed.missed, handed.live)
    return json.dumps(head).encode() + b"\n" + handed.data


def decode_events(message: bytes) -> ViewEvents:
    head, _, data = message.partition(b"\n")
    viewers, lines, missed, live = json.loads(head)
    return ViewEvents(tuple(viewers), data, lines, missed, live)
