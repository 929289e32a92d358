"""The process of the live views: it reads new lines once, and matches them once for each viewers' query.

    python -P -m logsrv.linelog.http.views.view_child DIRECTORY

It is a process of its own so that live views do not slow the receiving of lines: orders come on standard
input, events for viewers go to standard output (see `view_protocol`). At intervals the hub polls: it reads
the lines written since the last poll. A viewer that begins at the end of the store is live from there on,
in the next poll: it costs no more than the others, even if its client does not read. Any other catches up
from its position on (see `catch_up`), and is live as soon as it has the same lines as the others. No line
comes twice or is left out.

The time of a poll is limited, even with many viewers: each query gets a share, and after much output the
next poll comes later. Lines for which no time was left are counted, and viewers get their number.

The process ends when its standard input ends, or at any error: the daemon logs the reason, and starts
another one when viewers connect again. This module imports no Twisted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from select import select
from time import monotonic, process_time

from logsrv.errors import StoreError
from logsrv.kit.children.child_side import limit_reading_process, send_message, tell_service
from logsrv.kit.children.frames import MessageReader
from logsrv.linelog.http.views.stores_hub import StoresHub
from logsrv.linelog.http.views.view_protocol import LiveQuery, encode_events
from logsrv.linelog.store.cursor import parse_place


def serve_viewers(directory: str) -> None:
    """Serve viewers until the daemon has no more orders. Raises StoreError."""
    hub = StoresHub(
        directory,
        tell_service,
        lambda events: send_message(encode_events(events)),
        monotonic,
        process_time,
    )
    orders = _order_reader(sys.stdin.fileno())
    due = 0.0
    while True:
        patience = None
        if hub.has_viewers:
            patience = 0.0 if hub.step_wanted else max(0.0, due - monotonic())
        # Read all waiting orders first, so that a viewer that was attached before a poll takes part in it.
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


def _carry_out_order(hub: StoresHub, order: bytes) -> None:
    match json.loads(order):
        case ["attach", viewer, query, begin, sure]:
            hub.attach(viewer, LiveQuery(*query), parse_place(begin), parse_place(sure))
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
