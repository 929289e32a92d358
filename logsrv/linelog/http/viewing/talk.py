"""The talk between the daemon and the process of the live views (no I/O).

The daemon gives orders, a line of JSON each:

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
from collections.abc import Iterator
from typing import NamedTuple


class Handed(NamedTuple):
    """Events for some viewers.

    data: `lines` lines as events, or something else to be told. missed: so many lines before them are
    left out. live: from here on the viewers get what is written without asking for more.
    """

    viewers: tuple[int, ...]
    data: bytes = b""
    lines: int = 0
    missed: int = 0
    live: bool = False


def order_line(*order: str | int | None) -> bytes:
    """Return an order as a line, with its LF."""
    return json.dumps(order).encode() + b"\n"


def handed_bytes(handed: Handed) -> bytes:
    """Return what is handed out as it goes through the pipe."""
    head = (handed.viewers, len(handed.data), handed.lines, handed.missed, handed.live)
    return json.dumps(head).encode() + b"\n" + handed.data


class HandedReader:
    """Reads what is handed out from bytes that are cut anywhere."""

    def __init__(self) -> None:
        self._unread = b""

    def receive(self, data: bytes) -> Iterator[Handed]:
        """Yield what is complete by now."""
        unread, start = self._unread + data, 0
        while (newline := unread.find(b"\n", start)) >= 0:
            viewers, size, lines, missed, live = json.loads(unread[start:newline])
            end = newline + 1 + size
            if end > len(unread):
                break
            yield Handed(tuple(viewers), unread[newline + 1 : end], lines, missed, live)
            start = end
        self._unread = unread[start:]
