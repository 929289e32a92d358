"""The copies of earlier runs, and the check whether a new menu may replace an old one.

An update begins with all copies as old ones. It removes nothing, so its one loss would be a menu that no
longer leads to its copies.
"""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.gopher.mirror.journal import ItemCopy, MirrorJournal
from logsrv.gopher.mirror.paths import CopyPath, MirrorFolders
from logsrv.gopher.mirror.requests import MirrorItem
from logsrv.gopher.mirror.scope import ItemKeys, Key, is_menu
from logsrv.gopher.wire.content import Content
from logsrv.gopher.wire.errors import GopherError, Truncated
from logsrv.gopher.wire.url import GopherURL


class LostLinks(GopherError, code="lost-links", exit_status=12):
    """A menu lacks its earlier links, and seems not to be the menu that was requested."""


def why_not_replace(url: GopherURL, menu: Content, before: Content | None) -> GopherError | None:
    """Return why `menu` must not replace the earlier copy of `url`; None if it may.

    before: the earlier menu, None if the copy is a file.
    """
    if before is not None and _is_cut(menu, before):
        return Truncated(url.address, len(menu.content), "the end of the menu is missing")
    had_links = before is None or any(item.is_link for item in before.items)
    if had_links and not any(item.is_link for item in menu.items):
        # The menu has only text: the server is under repair, or the directory empty.
        return LostLinks("no line of this menu leads anywhere now")
    return None


def _is_cut(menu: Content, before: Content) -> bool:
    if menu.terminated or before.terminated:
        return not menu.terminated
    return before.content.endswith(b"\n") and not menu.content.endswith(b"\n")


class EarlierCopies:
    """The copies of earlier runs, by path.

    copies: all of them. done: copies that this run does not request again, without those that one of its
    menus has listed already. is_update: whether this run requests everything again.
    """

    def __init__(self, keys: ItemKeys, journal: MirrorJournal, folders: MirrorFolders) -> None:
        self._keys = keys
        self._journal = journal
        self._folders = folders
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
            self._before[self._keys.key(done.url), done.size is None] = done
        for done in contents.done:
            key = self._keys.key(done.url)
            if self._is_whole(done):
                self.copies[done.path] = self.done[key] = done
            else:
                self.done.pop(key, None)

    def copy_before_update(self, key: Key, url: GopherURL) -> ItemCopy | None:
        """Return the item's copy from before the update: first of the kind of `url` (menu or file)."""
        kind = is_menu(url)
        return self._before.get((key, kind)) or self._before.get((key, not kind))

    def usable_copy(self, key: Key, url: GopherURL) -> ItemCopy | None:
        """Return the earlier copy of an item that a menu lists; None if there is none, or it is damaged."""
        done = self.done.get(key) or self._before.get((key, is_menu(url)))
        return done if done is not None and self._is_whole(done) else None

    def unused_copies(self, items: Iterable[MirrorItem]) -> list[ItemCopy]:
        """Return the copies that a run with these items neither made nor used."""
        taken = {item.path for item in items if item.has_copy}
        taken.update(done.path for done in self.done.values())
        return [
            copy for path, copy in self.copies.items() if path not in taken and self._is_whole(copy)
        ]

    def _is_whole(self, copy: ItemCopy) -> bool:
        return copy.size is None or self._folders.has_whole_file(copy.path, copy.size)
