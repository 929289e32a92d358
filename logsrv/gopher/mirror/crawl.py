"""The order of a mirror: what to fetch next, what again after a pause, and what never.

Menus lead to items, which are fetched in the order in which they were found. An item that several menus
show, under whatever type, is fetched once.

An update asks for all of it once more, menus first: no server tells what has changed. Files that are the
same are left alone, and what no menu shows any more is dropped, when all has been asked for. What cannot
be had now is kept as it is, and so is all that a menu leads to that cannot.
"""

from __future__ import annotations

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.nearby import Nearby
from logsrv.gopher.fetch.retries import Retries
from logsrv.gopher.mirror.fetching import Fetching
from logsrv.gopher.mirror.folders import OF_A_NAME, Folders
from logsrv.gopher.mirror.journal import Done, Journal
from logsrv.gopher.mirror.menus import MenuFiles, Reading, Unfinished
from logsrv.gopher.mirror.names import Names
from logsrv.gopher.mirror.pages import Line
from logsrv.gopher.mirror.queue import IDLE, Job, Queue
from logsrv.gopher.mirror.rules import ServerRules
from logsrv.gopher.mirror.scope import Item, Items, Key, Scope, is_menu
from logsrv.gopher.mirror.sinks import FileSink, MenuSink, Stored
from logsrv.gopher.mirror.tally import Manners, Tally
from logsrv.gopher.mirror.work import work
from logsrv.gopher.mirror.worker import HandedBack
from logsrv.gopher.wire.errors import ServerError
from logsrv.gopher.wire.menu import MenuItem, MenuParser
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from pathlib import Path
else:
    # As in `queue`.
    from _collections import deque

