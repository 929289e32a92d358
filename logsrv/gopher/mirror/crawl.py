"""The order of a mirror: which item to fetch next, which again after a pause, and which never.

Menus lead to items, which are fetched in the order in which they were found. An item that several menus
list is fetched once, even if they give it different types.

An update requests all items again, menus first: no server tells which have changed. Unchanged files are not
written. If a request fails, the earlier copy stays; if that is a menu, the copies of its items stay too. At
the end, the copies to which no menu led any more are listed. A mirror removes nothing: whether a server has
dropped an item or only fails to list it today, a person decides.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.earlier_copies import EarlierCopies, why_not_replace
from logsrv.gopher.mirror.jobs import CrawlOptions, FetchJob, JobRunner, ServerRules
from logsrv.gopher.mirror.journal import ItemCopy, MirrorJournal
from logsrv.gopher.mirror.menus import MenuFiles, MenuLine
from logsrv.gopher.mirror.paths import OF_A_NAME, CopyPath, MirrorFolders, PathAssigner
from logsrv.gopher.mirror.scope import NOT_FOLLOWED, OTHER_HOST, ItemKeys, Key, MirrorScope, is_menu
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import Content, parse_menu
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

_LINES_AT_ONCE = 64


class UnreadMenu(NamedTuple):
    """A copied menu with lines that were not processed. depth: of its items."""

    menu: ItemCopy
    depth: int
    lines: deque[MenuItem]


class Crawl:
    """Fetches the root of `scope`, and the items it leads to, into the directory of `journal`.

    tally: the counts of the run.
    """

    def __init__(
        self,
        scope: MirrorScope,
        journal: MirrorJournal,
        transfers: Transfers,
        manners: CrawlOptions,
        charset: str | None = None,
    ) -> None:
        """charset: of menus, for index.html."""
        folders = MirrorFolders(journal.directory)
        self._scope = scope
        self._journal = journal
        self._transfers = transfers
        self._manners = manners
        self._folders = folders
        self._items = ItemKeys()
        self._jobs: dict[Key, FetchJob] = {}
        self._names = PathAssigner(scope.root)
        self._earlier = EarlierCopies(self._items, journal, folders)
        # The items that menus list, fetched or not: (key, whether it is listed as a menu).
        self._listed: set[tuple[Key, bool]] = set()
        self._fetching = JobRunner(transfers, folders, manners)
        self._files = MenuFiles(folders, scope.root, charset)
        self._menus: list[ItemCopy] = []
        self._unread: deque[UnreadMenu] = deque()
        self.tally = MirrorTally()

    def run(self, show: Callable[[], None]) -> None:
        """Make the mirror. show: called now and then, to show the progress.

        The journal has the finished items, also after an interruption. Raises the GopherError of the root
        if that cannot be fetched, and OSError if the disk fails.
        """
        try:
            self._run(show)
        finally:
            self._fetching.close()

    def _run(self, show: Callable[[], None]) -> None:
        root = self._scope.root
        self._folders.remove_partial_files()
        self._earlier.read_journal(update=self._manners.update)
        rules = ServerRules(root, self._transfers, self._manners.ignore_robots)
        if self._items.key(root) not in self._earlier.done:
            # The user asked for the root; only its items must wait for the server's rules.
            self._find_or_make_job(root, 0)
            self._fetching.start_jobs()
        self._wait_for_rules(rules)
        self._find_or_make_job(root, 0)
        try:
            self._fetch_all(show)
        except Exception:
            raise
        except BaseException:
            # After Ctrl-C or SIGTERM too, store the complete answers, so that they are not fetched again.
            self._fetching.collect_ended()
            self._finish_ended_jobs()
            self._write_menus()
            raise
        self._write_menus()
        root_error = self.tally.failed.get(root)
        if root_error is not None:
            raise root_error
        if self._earlier.is_update and self.tally.stopped is None:
            unused = self._earlier.unused_copies(self._jobs.values())
            self.tally.unlisted = [
                copy.url
                for copy in unused
                if (self._items.key(copy.url), copy.size is None) not in self._listed
            ]
            self._journal.end_update(unused)

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self.tally.waiting or self._unread:
            self._fetching.start_jobs()
            # Meanwhile the servers answer the requests just sent.
            self._finish_ended_jobs()
            if self._unread:
                self._process_next_lines(self._unread[0])
            show()
            if self._transfers.received > self._manners.max_bytes:
                self.tally.stopped = f"--max-bytes {self._manners.max_bytes}"
                self._fetching.collect_ended()
                self._finish_ended_jobs()
                break
            if self.tally.waiting:
                self._fetching.wait_for_end(busy=bool(self._unread))

    def _finish_ended_jobs(self) -> None:
        for job in self._fetching.store_ended_jobs():
            self._finish_job(job)

    # Before the first item.

    def _wait_for_rules(self, rules: ServerRules) -> None:
        while not rules.requests_have_ended:
            self._fetching.wait_for_end(busy=False)
        # The report counts only the bytes of the mirror.
        self._transfers.received -= rules.size
        for done in self._earlier.copies.values():
            self._names.reserve_path(done.url, done.path)
        self._scope.robots = rules.robots
        self._fetching.slow_down(self._scope.robots.delay)

    # Finding.

    def _process_next_lines(self, unread: UnreadMenu) -> None:
        """Process the next lines of a menu: make jobs for their items, or use earlier copies.

        Process only some lines of a long menu in one call: requests must go on meanwhile.
        """
        for _ in range(min(_LINES_AT_ONCE, len(unread.lines))):
            line = unread.lines.popleft()
            url = self._scope.url_of_line(line, unread.menu.url)
            if url is None:
                if line.is_link:
                    self.tally.skipped[NOT_FOLLOWED] += 1
                continue
            self._listed.add((self._items.key(url), is_menu(url)))
            if (reason := self._scope.reason_left_out(url, unread.depth)) is not None:
                self.tally.count_left_out(url, reason)
            elif self._find_or_make_job(url, unread.depth) is None:
                unread.lines.clear()
                break
        if not unread.lines:
            self._unread.popleft()
            # Most of its items are not there yet: it is written again at the end.
            self._write_menu(unread.menu)

    def _find_or_make_job(self, url: GopherURL, depth: int) -> FetchJob | None:
        """Return the job for an item that was found; None if there are --max-items already."""
        key = self._items.key(url)
        job = self._jobs.get(key)
        if job is not None:
            return job
        if len(self._jobs) >= self._manners.max_items:
            self.tally.stopped = f"--max-items {self._manners.max_items}"
            return None
        done = self._earlier.done.pop(key, None)
        if done is not None:
            # The copy's URL has the type with which it was fetched, which may differ from that in this
            # menu.
            job = self._jobs[key] = FetchJob(done.url, key, depth)
            self.tally.kept += 1
            self._use_earlier_copy(done, job)
            return job
        job = self._jobs[key] = FetchJob(url, key, depth)
        self.tally.waiting += 1
        old = self._earlier.copy_before_update(key, url)
        job.known = old is not None
        if old is not None and (old.size is None) == is_menu(url):
            job.path = old.path
        elif not is_menu(url):
            job.path = self._names.assign_path(url)
        self._fetching.add(job, first=self._earlier.is_update and is_menu(url))
        return job

    def _use_earlier_copy(self, done: ItemCopy, job: FetchJob) -> None:
        """Use an earlier copy, and read its lines if it is a menu."""
        self._note_copy(job, done.path)
        if done.size is None:
            self._queue_menu_lines(done, job, parse_menu(self._journal.read_menu(done)))

    def _note_copy(self, job: FetchJob, path: CopyPath) -> None:
        job.path = path
        job.has_copy = True
        if job.url == self._scope.root and not is_menu(job.url):
            self._files.write_root_menu(path, is_menu=False)

    def _queue_menu_lines(self, menu: ItemCopy, job: FetchJob, came: Content) -> None:
        self._files.note_menu_path(menu)
        self._menus.append(menu)
        self._unread.append(UnreadMenu(menu, job.depth + 1, deque(came.items)))

    def _write_menus(self) -> None:
        """Write all menus at the end of a run, when the copies of their items are there."""
        for menu in self._menus:
            self._write_menu(menu)

    def _write_menu(self, menu: ItemCopy) -> None:
        """Write a menu as it is now; the line of an item without a copy leads to the original server."""
        lines = parse_menu(self._journal.read_menu(menu)).items
        self._files.write_menu(menu, [self._line_to_write(menu, line) for line in lines])

    def _line_to_write(self, menu: ItemCopy, line: MenuItem) -> MenuLine:
        if not line.host and line.port is not None:
            # A line without a host means the server of the menu; in the mirror it would mean our server.
            line = line.replace(host=menu.url.host.encode(), port=menu.url.port)
        url = self._scope.url_of_line(line, menu.url)
        if url is None:
            return MenuLine(line, None, False, None)
        key = self._items.key(url)
        job = self._jobs.get(key)
        if job is not None and job.has_copy:
            return MenuLine(line, job.path, is_menu(job.url), None)
        if (done := self._earlier.usable_copy(key, url)) is not None:
            return MenuLine(line, done.path, done.size is None, None)
        return MenuLine(line, None, False, str(url))

    # Fetching.

    def _finish_job(self, job: FetchJob) -> None:
        if job.error is not None:
            self._retry_or_fail(job, job.error)
            return
        url, got = job.url, job.got
        old = self._earlier.copy_before_update(job.key, url)
        before = None
        if isinstance(got, Content) and old is not None:
            if old.size is None:
                before = parse_menu(self._journal.read_menu(old))
            if (error := why_not_replace(url, got, before)) is not None:
                self._retry_or_fail(job, error)
                return
        self.tally.fetched += 1
        self.tally.waiting -= 1
        path = self._names.assign_path(url) if job.path is None else job.path
        is_same = False
        if isinstance(got, Content):
            is_same = before is not None and before.content == got.content
            self._queue_menu_lines(self._journal.add_menu(url, path, got.content), job, got)
        elif isinstance(got, FileSink):
            is_same = not got.changed
            self._journal.add_file(url, path, got.size)
        job.got = None
        if old is not None:
            self.tally.same += is_same
            self.tally.changed += not is_same
        self._note_copy(job, path)

    def _retry_or_fail(self, job: FetchJob, error: Exception) -> None:
        url = job.url
        job.error = job.got = None
        if isinstance(error, OSError) and error.errno not in OF_A_NAME:
            if error.filename is None and job.path is not None:
                # The error of a full disk names no file.
                error.filename = self._folders.checked_path(job.path)
            raise error
        if self._fetching.retry_failed(job, error):
            return
        old = self._earlier.copy_before_update(job.key, url)
        if old is not None and url == self._scope.root:
            # If the server is down, or answers with a wrong root, an update changes nothing.
            self.tally.stays.add(url)
            raise error
        self.tally.failed[url] = error
        self._journal.add_failure(url, str(error))
        self.tally.waiting -= 1
        if old is not None and self._use_old_if_whole(old, job):
            self.tally.stays.add(url)

    def _use_old_if_whole(self, old: ItemCopy, job: FetchJob) -> bool:
        """Use the earlier copy of an item that cannot be fetched; return false if it is damaged."""
        if old.size is None:
            old = self._journal.add_menu(old.url, old.path, self._journal.read_menu(old))
        elif not self._folders.has_whole_file(old.path, old.size):
            return False
        else:
            self._journal.add_file(old.url, old.path, old.size)
        # A menu may list the item with another type now; the copy's URL has that with which it was fetched.
        job.url = old.url
        self._use_earlier_copy(old, job)
        return True


class MirrorTally:
    """The counts of a run.

    waiting: items that are known and not yet fetched. fetched: items fetched. kept: earlier copies that
    were not requested. skipped: items left out, by reason. on_other_servers: those left out because they
    are on another server, by its address. changed: earlier copies that an update replaced. same: those
    that it found unchanged. unlisted: copies to which no menu of an update led. failed: errors by URL.
    stays: failed URLs that have an earlier copy. stopped: the limit that ended the run, or INTERRUPTED.
    """

    waiting = fetched = kept = changed = same = 0
    stopped: str | None = None

    def __init__(self) -> None:
        self.failed: dict[GopherURL, Exception] = {}
        self.stays: set[GopherURL] = set()
        self.unlisted: list[GopherURL] = []
        self.skipped: Counter[str] = Counter()
        self.on_other_servers: Counter[str] = Counter()

    def count_left_out(self, url: GopherURL, reason: str) -> None:
        """Count an item that does not belong to the mirror."""
        self.skipped[reason] += 1
        known = self.on_other_servers
        if reason == OTHER_HOST and (url.address in known or len(known) < 1000):
            known[url.address] += 1
