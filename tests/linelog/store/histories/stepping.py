"""The threads of a store, one at a time: a seed says which goes on, so that a history can be repeated."""

import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store import disk
from tests.parts.clocks import HandClock
from tests.parts.disks import Crash
from tests.parts.powercut.recovery import Call


class SteppedClock(HandClock):
    """A clock whose threads rest at each call of the disk; `step` and `settle` let one at a time go on.

    turns: the reactor, which gets its turns between steps as well. dead: the process has been killed. Its
    threads end at their next step.
    """

    def __init__(self, seed: int) -> None:
        # Older than the files: what goes by their times is the same in each run then.
        super().__init__(time_of_day=1.7e9)
        self.turns = Turns(self)
        self.dead = False
        self._dice = random.Random(seed)
        self._parked: set[threading.Thread] = set()
        self._chosen: threading.Thread | None = None
        self._main = threading.current_thread()

    def is_driving(self) -> bool:
        """Return whether this is the thread of the test."""
        return threading.current_thread() is self._main

    def pause(self) -> None:
        """Rest until `settle` chooses this thread; the test's own thread goes on."""
        if self.is_driving():
            return
        me = threading.current_thread()
        with self._changed:
            self._parked.add(me)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.dead or self._chosen is me)
            self._parked.discard(me)
            if self.dead:
                raise Crash
            self._chosen = None
            self._changed.notify_all()

    def wait(self, done: Callable[[], object], seconds: float | None) -> None:
        me = threading.current_thread()
        with self._changed:
            limit = sys.float_info.max if seconds is None else self._monotonic + seconds
            self._waiting[me] = limit, done
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.dead or self._may_go_on(me))
            del self._waiting[me]
        self.pause()

    def set_time_of_day(self, time_of_day: float) -> None:
        self._time = time_of_day

    def kill(self) -> None:
        """End all threads; none of them does anything any more."""
        with self._changed:
            self.dead = True
            self._changed.notify_all()
        for thread in self.store_threads():
            _join(thread, PATIENCE)

    def store_threads(self) -> list[threading.Thread]:
        alive = set(threading.enumerate()) - self._others
        found = [one for one in alive if one.name.startswith(self._threads)]
        return sorted(found, key=lambda one: one.name)

    def step(self, number: int) -> None:
        """Let a thread or the reactor, chosen by the seed, go on to its next rest, this number of times."""
        with self._changed:
            self._steps(number)

    def _settle(self, wanted: bool) -> None:
        self._steps(sys.maxsize)

    def _steps(self, left: int) -> None:
        tries = int(PATIENCE / 0.01)
        while (busy := self._threads_at_work()) or self.turns.due:
            if not all(one in self._parked for one in busy):
                tries -= 1
                assert tries, f"still at work: {busy}"
                self._changed.notify_all()
                self._changed.wait(0.01)
                continue
            if not left:
                return
            left -= 1
            if (chosen := self._dice.choice([*busy, None] if self.turns.due else busy)) is None:
                self.turns.run()
            else:
                self._chosen = chosen
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._chosen is None, PATIENCE)

    def _threads_at_work(self) -> list[threading.Thread]:
        return [
            one for one in self.store_threads() if one not in self._waiting or self._may_go_on(one)
        ]


_join = threading.Thread.join


class _Lock:
    """A lock whose waiting thread rests by a clock: the one that has it may rest at a call of the disk."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock, self._lock = clock, threading.Lock()

    def __enter__(self) -> None:
        while self._lock.locked():
            self._clock.pause()
        assert self._lock.acquire(timeout=PATIENCE)

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@contextmanager
def joins_by(clock: SteppedClock) -> Iterator[None]:
    """Make threads join, and wait for a disk's lock, by this clock; killed ones end quietly."""

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        if threading.current_thread() in clock.store_threads():
            clock.wait(lambda: not self.is_alive(), timeout)
        _join(self, timeout)

    loud = threading.excepthook

    def hook(what: threading.ExceptHookArgs) -> None:
        if not issubclass(what.exc_type, Crash):
            loud(what)

    threading.Thread.join, threading.excepthook = join, hook  # type: ignore[method-assign]
    try:
        with patch.object(disk, "threading", SimpleNamespace(Lock=lambda: _Lock(clock))):
            yield
    finally:
        threading.Thread.join, threading.excepthook = _join, loud  # type: ignore[method-assign]


class Turns:
    """The part of a reactor that a store uses; `run` makes the calls that are due."""

    def __init__(self, clock: HandClock) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self.seconds = clock.monotonic

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any) -> Call:
        if not delay:
            self._calls.append(lambda: function(*args))
        return Call()

    def callFromThread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self._calls.append(lambda: function(*args, **kwargs))

    @property
    def due(self) -> int:
        return len(self._calls)

    def run(self) -> None:
        for _ in range(len(self._calls)):
            self._calls.popleft()()
