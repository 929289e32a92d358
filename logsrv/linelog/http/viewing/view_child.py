"""The process of the live views: orders on standard input, events for viewers on standard output.

    python -P -m logsrv.linelog.http.viewing.view_child DIRECTORY

It is a process of its own so that live views do not slow the receiving of lines. `view_protocol` defines
its messages, `hub` does its work. It ends when its standard input ends, or at any error: the daemon logs
the reason, and starts another process when viewers connect again. This module imports no Twisted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from select import select
from time import monotonic

from logsrv.errors import StoreError
from logsrv.kit.children.child_side import limit_reading_process, send_message, tell_service
from logsrv.kit.children.frames import MessageReader
from logsrv.linelog.http.viewing.hub import Hub
from logsrv.linelog.http.viewing.view_protocol import LiveQuery, encode_events
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import parse_position


def serve_viewers(directory: str) -> None:
    """Serve viewers until the daemon has no more orders. Raises StoreError."""
    hub = Hub(
        View(directory, tell_service), lambda events: send_message(encode_events(events)), monotonic
    )
    orders = _order_reader(sys.stdin.fileno())
    due = 0.0
    while True:
        patience = None
        if hub.has_viewers:
            patience = 0.0 if hub.step_wanted else max(0.0, due - monotonic())
        # Read all waiting orders first, so that a viewer that joined before a poll takes part in it.
        for order in orders(patience):
            if order is None:
                return
            _carry_out_order(hub, order)
        if hub.has_viewers and monotonic() >= due:
            hub.poll()
            due = monotonic() + hub.seconds_to_next_poll
        elif hub.step_wanted:
            hub.serve_step()


def _order_reader(fd: int) -> Callable[[float | None], Iterator[bytes | None]]:
    """Return a function that yields the orders that have arrived, and None at the end of the input.

    Its argument: the most seconds to wait for the first order; None for no limit.
    """
    reader = MessageReader()

    def read(patience: float | None) -> Iterator[bytes | None]:
        while select([fd], [], [], patience)[0]:
            data = os.read(fd, 1 << 16)
            if not data:
                yield None
            yield from map(b"".join, reader.receive(data))
            patience = 0.0

    return read


def _carry_out_order(hub: Hub, order: bytes) -> None:
    match json.loads(order):
        case ["join", viewer, query, begin, sure]:
            known = None if sure is None else parse_position(sure)
            hub.join(viewer, LiveQuery(*query), parse_position(begin), known)
        case ["more", viewer]:
            hub.queue_step(viewer)
        case ["leave", viewer]:
            hub.leave(viewer)


def main(arguments: list[str]) -> int:
    """Work until the daemon closes standard input; return the exit status."""
    limit_reading_process()
    try:
        serve_viewers(arguments[0])
    except StoreError as error:
        tell_service(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
