"""A process that works for a service, from its own side: first of all it limits itself.

It has the lowest claim on all that its service needs. This module imports no Twisted: a process that
answers one request has to start fast.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from logsrv.kit.children.frames import SIZE, frame

MEMORY = 2 << 30
"""Bytes of address space. Most is never touched: what libraries reserve counts too."""
NICE = 10
# The limits of `little_memory` that hold, behind the one of before; none outside.
_limits: list[int] = []
_lock = threading.Lock()
NO_MEMORY = f"this needs more memory than the {MEMORY >> 30} GiB that it may have"


def limit(nice: int = NICE) -> None:
    """Limit this process, and keep a terminal's signals from it.

    A session of its own is a group of its own: what it forks is killed with it. Programs that it starts
    may lift the limit of memory again.
    """
    os.setsid()
    os.nice(nice)
    limit_memory()


def limit_memory() -> None:
    """Limit the memory of this process to `MEMORY`."""
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))


@contextmanager
def little_memory(size: int) -> Iterator[None]:
    """Let this process take at most so many more bytes of memory. Only Linux counts what it has.

    Several threads may, each for itself: the lowest of their limits is that of all.
    """
    if sys.platform != "linux":
        yield
        return
    with open("/proc/self/statm", encoding="ascii") as file:
        most = int(file.read().split()[5]) * resource.getpagesize() + size
    with _lock:
        if not _limits:
            _limits.append(resource.getrlimit(resource.RLIMIT_DATA)[0])
        _limits.append(most)
        _limit_data()
    try:
        yield
    finally:
        with _lock:
            _limits.remove(most)
            _limit_data()
            if len(_limits) == 1:
                _limits.clear()


def _limit_data() -> None:
    """Set the lowest limit that holds."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limits = [one for one in (*_limits, hard) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits, default=resource.RLIM_INFINITY), hard))


def limit_reader(nice: int = NICE) -> None:
    """Limit a process that only reads the store and writes to its pipes: a closed pipe ends it silently."""
    limit(nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def outlast_signals() -> None:
    """Leave to the service what a terminal or a service manager tells all processes: it ends this one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def messages() -> Iterator[bytes]:
    """Yield what the service sends, until it ends this process, or is gone: half a message is none."""
    pipe = sys.stdin.buffer
    while len(head := pipe.read(SIZE)) == SIZE:
        size = int.from_bytes(head, "big")
        if len(message := pipe.read(size)) < size:
            return
        yield message


def send(*parts: bytes) -> None:
    """Send a message to the service."""
    for part in frame(*parts):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def answer_all(answer: Callable[[bytes], Iterable[bytes]]) -> None:
    """Answer the messages of a pool: `answer` gets each, and returns the parts of its answer."""
    # It has begun: what ends it from now on is a message.
    send()
    for message in messages():
        send(*answer(message))


def tell(sentence: str) -> None:
    """Say a sentence to the service, which logs it."""
    print(sentence, file=sys.stderr, flush=True)
