"""A process for tests that forks one for each order: `python forking_child.py`.

The forked one answers with what was kept before, and notes its order, so many times as the order says. The
order `wait` lets it send a message, and wait until it is ended.
"""

import os
import signal

from logsrv.kit.children.fork_side import fork_for_orders
from logsrv.kit.children.frames import frame_parts

if __name__ == "__main__":
    # As asyncio does from Python 3.12 on, if it is imported.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    kept: list[bytes] = []

    def work(order: bytes) -> list[bytes]:
        if order == b"wait":
            os.write(1, b"".join(frame_parts(b"waiting")))
            signal.pause()
        os.write(1, b"%d %d" % (len(kept), sum(map(len, kept))))
        return [order] * int(order.split()[0])

    fork_for_orders(work, kept.append)
