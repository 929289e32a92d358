"""The followed menus in the browser: their news, and fetching them again in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.browse.content.page import MenuContent, Page
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.follow.entries import (
    Entry,
    address_of_entry,
    id_without_tls,
    menu_entries,
    text_entries,
    utc_day,
)
from logsrv.gopher.follow.fetching import LIMITS, fetch_and_store_news
from logsrv.gopher.follow.following import FollowedMenu, can_follow, items_of_all_menus
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# A menu is due when its last request was this many seconds ago.
LOOK_EVERY = 3600.0


class FollowedMenus:
    """The followed menus and their news, as last read from the files.

    new: number of new items. looking: number of menus still to be fetched. problem: an error of the files.
    """

    def __init__(self, session: BrowsingSession, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._session = session
        self._clock = clock
        self.problem = ""
        self.followed: Sequence[FollowedMenu] = ()
        self.new = 0
        self.looking = 0

    async def read_files(self) -> None:
        """Read the files, which other processes may have changed."""
        before = None
        try:
            # Read the files again as long as `followed` changes while the thread reads them.
            while before is not self.followed:
                before = self.followed
                found = await asyncio.to_thread(self._session.following.all)
            self._replace_followed(found)
            self.problem = ""
        except ConfigurationError as error:
            self.problem = one_line(str(error))

    def _replace_followed(self, followed: Iterable[FollowedMenu]) -> None:
        self.followed = tuple(followed)
        fresh = sum(not item.read for item, _ in items_of_all_menus(self.followed))
        self.new = fresh + sum(each.news.left_out for each in self.followed)

    async def fetch_due_menus(self, *, again: bool = False) -> None:
        """Fetch the menus that are due; with `again`, every followed menu."""
        await self.read_files()
        now = self._clock()
        due = [
            each for each in self.followed if again or not 0 <= now - each.news.tried < LOOK_EVERY
        ]
        self.looking = len(due)
        try:
            await fetch_and_store_news(
                due,
                self._session.following,
                lambda url: self._session.options_for(url, accept_cut=True),
                self._clock,
                self._session.charset,
                self._reload_news_of,
            )
        finally:
            self.looking = 0

    def _reload_news_of(self, looked: FollowedMenu) -> None:
        self.looking -= 1
        try:
            news = self._session.following.read_news(looked.url)
        except ConfigurationError as error:
            self.problem = one_line(str(error))
        else:
            self._replace_followed(
                each.replace(news=news) if each.url == looked.url else each
                for each in self.followed
            )

    def follows(self, url: object) -> bool:
        """Return true if the menu at `url` is followed."""
        return any(each.url == url for each in self.followed)

    async def follow(self, page: Page) -> None:
        """Follow the menu or text of `page`. Raises ConfigurationError with a sentence if it cannot."""
        url = page.url
        if not can_follow(url) or page.error is not None or page.content is None:
            raise ConfigurationError("Only menus and texts of servers can be followed.")
        now = int(self._clock())
        entries = await asyncio.to_thread(_entries_of_page, url, page, now, self._session.charset)
        await self._write_and_reload(
            self._session.following.follow, url, title_from_url(url), entries, now
        )

    async def unfollow(self, url: GopherURL) -> None:
        """Stop following the menu at `url`. Raises ConfigurationError."""
        await self._write_and_reload(self._session.following.unfollow, url)

    async def mark_address_read(self, address: str) -> None:
        """Mark the items that lead to `address` as read. Raises ConfigurationError."""
        wanted = id_without_tls(address)
        ids = [
            item.id
            for each in self.followed
            for item in each.news.items
            if not item.read and id_without_tls(address_of_entry(item.id)) == wanted
        ]
        if ids:
            await self.mark_entries(ids)

    async def mark_entries(self, ids: list[str], *, read: bool = True) -> None:
        """Mark these entries as read or as new. Raises ConfigurationError."""
        # Change the news in memory first: the page of news may be shown before the file is written.
        self._replace_followed(
            each.replace(news=each.news.with_entries_marked(ids, read=read))
            for each in self.followed
        )
        await asyncio.to_thread(self._session.following.mark_entries, ids, read=read)

    async def mark_all_read(self) -> None:
        """Mark everything as read. Raises ConfigurationError."""
        await self._write_and_reload(self._session.following.mark_entries)

    async def _write_and_reload(self, work: Callable[..., object], *arguments: Any) -> None:
        await asyncio.to_thread(work, *arguments)
        await self.read_files()


def _entries_of_page(url: GopherURL, page: Page, now: int, charset: str | None) -> list[Entry]:
    if isinstance(page.content, MenuContent) and len(page.content.items) <= LIMITS.items:
        return menu_entries(url, page.content.items, charset)
    text = page.content if page.shown_as == "text" else None
    if isinstance(text, bytes) and len(text) <= LIMITS.text:
        return text_entries(url, text, utc_day(now), charset)
    raise ConfigurationError("This is too long to be followed.")
