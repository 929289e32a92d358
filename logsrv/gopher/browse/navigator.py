"""The page on the screen, and the steps of a visit until its page is there.

visit ──► at hand ─────────────────────────────► arrived
  └────► loading ──► a part is shown ──► whole ──► arrived
            └──────────────┴──── stop, or another visit: the part received becomes a page
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import attrs

from logsrv.errors import PeerError
from logsrv.gopher.browse.bars import AddressBar
from logsrv.gopher.browse.display_lines import DisplayLine, lines_of_page, notice_lines
from logsrv.gopher.browse.followed_menus import FollowedMenus, news_lines
from logsrv.gopher.browse.guide import start_page_lines
from logsrv.gopher.browse.layout import ScrollPosition
from logsrv.gopher.browse.page import Hyperlink, Page, duration_text, link_to
from logsrv.gopher.browse.page_fetch import PageFetch
from logsrv.gopher.browse.pictures import lines_of_picture
from logsrv.gopher.browse.session import BrowsingSession, Destination, InternalPage
from logsrv.gopher.browse.window import BrowserWindow
from logsrv.gopher.fetch.on_asyncio import in_daemon_thread
from logsrv.gopher.wire.columns import find_heading
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.kit.text.words import size_text


@attrs.define(eq=False)
class VisitInProgress:
    """A visit that is being made.

    step: steps in the history to the visit, None for a new one. position: the scroll position of the
    earlier visit. loading: the page while it is fetched. arrived: whether the page or its beginning is on
    the screen, and the visit in the history; it is not added for a page that never arrives.
    """

    destination: Destination
    step: int | None
    position: ScrollPosition | None
    loading: PageFetch | None = None
    arrived: bool = False


@attrs.define(eq=False)
class Navigator:
    """Loads and shows destinations; a new visit cancels the one before.

    shown: the page in `view`, or the name of an internal one.
    """

    _session: BrowsingSession
    _followed: FollowedMenus
    _address: AddressBar
    _window: BrowserWindow
    shown: Page | InternalPage | None = attrs.field(default=None, init=False)
    _journey: VisitInProgress | None = attrs.field(default=None, init=False)
    _worker: Any = attrs.field(default=None, init=False)

    @property
    def page(self) -> Page | None:
        """Return the page on the screen; None for an internal one."""
        return self.shown if isinstance(self.shown, Page) else None

    @property
    def link_at_cursor(self) -> Hyperlink | None:
        """Return the link with the cursor."""
        return self.link_at(self._window.view.cursor)

    @property
    def subject_at_cursor(self) -> object:
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

    def link_or_page(self) -> Hyperlink | None:
        """Return the link with the cursor, or else a link to the page itself."""
        page = self.page
        return self.link_at_cursor or (None if page is None else link_to(page.url))

    @property
    def heading(self) -> str:
        """Return what the page on the screen calls itself; "" if that cannot be told."""
        lines = self._window.view.lines
        return find_heading(line.text for line in lines if line.style in ("information", "plain"))

    @property
    def loading(self) -> PageFetch | None:
        """Return the page that is being fetched."""
        return self._journey.loading if self._journey is not None else None

    def show_start(self) -> None:
        """Show the start page."""
        self.visit(InternalPage.START)

    def show_news(self) -> None:
        """Show what is new in followed menus."""
        self.visit(InternalPage.NEWS)

    def visit(self, destination: Destination, step: int | None = None) -> None:
        """Show a destination: as a new visit, or that `step` steps away in the history; 0 loads again."""
        history = self._session.history
        here = history.visit_at_step(0)
        if here is not None and self._window.view.lines:
            here.position = self._window.view.scroll_position()
        begun, left = self._shows_beginning, self._cancel_loading()
        if left is not None and begun:
            # Make a page of the part received: it stays on the screen if the new visit does not arrive.
            error = PeerError("you left this before all of it had come")
            self.shown = left.page_so_far(error)
        there = None if step is None else history.visit_at_step(step)
        position = None if there is None else there.position
        self._journey = journey = VisitInProgress(destination, step, position)
        page = self._cached_page(journey)
        if destination is InternalPage.START or (page is not None and page.shown_as != "picture"):
            # Show the page at once: the next key is meant for it.
            self._cancel_worker()
            self._arrive(journey, page or InternalPage.START, journey.position)
        else:
            travel = partial(self._load_and_show, journey)
            self._worker = self._window.run_in_background(travel, group="page", exclusive=True)

    def stop_loading(self) -> None:
        """Stop loading, and show the part received, if any. If nothing is loading, unmark all matches."""
        journey, loading = self._journey, self._cancel_loading()
        if loading is None or journey is None:
            self._window.view.mark("")
            self._window.say("")
            return
        stopped = PeerError(f"you stopped this after {size_text(loading.received)}")
        page = loading.page_so_far(stopped)
        if page.content is None:
            self._window.say(f"Stopped: {loading.url}")
        else:
            position = self._position_below_notices(page) if journey.arrived else None
            self._arrive(journey, page, position)
            self._window.say(
                f"You stopped this after {size_text(loading.received)}; r  tries again."
            )

    def redraw(self) -> None:
        """Make the lines of the page anew, after a change of character set, bookmarks or width."""
        # A page that is still loading is left alone until it is complete.
        if self.shown is not None and not self._shows_beginning:
            self._show(self.shown, self._window.view.scroll_position())

    @property
    def _shows_beginning(self) -> bool:
        """Return true if the screen shows the beginning of a page that is loading."""
        return self.loading is not None and self._journey is not None and self._journey.arrived

    def _cancel_worker(self) -> None:
        if self._worker is not None:
            self._worker.cancel()

    def _cancel_loading(self) -> PageFetch | None:
        """Cancel loading, which closes the connection; return the cancelled load, if there was one."""
        loading = self.loading
        if loading is not None and self._journey is not None:
            self._journey.loading = None
            self._cancel_worker()
            loading.start_request().cancel()
        return loading

    def _cached_page(self, journey: VisitInProgress) -> Page | None:
        destination = journey.destination
        if isinstance(destination, InternalPage) or journey.step == 0:
            return None
        return self._session.cache.get(destination)

    async def _load_and_show(self, journey: VisitInProgress) -> None:
        destination = journey.destination
        if isinstance(destination, InternalPage):
            await self._followed.read_files()
            self._arrive(journey, destination, journey.position)
            return
        page = self._cached_page(journey)
        if page is None:
            page = await self._load_page(journey, destination)
            self._session.keep_page(page)
        if journey.arrived:
            return
        lines = None
        if page.shown_as == "picture":
            # In a thread: to unpack one takes up to a second.
            lines = await in_daemon_thread(lambda: [*self.lines_of(page)])
        self._arrive(journey, page, journey.position, lines)

    async def _load_page(self, journey: VisitInProgress, url: ItemURL) -> Page:
        """Return the page when it is complete; its beginning is shown, and then all of it.

        After going back, it is shown only when it is complete, at its old position.
        """
        view = self._window.view
        journey.loading = loading = self._session.new_page_fetch(url)
        self._window.changed()
        async for _ in loading.arrivals():
            if journey.arrived:
                view.show_more()
            elif journey.position is None and loading.has_lines:
                self._arrive(journey, Page(url, None), None, loading.lines())
        page = await loading.wait_for_page()
        journey.loading = None
        if journey.arrived:
            if loading.has_all_lines_of(page) and loading.charset == self._session.charset:
                view.show_more()
                self._tell_page(page)
            else:
                self._show(page, self._position_below_notices(page))
        return page

    def _position_below_notices(self, page: Page) -> ScrollPosition:
        """Return the position at which `page` shows the same text as the screen, which has no notices."""
        above = len([*notice_lines(page)])
        return attrs.evolve(self._window.view.scroll_position(), above=above)

    def lines_of(self, shown: Page | InternalPage) -> Iterator[DisplayLine]:
        """Yield the lines of a page. For a page from a server, a thread may call this."""
        if shown is InternalPage.START:
            yield from start_page_lines(self._session.bookmarks)
        elif not isinstance(shown, Page):
            known = self._followed
            yield from news_lines(known.followed, known.new, known.looking, known.problem)
        elif shown.shown_as == "picture" and isinstance(shown.content, bytes):
            yield from (above := [*lines_of_page(shown, self._session.charset)])
            if shown.content or not shown.error:
                columns, rows = self._window.view.size
                # Beside the picture is the scrollbar, below it a line that describes it.
                room = max(4, rows - len(above) - 2)
                yield from lines_of_picture(shown.content, columns - 1, room)
        else:
            yield from lines_of_page(shown, self._session.charset)

    def _arrive(
        self,
        journey: VisitInProgress,
        shown: Page | InternalPage,
        position: ScrollPosition | None,
        lines: Iterable[DisplayLine | None] | None = None,
    ) -> None:
        if not journey.arrived:
            journey.arrived = True
            self._session.history.record_arrival(journey.destination, journey.step)
        self._show(shown, position, lines)

    def _show(
        self,
        shown: Page | InternalPage,
        position: ScrollPosition | None,
        lines: Iterable[DisplayLine | None] | None = None,
    ) -> None:
        """Show a page at `position`. lines: those of the page, if they are made elsewhere."""
        self._window.view.show_lines(self.lines_of(shown) if lines is None else lines, position)
        self._tell_page(shown)

    def _tell_page(self, shown: Page | InternalPage) -> None:
        """Show the address of the page that is in `view` now, and how it came."""
        self.shown, said, trusted = shown, "", None
        if isinstance(shown, Page):
            if shown.url.tls:
                trusted = not isinstance(shown.error, TLSError)
            if shown.error is None and self.loading is None and self._window.view.cursor is None:
                said = f"{size_text(shown.received)} in {duration_text(shown.seconds)}"
        self._address.shown = str(shown.url if isinstance(shown, Page) else shown), trusted
        self._window.say(said)
