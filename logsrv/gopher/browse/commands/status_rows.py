"""The rows below the page: the progress, and the keys that do something now."""

from __future__ import annotations

from dataclasses import dataclass

from logsrv.gopher.browse.commands.bars import ALWAYS, Key
from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.following import FollowingCommands
from logsrv.gopher.browse.commands.readable_texts import duration_text, shortened_address
from logsrv.gopher.browse.commands.session import BrowsingSession, InternalPage
from logsrv.gopher.browse.commands.visiting import CurrentPage
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.guide import textual_action
from logsrv.gopher.follow.bookmarks import Bookmark
from logsrv.gopher.follow.news import NewsItem
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
class StatusTexts:
    """The texts of the rows, made from the state of the other parts."""

    _session: BrowsingSession
    _followed: FollowedMenus
    _visiting: CurrentPage
    _following: FollowingCommands
    _window: BrowserWindow

    def status_texts(self, width: int) -> tuple[str, str]:
        """Return both halves of the row below the page, for a window of `width` columns."""
        running, new = self._session.downloads.running, self._followed.new
        beside = (
            self._session.charset,
            running and f"{running} downloading",
            new and f"{new} new",
            f"{self._window.view.scroll_percent()} %",
        )
        where = "   ".join(str(each) for each in beside if each)
        loading, pointed, said = (
            self._visiting.loading,
            self._visiting.link_at_cursor,
            self._window.said,
        )
        if loading is not None:
            so_far = f"{size_text(loading.received)}, {duration_text(loading.seconds)}"
            said = f"Loading {so_far}   Esc stops   {loading.url}"
        elif pointed is not None and not said:
            room = width - len(where) - _PADDING
            dead = pointed.kind == "dead"
            said = pointed.address if dead else shortened_address(pointed.address, room)
        return said, where

    def keys_that_work(self) -> list[Key]:
        """Return the keys that do something now, the most important first."""
        page, history, about = (
            self._visiting.page,
            self._session.history,
            self._visiting.subject_at_cursor,
        )
        link, layout = self._visiting.link_at_cursor, self._window.view.page_layout
        is_news, followed = self._visiting.shown is InternalPage.NEWS, self._followed
        enter = _ENTER[link.kind] if link is not None else ""
        follow = "Unfollow" if self._following.would_unfollow else "Follow"
        keys: list[tuple[object, Key]] = [
            (self._visiting.loading, ("Esc", "Stop", "visiting.stop_loading")),
            (page and page.certificate_refused, ("T", "Trust", "travelling.ask_to_trust")),
            (enter, ("Enter", enter, "open")),
            (isinstance(about, NewsItem), ("m", "Mark", "following.toggle_read_mark")),
            (is_news and followed.new, ("M", "All read", "following.mark_all_read")),
            (is_news and followed.followed, ("r", "Look", "travelling.reload")),
            (isinstance(about, Bookmark), ("x", "Remove", "keeping.remove_bookmark")),
            (page and page.error, ("r", "Again", "travelling.reload")),
            (history.visit_at_step(-1), ("b", "Back", "travelling.move_in_history(-1)")),
            (self._window.view.matches, ("n N", "Next", "reading.find_again")),
            (layout.is_wider_than_window, ("< >", "Sideways", "")),
            (True, ("g", "Go", "travelling.ask_for_address")),
            (layout.links, ("1…9", "Link", "")),
            (self._window.view.is_longer_than_window, ("/", "Find", "reading.ask_and_find")),
            (page, ("B", "Bookmarks", "visiting.show_start")),
            (followed.followed and not is_news, ("W", "New", "visiting.show_news")),
            (self._following.can_toggle_following, ("F", follow, "following.toggle_following")),
            (page or link, ("s", "Save", "keeping.save_link_or_page")),
            (self._session.downloads.all, ("d", "Downloads", "keeping.show_downloads")),
            (history.visit_at_step(-1), ("h", "History", "travelling.choose_from_history")),
        ]
        works = [key for works, key in keys if works]
        return [*((key, does, run and textual_action(run)) for key, does, run in works), *ALWAYS]
