"""Jobs on their way: a few at a time here, and as many in a second process once this one is what the
mirror waits for.
"""

from __future__ import annotations

import math
import time

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.mirror.sinks import FileSink, MenuSink
from logsrv.gopher.mirror.worker import Worker, can_work
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.itemtypes import item_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from logsrv.gopher.fetch.nearby import Nearby
    from logsrv.gopher.fetch.transfers import Finished, Sink
    from logsrv.gopher.mirror.folders import Folders
    from logsrv.gopher.mirror.queue import Job

# Jobs after which it is asked whether this process was busy, and how many must wait to be worth a second.
_A_WHILE = 8
_MANY = 100
_BUSY = 0.7
# pygopherd, for one, lets no more than five wait; who answers faster than it is asked lets nobody wait.
_FEW = 4
_MOST_OF_A_MENU = Limits().menu
_TIME_FOR_A_MENU = Timeouts().whole


class Fetching:
    """Starts jobs, and hands back those that have ended. connections: how many it may have at a time."""

    def __init__(
        self,
        transfers: Nearby,
        folders: Folders,
        connections: int | None,
        item_bytes: int | None,
        work: Callable[[Fetching, int, int], None] | None = None,
    ) -> None:
        """connections: None for a few, and as many again in a second process. item_bytes: the most that
        one answer may have. work: what a second process does.
        """
        self.connections = connections or _FEW
        self._lent = 0 if connections is None else connections // 2
        self._transfers = transfers
        self._folders = folders
        self._item_bytes = item_bytes
        self._work = work
        self._jobs: dict[Sink, Job] = {}
        self._worker: Worker | None = None
        self._received = 0
        self._ended = 0
        self._turn = 0
        self._looked = (time.monotonic(), time.process_time())

    @property
    def received(self) -> int:
        """The bytes of all answers."""
        return self._transfers.received + self._received

    def has_room(self, job: Job | None = None) -> bool:
        """Return true if `job`, or any, may be started now."""
        if len(self._jobs) < self.connections:
            return True
        return job is not None and self._worker is not None and self._worker.takes(job)

    def start(self, job: Job) -> None:
        """Ask for it. Raises LinkInTheWay, OSError."""
        job.tries += 1
        if self._worker is not None and self._worker.takes(job):
            self._worker.give(job)
            return
        url = job.url
        kind = item_type(url.item_type).transfer
        sink: MenuSink | FileSink
        most_bytes: int | None
        if kind == "menu":
            sink = MenuSink()
            most_bytes, most_seconds = self._item_bytes or _MOST_OF_A_MENU, _TIME_FOR_A_MENU
        else:
            assert job.path is not None
            path = self._folders.path(job.path)
            sink = FileSink(path, text=kind == "text", known=job.known)
            most_bytes, most_seconds = self._item_bytes, math.inf
        self._jobs[sink] = job
        self._transfers.ask(url, sink, most_bytes, most_seconds)

    def wait(self, seconds: float, waiting: int = 0) -> list[Job]:
        """Return what has ended, after at most `seconds`. waiting: how many could be started."""
        if self._worker is not None:
            self._worker.send()
        ended = self._of(self._transfers.wait(seconds))
        if self._worker is not None:
            self._turn += 1
            if not ended or self._turn % 4 == 0:
                ended += self._taken(self._worker, self._worker.ended())
            if self._worker is not None:
                self._worker.share(waiting)
        elif waiting > _MANY and self.connections > 1:
            self._ended += len(ended)
            if self._ended >= _A_WHILE:
                self._look_for_help()
        return ended

    def settle(self, job: Job) -> None:
        """Let the file of a job that has ended appear; should that fail, `error` tells."""
        if job.error is None and isinstance(job.got, FileSink):
            assert job.path is not None
            try:
                self._folders.look_again(job.path)
                if job.got.is_missing:
                    raise Truncated(
                        job.url.address, 0, "nothing came, and there was something before"
                    )
                job.got.store()
            except (LogsrvError, OSError) as error:
                job.got.abort()
                job.error = error

    def ended(self) -> list[Job]:
        """Return what has ended already, for a run that stops before its end."""
        ended = self._of(self._transfers.ended())
        if self._worker is not None:
            ended += self._taken(self._worker, self._worker.stop())
        return ended

    def watch(self, descriptor: int) -> None:
        """Let `wait` end when `descriptor` can be read from."""
        self._transfers.watch(descriptor)

    def close(self) -> None:
        """Give up what is under way; no file is left of it."""
        if self._worker is not None:
            self._taken(self._worker, self._worker.stop())
        self._transfers.close()

    def _of(self, finished: list[Finished]) -> list[Job]:
        """Return the jobs that these were for; rules of the server have none."""
        jobs = []
        for each in finished:
            job = self._jobs.pop(each.sink, None)
            if job is not None:
                job.error, job.got = each.error, each.sink
                jobs.append(job)
        return jobs

    def _look_for_help(self) -> None:
        """Start a worker if this process has not waited for anybody lately."""
        now, worked = time.monotonic(), time.process_time()
        begun, before = self._looked
        self._looked, self._ended = (now, worked), 0
        there = self._work
        if there is None or worked - before < _BUSY * (now - begun) or not can_work():
            return
        share = self._lent or self.connections

        def work(source: int, target: int) -> None:
            transfers = self._transfers.forked()
            there(Fetching(transfers, self._folders, share, self._item_bytes), source, target)

        try:
            self._worker = Worker(work)
        except OSError:
            # It is quicker with a second process, but does without one.
            self._work = None
            return
        self.connections -= self._lent
        self.watch(self._worker.results)

    def _taken(self, worker: Worker, told: tuple[int, list[Job]]) -> list[Job]:
        received, ended = told
        self._received += received
        if worker.gone:
            # First, so that Ctrl-C while it is waited for does not bring anybody back to it.
            self._worker = None
            self.connections += self._lent
            self._transfers.unwatch(worker.results)
            worker.close()
        return ended
