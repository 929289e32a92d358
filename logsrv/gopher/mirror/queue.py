"""Jobs that wait: in their order, or for a moment before another try, and never faster than they may be
started. No I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from logsrv.gopher.fetch.transfers.socket_transfer import AnswerSink
from logsrv.gopher.mirror.scope import Key
from logsrv.gopher.wire.url import GopherURL

# Seconds after which it is looked again, whatever happens.
IDLE = 0.2


class Job:
    """An item of the mirror, and what becomes of it. `url` names the server always in the same way.

    key: what tells it from others. depth: menus to here. path: of its copy; for a menu when that is there.
    known: there may be a copy of before. error, got: when it was
    fetched, one of the two. has_copy: the copy is there; is_settled: it is, or will never be.
    """

    __slots__ = (
        *("depth", "error", "got", "has_copy"),
        *("is_settled", "key", "known", "path", "tries", "url"),
    )

    def __init__(
        self, url: GopherURL, key: Key, depth: int, path: tuple[str, ...] | None = None
    ) -> None:
        self.url = url
        self.key = key
        self.depth = depth
        self.path = path
        self.has_copy = self.is_settled = self.known = False
        self.tries = 0
        self.error: Exception | None = None
        self.got: AnswerSink | None = None


class Queue:
    """delay: seconds from one start to the next."""

    def __init__(self, clock: Callable[[], float], delay: float) -> None:
        self._clock = clock
        self.delay = delay
        self._next_start = 0.0
        self._ready: deque[Job] = deque()
        self._later: list[tuple[float, int, Job]] = []
        self._number = 0

    def add(self, job: Job, *, first: bool = False) -> None:
        if first:
            self._ready.appendleft(job)
        else:
            self._ready.append(job)

    def add_later(self, job: Job, seconds: float) -> None:
        """It comes first after so many seconds."""
        self._number += 1
        self._later.append((self._clock() + seconds, self._number, job))
        self._later.sort()

    def first(self) -> Job | None:
        """Return the job that may be started now, None if there is none yet."""
        if self._later:
            now = self._clock()
            while self._later and self._later[0][0] <= now:
                self._ready.appendleft(self._later.pop(0)[2])
        if not self._ready or (self.delay and self._next_start > self._clock()):
            return None
        return self._ready[0]

    def take(self) -> None:
        """The first one is started."""
        if self.delay:
            self._next_start = self._clock() + self.delay
        self._ready.popleft()

    def pause(self, has_room: bool) -> float:
        """Return how long there is nothing to start; has_room: whether there is a connection for one."""
        now = self._clock()
        times = [self._later[0][0]] if self._later else []
        if self._ready and has_room:
            times.append(self._next_start)
        return max(0.0, min([IDLE, *(each - now for each in times)]))
