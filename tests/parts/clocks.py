"""Clocks that a test drives: nothing waits for real time."""

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.internet import task

from logsrv.clock import Clock
from logsrv.kit.testing.patience import PATIENCE


class HandClock(Clock):
    """A clock whose time passes only in `advance` and in a sleep.

    It knows the threads that were started after it, and whose names begin with `threads`. A thread is at
    rest while it waits for an event or a queue of this clock, and has no reason to wake.
    """

    def __init__(
        self, threads: str = "store-", *, monotonic: float = 1e6, time_of_day: float = 1795155600.0
    ) -> None:
        self._monotonic, self._time = monotonic, time_of_day
        self._changed = threading.Condition()
        self._others, self._threads = set(threading.enumerate()), threads
        # For each waiting thread: its time limit, and a function that returns whether it may continue.
        self._waiting: dict[threading.Thread, tuple[float, Callable[[], object]]] = {}

    def monotonic(self) -> float:  # type: ignore[override]
        return self._monotonic

    def time_of_day(self) -> float:  # type: ignore[override]
        return self._time

    def sleep(self, seconds: float) -> None:  # type: ignore[override]
        with self._changed:
            self._go_on(seconds)

    def event(self) -> threading.Event:  # type: ignore[override]
        return _Event(self)

    def queue(self) -> SimpleQueue[Any]:  # type: ignore[override]
        return ClockQueue(self)

    def advance(self, seconds: float, *, settle: bool = True) -> None:
        """Let this much time pass when all threads are at rest; return when they are at rest again.

        settle: false while a thread hangs in a call of the test: then nothing is waited for.
        """
        with self._changed:
            self._settle(settle)
            self._go_on(seconds)
            self._settle(settle)

    def set_ahead(self, seconds: float) -> None:
        """Set the time of day ahead, as an administrator may; the monotonic time does not change."""
        self._time += seconds

    def settle(self) -> None:
        """Return when all threads are at rest."""
        with self._changed:
            self._settle(True)

    def wait(self, done: Callable[[], object], seconds: float | None) -> None:
        """Wait until `done` returns true, or for `seconds` of this clock."""
        me = threading.current_thread()
        with self._changed:
            limit = sys.float_info.max if seconds is None else self._monotonic + seconds
            self._waiting[me] = limit, done
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._may_go_on(me))
            del self._waiting[me]

    def change(self, step: Callable[[], object]) -> None:
        """Call a function that may end the wait of a thread, and wake the threads that wait."""
        with self._changed:
            step()
            self._changed.notify_all()

    def _go_on(self, seconds: float) -> None:
        self._monotonic += seconds
        self._time += seconds
        self._changed.notify_all()

    def _may_go_on(self, thread: threading.Thread) -> bool:
        limit, done = self._waiting[thread]
        return bool(done()) or limit <= self._monotonic

    def _busy(self) -> list[str]:
        return [
            one.name
            for one in set(threading.enumerate()) - self._others
            if one.name.startswith(self._threads)
            and (one not in self._waiting or self._may_go_on(one))
        ]

    def _settle(self, wanted: bool) -> None:
        # A thread that ends gives no signal: look again every 10 ms.
        tries = int(PATIENCE / 0.01)
        while wanted and (busy := self._busy()):
            tries -= 1
            assert tries, f"still at work: {', '.join(busy)}"
            self._changed.wait(0.01)


class _Event(threading.Event):
    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    def set(self) -> None:
        self._clock.change(super().set)

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.wait(self.is_set, timeout)
        return self.is_set()


class ClockQueue(SimpleQueue[Any]):
    """A queue whose reader waits by a clock."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._clock.change(lambda: super(ClockQueue, self).put(item))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if block:
            self._clock.wait(self.qsize, timeout)
        return self.get_nowait()


class EagerReactor(task.Clock):
    """A reactor that makes the call of a thread before that thread goes on."""

    def callFromThread(
        self, function: Callable[..., object], *given: object, **named: object
    ) -> None:
        function(*given, **named)
