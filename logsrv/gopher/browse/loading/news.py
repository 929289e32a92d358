"""The page that says what is new in followed menus, and looking at them in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.content.colours import Paint, Span
from logsrv.gopher.browse.content.lines import PageLine, link_line
from logsrv.gopher.browse.content.page import MenuContent, Page
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.follow.dates import day_of, without_date
from logsrv.gopher.follow.entries import Entry, address_of, menu_entries, same_id, text_entries
from logsrv.gopher.follow.fetching import LIMITS, look_at
from logsrv.gopher.follow.following import Followed, can_follow, newest
from logsrv.gopher.follow.news import Item
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# Seconds from one look at a menu to the next.
LOOK_EVERY = 3600.0
_MOST_READ = 100
_BOLD = Paint(attributes=frozenset(("bold",)))
_NONE_YET = "You follow no menu yet. F  on a menu or a text, such as a phlog, follows it."


class FollowedMenus:
    """The followed menus and what is known of them, as their files had it last.

    new: how many items are new. looking: how many menus are still to be looked at. problem: with the files.
    """

    def __init__(self, session: BrowsingSession, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._session = session
        self._clock = clock
        self.problem = ""
        self.followed: Sequence[Followed] = ()
        self.new = 0
        self.looking = 0

    async def load(self) -> None:
        """Read the files; others may have changed them."""
        before = None
        try:
            # What becomes known meanwhile is newer than what was read.
            while before is not self.followed:
                before = self.followed
                found = await asyncio.to_thread(self._session.following.all)
            self._know(found)
            self.problem = ""
        except ConfigurationError as error:
            self.problem = one_line(str(error))

    def _know(self, followed: Iterable[Followed]) -> None:
        self.followed = tuple(followed)
        fresh = sum(not item.read for item, _ in newest(self.followed))
        self.new = fresh + sum(each.news.left_out for each in self.followed)

    async def look(self, *, again: bool = False) -> None:
        """Look at all menus whose time has come, or at all of them again."""
        await self.load()
        now = self._clock()
        due = [
            each for each in self.followed if again or not 0 <= now - each.news.tried < LOOK_EVERY
        ]
        self.looking = len(due)
        try:
            await look_at(
                due,
                self._session.following,
                lambda url: self._session.options_for(url, accept_cut=True),
                self._clock,
                self._session.charset,
                self._looked,
            )
        finally:
            self.looking = 0

    def _looked(self, looked: Followed) -> None:
        self.looking -= 1
        try:
            news = self._session.following.known(looked.url)
        except ConfigurationError as error:
            self.problem = one_line(str(error))
        else:
            self._know(
                each.replace(news=news) if each.url == looked.url else each
                for each in self.followed
            )

    # Following, and reading.

    def follows(self, url: object) -> bool:
        """Return true if the menu at `url` is followed."""
        return any(each.url == url for each in self.followed)

    async def follow(self, page: Page) -> None:
        """Follow what `page` shows. Raises ConfigurationError with a sentence if that cannot be."""
        url = page.url
        if not can_follow(url) or page.error is not None or page.content is None:
            raise ConfigurationError("Only menus and texts of servers can be followed.")
        now = int(self._clock())
        entries = await asyncio.to_thread(_entries, url, page, now, self._session.charset)
        await self._change(self._session.following.follow, url, title_of(url), entries, now)

    async def unfollow(self, url: GopherURL) -> None:
        """Follow it no longer. Raises ConfigurationError."""
        await self._change(self._session.following.unfollow, url)

    async def opened(self, address: str) -> None:
        """Mark as read what is at `address`. Raises ConfigurationError."""
        wanted = same_id(address)
        ids = [
            item.id
            for each in self.followed
            for item in each.news.items
            if not item.read and same_id(address_of(item.id)) == wanted
        ]
        if ids:
            await self.mark(ids)

    async def mark(self, ids: list[str], *, read: bool = True) -> None:
        """Mark these entries. Raises ConfigurationError."""
        # First here, so that a page that is returned to is right.
        self._know(each.replace(news=each.news.mark(ids, read=read)) for each in self.followed)
        await asyncio.to_thread(self._session.following.mark, ids, read=read)

    async def mark_all(self) -> None:
        """Mark everything as read. Raises ConfigurationError."""
        await self._change(self._session.following.mark)

    async def _change(self, work: Callable[..., object], *what: Any) -> None:
        await asyncio.to_thread(work, *what)
        await self.load()

    # The page.

    def lines(self) -> list[PageLine]:
        """Make the page; its lines are about an `Item`, or a `Followed`, or nothing."""
        if not self.followed and not self.problem:
            return [PageLine(_NONE_YET, "dim")]
        lines = [PageLine(self._summary(), "dim")]
        if self.problem:
            lines.append(PageLine(self.problem, "problem"))
        found = newest(self.followed)
        fresh = [pair for pair in found if not pair[0].read]
        lines += _section("New", fresh)
        for each in self.followed:
            if each.news.left_out:
                lines.append(PageLine(f"And {each.news.left_out} more in {each.title}.", "dim"))
        lines += _section("Read before", found[len(fresh) :][:_MOST_READ])
        lines += [PageLine(""), PageLine("Followed", "heading")]
        for each in self.followed:
            lines.append(link_line(each.url, each.title, each))
            if each.news.failed:
                lines.append(PageLine(f"{each.title}: {each.news.failed}", "problem"))
        return lines

    def _summary(self) -> str:
        menus = "1 menu" if len(self.followed) == 1 else f"{len(self.followed)} menus"
        if self.looking:
            return f"{self.new} new; looking at {self.looking} of {menus} …"
        failed = sum(bool(each.news.failed) for each in self.followed)
        return f"{self.new} new in {menus}" + (f", {failed} failed (see below)." if failed else ".")


def _section(title: str, found: list[tuple[Item, Followed]]) -> list[PageLine]:
    heading = [PageLine(""), PageLine(title, "heading")] if found else []
    return heading + [_entry_line(item, menu) for item, menu in found]


def _entry_line(item: Item, menu: Followed) -> PageLine:
    title = without_date(item.title) if item.dated else item.title
    text = f"{item.day}  {title}  ({menu.title})"
    spans = () if item.read else (Span(0, 12 + len(title), _BOLD),)
    address = address_of(item.id)
    in_gopher = address.startswith(("gopher:", "gophers:"))
    url = GopherURL.parse(address) if in_gopher else address
    return link_line(url, text, item).replace(spans=spans)


def _entries(url: GopherURL, page: Page, now: int, charset: str | None) -> list[Entry]:
    if isinstance(page.content, MenuContent) and len(page.content.items) <= LIMITS.items:
        return menu_entries(url, page.content.items, charset)
    text = page.content if page.way == "text" else None
    if isinstance(text, bytes) and len(text) <= LIMITS.text:
        return text_entries(url, text, day_of(now), charset)
    raise ConfigurationError("This is too long to be followed.")
