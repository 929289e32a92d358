"""Jobs: those that wait, and the few that are running, each with a sink for its answer.

The rules of the server, its `robots.txt`, are requested first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.stream import RetryPolicy
from logsrv.gopher.fetch.transfers import AnswerSink, SocketTransfer, Transfers
from logsrv.gopher.mirror.paths import CopyPath, MirrorFolders
from logsrv.gopher.mirror.scope import Key, RobotRules, parse_robots
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL

# The longest wait for an event, in seconds.
IDLE = 0.2


class FetchJob:
    """An item of the mirror.

    url: for items of the root's server, always with the same name of that server. key: the item's identity.
    depth: number of menus from the root to it. path: that of its copy; for a menu, set when it is copied.
    known: whether there may be an earlier copy. got, error: after fetching, the answer or why it failed.
    has_copy: whether there is a copy. pause: seconds before the next try.
    """

    def __init__(self, url: GopherURL, key: Key, depth: int, path: CopyPath | None = None) -> None:
        self.url = url
        self.key = key
        self.depth = depth
        self.path = path
        self.has_copy = False
        self.known = False
        self.tries = 0
        self.pause = 0.0
        self.error: Exception | None = None
        self.got: AnswerSink | None = None


RETRIES = 4
# Bytes of a robots.txt, the one answer that is limited as a text.
_LARGEST_RULES = 512 * 1024


def mirror_limits(usual: Limits, max_size: int | None) -> Limits:
    """Return the limits of a mirror's requests. max_size: bytes of one item."""
    return usual.replace(menu=max_size or usual.menu, text=_LARGEST_RULES, download=max_size)


class CrawlOptions(NamedTuple):
    """The limits and options of a run.

    The fields are the options of `gopher mirror` of these names. connections: at once. delay: seconds
    between two requests. update: whether to request existing copies again.
    """

    # Some servers, such as pygopherd, queue only five connections.
    connections: int = 4
    delay: float = 0.0
    max_items: int = 100_000
    max_bytes: int = 10 * 1024**3
    ignore_robots: bool = False
    update: bool = False


class JobRunner:
    """Runs jobs, a few at a time, and returns those that have ended.

    A job that waits for another try, or for the delay between two requests, counts as running.
    """

    def __init__(self, transfers: Transfers, folders: MirrorFolders, manners: CrawlOptions) -> None:
        self._transfers = transfers
        self._folders = folders
        self._connections = manners.connections
        self._delay = manners.delay
        self._next_start = 0.0
        self._retries = RetryPolicy(RETRIES)
        self._waiting: deque[FetchJob] = deque()
        self._jobs: dict[SocketTransfer, FetchJob] = {}
        self._ended: deque[FetchJob] = deque()

    def add(self, job: FetchJob, *, first: bool = False) -> None:
        """Put a job at the end of the queue, or at its front."""
        if first:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)

    def retry_failed(self, job: FetchJob, error: Exception) -> bool:
        """Run a failed job again, after a pause, if another try may help; else return false."""
        pause = self._retries.pause_before_retry(job.url, error, job.tries, afresh=True)
        if pause is None:
            return False
        job.pause = pause
        self._waiting.appendleft(job)
        return True

    def slow_down(self, delay: float) -> None:
        """Leave at least `delay` seconds between two requests."""
        if delay > self._delay:
            # A single connection is enough with a pause between requests.
            self._delay, self._connections = delay, 1

    def start_jobs(self) -> None:
        """Start jobs until all connections are in use."""
        while self._can_start:
            self._start_job(self._waiting.popleft())

    @property
    def _can_start(self) -> bool:
        return bool(self._waiting) and len(self._jobs) < self._connections

    def _start_job(self, job: FetchJob) -> None:
        now = self._transfers.clock()
        start = max(now + job.pause, self._next_start) if self._delay else now + job.pause
        self._next_start = start + self._delay
        try:
            self._request_item(job, start - now)
        except (LogsrvError, OSError) as error:
            job.error = error
            self._ended.append(job)

    def wait_for_end(self, *, busy: bool) -> None:
        """Wait until a transfer ends: at most IDLE seconds, not at all if there is something to do."""
        busy = busy or bool(self._ended) or self._can_start or not self._transfers.active
        self._note_ended(self._transfers.run_round(0.0 if busy else IDLE))

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

    def _request_item(self, job: FetchJob, after: float) -> None:
        """Request the item of a job, `after` seconds from now. Raises LinkInTheWay, OSError."""
        job.tries += 1
        url = job.url
        kind = item_type(url.item_type).transfer
        sink: Content | FileSink
        if kind == "menu":
            sink = Content("menu")
        else:
            assert job.path is not None
            path = self._folders.checked_path(job.path)
            sink = FileSink(path, text=kind == "text", known=job.known)
        limited_as: AnswerKind | None = "menu" if kind == "menu" else None
        transfer = self._transfers.start(url, sink, limited_as, after)
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


class ServerRules:
    """The rules of the root's server, requested by the constructor. Use them when `requests_have_ended`."""

    def __init__(self, root: GopherURL, transfers: Transfers, ignore_robots: bool) -> None:
        """ignore_robots: whether to request no robots.txt."""
        self._sinks = [] if ignore_robots else [Content("text"), Content("text")]
        for selector, sink in zip((b"/robots.txt", b"robots.txt"), self._sinks, strict=False):
            url = root.replace(item_type="0", selector=selector)
            transfers.start(url, sink, "text")

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
