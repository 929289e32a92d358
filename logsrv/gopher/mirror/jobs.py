"""Jobs: the queue of waiting jobs, and the few that are running, each with a sink for its answer.

The rules of the server, its `robots.txt`, are requested first.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.connection_options import Timeouts
from logsrv.gopher.fetch.stream import RetryPolicy
from logsrv.gopher.fetch.transfers import AnswerSink, SocketTransfer, Transfers
from logsrv.gopher.mirror.paths import CopyPath, MirrorFolders
from logsrv.gopher.mirror.scope import Key, RobotRules, parse_robots
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import USUAL, Content
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import GopherURL
from logsrv.value import Value

# The longest wait for an event, in seconds.
IDLE = 0.2


@dataclass(eq=False, slots=True)
class FetchJob:
    """An item of the mirror.

    url: for items of the root's server, always with the same name of that server. key: the item's identity.
    depth: number of menus from the root to it. path: that of its copy; for a menu, set when it is copied.
    known: whether there may be an earlier copy. got, error: after fetching, the answer or why it failed.
    has_copy: whether there is a copy.
    """

    url: GopherURL
    key: Key
    depth: int
    path: CopyPath | None = None
    has_copy: bool = False
    known: bool = False
    tries: int = 0
    error: Exception | None = None
    got: AnswerSink | None = None


class JobQueue:
    """The jobs that wait. delay: seconds between two starts."""

    def __init__(self, clock: Callable[[], float], delay: float) -> None:
        self._clock = clock
        self.delay = delay
        self._next_start = 0.0
        self._ready: deque[FetchJob] = deque()
        self._later: list[tuple[float, int, FetchJob]] = []
        self._number = 0

    def add(self, job: FetchJob, *, first: bool = False) -> None:
        """Put a job at the end of the queue, or at its front."""
        if first:
            self._ready.appendleft(job)
        else:
            self._ready.append(job)

    def add_later(self, job: FetchJob, seconds: float) -> None:
        """Put a job at the front of the queue after `seconds`."""
        self._number += 1
        self._later.append((self._clock() + seconds, self._number, job))
        self._later.sort()

    def take_due(self) -> FetchJob | None:
        """Remove and return the first job if it may start now, else None; then the next delay begins."""
        if self._later:
            now = self._clock()
            while self._later and self._later[0][0] <= now:
                self._ready.appendleft(self._later.pop(0)[2])
        if not self._ready or (self.delay and self._next_start > self._clock()):
            return None
        if self.delay:
            self._next_start = self._clock() + self.delay
        return self._ready.popleft()

    def seconds_to_start(self, has_room: bool) -> float:
        """Return the seconds until a job may be started, at most IDLE.

        has_room: whether a connection is free.
        """
        now = self._clock()
        times = [self._later[0][0]] if self._later else []
        if self._ready and has_room:
            times.append(self._next_start)
        return max(0.0, min([IDLE, *(each - now for each in times)]))


RETRIES = 4
_TIME_FOR_A_MENU = Timeouts().whole


class CrawlOptions(Value):
    """The limits and options of a run.

    The fields are the options of `gopher mirror` of these names. connections: at once. delay: seconds
    between two requests. max_size: bytes of one answer. update: whether to request existing copies again.
    """

    # Some servers, such as pygopherd, queue only five connections.
    connections: int = 4
    delay: float = 0.0
    max_items: int = 100_000
    max_bytes: int = 10 * 1024**3
    max_size: int | None = None
    ignore_robots: bool = False
    update: bool = False


class JobRunner:
    """Runs the jobs in the order of `queue`, a few at a time, and returns those that have ended."""

    def __init__(self, transfers: Transfers, folders: MirrorFolders, manners: CrawlOptions) -> None:
        self._transfers = transfers
        self._folders = folders
        self._connections = manners.connections
        self._max_size = manners.max_size
        self.queue = JobQueue(transfers.clock, manners.delay)
        self._retries = RetryPolicy(RETRIES)
        self._jobs: dict[SocketTransfer, FetchJob] = {}
        self._ended: deque[FetchJob] = deque()

    def requeue_failed(self, job: FetchJob, error: Exception) -> bool:
        """Queue a failed job again, after a pause, if another try may help; else return false."""
        pause = self._retries.pause_before_retry(job.url, error, job.tries, afresh=True)
        if pause is not None:
            self.queue.add_later(job, pause)
        return pause is not None

    def slow_down(self, delay: float) -> None:
        """Leave at least `delay` seconds between two requests."""
        if delay > self.queue.delay:
            # A single connection is enough with a pause between requests.
            self.queue.delay, self._connections = delay, 1

    def start_jobs(self) -> None:
        """Start jobs until all connections are in use or none may be started."""
        while self._has_free_connection and (job := self.queue.take_due()) is not None:
            try:
                self._request_item(job)
            except (LogsrvError, OSError) as error:
                job.error = error
                self._ended.append(job)

    def wait_for_end(self, *, busy: bool) -> None:
        """Wait until a transfer ends or a job may start: at most IDLE seconds, not at all if `busy`."""
        self._note_ended(
            self._transfers.run_round(
                0.0 if busy else self.queue.seconds_to_start(self._has_free_connection)
            )
        )

    def store_ended_jobs(self) -> Iterator[FetchJob]:
        """Yield the jobs that have ended. The file of each is stored, or its `error` is set."""
        while self._ended:
            job = self._ended.popleft()
            if job.error is None and isinstance(job.got, FileSink):
                self._store_file(job, job.got)
            if job.error is None:
                self._retries.note_answered(job.url.host)
            yield job

    def collect_ended(self) -> None:
        """Collect the transfers that have ended, for `store_ended_jobs`; for a run that stops early."""
        self._note_ended(self._transfers.take_ended())

    def close(self) -> None:
        """Remove the files of unfinished answers."""
        self.collect_ended()
        # Remove the files of ended jobs that were not stored, for example because the disk is full.
        for job in self._ended:
            if job.got is not None:
                job.got.abort()
        self._transfers.close()

    @property
    def _has_free_connection(self) -> bool:
        return len(self._jobs) < self._connections

    def _request_item(self, job: FetchJob) -> None:
        """Request the item of a job. Raises LinkInTheWay, OSError."""
        job.tries += 1
        url = job.url
        kind = item_type(url.item_type).transfer
        sink: Content | FileSink
        most_bytes: int | None
        if kind == "menu":
            sink = Content("menu")
            most_bytes, most_seconds = self._max_size or USUAL.menu, _TIME_FOR_A_MENU
        else:
            assert job.path is not None
            path = self._folders.checked_path(job.path)
            sink = FileSink(path, text=kind == "text", known=job.known)
            most_bytes, most_seconds = self._max_size, math.inf
        transfer = self._transfers.start(
            url, sink, most_bytes=most_bytes, most_seconds=most_seconds
        )
        self._jobs[transfer] = job

    def _store_file(self, job: FetchJob, file: FileSink) -> None:
        assert job.path is not None
        try:
            self._folders.check_no_link(job.path)
            if file.became_empty:
                raise Truncated(job.url.address, 0, "nothing came, and there was something before")
            file.store()
        except (LogsrvError, OSError) as error:
            file.abort()
            job.error = error

    def _note_ended(self, ended: list[SocketTransfer]) -> None:
        for transfer in ended:
            # Requests for the server's rules, such as robots.txt, have no job.
            job = self._jobs.pop(transfer, None)
            if job is not None:
                job.error, job.got = transfer.error, transfer.sink
                self._ended.append(job)


_LARGEST = 512 * 1024


class ServerRules:
    """The rules of the root's server, requested by the constructor. Use them when `requests_have_ended`."""

    def __init__(self, root: GopherURL, transfers: Transfers, ignore_robots: bool) -> None:
        """ignore_robots: whether to request no robots.txt."""
        self._sinks = [] if ignore_robots else [Content("text"), Content("text")]
        for selector, sink in zip((b"/robots.txt", b"robots.txt"), self._sinks, strict=False):
            url = root.replace(item_type="0", selector=selector)
            transfers.start(url, sink, most_bytes=_LARGEST, most_seconds=Timeouts().whole)

    @property
    def requests_have_ended(self) -> bool:
        """Return true if all requests for rules have ended, also those that failed."""
        return all(sink.ended for sink in self._sinks)

    @property
    def size(self) -> int:
        """Return the size of the rules in bytes."""
        return sum(len(sink.content) for sink in self._sinks)

    @property
    def robots(self) -> RobotRules:
        """Return the rules of the first robots.txt that has any for us."""
        found = (parse_robots(sink.content) for sink in self._sinks)
        return next((each for each in found if each != RobotRules()), RobotRules())
