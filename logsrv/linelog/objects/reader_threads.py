"""Threads that read from elsewhere: several at once, because each read is a round trip for a few bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
AT_ONCE = 32
# Bytes of stack for each thread: little, because a search for the web page may reserve little memory.
_STACK = 1 << 20


class ReaderThreads:
    """Threads that read, started as they are needed. The end of the process does not wait for them.

    at_once: the most threads.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = 0
        self._closed = False

    def start(self, read: Callable[[], T]) -> Future[T]:
        """Begin a read now, or when a thread is free."""
        pending: Future[T] = Future()
        if self._threads < self._at_once:
            self._threads += 1
            before = threading.stack_size(_STACK)
            threading.Thread(target=self._run_reads, name="archive", daemon=True).start()
            threading.stack_size(before)
        self._waiting.put((pending, read))
        return pending

    def read_all(self, reads: Iterable[Callable[[], T]]) -> list[Future[T]]:
        """Begin some reads, and wait until all are done."""
        pending = [self.start(one) for one in reads]
        wait(pending)
        return pending

    def close(self) -> None:
        """End the threads after their present reads; waiting reads are not begun."""
        self._closed = True
        for _ in range(self._threads):
            self._waiting.put(None)

    def _run_reads(self) -> None:
        while (task := self._waiting.get()) is not None and not self._closed:
            pending, read = task
            try:
                pending.set_result(read())
            # A panic of obstore is a BaseException only, and somebody waits for the result.
            except BaseException as error:
                pending.set_exception(error)
