"""The copies of earlier runs: which of them this run still uses, and which no menu lists any more.

An update begins with all copies as old ones. A new menu replaces an old one only if it seems complete; the
items of an old menu that was not replaced still count as listed.

A server may add, change or remove links. But a new menu that lacks earlier links is refused if another sign
shows that it is incomplete, or not the menu that was requested.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress

from logsrv.gopher.mirror.jobs import FetchJob
from logsrv.gopher.mirror.journal import ItemCopy, MirrorJournal
from logsrv.gopher.mirror.paths import CopyPath, MirrorFolders
from logsrv.gopher.mirror.scope import ItemKeys, Key, MirrorScope, is_menu
from logsrv.gopher.mirror.sinks import MenuSink
from logsrv.gopher.wire.errors import BadURL, GopherError, ServerError, Truncated
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

_Link = tuple[bytes, bytes, int | None]


class LostLinks(GopherError, code="lost-links", exit_status=12):
    """A menu lacks its earlier links, and seems not to be the menu that was requested."""


def parse_menu(content: bytes) -> MenuSink:
    """Parse the bytes of an earlier menu."""
    menu = MenuSink()
    menu.feed(content)
    menu.finish(has_header=False)
    return menu


def why_not_replace(
    url: GopherURL, menu: MenuSink, before: MenuSink | None, root: bytes | None
) -> GopherError | None:
    """Return why `menu` must not replace the earlier copy of `url`; None if it may.

    before: the earlier menu, None if the copy is not a menu. root: the bytes of the root's new menu, None
    if `url` is the root or its menu is not new.
    """
    if not menu.content and (before is None or before.content):
        return Truncated(url.address, 0, "nothing came, and there was something before")
    links = _link_set(menu)
    links_before = None if before is None else _link_set(before)
    if links_before is not None and links_before <= links:
        return None
    if not links:
        # The menu has only text: the server is under repair, or the directory empty.
        return LostLinks("no line of this menu leads anywhere now")
    if before is None:
        return None
    if _is_cut(menu, before):
        return Truncated(url.address, len(menu.content), "the end of the menu is missing")
    if menu.content == root:
        return LostLinks("the server answers with the menu that the mirror begins with")
    if (error := _first_error_item(menu)) is not None and _first_error_item(before) is None:
        return ServerError(error.text())
    return None


def may_be_cut(menu: MenuSink, before: MenuSink) -> bool:
    """Return true if the last earlier link is missing and the menu has no terminator.

    Then nobody can tell whether its end was removed from the server or cut off on the way.
    """
    last = [_link_identity(item) for item in before.items if item.is_link][-1:]
    return not menu.terminated and not _link_set(menu).issuperset(last)


def _is_cut(menu: MenuSink, before: MenuSink) -> bool:
    if menu.terminated:
        return False
    return before.terminated or (menu.is_torn and not before.is_torn)


def _link_set(menu: MenuSink) -> set[_Link]:
    return {_link_identity(item) for item in menu.items if item.is_link}


def _link_identity(item: MenuItem) -> _Link:
    return item.selector, item.host, item.port


def _first_error_item(menu: MenuSink) -> MenuItem | None:
    return next((item for item in menu.items if item.item_type == "3"), None)


# A key, and whether the item is a menu: a text and a menu with the same selector are two copies.
_Listed = tuple[Key, bool]


class ListedItems:
    """Collects the items that the menus of an update list, fetched or not: their copies stay.

    root: the root of the mirror.
    """

    def __init__(self, root: GopherURL, items: ItemKeys) -> None:
        self._root = root
        self._items = items
        self._found: set[_Listed] = set()
        self._doubted: set[_Listed] = set()

    def note_line(self, line: MenuItem, url: GopherURL | None, *, is_fetched: bool) -> None:
        """Note that a menu has `line`, which leads to `url`, or nowhere.

        A URL that is not fetched may be on the root's server by another name (without an `--alias` of the
        run before), or with a wrong port; a line that leads nowhere (a wrong port) may mean that server.
        """
        if url is not None:
            found = [self._listed(url)] if is_fetched else self._keys_with_root_host(url)
            self._found.update(found)
        elif line.is_link and line.selector:
            with suppress(BadURL):
                here = self._root.replace(item_type=line.item_type, selector=line.selector)
                self._found.add(self._listed(here))

    def note_maybe_listed(self, url: GopherURL) -> None:
        """Note that a menu may still list `url`."""
        self._doubted.update(self._keys_with_root_host(url))

    def unlisted_copies(
        self,
        copies: Iterable[ItemCopy],
        links: Callable[[ItemCopy], Iterable[GopherURL]],
        *,
        for_sure: bool = False,
    ) -> list[ItemCopy]:
        """Return those of `copies`, which this run did not fetch, that no menu lists.

        If a copy is a menu and is listed, the items in it count as listed, too. links: returns the URLs in
        such a copy. for_sure: whether to omit those that a menu may still list.
        """
        found = self._found | self._doubted if for_sure else self._found
        left: dict[_Listed, list[ItemCopy]] = {}
        for copy in copies:
            left.setdefault(self._listed(copy.url), []).append(copy)
        waiting = [each for each in left if each in found]
        while waiting:
            for copy in left.pop(waiting.pop(), ()):
                if copy.size is None:
                    for url in links(copy):
                        waiting += [each for each in self._keys_with_root_host(url) if each in left]
        return [copy for copies in left.values() for copy in copies]

    def _listed(self, url: GopherURL) -> _Listed:
        return self._items.key(url), is_menu(url)

    def _keys_with_root_host(self, url: GopherURL) -> list[_Listed]:
        found = [self._listed(url)]
        root = self._root
        if (url.host, url.port) != (root.host, root.port):
            found.append(self._listed(url.replace(host=root.host, port=root.port)))
        return found


class EarlierCopies:
    """The copies of earlier runs, by path.

    copies: all of them. listed: the items that the menus of an update list. done: copies that this run does
    not request again, without those that one of its menus has listed already. is_update: whether this run
    requests everything again.
    """

    def __init__(
        self, items: ItemKeys, scope: MirrorScope, journal: MirrorJournal, folders: MirrorFolders
    ) -> None:
        self._items = items
        self._scope = scope
        self._journal = journal
        self._folders = folders
        self.listed = ListedItems(scope.root, items)
        self._root_menu: bytes | None = None
        self.done: dict[Key, ItemCopy] = {}
        self.is_update = False
        # All copies from before the update: (key, whether the copy is a menu) → copy.
        self._before: dict[tuple[Key, bool], ItemCopy] = {}
        self.copies: dict[CopyPath, ItemCopy] = {}

    def read_journal(self, *, update: bool) -> None:
        """Read the journal. update: whether to begin an update; an interrupted one is always continued."""
        contents = self._journal.read()
        if contents.old is None and update and contents.done:
            self._journal.begin_update()
            contents = self._journal.read()
        self.is_update = contents.old is not None
        for done in contents.old or ():
            self.copies[done.path] = done
            self._before[self._items.key(done.url), done.size is None] = done
        for done in contents.done:
            key = self._items.key(done.url)
            if done.size is None or self._folders.has_whole_file(done.path, done.size):
                self.copies[done.path] = self.done[key] = done
            else:
                self.done.pop(key, None)

    def copy_before_update(self, key: Key, url: GopherURL) -> ItemCopy | None:
        """Return the item's copy from before the update: first of the kind of `url` (menu or file)."""
        kind = is_menu(url)
        return self._before.get((key, kind)) or self._before.get((key, not kind))

    def usable_copy(self, key: Key, url: GopherURL) -> ItemCopy | None:
        """Return the earlier copy of an item that a menu lists; None if there is none, or it is damaged."""
        if (done := self.done.get(key)) is not None:
            return done
        old = self._before.get((key, is_menu(url)))
        if old is None or old.size is None or self._folders.has_whole_file(old.path, old.size):
            return old
        return None

    def read_menu(self, copy: ItemCopy) -> MenuSink:
        return parse_menu(self._journal.read_menu(copy))

    # Findings of an update.

    def why_not_replace(self, job: FetchJob, menu: MenuSink) -> GopherError | None:
        """Return why a new menu must not replace the earlier copy of its item; None if it may."""
        old = self.copy_before_update(job.key, job.url)
        if old is None:
            return None
        before = None if old.size is not None else self.read_menu(old)
        if before is not None and before.content == menu.content:
            return None
        return why_not_replace(
            job.url, menu, before, None if job.url == self._scope.root else self._root_menu
        )

    def note_replaced(self, job: FetchJob, menu: MenuSink) -> None:
        """Note that `menu` replaces the earlier copy."""
        if job.url == self._scope.root:
            self._root_menu = menu.content
        before = self._before.get((job.key, True))
        if before is None or menu.terminated:
            return
        if may_be_cut(menu, self.read_menu(before)):
            for url in self._links_of_copy(before):
                self.listed.note_maybe_listed(url)

    def unused_and_unlisted(
        self, jobs: Collection[FetchJob]
    ) -> tuple[list[ItemCopy], list[ItemCopy]]:
        """Return the copies that this run neither made nor used, and those of these that no menu lists.

        jobs: all jobs of the run.
        """
        taken = {job.path for job in jobs if job.has_copy}
        taken.update(done.path for done in self.done.values())
        copies = [
            copy
            for path, copy in self.copies.items()
            if path not in taken and (copy.size is None or self._folders.has_name(path))
        ]
        return copies, self.listed.unlisted_copies(copies, self._links_of_copy)

    def certainly_unlisted(self, unlisted: Collection[ItemCopy]) -> list[ItemCopy]:
        """Return those of `unlisted` that certainly no menu lists: a cut menu might list more."""
        return self.listed.unlisted_copies(unlisted, self._links_of_copy, for_sure=True)

    def misses_a_menu(self, jobs: Collection[FetchJob]) -> bool:
        """Return true if a menu has no copy and was not listed before the update.

        It could not be fetched, and may list items that other menus no longer list.
        """
        missing = {job.key for job in jobs if is_menu(job.url) and not job.has_copy}
        if missing:
            menus = (copy for copy in self._before.values() if copy.size is None)
            missing -= {self._items.key(url) for menu in menus for url in self._links_of_copy(menu)}
        return bool(missing)

    def _links_of_copy(self, copy: ItemCopy) -> Iterator[GopherURL]:
        for item in self.read_menu(copy).items:
            if (url := self._scope.url_of_line(item, copy.url)) is not None:
                yield url
