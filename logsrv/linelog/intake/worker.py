"""A worker: a process that parses large messages, one after the other.

python -P -m logsrv.linelog.intake.worker
"""

from __future__ import annotations

import gc
import sys

from logsrv.kit.children.child_side import (
    answer_messages,
    ignore_stop_signals,
    limit_reading_process,
)
from logsrv.linelog.intake.parsing import ParseOrder

# Lower priority than the server, which receives lines; higher than searches, as a sender waits for the
# worker.
NICE = 5


def main() -> int:
    """Answer orders until the input ends; return the exit status."""
    limit_reading_process(NICE)
    ignore_stop_signals()
    # The values of a message have no cycles: to search them for some takes a third of the time.
    gc.disable()
    answer_messages(lambda order: ParseOrder.decoded(order).parse_and_answer())
    return 0


if __name__ == "__main__":
    sys.exit(main())
