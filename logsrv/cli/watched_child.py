"""The child process in which a command that reads a bucket runs, watched by its parent.

The library obstore, which reads buckets, aborts its process if an answer needs too much memory, and prints
thirty lines of Rust. Python cannot prevent that; the parent prints a sentence instead.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from logsrv.cli.arguments import tell

_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def fork_watched_child(name: str, failed: int) -> None:
    """Fork, and go on in the child. The parent ends with its status, and reports an abort by obstore.

    name: of the command. failed: the parent's exit status if obstore aborted the child.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        _wait_and_end_as(child, name, failed)
    if sys.stderr is not None:
        # Python's messages go to a copy of stderr; obstore writes to descriptor 2, which becomes /dev/null.
        sys.stderr = open(os.dup(2), "w", 1, sys.stderr.encoding, sys.stderr.errors)  # noqa: SIM115
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    os.close(silent)


def _wait_and_end_as(child: int, name: str, failed: int) -> NoReturn:
    """Wait for the child, and end with its status or signal."""
    # The child decides what Ctrl-C does, which a terminal sends to both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _FORWARDED:
        signal.signal(number, _forward_to(child))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGABRT:
        tell(
            f"logsrv {name}: the bucket, or a server in its place, sends more than there is memory for:"
            " an answer that does not end"
        )
        os._exit(failed)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _forward_to(child: int) -> Callable[[int, object], None]:
    return lambda number, _: os.kill(child, number)
