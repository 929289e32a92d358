"""The order of a mirror: what to fetch next, what again after a pause, and what never.

Menus lead to items, which are fetched in the order in which they were found. An item that several menus
show, under whatever type, is fetched once.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path

import attrs

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.retries import Retries
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.fetch.transfers import Finished, Transfers
from logsrv.gopher.mirror.journal import Done, Journal
from logsrv.gopher.mirror.names import Names
from logsrv.gopher.mirror.robots import Robots, parse_robots, path_delimiter
from logsrv.gopher.mirror.scope import Item, Key, Scope, is_menu, key_of
from logsrv.gopher.mirror.sinks import FileSink, MemorySink, MenuSink
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.paths import inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.fetch.transfers import Sink

RETRIES = 4
_LARGEST_RULES = 512 * 1024
# What is wrong with one name, and not with the disk.
_OF_A_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
_IDLE = 0.2


@attrs.define(frozen=True, slots=True)
class Manners:
    """Limits of a run. connections: at a time; delay: seconds from one request
    to the next; items, bytes: of the whole mirror; item_bytes: of one answer.
    """

    connections: int = 4
    delay: float = 0.0
    items: int = 100_000
    bytes: int = 10 * 1024**3
    item_bytes: int | None = None
    ignore_robots: bool = False


@attrs.define(slots=True)
class Tally:
    """The sum of a run. failed: what went wrong, by URL; stopped: the limit that ended it."""

    fetched: int = 0
    kept: int = 0
    failed: dict[GopherURL, Exception] = attrs.field(factory=dict)
    stopped: str | None = None


@attrs.define(frozen=True, slots=True)
class Copy:
    """The copy of an item: its path, and whether it is a menu's, so a directory."""

    path: tuple[str, ...]
    is_menu: bool


@attrs.define(slots=True)
class _Job:
    """An item that is to be fetched. path: known when it is needed, so the rules are read by then."""

    item: Item
    path: tuple[str, ...] | None = None
    tries: int = 0


