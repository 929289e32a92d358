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

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.earlier_copies import EarlierCopies, why_not_replace
from logsrv.gopher.mirror.journal import ItemCopy, MirrorJournal
from logsrv.gopher.mirror.menus import MenuFiles, MenuLine
from logsrv.gopher.mirror.paths import OF_A_NAME, MirrorFolders, PathAssigner
from logsrv.gopher.mirror.requests import CrawlOptions, ItemRequests, MirrorItem, ServerRules
from logsrv.gopher.mirror.scope import NOT_FOLLOWED, OTHER_HOST, ItemKeys, Key, MirrorScope, is_menu
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.content import Content, parse_menu
from logsrv.gopher.wire.errors import Truncated
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
        self._keys = ItemKeys()
        self._items: dict[Key, MirrorItem] = {}
        self._names = PathAssigner(scope.root)
        self._earlier = EarlierCopies(self._keys, journal, folders)
        # The items that menus list, fetched or not: (key, whether it is listed as a menu).
        self._listed: set[tuple[Key, bool]] = set()
        self._requests = ItemRequests(transfers, folders, manners)
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
            self._requests.close()

    def _run(self, show: Callable[[], None]) -> None:
        root = self._scope.root
        self._folders.remove_partial_files()
        self._earlier.read_journal(update=self._manners.update)
        rules = ServerRules(root, self._transfers, self._manners.ignore_robots)
        if self._keys.key(root) not in self._earlier.done:
            # The user asked for the root; only its items must wait for the server's rules.
            self._find_or_add(root, 0)
            self._requests.start_waiting()
        self._wait_for_rules(rules)
        self._find_or_add(root, 0)
        try:
            self._fetch_all(show)
        except Exception:
            raise
        except BaseException:
            # After Ctrl-C or SIGTERM too, store the complete answers, so that they are not fetched again.
            self._requests.collect_ended()
            self._finish_ended()
            self._write_menus()
            raise
        self._write_menus()
        root_error = self.tally.failed.get(root)
        if root_error is not None:
            raise root_error
        if self._earlier.is_update and self.tally.stopped is None:
            unused = self._earlier.unused_copies(self._items.values())
            self.tally.unlisted = [
                copy.url
                for copy in unused
                if (self._keys.key(copy.url), copy.size is None) not in self._listed
            ]
            self._journal.end_update(unused)

    def _fetch_all(self, show: Callable[[], None]) -> None:
        while self.tally.waiting or self._unread:
            self._requests.start_waiting()
            # Meanwhile the servers answer the requests just sent.
            self._finish_ended()
            if self._unread:
                self._process_next_lines(self._unread[0])
            show()
            if self._transfers.received > self._manners.max_bytes:
                self.tally.stopped = f"--max-bytes {self._manners.max_bytes}"
                self._requests.collect_ended()
                self._finish_ended()
                break
            if self.tally.waiting:
                self._requests.wait_for_end(busy=bool(self._unread))

    def _finish_ended(self) -> None:
        for ended in self._requests.take_ended():
            self._finish_request(*ended)

    # Before the first item.

    def _wait_for_rules(self, rules: ServerRules) -> None:
        while not rules.requests_have_ended:
            self._requests.wait_for_end(busy=False)
        # The report counts only the bytes of the mirror.
        self._transfers.received -= rules.size
        for done in self._earlier.copies.values():
            self._names.reserve_path(done.url, done.path)
        self._scope.robots = rules.robots
        self._requests.slow_down(self._scope.robots.delay)

    # Finding.

    def _process_next_lines(self, unread: UnreadMenu) -> None:
        """Process the next lines of a menu: add their items, or use earlier copies.

        Process only some lines of a long menu in one call: requests must go on meanwhile.
        """
        for _ in range(min(_LINES_AT_ONCE, len(unread.lines))):
            line = unread.lines.popleft()
            url = self._scope.url_of_line(line, unread.menu.url)
            if url is None:
                if line.is_link:
                    self.tally.skipped[NOT_FOLLOWED] += 1
                continue
            self._listed.add((self._keys.key(url), is_menu(url)))
            if (reason := self._scope.reason_left_out(url, unread.depth)) is not None:
                self.tally.count_left_out(url, reason)
            elif self._find_or_add(url, unread.depth) is None:
                unread.lines.clear()
                break
        if not unread.lines:
            self._unread.popleft()
            # Most of its items are not there yet: it is written again at the end.
            self._write_menu(unread.menu)

    def _find_or_add(self, url: GopherURL, depth: int) -> MirrorItem | None:
        """Return the item at a URL that was found; None if there are --max-items already."""
        key = self._keys.key(url)
        item = self._items.get(key)
        if item is not None:
            return item
        if len(self._items) >= self._manners.max_items:
            self.tally.stopped = f"--max-items {self._manners.max_items}"
            return None
        done = self._earlier.done.pop(key, None)
        if done is not None:
            # The copy's URL has the type with which it was fetched, which may differ from that in this
            # menu.
            item = self._items[key] = MirrorItem(done.url, key, depth)
            self.tally.kept += 1
            self._use_earlier_copy(done, item)
            return item
        old = self._earlier.copy_before_update(key, url)
        item = self._items[key] = MirrorItem(url, key, depth, old)
        self.tally.waiting += 1
        if old is not None and (old.size is None) == is_menu(url):
            item.path = old.path
        elif not is_menu(url):
            item.path = self._names.assign_path(url)
        self._requests.add(item, first=self._earlier.is_update and is_menu(url))
        return item

    def _use_earlier_copy(self, done: ItemCopy, item: MirrorItem) -> None:
        """Use an earlier copy, and read its lines if it is a menu."""
        item.path = done.path
        self._note_copy(item)
        if done.size is None:
            self._queue_menu_lines(done, item, parse_menu(self._journal.read_menu(done)))

    def _note_copy(self, item: MirrorItem) -> None:
        item.has_copy = True
        if item.url == self._scope.root and item.path is not None and not is_menu(item.url):
            self._files.write_root_menu(item.path, is_menu=False)

    def _queue_menu_lines(self, menu: ItemCopy, item: MirrorItem, came: Content) -> None:
        self._files.note_menu_path(menu)
        self._menus.append(menu)
        self._unread.append(UnreadMenu(menu, item.depth + 1, deque(came.items)))

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
        key = self._keys.key(url)
        item = self._items.get(key)
        if item is not None and item.has_copy:
            return MenuLine(line, item.path, is_menu(item.url), None)
        if (done := self._earlier.usable_copy(key, url)) is not None:
            return MenuLine(line, done.path, done.size is None, None)
        return MenuLine(line, None, False, str(url))

    # Fetching.

    def _finish_request(
        self, item: MirrorItem, got: Content | FileSink | None, error: Exception | None
    ) -> None:
        """Store what came; else request it again, or use the earlier copy."""
        is_same = False
        try:
            if error is not None:
                raise error
            if isinstance(got, Content):
                is_same = self._store_menu(item, got)
            elif got is not None:
                is_same = self._store_file(item, got)
        except (LogsrvError, OSError) as failure:
            if got is not None:
                got.abort()
            self._retry_or_fail(item, failure)
            return
        self.tally.fetched += 1
        self.tally.waiting -= 1
        if item.old is not None:
            self.tally.same += is_same
            self.tally.changed += not is_same
        self._note_copy(item)

    def _store_menu(self, item: MirrorItem, got: Content) -> bool:
        """Store a menu; return true if it is as before. Raises GopherError if it must not replace that."""
        before = None
        if item.old is not None:
            if item.old.size is None:
                before = parse_menu(self._journal.read_menu(item.old))
            if (error := why_not_replace(item.url, got, before)) is not None:
                raise error
        if item.path is None:
            item.path = self._names.assign_path(item.url)
        copy = self._journal.add_menu(item.url, item.path, got.content)
        self._queue_menu_lines(copy, item, got)
        return before is not None and before.content == got.content

    def _store_file(self, item: MirrorItem, file: FileSink) -> bool:
        """Store a file; return true if it is as before."""
        assert item.path is not None
        self._folders.check_no_link(item.path)
        if file.became_empty:
            raise Truncated(
                item.url.address, 0, "the answer is empty now, and it was not empty before"
            )
        file.store()
        self._journal.add_file(item.url, item.path, file.size)
        return not file.changed

    def _retry_or_fail(self, item: MirrorItem, error: Exception) -> None:
        url = item.url
        if isinstance(error, OSError) and error.errno not in OF_A_NAME:
            if error.filename is None and item.path is not None:
                # The error of a full disk names no file.
                error.filename = self._folders.checked_path(item.path)
            raise error
        if self._requests.retry(item, error):
            return
        if item.old is not None and url == self._scope.root:
            # If the server is down, or answers with a wrong root, an update changes nothing.
            self.tally.stays.add(url)
            raise error
        self.tally.failed[url] = error
        self._journal.add_failure(url, str(error))
        self.tally.waiting -= 1
        if item.old is not None and self._use_old_if_whole(item.old, item):
            self.tally.stays.add(url)

    def _use_old_if_whole(self, old: ItemCopy, item: MirrorItem) -> bool:
        """Use the earlier copy of an item that cannot be fetched; return false if it is damaged."""
        if old.size is None:
            old = self._journal.add_menu(old.url, old.path, self._journal.read_menu(old))
        elif not self._folders.has_whole_file(old.path, old.size):
            return False
        else:
            self._journal.add_file(old.url, old.path, old.size)
        # A menu may list the item with another type now; the copy's URL has that with which it was fetched.
        item.url = old.url
        self._use_earlier_copy(old, item)
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
