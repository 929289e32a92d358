"""The rows below the page: the progress, and the keys that do something now."""

from __future__ import annotations

from dataclasses import dataclass

from logsrv.gopher.browse.commands.bars import ALWAYS, Key
from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.following import FollowingCommands
from logsrv.gopher.browse.commands.readable_texts import address_text, span_text
from logsrv.gopher.browse.commands.session import BrowsingSession, InternalPage
from logsrv.gopher.browse.commands.visiting import Visiting
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.guide import action
from logsrv.gopher.follow.bookmarks import Bookmark
from logsrv.gopher.follow.news import Item
from logsrv.kit.text.words import size_text

# Columns of padding around both halves of the row below the page.
_PADDING = 4
# Label of Enter for each kind of link.
_ENTER = {
    "show": "Open",
    "search": "Search",
    "download": "Save",
    "sound": "Play",
    "outside": "Open",
    "session": "Explain",
    "dead": "",
}


@dataclass(eq=False)
class StatusRows:
    """The texts of the rows, made from the state of the other parts."""

    _session: BrowsingSession
    _followed: FollowedMenus
    _visiting: Visiting
    _following: FollowingCommands
    _window: BrowserWindow

    def status(self, width: int) -> tuple[str, str]:
        """Return both halves of the row below the page, for a window of `width` columns."""
        running, new = self._session.downloads.running, self._followed.new
        beside = (
            self._session.charset,
            running and f"{running} downloading",
            new and f"{new} new",
            f"{self._window.view.percent()} %",
        )
        where = "   ".join(str(each) for each in beside if each)
        loading, pointed, said = self._visiting.loading, self._visiting.link, self._window.said
        if loading is not None:
            so_far = f"{size_text(loading.received)}, {span_text(loading.seconds)}"
            said = f"Loading {so_far}   Esc stops   {loading.url}"
        elif pointed is not None and not said:
            room = width - len(where) - _PADDING
            dead = pointed.kind == "dead"
            said = pointed.address if dead else address_text(pointed.address, room)
        return said, where

    def keys(self) -> list[Key]:
        """Return the keys that do something now, the most important first."""
        page, history, about = self._visiting.page, self._session.history, self._visiting.about
        link, layout = self._visiting.link, self._window.view.page_layout
        is_news, followed = self._visiting.shown is InternalPage.NEWS, self._followed
        enter = _ENTER[link.kind] if link is not None else ""
        follow = "Unfollow" if self._following.follows else "Follow"
        keys: list[tuple[object, Key]] = [
            (self._visiting.loading, ("Esc", "Stop", "visiting.stop")),
            (page and page.certificate_refused, ("T", "Trust", "travelling.trust")),
            (enter, ("Enter", enter, "open")),
            (isinstance(about, Item), ("m", "Mark", "following.mark")),
            (is_news and followed.new, ("M", "All read", "following.mark_all")),
            (is_news and followed.followed, ("r", "Look", "travelling.reload")),
            (isinstance(about, Bookmark), ("x", "Remove", "keeping.remove_bookmark")),
            (page and page.error, ("r", "Again", "travelling.reload")),
            (history.neighbour(-1), ("b", "Back", "travelling.move(-1)")),
            (self._window.view.matches, ("n N", "Next", "reading.find_again")),
            (layout.is_wider, ("< >", "Sideways", "")),
            (True, ("g", "Go", "travelling.go")),
            (layout.links, ("1…9", "Link", "")),
            (self._window.view.is_longer, ("/", "Find", "reading.find")),
            (page, ("B", "Bookmarks", "visiting.show_start")),
            (followed.followed and not is_news, ("W", "New", "visiting.show_news")),
            (self._following.can_follow, ("F", follow, "following.follow")),
            (page or link, ("s", "Save", "keeping.save_here")),
            (self._session.downloads.all, ("d", "Downloads", "keeping.downloads")),
            (history.neighbour(-1), ("h", "History", "travelling.history")),
        ]
        works = [key for works, key in keys if works]
        return [*((key, does, run and action(run)) for key, does, run in works), *ALWAYS]