class Crawl:
    """Fetches `root` and what it leads to into `directory`.

    tally: what was done; menus: those of the mirror; copies: all items that are there, by their keys.
    """

    def __init__(
        self,
        root: GopherURL,
        directory: Path,
        scope: Scope,
        journal: Journal,
        transfers: Transfers,
        manners: Manners,
        clock: Callable[[], float],
    ) -> None:
        self._root = root
        self._directory = directory
        self._scope = scope
        self._journal = journal
        self._transfers = transfers
        self._manners = manners
        self._clock = clock
        self._connections = manners.connections
        self._delay = manners.delay
        self._next_start = 0.0
        self._names = Names(root)
        self._seen: set[Key] = set()
        self._queue: deque[_Job] = deque()
        self._later: list[tuple[float, int, _Job]] = []
        self._numbers = itertools.count()
        self._jobs: dict[Sink, _Job] = {}
        self._done: dict[Key, Done] = {}
        self._retries = Retries(RETRIES)
        self.tally = Tally()
        self.menus: list[Done] = []
        self.copies: dict[Key, Copy] = {}

    @property
    def waiting(self) -> int:
        """The number of items that are known and not yet fetched."""
        return len(self._queue) + len(self._later) + len(self._jobs)

    def run(self, show: Callable[[], None]) -> None:
        """Do it all; `show` is called now and then.

        Raises the GopherError of the root, if that cannot be had, and the OSError of a disk.
        """
        self._restore()
        rules = self._ask_for_rules()
        if key_of(self._root) not in self._done:
            # The user asked for this one; what it leads to waits for the rules.
            self._find(Item(self._root, 0))
            self._start()
        early = self._read_rules(rules)
        self._find(Item(self._root, 0))
        for finished in early:
            self._finish(finished)
        try:
            self._fetch_all(show)
        except KeyboardInterrupt:
            # What was whole by then is not fetched again.
            for finished in self._transfers.wait(0):
                self._finish(finished)
            raise
        root_error = self.tally.failed.get(self._root)
        if root_error is not None and not self.copies:
            raise root_error

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self._queue or self._later or self._jobs:
            self._start()
            for finished in self._transfers.wait(self._pause()):
                self._finish(finished)
            self._journal.flush()
            show()
            if self._transfers.received > self._manners.bytes:
                self.tally.stopped = f"--max-bytes {self._manners.bytes}"
                break

    # Before the first item.

    def _ask_for_rules(self) -> list[MemorySink]:
        names = [b"caps.txt"]
        if not self._manners.ignore_robots:
            names += [b"/robots.txt", b"robots.txt"]
        sinks = []
        for selector in names:
            url = self._root.replace(item_type="0", selector=selector)
            sinks.append(MemorySink())
            self._transfers.start(
                url, sinks[-1], most_bytes=_LARGEST_RULES, most_seconds=Timeouts().whole
            )
        return sinks

    def _read_rules(self, sinks: list[MemorySink]) -> list[Finished]:
        """Obey what the server says; returns what else has ended meanwhile."""
        early = []
        waiting: set[Sink] = {*sinks}
        while waiting:
            for finished in self._transfers.wait(_IDLE):
                if finished.sink not in waiting:
                    early.append(finished)
                elif finished.error is not None:
                    finished.sink.abort()
                waiting.discard(finished.sink)
        caps, *found = [sink.content for sink in sinks]
        # What is reported is the mirror's own.
        self._transfers.received -= sum(map(len, [caps, *found]))
        self._names.delimiter = path_delimiter(caps)
        rules = (parse_robots(each) for each in found)
        robots = next((each for each in rules if each != Robots()), Robots())
        self._scope.obey(robots)
        if robots.delay > self._delay:
            self._delay, self._connections = robots.delay, 1
        return early

    def _restore(self) -> None:
        for done in self._journal.done():
            url = done.url
            if done.size is None or self._is_whole(done):
                self._done[key_of(url)] = done
                self._names.restore(url, done.path)

    def _is_whole(self, done: Done) -> bool:
        try:
            return inside(self._directory, *done.path).stat().st_size == done.size
        except OSError:
            return False

    # Finding.

    def _find(self, item: Item) -> None:
        if item.key in self._seen:
            return
        if len(self._seen) >= self._manners.items:
            self.tally.stopped = f"--max-items {self._manners.items}"
            return
        self._seen.add(item.key)
        done = self._done.pop(item.key, None)
        if done is None or (done.size is None) != is_menu(item.url):
            self._queue.append(_Job(item))
            return
        self.tally.kept += 1
        self.copies[item.key] = Copy(done.path, done.size is None)
        if done.size is None:
            parser = MenuParser()
            content = self._journal.menu(done)
            self._open(done, item, [*parser.feed(content), *parser.finish()])

    def _open(self, menu: Done, item: Item, lines: list[MenuItem]) -> None:
        self.menus.append(menu)
        for line in lines:
            if self.tally.stopped is not None:
                return
            found = self._scope.item(line, item)
            if found is not None:
                self._find(found)

    # Fetching.

    def _start(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            self._queue.appendleft(heapq.heappop(self._later)[2])
        while self._queue and len(self._jobs) < self._connections and self._next_start <= now:
            if self._delay:
                self._next_start = now + self._delay
            self._ask(self._queue.popleft())

    def _ask(self, job: _Job) -> None:
        url = job.item.url
        sink: Sink
        kind = item_type(url.item_type).transfer
        most_bytes, most_seconds = self._manners.item_bytes, math.inf
        if kind == "menu":
            sink = MenuSink()
            most_bytes, most_seconds = most_bytes or Limits().menu, Timeouts().whole
        else:
            path = self._place(job)
            sink = FileSink(str(inside(self._directory, *path)), text=kind == "text")
        self._jobs[sink] = job
        job.tries += 1
        self._transfers.start(url, sink, most_bytes=most_bytes, most_seconds=most_seconds)

    def _place(self, job: _Job) -> tuple[str, ...]:
        if job.path is None:
            job.path = self._names.path(job.item.url)
        return job.path

    def _pause(self) -> float:
        """Return how long there is nothing to do but wait for answers."""
        now = self._clock()
        times = [self._later[0][0]] if self._later else []
        if self._queue and len(self._jobs) < self._connections:
            times.append(self._next_start)
        return max(0.0, min([_IDLE, *(each - now for each in times)]))

    def _finish(self, finished: Finished) -> None:
        job = self._jobs.pop(finished.sink)
        url = job.item.url
        if finished.error is not None:
            self._fail(job, finished.error)
            return
        self._retries.answered(url.host)
        self.tally.fetched += 1
        path = self._place(job)
        self.copies[job.item.key] = Copy(path, is_menu(url))
        sink = finished.sink
        if isinstance(sink, MenuSink):
            self._open(self._journal.add_menu(url, path, sink.content), job.item, sink.items)
        elif isinstance(sink, FileSink):
            self._journal.add_file(url, path, sink.size)

    def _fail(self, job: _Job, error: Exception) -> None:
        url = job.item.url
        if isinstance(error, OSError) and error.errno not in _OF_A_NAME:
            raise error
        if not isinstance(error, (LogsrvError, OSError)):
            raise error
        pause = self._retries.pause(url, error, job.tries, afresh=True)
        if pause is not None:
            heapq.heappush(self._later, (self._clock() + pause, next(self._numbers), job))
            return
        self.tally.failed[url] = error
        self._journal.add_failure(url, str(error))