RETRIES = 4
# Seconds after which a menu is shown although some of its items are still to come.
_LATE = 2.0
_WRITTEN_DOWN = 0.1


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
        transfers: Nearby,
        manners: Manners,
        clock: Callable[[], float],
        *,
        files: MenuFiles | None = None,
        update: bool = False,
    ) -> None:
        """files: writes the menus; update: ask again for what is there."""
        self._root = root
        self._folders = Folders(directory)
        self._fetching = Fetching(
            transfers, self._folders, manners.connections, manners.item_bytes, work
        )
        self._files = files
        self._update = update
        self._old: dict[Key, Done] = {}
        self._items = Items()
        self._root_key = self._items.key(root)
        self._unfinished = Unfinished(self._write)
        self._unread: deque[Reading] = deque()
        # A large one is often written soon after it was read; others are parsed again.
        self._latest: Reading | None = None
        self._late: deque[tuple[float, Done]] = deque()
        self._ended: deque[Job] = deque()
        self._clock = clock
        self._scope = scope
        self._journal = journal
        self._transfers = transfers
        self._manners = manners
        self._names = Names(root)
        self._seen: set[Key] = set()
        self._awaited: set[Key] = set()
        self._queue = Queue(clock, manners.delay)
        self._done: dict[Key, Done] = {}
        self._retries = Retries(RETRIES)
        self._next_flush = 0.0
        self.tally = Tally()
        self.menus: list[Done] = []
        self.copies: dict[Key, Copy] = {}

    @property
    def waiting(self) -> int:
        """The number of items that are known and not yet fetched."""
        return len(self._awaited)

    @property
    def received(self) -> int:
        """The bytes of all answers."""
        return self._fetching.received

    def run(self, show: Callable[[], None]) -> None:
        """Do it all; `show` is called now and then. What is there is known at any time, also if this is
        interrupted.

        Raises the GopherError of the root, if that cannot be had, and the OSError of a disk.
        """
        try:
            self._run(show)
        finally:
            self._fetching.close()

    def _run(self, show: Callable[[], None]) -> None:
        self._restore()
        rules = ServerRules(self._root, self._transfers, self._manners.ignore_robots)
        if self._root_key not in self._done:
            # The user asked for this one; what it leads to waits for the rules.
            self._meet(Item(self._root, 0), self._root_key)
            self._start()
        self._obey(rules)
        self._meet(Item(self._root, 0), self._root_key)
        try:
            self._fetch_all(show)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C or SIGTERM: what was whole by then is not fetched again.
            self._ended += self._fetching.ended()
            self._settle()
            self._leave()
            raise
        self._leave()
        root_error = self.tally.failed.get(self._root)
        if root_error is not None and not self.copies:
            raise root_error
        if self._update and self.tally.stopped is None:
            self._drop()
            self._journal.end_update()

    def _leave(self) -> None:
        """Have all menus say what is there by now, also at an early end."""
        if self._unread:
            # Nobody has come to what these lead to, and some of it is there since an earlier run.
            for key, done in self._done.items():
                self.copies[key] = Copy(done.path, done.size is None)
        for reading in self._unread:
            self._write(reading.menu)
        self._unread.clear()
        self._unfinished.leave()

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self._awaited or self._unread:
            self._start()
            # While the next answers travel.
            self._settle()
            if self._unread:
                self._follow()
            self._write_late()
            self._write_down()
            show()
            if self.received > self._manners.bytes:
                self.tally.stopped = f"--max-bytes {self._manners.bytes}"
                self._ended += self._fetching.ended()
                self._settle()
                break
            if self._awaited:
                pause = 0.0 if self._unread else self._queue.pause(self._fetching.has_room())
                # Between requests that are to have a pause, nobody is too busy.
                waiting = 0 if self._queue.delay else len(self._queue)
                self._ended += self._fetching.wait(pause, waiting)

    def _settle(self) -> None:
        while self._ended:
            self._finish(self._ended.popleft())

    # Before the first item.

    def _obey(self, rules: ServerRules) -> None:
        while not rules.have_come:
            self._ended += self._fetching.wait(IDLE)
        # What is reported is the mirror's own.
        self._transfers.received -= rules.size
        self._names.delimiter = rules.path_delimiter
        for done in (*self._old.values(), *self._done.values()):
            self._names.restore(done.url, done.path)
        robots = rules.robots
        self._scope.obey(robots)
        if robots.delay > self._queue.delay:
            # One connection is enough for who wants a pause between requests.
            self._queue.delay, self._fetching.connections = robots.delay, 1

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
                else:
                    known.pop(key, None)
        for key in self._done:
            self._old.pop(key, None)

    # Finding.

    def _follow(self) -> None:
        """Go on through a menu: fetch what its lines lead to, or take it as it is.

        Not all of a long one at once, or nothing would be under way meanwhile.
        """
        reading = self._unread[0]
        for line in reading.next_lines():
            if self.tally.stopped is not None:
                break
            found = self._scope.item(line, reading.item)
            key = None if found is None else self._items.key(found.url)
            reading.keys.append(key)
            if found is not None and key is not None:
                self._meet(found, key)
        if reading.is_over or self.tally.stopped is not None:
            self._unread.popleft()
            if missing := self._awaited.intersection(reading.keys):
                self._unfinished.came(reading.menu, missing)
                self._late.append((self._clock() + _LATE, reading.menu))
            else:
                self._write(reading.menu)

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
        elif not is_menu(item.url):
            job.path = self._names.path(item.url)
        job.known = old is not None
        self._queue.add(job, first=self._update and is_menu(item.url))

    def _keep(self, done: Done, item: Item, key: Key) -> None:
        """Take what is there already."""
        self.copies[key] = Copy(done.path, done.size is None)
        if done.size is None:
            self._read(done, item, self._lines(done))
        self._begin_root(key)

    def _read(self, menu: Done, item: Item, lines: list[MenuItem]) -> None:
        self.menus.append(menu)
        if self._files is not None:
            self._files.came(menu)
        self._latest = Reading(menu, item, lines)
        self._unread.append(self._latest)

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

    def _write(self, menu: Done) -> None:
        """Write a menu as it is now: what is not there yet is where it was found."""
        if self._files is None:
            return
        if self._latest is not None and self._latest.menu is menu and self._latest.is_over:
            items = zip(self._latest.lines, self._latest.keys, strict=True)
            lines = [self._line(menu, line, key) for line, key in items]
        else:
            lines = [self._line(menu, line) for line in self._lines(menu)]
        self._files.write(menu, lines)

    def _line(self, menu: Done, line: MenuItem, key: Key | None = None) -> Line:
        """Return a line of a menu as it is written. key: if it is known already."""
        copy = None if key is None else self.copies.get(key)
        url = None
        if copy is None:
            url = self._scope.url(line, menu.url)
            copy = None if url is None else self.copies.get(self._items.key(url))
        if not line.host and line.port is not None:
            # Elsewhere, no host would mean another one.
            line = line.replace(host=menu.url.host.encode(), port=menu.url.port)
        if copy is None:
            return Line(line, None, False, None if url is None else str(url))
        return Line(line, copy.path, copy.is_menu, None)

    # Fetching.

    def _start(self) -> None:
        while (job := self._queue.first()) is not None and self._fetching.has_room(job):
            self._queue.take()
            try:
                self._fetching.start(job)
            except (LogsrvError, OSError) as error:
                self._fail(job, error)

    def _finish(self, job: Job) -> None:
        self._fetching.settle(job)
        if job.error is not None:
            self._fail(job, job.error)
            return
        url, got = job.item.url, job.got
        self._retries.answered(url.host)
        self.tally.fetched += 1
        path = self._names.path(url) if job.path is None else job.path
        self.copies[job.key] = Copy(path, is_menu(url))
        self._awaited.discard(job.key)
        old = self._old.pop(job.key, None)
        is_same = False
        if isinstance(got, MenuSink):
            if old is not None and old.size is None:
                is_same = self._journal.menu(old) == got.content
            done = self._journal.add_menu(url, path, got.content)
            self._read(done, job.item, got.items)
        elif isinstance(got, (FileSink, Stored)):
            is_same = not got.changed
            self._journal.add_file(url, path, got.size)
        if old is not None:
            self.tally.same += is_same
            self.tally.changed += not is_same
            if old.path != path:
                self._old[job.key] = old
        self._begin_root(job.key)
        self._unfinished.settled(job.key)

    def _fail(self, job: Job, error: Exception) -> None:
        url = job.item.url
        job.error = job.got = None
        if isinstance(error, HandedBack):
            job.here, job.tries = True, 0
            self._queue.add(job)
            return
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
