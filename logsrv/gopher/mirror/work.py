"""The work of a mirror's second process, at the other ends of the pipes of `worker`."""

from __future__ import annotations

import os
import time

from logsrv.errors import LogsrvError
from logsrv.gopher.mirror.fetching import Fetching
from logsrv.gopher.mirror.queue import IDLE, Job
from logsrv.gopher.mirror.scope import key_of
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.errors import TimedOut
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import remembered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
else:
    # As in `queue`.
    from _collections import deque

_CHUNK = 64 * 1024
# What has ended is told together: so many, or after so many seconds.
_TOLD_TOGETHER = 16
_TOLD_LATE = 0.01


def work(fetching: Fetching, source: int, target: int) -> None:
    """Do the jobs that come from `source`, and tell `target`, until no more will come."""
    waiting: deque[_Numbered] = deque()
    ended: list[Job] = []
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
        # While the next answers travel.
        told.settle(ended)
        if not waiting or told.is_due:
            told.all()
        ended = fetching.wait(told.due)
    told.settle(ended + fetching.ended())
    told.all()
    fetching.close()


class _Numbered(Job):
    """A job of the other process, by its line."""

    __slots__ = ("number",)

    def __init__(self, line: bytes) -> None:
        number, known, begin, selector, path = line.split(b"\t")
        url = _server(begin).at(selector)
        names = path.decode("utf-8", "surrogateescape").split("/")
        super().__init__(url, key_of(url), 0, tuple(names))
        self.known = known == b"1"
        self.number = int(number)


@remembered(256)
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

    def settle(self, ended: list[Job]) -> None:
        """Let their files appear."""
        for job in ended:
            self._fetching.settle(job)
            self.add(job)

    def add(self, job: Job) -> None:
        assert isinstance(job, _Numbered)
        self._count += 1
        if job.error is None and isinstance(job.got, FileSink):
            self._lines += b"%d\t%d\t%d\n" % (job.number, job.got.size, job.got.changed)
        elif isinstance(job.error, TimedOut):
            silence = job.number, job.error.phase.encode(), job.error.seconds
            self._lines += b"%d\t%s\t%r\n" % silence
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
        """Tell all of it."""
        received = self._fetching.received
        if received > self._received:
            self._lines += b"+%d\n" % (received - self._received)
            self._received = received
        if self._lines:
            try:
                os.write(self._target, self._lines)
            except BrokenPipeError:
                # Nobody is there any more; then no job will come either, and this ends as it should.
                pass
            self._lines.clear()
            self._count = 0
        self._next = time.monotonic() + _TOLD_LATE
