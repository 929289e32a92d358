"""A process that takes bodies apart, one after the other (see `apart`): it is told and answers in pipes.

    python -P -m logsrv.linelog.inputs.http.worker

It ends with its standard input. It knows no store, and opens nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from logsrv.kit.children.inside import limit_reader, outlast_signals
from logsrv.linelog.inputs.http.apart import Order
from logsrv.linelog.inputs.intake.messages import SIZE, sized

# Less than the server, which receives; more than searches, as a sender waits for this.
NICE = 5


def main() -> int:
    """Work until there is nothing more to read; return the exit status."""
    limit_reader(NICE)
    outlast_signals()
    orders = sys.stdin.buffer
    # It has begun: what ends it from now on is a message.
    _say(sized([]))
    while head := orders.read(SIZE):
        message = orders.read(int.from_bytes(head, "big"))
        _say(sized([*Order.decoded(message).answer()]))
    return 0


def _say(parts: Iterable[bytes]) -> None:
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
