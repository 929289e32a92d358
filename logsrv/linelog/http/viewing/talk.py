"""The talk between the daemon and the process of the live views (no I/O).

The daemon gives orders, a line of JSON each: `join` with a number for the viewer, its query and where it
begins, `more` when the viewer takes the next lines before it is live, `leave`. The process hands lines
out: a line of JSON that says to whom and how much, and behind it the events as a browser gets them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from logsrv.linelog.store.segments.segment import Position, parse_position


class Join(NamedTuple):
    """An order: let a viewer have what `query` finds from `begin` on."""

    viewer: int
    query: str
    begin: Position


class More(NamedTuple):
    """An order: give a viewer that is not live yet the next lines."""

    viewer: int


class Leave(NamedTuple):
    """An order: give a viewer no more."""

    viewer: int


Order = Join | More | Leave


class Handed(NamedTuple):
    """Events for some viewers.

    data: `lines` lines as events, or something else to be told. missed: so many lines before them are
    left out. live: from here on the viewer gets what is written without asking for more.
    """

    viewers: tuple[int, ...]
    data: bytes = b""
    lines: int = 0
    missed: int = 0
    live: bool = False


def order_line(order: Order) -> bytes:
    """Return an order as a line, with its LF."""
    found: dict[str, object] = {type(order).__name__.lower(): order.viewer}
    if isinstance(order, Join):
        found |= {"query": order.query, "begin": str(order.begin)}
    return json.dumps(found).encode() + b"\n"


def read_order(line: bytes) -> Order:
    """Return the order of a line."""
    found = json.loads(line)
    if "join" in found:
        return Join(found["join"], found["query"], parse_position(found["begin"]))
    return More(found["more"]) if "more" in found else Leave(found["leave"])


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
