"""A second process that fetches files: answers that come at once keep one processor busy, and there are
more.

    fetching ── jobs ──► worker      NUMBER TAB KNOWN TAB URL-TO-SELECTOR TAB SELECTOR TAB PATH LF
             ◄─ ended ──             NUMBER TAB SIZE TAB CHANGED LF, NUMBER LF, + RECEIVED LF

It decides nothing and explains nothing: a job that fails in it is handed back, to be asked for again by
who has the words for what went wrong. It ends when the pipe of its jobs does, and so with the process that
began it, however that one ends.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections import deque
from functools import lru_cache

from logsrv.errors import LogsrvError
from logsrv.gopher.mirror.queue import IDLE, Job
from logsrv.gopher.mirror.scope import Item, is_menu
from logsrv.gopher.mirror.sinks import FileSink, Stored
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from logsrv.gopher.mirror.fetching import Fetching

# What may wait in it: enough to be busy until more comes, few enough to be done when all else is.
_MOST_JOBS = 64
# What has ended is told together: so many, or after so many seconds.
_TOLD_TOGETHER = 16
_TOLD_LATE = 0.01
_CHUNK = 64 * 1024


class HandedBack(Exception):
    """The worker did not bring it about."""


def can_work() -> bool:
    """Return true if there is a processor for a second process, and it is safe to begin one by forking:
    no other thread can hold a lock.
    """
    threading = sys.modules.get("threading")
    if not hasattr(os, "fork") or (threading is not None and threading.active_count() > 1):
        return False
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return (os.cpu_count() or 1) > 1


class Worker:
    """The process, seen from the one that began it.

    process: its number. results: the descriptor that is readable when `ended` has something to tell.
    gone: it has ended.
    """

    def __init__(self, make: Callable[[], Fetching]) -> None:
        """make: called in the new process."""
        self.gone = False
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count()
        self._unsent = bytearray()
        self._torn = b""
        self._is_short = True
        jobs, self._to_worker = os.pipe()
        self.results, from_worker = os.pipe()
        own = os.getpid()
        try:
            self.process = os.fork()
            if not self.process:
                for number in (signal.SIGINT, signal.SIGTERM):
                    # The other process hears of it as well, and stops this one.
                    signal.signal(number, signal.SIG_IGN)
                os.close(self._to_worker)
                os.close(self.results)
                _work(make(), jobs, from_worker)
                os._exit(0)
        finally:
            # Whatever goes wrong, this is never a second one of what goes on in the first.
            if os.getpid() != own:
                os._exit(1)
        os.close(jobs)
        os.close(from_worker)
        os.set_blocking(self._to_worker, False)
        os.set_blocking(self.results, False)

    def takes(self, job: Job) -> bool:
        """Return true if `job` may be given to it now: many together, as that takes less time for each."""
        if job.here or is_menu(job.item.url):
            return False
        if len(self._jobs) <= _MOST_JOBS // 2:
            self._is_short = True
        elif len(self._jobs) >= _MOST_JOBS:
            self._is_short = False
        return self._is_short

    def give(self, job: Job) -> None:
        """Let it be fetched with the next `send`."""
        number = next(self._numbers)
        self._jobs[number] = job
        url = job.item.url
        assert job.path is not None
        self._unsent += b"%d\t%d\t%s\t%s\t%s\n" % (
            number,
            job.known,
            url.until_selector.encode(),
            url.selector,
            "/".join(job.path).encode("utf-8", "surrogateescape"),
        )

    def send(self) -> None:
        """Send what was given, as far as the pipe takes it."""
        if self._unsent:
            try:
                del self._unsent[: os.write(self._to_worker, self._unsent)]
            except (BlockingIOError, BrokenPipeError):
                # It has enough to do; or it has ended, as is seen where it is read from.
                pass

    def ended(self) -> tuple[int, list[Job]]:
        """Return how many bytes have come, and the jobs that have ended: all, if it has ended itself."""
        try:
            data = os.read(self.results, _CHUNK)
        except BlockingIOError:
            return 0, []
        received = 0
        ended = []
        *lines, self._torn = (self._torn + data).split(b"\n")
        for line in lines:
            if line[:1] == b"+":
                received += int(line)
                continue
            number, *found = map(int, line.split(b"\t"))
            job = self._jobs.pop(number)
            if found:
                job.got = Stored(found[0], bool(found[1]))
            else:
                job.error = HandedBack()
            ended.append(job)
        if not data:
            self.gone = True
            for job in self._jobs.values():
                job.error = HandedBack()
            ended += self._jobs.values()
            self._jobs.clear()
        return received, ended

    def stop(self) -> tuple[int, list[Job]]:
        """Return the same as `ended`, of all that it will ever have done."""
        os.close(self._to_worker)
        os.set_blocking(self.results, True)
        received = 0
        ended = []
        while not self.gone:
            more, jobs = self.ended()
            received += more
            ended += jobs
        return received, ended

    def close(self) -> None:
        """Let go of one that is gone."""
        os.close(self.results)
        os.waitpid(self.process, 0)


def _work(fetching: Fetching, source: int, target: int) -> None:
    """Do the jobs that come from `source`, and tell `target`, until no more will come."""
    waiting: deque[_Numbered] = deque()
    told = _Told(target, fetching)
    torn = b""
    os.set_blocking(source, False)
    fetching.watch(source)
    while True:
        try:
            data = os.read(source, _CHUNK)
        except BlockingIOError:
            pass
        else:
            if not data:
                break
            *lines, torn = (torn + data).split(b"\n")
            waiting.extend(map(_Numbered, lines))
        while waiting and fetching.has_room():
            job = waiting.popleft()
            try:
                fetching.start(job)
            except (LogsrvError, OSError) as error:
                job.error = error
                told.add(job)
        for ended in fetching.wait(told.due):
            fetching.settle(ended)
            told.add(ended)
        if not waiting or told.is_due:
            told.all()
    for ended in fetching.ended():
        fetching.settle(ended)
        told.add(ended)
    told.all()
    fetching.close()


class _Numbered(Job):
    """A job of the other process, by its line."""

    __slots__ = ("number",)

    def __init__(self, line: bytes) -> None:
        number, known, begin, selector, path = line.split(b"\t")
        item = Item(_server(begin).at(selector), 0)
        super().__init__(item, item.key, tuple(path.decode("utf-8", "surrogateescape").split("/")))
        self.known = known == b"1"
        self.number = int(number)


@lru_cache(256)
def _server(begin: bytes) -> GopherURL:
    """Return a URL without a selector: most have it in common."""
    return GopherURL.parse(begin)


class _Told:
    """What has ended, on its way to the other process."""

    def __init__(self, target: int, fetching: Fetching) -> None:
        self._target = target
        self._fetching = fetching
        self._received = 0
        self._lines = bytearray()
        self._count = 0
        self._next = 0.0

    def add(self, job: Job) -> None:
        assert isinstance(job, _Numbered)
        self._count += 1
        if job.error is None and isinstance(job.got, FileSink):
            self._lines += b"%d\t%d\t%d\n" % (job.number, job.got.size, job.got.changed)
        else:
            self._lines += b"%d\n" % job.number

    @property
    def due(self) -> float:
        """Return how many seconds there are until what has ended should be told."""
        return _TOLD_LATE if self._lines else IDLE

    @property
    def is_due(self) -> bool:
        return self._count >= _TOLD_TOGETHER or time.monotonic() >= self._next

    def all(self) -> None:
        """Raises BrokenPipeError if nobody is there any more."""
        received = self._fetching.received
        if received > self._received:
            self._lines += b"+%d\n" % (received - self._received)
            self._received = received
        if self._lines:
            os.write(self._target, self._lines)
            self._lines.clear()
            self._count = 0
        self._next = time.monotonic() + _TOLD_LATE
