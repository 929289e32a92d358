"""The order of a mirror: what to fetch next, what again after a pause, and what never.

Menus lead to items, which are fetched in the order in which they were found. An item that several menus
show, under whatever type, is fetched once.

An update asks for all of it once more, menus first: no server tells what has changed. Files that are the
same are left alone, and what no menu shows any more is dropped, when all has been asked for. What cannot
be had now is kept as it is, and so is all that a menu leads to that cannot.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.retries import Retries
from logsrv.gopher.fetch.settings import Limits, Timeouts
from logsrv.gopher.fetch.transfers import Finished, Transfers
from logsrv.gopher.mirror.folders import OF_A_NAME, Folders
from logsrv.gopher.mirror.journal import Done, Journal
from logsrv.gopher.mirror.menus import MenuFiles, Unfinished
from logsrv.gopher.mirror.names import Names
from logsrv.gopher.mirror.pages import Line
from logsrv.gopher.mirror.queue import IDLE, Job, Queue
from logsrv.gopher.mirror.robots import Robots, parse_robots, path_delimiter
from logsrv.gopher.mirror.scope import Item, Items, Key, Scope, is_menu
from logsrv.gopher.mirror.sinks import FileSink, MemorySink, MenuSink
from logsrv.gopher.mirror.tally import Manners, Tally
from logsrv.gopher.wire.errors import ServerError
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from logsrv.gopher.fetch.transfers import Sink

RETRIES = 4
# Seconds after which a menu is shown although some of its items are still to come.
_LATE = 2.0
_WRITTEN_DOWN = 0.1
_LARGEST_RULES = 512 * 1024


class Copy(Value):
    """The copy of an item: its path, and whether it is a menu's, so a directory."""

    __slots__ = ("is_menu", "path")

    def __init__(self, path: tuple[str, ...], is_menu: bool) -> None:
        self.path = path
        self.is_menu = is_menu


