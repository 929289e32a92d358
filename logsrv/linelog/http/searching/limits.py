"""The limits of a process that works for readers: it has the lowest claim on all that the writer needs."""

from __future__ import annotations

import os
import resource
import signal

# Address space. Most is never touched: what libraries reserve counts too.
MEMORY = 2 << 30
NICE = 10


def limit() -> None:
    """Limit this process, and keep signals of a terminal from it."""
    # A group of its own: the processes that it forks are killed with it, and Ctrl-C is not for it.
    os.setpgid(0, 0)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
