"""The page that says what is new in followed menus, and looking at them in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse.colours import Paint, Span
from logsrv.gopher.browse.guide import link_line
from logsrv.gopher.browse.lines import Line
from logsrv.gopher.browse.page import Menu, Page
from logsrv.gopher.browse.session import Session
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.follow.dates import without_date
from logsrv.gopher.follow.entries import Entry, address_of, menu_entries, same_id
from logsrv.gopher.follow.fetching import LIMITS, entries_of_text, look_at
from logsrv.gopher.follow.following import Followed, can_follow, newest
from logsrv.gopher.follow.news import Item
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

# Seconds from one look at a menu to the next.
LOOK_EVERY = 3600.0
_MOST_READ = 100
_BOLD = Paint(attributes=frozenset(("bold",)))
_NONE_YET = "You follow no menu yet. F  on a menu or a text, such as a phlog, follows it."


class News:
    """The followed menus and what is known of them, as their files had it last.

    new: how many items are new. looking: how many menus are still to be looked at. changed: whether there
    is something else to show; who shows it takes that back. listed: the entry or the menu in a line of the
    page that was made last.
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.time) -> None:
        """clock: seconds since 1970."""
        self._session = session
        self._clock = clock
        self._problem = ""
        self.listed: dict[int | None, Item | Followed] = {}
        self.followed: Sequence[Followed] = ()
        self.new = 0
        self.looking = 0
        self.changed = False

    async def load(self) -> None:
        """Read the files; others may have changed them."""
        before = None
        try:
            # What becomes known meanwhile is newer than what was read.
            while before is not self.followed:
                before = self.followed
                found = await asyncio.to_thread(self._session.following.all)
            self._know(found)
            self._problem = ""
        except ConfigurationError as error:
            self._problem = one_line(str(error))
            self.changed = True

    def _know(self, followed: Iterable[Followed]) -> None:
        self.followed = tuple(followed)
        fresh = sum(not item.read for item, _ in newest(self.followed))
        self.new = fresh + sum(each.news.left_out for each in self.followed)
        self.changed = True

    async def look(self, *, again: bool = False) -> None:
        """Look at all menus whose time has come, or at all of them again."""
        await self.load()
        now = self._clock()
        due = [
            each for each in self.followed if again or not 0 <= now - each.news.tried < LOOK_EVERY
        ]
        self.looking = len(due)
        self.changed = True
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
            self.changed = True

    def _looked(self, looked: Followed, problem: LogsrvError | None) -> None:
        self.looking -= 1
        try:
            news = self._session.following.known(looked.url)
        except ConfigurationError as error:
            self._problem = one_line(str(error))
            self.changed = True
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
        following = self._session.following
        await asyncio.to_thread(following.follow, url, title_of(url), entries, now)
        await self.load()

    async def unfollow(self, url: GopherURL) -> None:
        """Follow it no longer. Raises ConfigurationError."""
        await asyncio.to_thread(self._session.following.unfollow, url)
        await self.load()

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
        await asyncio.to_thread(self._session.following.mark_all)
        await self.load()

    # The page.

    def address_at(self, index: int | None) -> str:
        """Return what tells the entry or the menu in that line from all others; "" in other lines."""
        found = self.listed.get(index)
        if found is None:
            return ""
        return found.id if isinstance(found, Item) else str(found.url)

    def line_of(self, address: str) -> int | None:
        """Return the line of that entry, or of the menu with that address."""
        return next((at for at in self.listed if self.address_at(at) == address), None)

    def lines(self) -> list[Line]:
        """Make the page."""
        self.listed = {}
        if not self.followed and not self._problem:
            return [Line(_NONE_YET, "dim")]
        lines = [Line(self._summary(), "dim")]
        if self._problem:
            lines.append(Line(self._problem, "problem"))
        found = newest(self.followed)
        fresh = [pair for pair in found if not pair[0].read]
        self._section(lines, "New", fresh)
        for each in self.followed:
            if each.news.left_out:
                lines.append(Line(f"And {each.news.left_out} more in {each.title}.", "dim"))
        self._section(lines, "Read before", found[len(fresh) :][:_MOST_READ])
        lines += [Line(""), Line("Followed", "heading")]
        for each in self.followed:
            self.listed[len(lines)] = each
            lines.append(link_line(each.url, each.title))
            if each.news.failed:
                lines.append(Line(f"{each.title}: {each.news.failed}", "problem"))
        return lines

    def _summary(self) -> str:
        menus = "1 menu" if len(self.followed) == 1 else f"{len(self.followed)} menus"
        if self.looking:
            return f"{self.new} new; looking at {self.looking} of {menus} …"
        failed = sum(bool(each.news.failed) for each in self.followed)
        return f"{self.new} new in {menus}" + (f", {failed} failed (see below)." if failed else ".")

    def _section(self, lines: list[Line], title: str, found: list[tuple[Item, Followed]]) -> None:
        if found:
            lines += [Line(""), Line(title, "heading")]
        for item, menu in found:
            self.listed[len(lines)] = item
            lines.append(_entry_line(item, menu))


def _entry_line(item: Item, menu: Followed) -> Line:
    title = without_date(item.title) if item.dated else item.title
    text = f"{item.day}  {title}  ({menu.title})"
    spans = () if item.read else (Span(0, 12 + len(title), _BOLD),)
    address = address_of(item.id)
    if address.startswith(("gopher:", "gophers:")):
        return link_line(GopherURL.parse(address), text).replace(spans=spans)
    outside = MenuItem("h", text.encode(), f"URL:{address}".encode())
    return Line(text, "outside", outside.tag, outside, spans=spans)


def _entries(url: GopherURL, page: Page, now: int, charset: str | None) -> list[Entry]:
    if isinstance(page.content, Menu) and len(page.content.items) <= LIMITS.items:
        return menu_entries(url, page.content.items, charset)
    text = page.content if page.way == "text" else None
    if isinstance(text, bytes) and len(text) <= LIMITS.text:
        return entries_of_text(url, text, now, charset)
    raise ConfigurationError("This is too long to be followed.")
