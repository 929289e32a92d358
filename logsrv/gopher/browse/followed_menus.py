"""The followed menus in the browser: their news, fetching them in the background, and the page of news."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from rich.style import Style
from rich.text import Span

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.display_lines import DisplayLine, link_line
from logsrv.gopher.browse.page import MenuContent, Page
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.follow.entries import (
    Entry,
    address_of_entry,
    id_without_tls,
    menu_entries,
    text_entries,
    utc_day,
    without_date,
)
from logsrv.gopher.follow.following import (
    LIMITS,
    FollowedMenu,
    can_follow,
    fetch_and_store_news,
    items_of_all_menus,
)
from logsrv.gopher.follow.news import NewsItem
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
                partial(self._session.connections.options_for, accept_cut=True),
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
                each._replace(news=news) if each.url == looked.url else each
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

    async def mark_entries(self, ids: list[str] | None = None, *, read: bool = True) -> None:
        """Mark these entries, or all, as read or as new. Raises ConfigurationError."""
        mark = partial(self._session.following.mark_entries, ids, read=read)
        await self._write_and_reload(mark)

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


_MOST_READ = 100
_BOLD = Style(bold=True)
_NONE_YET = "You follow no menu yet. F  on a menu or a text, such as a phlog, follows it."


def news_lines(
    followed: Sequence[FollowedMenu], new: int, looking: int = 0, problem: str = ""
) -> list[DisplayLine]:
    """Return the lines of the page; `about` of a line is an `NewsItem`, a `FollowedMenu` or None.

    new: number of new items. looking: number of menus still to be fetched. problem: an error of the files.
    """
    if not followed and not problem:
        return [DisplayLine(_NONE_YET, "dim")]
    lines = [DisplayLine(_summary_sentence(followed, new, looking), "dim")]
    if problem:
        lines.append(DisplayLine(problem, "problem"))
    found = items_of_all_menus(followed)
    fresh = [pair for pair in found if not pair[0].read]
    lines += _section_lines("New", fresh)
    for each in followed:
        if each.news.left_out:
            lines.append(DisplayLine(f"And {each.news.left_out} more in {each.title}.", "dim"))
    lines += _section_lines("Read before", found[len(fresh) :][:_MOST_READ])
    lines += [DisplayLine(""), DisplayLine("Followed", "heading")]
    for each in followed:
        lines.append(link_line(each.url, each.title, each))
        if each.news.failed:
            lines.append(DisplayLine(f"{each.title}: {each.news.failed}", "problem"))
    return lines


def _summary_sentence(followed: Sequence[FollowedMenu], new: int, looking: int) -> str:
    menus = "1 menu" if len(followed) == 1 else f"{len(followed)} menus"
    if looking:
        return f"{new} new; looking at {looking} of {menus} …"
    failed = sum(bool(each.news.failed) for each in followed)
    return f"{new} new in {menus}" + (f", {failed} failed (see below)." if failed else ".")


def _section_lines(title: str, found: list[tuple[NewsItem, FollowedMenu]]) -> list[DisplayLine]:
    heading = [DisplayLine(""), DisplayLine(title, "heading")] if found else []
    return heading + [_entry_line(item, menu) for item, menu in found]


def _entry_line(item: NewsItem, menu: FollowedMenu) -> DisplayLine:
    title = without_date(item.title) if item.dated else item.title
    text = f"{item.day}  {title}  ({menu.title})"
    spans = () if item.read else (Span(0, 12 + len(title), _BOLD),)
    address = address_of_entry(item.id)
    in_gopher = address.startswith(("gopher:", "gophers:"))
    url = GopherURL.parse(address) if in_gopher else address
    return link_line(url, text, item)._replace(spans=spans)
