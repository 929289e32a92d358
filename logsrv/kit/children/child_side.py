"""The code inside a child process of a service: it sets limits for the process, and exchanges messages with
the service.

The service needs CPU and memory first, so a child limits itself before anything else. This module does not
import Twisted, because a process that answers one request has to start fast.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from logsrv.kit.children.frames import SIZE, frame_parts

MEMORY = 2 << 30
"""The most bytes of address space that a child process may have. Libraries reserve most of it and never
touch it.
"""
NICE = 10
"""The nice value (the priority) of a child process that works beside the service."""
# While threads are inside `limit_extra_memory`: the limit from before, then one for each. Else empty.
_limits: list[int] = []
_lock = threading.Lock()
NO_MEMORY = f"this needs more memory than the {MEMORY >> 30} GiB that it may have"
"""The error text for work that failed because it reached the memory limit."""


def limit_process(nice: int = NICE) -> None:
    """Lower the priority and the memory limit of this process; signals from a terminal do not reach it any
    more.

    It gets a process group of its own: processes that it forks are killed with it. It stays in the session,
    because Linux divides the CPU among sessions first (autogroup): in one of its own, its priority would
    have no effect. Programs that it starts may raise the memory limit again.
    """
    os.setpgid(0, 0)
    _unblock_interrupt()
    os.nice(nice)
    limit_memory()


def _unblock_interrupt() -> None:
    """Drop a SIGINT of the terminal that came meanwhile; later ones are for this process alone.

    The service starts a process with SIGINT blocked, and programs that it starts would inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, before)


def limit_memory() -> None:
    """Limit the address space of this process to `MEMORY` bytes."""
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))


@contextmanager
def limit_extra_memory(size: int) -> Iterator[None]:
    """Let this process take at most `size` more bytes of memory inside `with`; this works only on Linux.

    Several threads may be inside at once: the lowest of their limits holds for all.
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
        _apply_lowest_limit()
    try:
        yield
    finally:
        with _lock:
            _limits.remove(most)
            _apply_lowest_limit()
            if len(_limits) == 1:
                _limits.clear()


def _apply_lowest_limit() -> None:
    """Set the lowest of `_limits` as the limit of this process's data (RLIMIT_DATA)."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limits = [one for one in (*_limits, hard) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits, default=resource.RLIM_INFINITY), hard))


def limit_reading_process(nice: int = NICE) -> None:
    """Limit the priority and the memory of a process that only reads, and let it write no core file. A
    closed pipe ends it silently.
    """
    limit_process(nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def ignore_stop_signals() -> None:
    """Ignore the signals that a terminal or a service manager sends to all processes: the service itself
    ends this process.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def read_messages() -> Iterator[bytes]:
    """Yield the messages of the service until the service closes the pipe or dies; drop an unfinished last
    message.
    """
    pipe = sys.stdin.buffer
    while len(head := pipe.read(SIZE)) == SIZE:
        size = int.from_bytes(head, "big")
        if len(message := pipe.read(size)) < size:
            return
        yield message


def send_message(*parts: bytes) -> None:
    """Send a message to the service."""
    _write_message(sys.stdout.buffer, *parts)


def _write_message(channel: BinaryIO, *parts: bytes) -> None:
    channel.writelines(frame_parts(*parts))
    channel.flush()


def answer_messages(answer: Callable[[bytes], Iterable[bytes]]) -> None:
    """Answer the messages of a pool: `answer` gets each message, and returns the parts of the answer.

    What `answer` itself writes to standard output goes to standard error, which the service logs.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as channel:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # The empty message says that the start succeeded: a later end is the fault of a message.
        _write_message(channel)
        for message in read_messages():
            _write_message(channel, *answer(message))


def tell_service(sentence: str) -> None:
    """Write a sentence to standard error; the service logs it."""
    print(sentence, file=sys.stderr, flush=True)
