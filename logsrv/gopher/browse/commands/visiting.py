"""The page on the screen, and the steps of a visit until its page is there.

visit ──► at hand ─────────────────────────────► arrived
  └────► loading ──► a part is shown ──► whole ──► arrived
            └──────────────┴──── stop, or another visit: the part received becomes a page
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from textual.geometry import Size

from logsrv.errors import PeerError
from logsrv.gopher.browse.commands.bars import AddressBar
from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.load import Loading, in_daemon_thread
from logsrv.gopher.browse.commands.readable_texts import span_text
from logsrv.gopher.browse.commands.session import BrowsingSession, InternalPage, Place
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.guide import start_lines
from logsrv.gopher.browse.content.html import html_lines
from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.news import news_lines
from logsrv.gopher.browse.content.page import Hyperlink, Page, link_to
from logsrv.gopher.browse.content.page_lines import PageLine, lines_of
from logsrv.gopher.browse.content.picture import picture_lines
from logsrv.gopher.serve.fileurl import ItemURL
from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.errors import TLSError
from logsrv.kit.text.words import size_text

# Larger pages are made into lines in a thread, so that the browser still reacts to keys.
_MANY_BYTES = 64 * 1024


@dataclass(eq=False)
class Journey:
    """A visit that is being made.

    step: steps in the history to the visit, None for a new one. position: the scroll position of the
    earlier visit. part: the page on the screen while only its beginning is received. loading: the page
    while it is fetched. arrived: whether the visit is in the history; it is not added for a page that never
    arrives.
    """

    place: Place
    step: int | None
    position: ScrollPosition | None
    part: Page | None
    loading: Loading | None = None
    arrived: bool = False


@dataclass(eq=False)
class Visiting:
    """Loads and shows places; a new visit cancels the one before.

    started: a page that is already loading. shown: the page in `view`, or the name of an internal one.
    """

    _session: BrowsingSession
    _followed: FollowedMenus
    _address: AddressBar
    _window: BrowserWindow
    _started: Loading | None = None
    shown: Page | InternalPage | None = field(default=None, init=False)
    _journey: Journey | None = field(default=None, init=False)
    _worker: Any = field(default=None, init=False)

    @property
    def page(self) -> Page | None:
        """Return the page on the screen; None for an internal one."""
        return self.shown if isinstance(self.shown, Page) else None

    @property
    def link(self) -> Hyperlink | None:
        """Return the link with the cursor."""
        return self.link_at(self._window.view.cursor)

    @property
    def about(self) -> object:
        """Return the bookmark, followed menu or item of news in the line with the cursor."""
        cursor = self._window.view.cursor
        return None if cursor is None else self._window.view.lines[cursor].about

    def link_at(self, index: int | None) -> Hyperlink | None:
        """Return the link of that line."""
        lines = self._window.view.lines
        if index is None or index >= len(lines):
            return None
        menu = self.page.url if self.page is not None else None
        return lines[index].link(menu, self._session.charset)

    def here(self) -> Hyperlink | None:
        """Return the link with the cursor, or else a link to the page itself."""
        page = self.page
        return self.link or (None if page is None else link_to(page.url))

    @property
    def loading(self) -> Loading | None:
        """Return the page that is being fetched."""
        return self._journey.loading if self._journey is not None else None

    def show_start(self) -> None:
        """Show the start page."""
        self.visit(InternalPage.START)

    def show_news(self) -> None:
        """Show what is new in followed menus."""
        self.visit(InternalPage.NEWS)

    def visit(self, place: Place, step: int | None = None) -> None:
        """Show a place: as a new visit, or as the one `step` steps away in the history; 0 loads again."""
        history = self._session.history
        here = history.neighbour(0)
        if here is not None and self._window.view.lines:
            here.position = self._window.view.position()
        left = self._give_up()
        if left is not None and self._is_begun:
            # Make a page of the part received: it stays on the screen if the new visit does not arrive.
            error = PeerError("you left this before all of it had come")
            self.shown = left.so_far(error)
        there = None if step is None else history.neighbour(step)
        position = None if there is None else there.position
        part = None if isinstance(place, InternalPage) else Page(place, None)
        self._journey = journey = Journey(place, step, position, part)
        page = self._ready_page(place, step)
        if page is None:
            travel = partial(self._travel, journey)
            self._worker = self._window.start(travel, group="page", exclusive=True)
        else:
            # Show the page at once: the next key is meant for it.
            self._cancel()
            self._arrive(journey, page, self._lines(page), journey.position)

    def stop(self) -> None:
        """Stop loading, and show the part received, if any. If nothing is loading, unmark all matches."""
        journey, loading = self._journey, self._give_up()
        if loading is None or journey is None:
            self._window.view.find("")
            self._window.say("")
            return
        page = loading.so_far(PeerError(f"you stopped this after {size_text(loading.received)}"))
        if page.content is None:
            self._window.say(f"Stopped: {loading.url}")
        else:
            self._arrive(journey, page, self._lines(page), None)

    def redraw(self) -> None:
        """Make the lines of the page anew, after a change of character set, bookmarks or width."""
        shown = self.shown
        # A page that is still loading is left alone: all its lines are made anew when it is complete.
        if shown is not None and not self._is_begun:
            self._show(shown, self._lines(shown), self._window.view.position())

    @property
    def _is_begun(self) -> bool:
        """Return true if the screen shows the beginning of a page that is loading."""
        part = None if self._journey is None else self._journey.part
        return part is not None and self.shown is part

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()

    def _give_up(self) -> Loading | None:
        """Cancel loading, which closes the connection; return the cancelled load, if there was one."""
        loading = self.loading
        if loading is not None and self._journey is not None:
            self._journey.loading = None
            self._cancel()
            loading.begin().cancel()
        return loading

    def _ready_page(self, place: Place, step: int | None) -> Page | InternalPage | None:
        """Return the page if it can be shown without waiting: the start page, or a small cached page."""
        if isinstance(place, InternalPage):
            return place if place is InternalPage.START else None
        page = None if step == 0 else self._session.cache.get(place)
        return page if page is not None and page.received < _MANY_BYTES else None

    async def _travel(self, journey: Journey) -> None:
        place = journey.place
        if isinstance(place, InternalPage):
            await self._followed.load()
            self._arrive(journey, place, self._lines(place), journey.position)
            return
        page = None if journey.step == 0 else self._session.cache.get(place)
        if page is None:
            page = await self._load(journey, place)
            self._session.cache.put(page)
        is_begun = self._is_begun
        if is_begun:
            self.shown = page
        lines = await self._lines_without_blocking(page)
        self._arrive(
            journey, page, lines, self._window.view.position() if is_begun else journey.position
        )

    async def _load(self, journey: Journey, url: ItemURL) -> Page:
        loading, self._started = self._started, None
        if loading is None or loading.url != url:
            loading = self._session.loading(url)
        journey.loading = loading
        self._window.changed()
        part = journey.part
        # After going back, the page is shown only when it is complete, at its old position.
        if part is not None and journey.position is None:
            async for lines in loading.growing():
                if self._is_begun:
                    self._window.view.extend(lines[len(self._window.view.lines) :])
                else:
                    self._arrive(journey, part, lines, None)
        page = await loading.page()
        journey.loading = None
        return page

    async def _lines_without_blocking(self, page: Page) -> list[PageLine]:
        """Return the lines of a page; a large one is rendered in a thread, so that keys still work."""
        if page.received < _MANY_BYTES:
            return self._lines(page)
        return await in_daemon_thread(partial(self._lines, page))

    def _lines(self, shown: Page | InternalPage) -> list[PageLine]:
        return rendered(shown, self._session, self._followed, self._window.view.size)

    def _arrive(
        self,
        journey: Journey,
        shown: Page | InternalPage,
        lines: list[PageLine],
        position: ScrollPosition | None,
    ) -> None:
        if not journey.arrived:
            journey.arrived = True
            self._session.history.arrive(journey.place, journey.step)
        self._show(shown, lines, position)

    def _show(
        self, shown: Page | InternalPage, lines: list[PageLine], position: ScrollPosition | None
    ) -> None:
        self._window.view.show(lines, position)
        self.shown, said, trusted = shown, "", None
        if isinstance(shown, Page):
            if shown.url.tls:
                trusted = not isinstance(shown.error, TLSError)
            if shown.error is None and self.loading is None and self._window.view.cursor is None:
                said = f"{size_text(shown.received)} in {span_text(shown.seconds)}"
        self._address.tell(str(shown.url if isinstance(shown, Page) else shown), trusted)
        self._window.say(said)


def rendered(
    shown: Page | InternalPage, session: BrowsingSession, followed: FollowedMenus, window: Size
) -> list[PageLine]:
    """Return all lines of a page. For a page from a server, a thread may call this."""
    if shown is InternalPage.START:
        return start_lines(session.bookmarks)
    if not isinstance(shown, Page):
        return news_lines(followed.followed, followed.new, followed.looking, followed.problem)
    charset, content = session.charset, shown.content
    lines = lines_of(shown, charset)
    if shown.way == "html" and isinstance(content, bytes):
        lines += html_lines(decode_text(content, charset))
    if shown.way == "picture" and isinstance(content, bytes) and (content or not shown.error):
        lines += _picture(content, window.width - 1, max(4, window.height - len(lines) - 2))
    return lines


def _picture(content: bytes, columns: int, rows: int) -> list[PageLine]:
    try:
        painted, what = picture_lines(content, columns, rows)
    except PeerError as error:
        return [PageLine(f"{error}.", "problem")]
    return [*painted, PageLine(""), PageLine(f"{what}.  s  saves it.", "dim")]
