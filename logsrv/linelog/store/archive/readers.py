"""Several reads of archives at once: each takes a round trip, and few bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
AT_ONCE = 32
# A search for the page may reserve little memory.
_STACK = 1 << 20


class PendingRead(Generic[T]):
    """A read that is under way, or waits for its turn."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._done = threading.Event()
        self._error: BaseException | None = None

    def do(self) -> None:
        """Do it, in whatever thread."""
        try:
            self._found = self._read()
        # A panic of obstore is no Exception, and somebody waits for it.
        except BaseException as error:
            self._error = error
        self._done.set()

    def wait(self) -> None:
        """Return when it is done, well or not."""
        self._done.wait()

    def result(self) -> T:
        """Wait until it is done; return the bytes read, or raise the error."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._found


class Readers:
    """Threads that read, begun as they are needed. The end of the process does not wait for them.

    at_once: how many there may be.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: SimpleQueue[PendingRead[Any] | None] = SimpleQueue()
        self._threads = 0
        self._closed = False

    def start(self, read: Callable[[], T]) -> PendingRead[T]:
        """Begin a read, at once or when one of those before it is done."""
        pending = PendingRead(read)
        if self._threads < self._at_once:
            self._threads += 1
            before = threading.stack_size(_STACK)
            threading.Thread(target=self._run, name="archive", daemon=True).start()
            threading.stack_size(before)
        self._waiting.put(pending)
        return pending

    def all(self, reads: Iterable[Callable[[], T]]) -> list[PendingRead[T]]:
        """Begin some reads, and wait until all are done."""
        pending = [self.start(one) for one in reads]
        for one in pending:
            one.wait()
        return pending

    def close(self) -> None:
        """Begin nothing more of what waits, and end."""
        self._closed = True
        for _ in range(self._threads):
            self._waiting.put(None)

    def _run(self) -> None:
        while (pending := self._waiting.get()) is not None and not self._closed:
            pending.do()
