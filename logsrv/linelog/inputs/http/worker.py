"""A process that takes bodies apart, one after the other (see `apart`).

    python -P -m logsrv.linelog.inputs.http.worker

It knows no store, and opens nothing.
"""

from __future__ import annotations

import sys

from logsrv.kit.children.inside import answer_all, limit_reader, outlast_signals
from logsrv.linelog.inputs.http.apart import Order

# Less than the server, which receives; more than searches, as a sender waits for this.
NICE = 5


def main() -> int:
    """Work until there is nothing more to read; return the exit status."""
    limit_reader(NICE)
    outlast_signals()
    answer_all(lambda message: Order.decoded(message).answer())
    return 0


if __name__ == "__main__":
    sys.exit(main())
