"""The order of a mirror: what to fetch next, what again after a pause, and what never.

Menus lead to items, which are fetched in the order in which they were found. An item that several menus
show, under whatever type, is fetched once.

An update asks for all of it once more, menus first: no server tells what has changed. Files that are the
same are left alone. What cannot be had now is kept as it is, and so is all that a menu leads to that
cannot. What no menu lists any more is kept and told, or removed if that is wanted, when all has been
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.earlier_copies import EarlierCopies
from logsrv.gopher.mirror.fetching import Fetching, Job, Manners, ServerRules
from logsrv.gopher.mirror.folders import OF_A_NAME, Folders
from logsrv.gopher.mirror.journal import Copy, MirrorJournal
from logsrv.gopher.mirror.menus import MenuFiles, MenuReading, MenuReadings
from logsrv.gopher.mirror.names import Names
from logsrv.gopher.mirror.pages import MenuLine
from logsrv.gopher.mirror.report import MirrorTally
from logsrv.gopher.mirror.scope import Items, Key, MirrorScope, is_menu
from logsrv.gopher.mirror.sinks import FileSink, MenuSink
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

_WRITTEN_DOWN = 0.1


class Crawl:
    """Fetches the root of `scope`, and what it leads to, into the directory of `journal`.

    tally: what was done; waiting: how many items are known and not yet fetched.
    """

    def __init__(
        self,
        scope: MirrorScope,
        journal: MirrorJournal,
        transfers: Transfers,
        manners: Manners,
        clock: Callable[[], float],
        charset: str | None = None,
    ) -> None:
        """charset: of menus, for people who read them."""
        folders = Folders(journal.directory)
        self._scope = scope
        self._journal = journal
        self._transfers = transfers
        self._manners = manners
        self._clock = clock
        self._folders = folders
        self._items = Items()
        self._jobs: dict[Key, Job] = {}
        self._names = Names(scope.root)
        self._earlier = EarlierCopies(self._items, scope, journal, folders)
        self._fetching = Fetching(transfers, folders, manners, clock)
        self._files = MenuFiles(folders, scope.root, charset)
        self._readings = MenuReadings(self._write, clock)
        self._next_flush = 0.0
        self.tally = MirrorTally()
        self.waiting = 0

    @property
    def received(self) -> int:
        """The bytes of all answers."""
        return self._transfers.received

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
        root = self._scope.root
        self._folders.sweep()
        self._earlier.restore(update=self._manners.update)
        rules = ServerRules(root, self._transfers, self._manners.ignore_robots)
        if self._items.key(root) not in self._earlier.done:
            # The user asked for this one; what it leads to waits for the rules.
            self._meet(root, 0)
            self._fetching.start()
        self._obey(rules)
        self._meet(root, 0)
        try:
            self._fetch_all(show)
        except Exception:
            raise
        except BaseException:
            # Ctrl-C or SIGTERM: what was whole by then is not fetched again.
            self._fetching.stop()
            self._settle()
            self._readings.leave()
            raise
        self._readings.leave()
        root_error = self.tally.failed.get(root)
        if root_error is not None:
            raise root_error
        if self._earlier.is_update and self.tally.stopped is None:
            self._journal.end_update(self._left_over())

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self.waiting or self._readings.first():
            self._fetching.start()
            # While the next answers travel.
            self._settle()
            if reading := self._readings.first():
                self._follow(reading)
            self._readings.write_late()
            self._write_down()
            show()
            if self.received > self._manners.bytes:
                self.tally.stopped = f"--max-bytes {self._manners.bytes}"
                self._fetching.stop()
                self._settle()
                break
            if self.waiting:
                self._fetching.wait(busy=self._readings.first() is not None)

    def _settle(self) -> None:
        for job in self._fetching.ended():
            self._finish(job)

    # Before the first item.

    def _obey(self, rules: ServerRules) -> None:
        while not rules.have_come:
            self._fetching.wait(busy=False)
        # Only the mirror's own bytes are reported.
        self._transfers.received -= rules.size
        self._names.delimiter = rules.path_delimiter
        for done in self._earlier.all():
            self._names.restore(done.url, done.path)
        robots = rules.robots
        self._scope.obey(robots)
        self._fetching.slow_down(robots.delay)

    # Finding.

    def _follow(self, reading: MenuReading) -> None:
        """Go on through a menu: fetch what its lines lead to, or take it as it is.

        Not all of a long one at once, or nothing would be under way meanwhile.
        """
        for line in reading.next_lines():
            if self.tally.stopped is not None:
                break
            url, job = self._scope.url(line, reading.menu.url), None
            if url is None:
                self._scope.leave_out(line)
            elif self._scope.wants(url, reading.depth):
                job = self._meet(url, reading.depth)
            else:
                # Too deep by this way, for one; another may have led to it.
                job = self._jobs.get(self._items.key(url))
            if self._earlier.is_update:
                self._earlier.lists(line, url, job)
            reading.jobs.append(job)
        if reading.is_over or self.tally.stopped is not None:
            self._readings.leave_first()

    def _meet(self, url: GopherURL, depth: int) -> Job | None:
        """Return the job for what was found, None if it is one too many."""
        key = self._items.key(url)
        job = self._jobs.get(key)
        if job is not None:
            return job
        if len(self._jobs) >= self._manners.items:
            self.tally.stopped = f"--max-items {self._manners.items}"
            return None
        done = self._earlier.done.pop(key, None)
        if done is not None:
            # The type is the one it was fetched with: another menu may call it something else.
            job = self._jobs[key] = Job(done.url, key, depth)
            self.tally.kept += 1
            self._keep(done, job)
            return job
        job = self._jobs[key] = Job(url, key, depth)
        self.waiting += 1
        old = self._earlier.old(key, url)
        if old is not None:
            job.known = True
        if old is not None and (old.size is None) == is_menu(url):
            job.path = old.path
        elif not is_menu(url):
            job.path = self._names.path(url)
        self._fetching.add(job, first=self._earlier.is_update and is_menu(url))
        return job

    def _keep(self, done: Copy, job: Job) -> None:
        """Take what is there already."""
        self._is_there(job, done.path)
        if done.size is None:
            self._read(done, job, self._earlier.menu(done))

    def _is_there(self, job: Job, path: tuple[str, ...]) -> None:
        job.path = path
        job.has_copy = True
        if job.url == self._scope.root and not is_menu(job.url):
            self._files.write_root(path, is_menu=False)
        self._readings.settled(job)

    def _read(self, menu: Copy, job: Job, came: MenuSink) -> None:
        self._files.came(menu)
        self._earlier.replaced(job, came)
        self._readings.add(MenuReading(menu, job.depth + 1, came.items))

    def _write_down(self) -> None:
        """Write the journal now and then: who is killed has less to fetch again."""
        now = self._clock()
        if now >= self._next_flush:
            self._next_flush = now + _WRITTEN_DOWN
            self._journal.flush()

    def _write(self, reading: MenuReading) -> None:
        """Write a menu as it is now: what is not there yet is where it was found."""
        found = zip_longest(reading.lines, reading.jobs)
        self._files.write(reading.menu, [self._line(reading.menu, *each) for each in found])

    def _line(self, menu: Copy, line: MenuItem, job: Job | None) -> MenuLine:
        """Return a line of a menu as it is written. job: for what it leads to, if that was met."""
        if not line.host and line.port is not None:
            # Elsewhere, no host would mean another one.
            line = line.replace(host=menu.url.host.encode(), port=menu.url.port)
        url = done = None
        if job is None or not job.has_copy:
            url = self._scope.url(line, menu.url)
        if url is not None:
            key = self._items.key(url)
            job, done = self._jobs.get(key), self._earlier.copy(key, url)
        if job is not None and job.has_copy:
            return MenuLine(line, job.path, is_menu(job.url), None)
        if done is not None:
            return MenuLine(line, done.path, done.size is None, None)
        return MenuLine(line, None, False, None if url is None else str(url))

    # Fetching.

    def _finish(self, job: Job) -> None:
        if job.error is not None:
            self._fail(job, job.error)
            return
        url, got = job.url, job.got
        if isinstance(got, MenuSink) and (error := self._earlier.fault(job, got)) is not None:
            self._fail(job, error)
            return
        self.tally.fetched += 1
        self.waiting -= 1
        path = self._names.path(url) if job.path is None else job.path
        old = self._earlier.old(job.key, url)
        is_same = False
        if isinstance(got, MenuSink):
            if old is not None and old.size is None:
                is_same = self._journal.menu(old) == got.content
            self._read(self._journal.add_menu(url, path, got.content), job, got)
        elif isinstance(got, FileSink):
            is_same = not got.changed
            self._journal.add_file(url, path, got.size)
        job.got = None
        if old is not None:
            self.tally.same += is_same
            self.tally.changed += not is_same
        self._is_there(job, path)

    def _fail(self, job: Job, error: Exception) -> None:
        url = job.url
        job.error = job.got = None
        if isinstance(error, OSError) and error.errno not in OF_A_NAME:
            if error.filename is None and job.path is not None:
                # The error of a full disk has no name.
                error.filename = self._folders.path(job.path)
            raise error
        if self._fetching.add_again(job, error):
            return
        old = self._earlier.old(job.key, url)
        if old is not None and url == self._scope.root:
            # Nothing changes because a server is not there, or has lost its way.
            self.tally.stays.add(url)
            raise error
        self.tally.failed[url] = error
        self._journal.add_failure(url, str(error))
        self.waiting -= 1
        if old is not None and self._keep_old(old, job):
            self.tally.stays.add(url)
        self._readings.settled(job)

    def _keep_old(self, old: Copy, job: Job) -> bool:
        """Take what is there in place of what cannot be had; return false if it is damaged."""
        if old.size is None:
            old = self._journal.add_menu(old.url, old.path, self._journal.menu(old))
        elif not self._folders.is_whole(old.path, old.size):
            return False
        else:
            self._journal.add_file(old.url, old.path, old.size)
        # A menu may call it something else now.
        job.url = old.url
        self._keep(old, job)
        return True

    # After the last item of an update.

    def _left_over(self) -> list[Copy]:
        """Tell what no menu lists any more, remove it if that is wanted; return the copies that stay
        without having been asked for.
        """
        jobs = self._jobs.values()
        copies, unlisted = self._earlier.left_over(jobs)
        remove: list[Copy] = []
        if unlisted and self._manners.delete:
            self.tally.withheld = self._earlier.misses_a_menu(jobs)
            if not self.tally.withheld:
                remove = self._earlier.surely(unlisted)
        for copy in remove:
            if copy.size is not None:
                self._folders.remove(copy.path)
            else:
                self._files.remove(copy.path)
        removed = {copy.path for copy in remove}
        self.tally.removed = [copy.url for copy in remove]
        self.tally.unlisted = [copy.url for copy in unlisted if copy.path not in removed]
        return [copy for copy in copies if copy.path not in removed]
