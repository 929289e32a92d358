"""Commands to follow menus, to fetch their news, and to mark items as read."""

from __future__ import annotations

from functools import partial

import attrs

from logsrv.gopher.browse.followed_menus import FollowedMenus
from logsrv.gopher.browse.layout import ScrollPosition
from logsrv.gopher.browse.navigator import Navigator
from logsrv.gopher.browse.session import InternalPage
from logsrv.gopher.browse.window import BrowserWindow
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.follow.following import FollowedMenu, can_follow
from logsrv.gopher.follow.news import NewsItem


@attrs.define(eq=False)
class FollowingCommands:
    """Commands for followed menus. Background work reads and writes their files."""

    _followed: FollowedMenus
    _current: Navigator
    _window: BrowserWindow
    # The state of the followed menus when the page of news was made last; if it differs, the page is made
    # again.
    _rendered: object = attrs.field(default=None, init=False)

    def fetch_due_menus(self, *, again: bool = False) -> None:
        """Fetch the menus that are due; with `again`, every followed menu."""
        self._window.run_in_background(
            partial(self._followed.fetch_due_menus, again=again), group="news", exclusive=True
        )

    def fetch_due_if_idle(self) -> None:
        """Fetch the menus that are due, unless some are being fetched already."""
        if not self._followed.looking:
            self.fetch_due_menus()

    def update_news_page(self) -> None:
        """Render the page of news again if it changed, with the cursor on the same entry in the same row.

        Called by a timer: many menus may answer at once, and the page is made once for all.
        """
        known = self._followed
        rendered, self._rendered = self._rendered, (known.followed, known.looking, known.problem)
        if self._rendered == rendered or self._current.shown is not InternalPage.NEWS:
            return
        view, pointed = self._window.view, _identity_of(self._current.subject_at_cursor)
        position = view.scroll_position()
        lines = list(self._current.lines_of(InternalPage.NEWS))
        after = next(
            (at for at, line in enumerate(lines) if pointed == _identity_of(line.about)), None
        )
        if position.cursor is not None and pointed and after is not None:
            top = max(0, position.top + after - position.cursor) if position.top else 0
            position = ScrollPosition(after, top, position.left)
        view.show_lines(lines, position)

    @property
    def can_toggle_following(self) -> bool:
        """Return true if F can follow or unfollow the page or the menu with the cursor."""
        if self._current.shown is InternalPage.NEWS:
            return isinstance(self._current.subject_at_cursor, FollowedMenu)
        page = self._current.page
        loading = self._current.loading
        return page is not None and page.error is None and not loading and can_follow(page.url)

    @property
    def would_unfollow(self) -> bool:
        """Return true if F would stop following: the page is followed, or is one of the browser's own."""
        page = self._current.page
        return page is None or self._followed.follows(page.url)

    def toggle_following(self) -> None:
        """Follow the page, or stop following it; only the last of several keys is told of."""
        self._window.run_in_background(self._toggle_following, group="toggling", exclusive=True)

    async def _toggle_following(self) -> None:
        page, about = self._current.page, self._current.subject_at_cursor
        followed, say = self._followed, self._window.say
        if isinstance(about, FollowedMenu):
            await followed.unfollow(about.url)
            self._current.redraw()
            say(f"No longer followed: {about.title}")
        elif page is not None and can_follow(page.url) and followed.follows(page.url):
            await followed.unfollow(page.url)
            say(f"No longer followed: {title_from_url(page.url)}")
        elif page is None:
            say("F  follows the menu or text on show, and a menu below no longer.")
        elif self._current.loading is not None:
            say("This page is still loading: follow it when it is complete.")
        else:
            await followed.follow(page)
            say(f"Followed: {title_from_url(page.url)}   W  shows what is new")

    def mark_address_read(self, address: str) -> None:
        """Mark the items that lead to `address` as read: the user opens it."""
        mark = partial(self._followed.mark_address_read, address)
        self._window.run_in_background(mark, group="marking")

    async def toggle_read_mark(self) -> None:
        """Mark the item with the cursor as read, or as new again."""
        entry = self._current.subject_at_cursor
        if not isinstance(entry, NewsItem):
            self._window.say("m  marks the item that is pointed at: W  shows what is new.")
            return
        await self._followed.mark_entries([entry.id], read=not entry.read)
        self._current.redraw()

    async def mark_all_read(self) -> None:
        """Mark everything as read."""
        await self._followed.mark_entries()
        self._current.redraw()
        self._window.say("All is marked as read.")


def _identity_of(about: object) -> str:
    """Return the identity of an entry or of a followed menu; "" for anything else."""
    if isinstance(about, NewsItem):
        return about.id
    return str(about.url) if isinstance(about, FollowedMenu) else ""