class Crawl:
    """Fetches `root` and what it leads to into `directory`.

    tally: what was done; menus: those of the mirror; copies: all items that are there, by their keys.
    """

    def __init__(
        self,
        root: GopherURL,
        directory: Path | str,
        scope: Scope,
        journal: Journal,
        transfers: Transfers,
        manners: Manners,
        clock: Callable[[], float],
        *,
        files: MenuFiles | None = None,
        update: bool = False,
    ) -> None:
        """files: writes the menus; update: ask again for what is there."""
        self._root = root
        self._folders = Folders(directory)
        self._files = files
        self._update = update
        self._old: dict[Key, Done] = {}
        self._items = Items()
        self._root_key = self._items.key(root)
        self._unfinished = Unfinished(self._write)
        self._unread: deque[tuple[Done, Item, list[MenuItem]]] = deque()
        self._late: deque[tuple[float, Done]] = deque()
        self._ended: deque[Finished] = deque()
        self._clock = clock
        self._scope = scope
        self._journal = journal
        self._transfers = transfers
        self._manners = manners
        self._names = Names(root)
        self._seen: set[Key] = set()
        self._awaited: set[Key] = set()
        self._queue: Queue = Queue(clock, manners.connections, manners.delay)
        self._jobs: dict[Sink, Job] = {}
        self._done: dict[Key, Done] = {}
        self._retries = Retries(RETRIES)
        self._next_flush = 0.0
        self.tally = Tally()
        self.menus: list[Done] = []
        self.copies: dict[Key, Copy] = {}

    @property
    def waiting(self) -> int:
        """The number of items that are known and not yet fetched."""
        return len(self._queue) + len(self._jobs)

    def run(self, show: Callable[[], None]) -> None:
        """Do it all; `show` is called now and then. What is there is known at any time, also if this is
        interrupted.

        Raises the GopherError of the root, if that cannot be had, and the OSError of a disk.
        """
        self._restore()
        rules = self._ask_for_rules()
        if self._root_key not in self._done:
            # The user asked for this one; what it leads to waits for the rules.
            self._find(Item(self._root, 0))
            self._start()
        self._ended += self._read_rules(rules)
        self._find(Item(self._root, 0))
        try:
            self._fetch_all(show)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C or SIGTERM: what was whole by then is not fetched again.
            self._ended += self._transfers.ended()
            self._settle()
            raise
        self.leave()
        root_error = self.tally.failed.get(self._root)
        if root_error is not None and not self.copies:
            raise root_error
        if self._update and self.tally.stopped is None:
            self._drop()
            self._journal.end_update()

    def leave(self) -> None:
        """Have all menus say what is there by now; for a run that ends early."""
        self._unfinished.leave()

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self.waiting:
            self._start()
            # While the next answers travel.
            self._settle()
            self._write_late()
            self._write_down()
            show()
            if self._transfers.received > self._manners.bytes:
                self.tally.stopped = f"--max-bytes {self._manners.bytes}"
                break
            if self.waiting:
                self._ended += self._transfers.wait(self._queue.pause(len(self._jobs)))

    def _settle(self) -> None:
        while self._ended:
            self._finish(self._ended.popleft())

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
            for finished in self._transfers.wait(IDLE):
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
        self._queue.slow_down(robots.delay)
        return early

    def _restore(self) -> None:
        self._folders.sweep()
        contents = self._journal.read()
        if contents.old is None and self._update and contents.done:
            self._journal.begin_update()
            contents = self._journal.read()
        # One that was interrupted goes on.
        self._update = contents.old is not None
        for known, found in ((self._old, contents.old or ()), (self._done, contents.done)):
            for done in found:
                key = self._items.key(done.url)
                if (
                    known is self._old
                    or done.size is None
                    or self._folders.is_whole(done.path, done.size)
                ):
                    known[key] = done
                    self._names.restore(done.url, done.path)
                else:
                    known.pop(key, None)
        for key in self._done:
            self._old.pop(key, None)

    # Finding.

    def _find(self, item: Item) -> None:
        """Fetch an item, or take it as it is; and so with all that it leads to, as far as that is there."""
        self._meet(item, self._items.key(item.url))
        self._follow()

    def _follow(self) -> None:
        while self._unread:
            menu, item, lines = self._unread.popleft()
            keys = set()
            for line in lines:
                if self.tally.stopped is not None:
                    break
                found = self._scope.item(line, item)
                if found is not None:
                    key = self._items.key(found.url)
                    keys.add(key)
                    self._meet(found, key)
            if missing := self._awaited & keys:
                self._unfinished.came(menu, missing)
                self._late.append((self._clock() + _LATE, menu))
            else:
                self._write(menu, lines)

    def _meet(self, item: Item, key: Key) -> None:
        if key in self._seen:
            return
        if len(self._seen) >= self._manners.items:
            self.tally.stopped = f"--max-items {self._manners.items}"
            return
        self._seen.add(key)
        done = self._done.pop(key, None)
        if done is not None and (done.size is None) == is_menu(item.url):
            self.tally.kept += 1
            self._keep(done, item, key)
            return
        self._awaited.add(key)
        job = Job(item, key)
        old = self._old.get(key)
        if old is not None and (old.size is None) == is_menu(item.url):
            job.path = old.path
        self._queue.add(job, first=self._update and is_menu(item.url))

    def _keep(self, done: Done, item: Item, key: Key) -> None:
        """Take what is there already."""
        self.copies[key] = Copy(done.path, done.size is None)
        if done.size is None:
            self._read(done, item, self._lines(done))
        self._begin_root(key)

    def _read(self, menu: Done, item: Item, lines: list[MenuItem]) -> None:
        self.menus.append(menu)
        self._unread.append((menu, item, lines))

    def _lines(self, menu: Done) -> list[MenuItem]:
        parser = MenuParser()
        return [*parser.feed(self._journal.menu(menu)), *parser.finish()]

    def _begin_root(self, key: Key) -> None:
        if key != self._root_key:
            return
        copy = self.copies.get(key)
        if self._files and copy and not copy.is_menu:
            self._files.write_root_for(copy.path)

    def _write_down(self) -> None:
        """Write the journal now and then: who is killed has less to fetch again."""
        now = self._clock()
        if now >= self._next_flush:
            self._next_flush = now + _WRITTEN_DOWN
            self._journal.flush()

    def _write_late(self) -> None:
        while self._late and self._late[0][0] <= self._clock():
            menu = self._late.popleft()[1]
            if self._unfinished.has(menu):
                self._write(menu)

    def _write(self, menu: Done, items: list[MenuItem] | None = None) -> None:
        """Write a menu as it is now: what is not there yet is where it was found."""
        if self._files is None:
            return
        lines = []
        for line in items or self._lines(menu):
            url = self._scope.url(line, menu.url)
            if not line.host and line.port is not None:
                # Elsewhere, no host would mean another one.
                line = line.replace(host=menu.url.host.encode(), port=menu.url.port)
            copy = None if url is None else self.copies.get(self._items.key(url))
            if copy is None:
                lines.append(Line(line, None, False, None if url is None else str(url)))
            else:
                lines.append(Line(line, copy.path, copy.is_menu, None))
        self._files.write(menu, lines)

    # Fetching.

    def _start(self) -> None:
        while (job := self._queue.take(len(self._jobs) - len(self._ended))) is not None:
            self._ask(job)

    def _ask(self, job: Job) -> None:
        url = job.item.url
        sink: Sink
        kind = item_type(url.item_type).transfer
        most_bytes, most_seconds = self._manners.item_bytes, math.inf
        if kind == "menu":
            sink = MenuSink()
            most_bytes, most_seconds = most_bytes or Limits().menu, Timeouts().whole
        else:
            try:
                path = self._folders.path(self._place(job))
            except (LogsrvError, OSError) as error:
                self._fail(job, error)
                return
            known = job.key in self._old
            sink = FileSink(path, text=kind == "text", known=known)
        self._jobs[sink] = job
        job.tries += 1
        self._transfers.start(url, sink, most_bytes=most_bytes, most_seconds=most_seconds)

    def _place(self, job: Job) -> tuple[str, ...]:
        if job.path is None:
            job.path = self._names.path(job.item.url)
        return job.path

    def _finish(self, finished: Finished) -> None:
        job = self._jobs.pop(finished.sink)
        url = job.item.url
        if finished.error is not None:
            self._fail(job, finished.error)
            return
        sink = finished.sink
        if isinstance(sink, FileSink):
            try:
                self._folders.look_again(self._place(job))
                sink.store()
            except (LogsrvError, OSError) as error:
                sink.abort()
                self._fail(job, error)
                return
        self._retries.answered(url.host)
        self.tally.fetched += 1
        path = self._place(job)
        self.copies[job.key] = Copy(path, is_menu(url))
        self._awaited.discard(job.key)
        old = self._old.pop(job.key, None)
        is_same = False
        if isinstance(sink, MenuSink):
            if old is not None and old.size is None:
                is_same = self._journal.menu(old) == sink.content
            done = self._journal.add_menu(url, path, sink.content)
            self._read(done, job.item, sink.items)
            self._follow()
        elif isinstance(sink, FileSink):
            is_same = not sink.changed
            self._journal.add_file(url, path, sink.size)
        if old is not None:
            self.tally.same += is_same
            self.tally.changed += not is_same
            if old.path != path:
                self._old[job.key] = old
        self._begin_root(job.key)
        self._unfinished.settled(job.key)

    def _fail(self, job: Job, error: Exception) -> None:
        url = job.item.url
        if isinstance(error, OSError) and error.errno not in OF_A_NAME:
            raise error
        if not isinstance(error, (LogsrvError, OSError)):
            raise error
        pause = self._retries.pause(url, error, job.tries, afresh=True)
        if pause is not None:
            self._queue.add_later(job, pause)
            return
        old = self._old.get(job.key)
        if old is not None and url == self._root:
            # Nothing is dropped because a server is not there, or has lost its way.
            raise error
        self.tally.failed[url] = error
        self._journal.add_failure(url, str(error))
        self._awaited.discard(job.key)
        if old is not None and not isinstance(error, ServerError):
            self._keep_old(self._old.pop(job.key), job)
        self._unfinished.settled(job.key)

    def _keep_old(self, old: Done, job: Job) -> None:
        if old.size is None:
            old = self._journal.add_menu(old.url, old.path, self._journal.menu(old))
        elif not self._folders.is_whole(old.path, old.size):
            return
        else:
            self._journal.add_file(old.url, old.path, old.size)
        self._keep(old, job.item, job.key)
        self._follow()

    def _drop(self) -> None:
        """Remove what was not met any more."""
        taken = {copy.path for copy in self.copies.values()}
        for old in self._old.values():
            self.tally.gone += 1
            if old.path in taken:
                continue
            if old.size is not None:
                self._folders.remove(old.path)
            elif self._files is not None:
                self._files.remove(old.path)
