"""Jobs that wait: in their order, or for a moment before another try, and never faster than they may be
started. No I/O.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable

from logsrv.gopher.mirror.scope import Item, Key

# Seconds after which it is looked again, whatever happens.
IDLE = 0.2


class Job:
    """An item that is to be fetched. path: known when it is needed, so the rules are read by then."""

    __slots__ = ("item", "key", "path", "tries")

    def __init__(
        self, item: Item, key: Key, path: tuple[str, ...] | None = None, tries: int = 0
    ) -> None:
        self.item = item
        self.key = key
        self.path = path
        self.tries = tries


class Queue:
    """connections: jobs under way at a time; delay: seconds from one start to the next."""

    def __init__(self, clock: Callable[[], float], connections: int, delay: float) -> None:
        self._clock = clock
        self._connections = connections
        self._delay = delay
        self._next_start = 0.0
        self._ready: deque[Job] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._ready) + len(self._later)

    def add(self, job: Job, *, first: bool = False) -> None:
        if first:
            self._ready.appendleft(job)
        else:
            self._ready.append(job)

    def add_later(self, job: Job, seconds: float) -> None:
        """It comes first after so many seconds."""
        heapq.heappush(self._later, (self._clock() + seconds, next(self._numbers), job))

    def slow_down(self, delay: float) -> None:
        """Obey a server that wants so many seconds between requests: one connection is enough then."""
        if delay > self._delay:
            self._delay, self._connections = delay, 1

    def take(self, under_way: int) -> Job | None:
        """Return the job to start now, while so many are under way; None if there is none yet."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            self._ready.appendleft(heapq.heappop(self._later)[2])
        if not self._ready or under_way >= self._connections or self._next_start > now:
            return None
        if self._delay:
            self._next_start = now + self._delay
        return self._ready.popleft()

    def pause(self, under_way: int) -> float:
        """Return how long there is nothing to start."""
        now = self._clock()
        times = [self._later[0][0]] if self._later else []
        if self._ready and under_way < self._connections:
            times.append(self._next_start)
        return max(0.0, min([IDLE, *(each - now for each in times)]))
