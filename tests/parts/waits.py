"""Waits with a deadline, for what has none by itself or does not say that it ran out."""

import os
import time
from pathlib import Path
from threading import Thread
from typing import IO

from logsrv.kit.testing.patience import PATIENCE


def join(thread: Thread) -> None:
    """Wait for the end of a thread."""
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"{thread.name} has not ended in {PATIENCE:g} s"


def line_of(pipe: IO[bytes] | None) -> bytes:
    """Return the next line that a child process writes to a pipe."""
    assert pipe is not None
    found: list[bytes] = []
    reader = Thread(target=lambda: found.append(pipe.readline()), name="the reader", daemon=True)
    reader.start()
    join(reader)
    return found[0]


def start_and_await_lock(thread: Thread, fd: int) -> None:
    """Start a thread; return when it waits for the lock (flock) on an open file, or has ended.

    Nobody else waits for that lock.
    """
    inode, deadline = os.fstat(fd).st_ino, time.monotonic() + PATIENCE
    thread.start()
    while thread.is_alive() and not any(
        "->" in each and f":{inode} " in each
        for each in Path("/proc/locks").read_text().splitlines()
    ):
        assert time.monotonic() < deadline, f"{thread.name} has done nothing in {PATIENCE:g} s"
