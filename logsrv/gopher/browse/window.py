"""The window: an address, a page, a line that tells what happens; and pages on their way into it.

Window ── Session            history, cache, bookmarks, downloads, whom to trust
  │  └─── PageView           shows lines, moves the cursor
  └─ Loading ── AsyncioStream   one page on its way; cancelling it closes the socket
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from textual import events, work
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.theme import Theme
from textual.widget import Widget
from textual.widgets import Static

from logsrv.errors import LogsrvError, PeerError
from logsrv.gopher.browse.content.guide import start_lines
from logsrv.gopher.browse.content.html import html_lines
from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.lines import PageLine, lines_of
from logsrv.gopher.browse.content.links import Hyperlink, link_to
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.browse.content.picture import picture_lines
from logsrv.gopher.browse.loading.load import Loading
from logsrv.gopher.browse.loading.news import FollowedMenus
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.browse.loading.visits import Own, Place
from logsrv.gopher.browse.widgets import palette
from logsrv.gopher.browse.widgets.dialogs import Question
from logsrv.gopher.browse.widgets.ground import is_light
from logsrv.gopher.browse.widgets.keyline import ALWAYS, Key, KeyLine
from logsrv.gopher.browse.widgets.prompt import Prompt
from logsrv.gopher.browse.widgets.view import PageView
from logsrv.gopher.browse.widgets.words import address_text, span_text
from logsrv.gopher.fetch.progress import size_text
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.errors import TLSError
from logsrv.kit.text.escape import one_line

DARK = Theme(name="gopher-dark", dark=True, variables=palette.DARK_PAGE, **palette.DARK)  # type: ignore[arg-type]
LIGHT = Theme(name="gopher-light", dark=False, variables=palette.LIGHT_PAGE, **palette.LIGHT)  # type: ignore[arg-type]
# Pages with more lines are made in a thread, so that the screen goes on living.
_MANY_BYTES = 256 * 1024
_TICK = 0.2
# Columns beside both halves of the row below the page.
_PADDING = 4


class Address(Widget):
    """Shows an address, as much of it as there is room for."""

    address = reactive("")

    def render(self) -> Content:
        return Content(address_text(self.address, self.size.width))


class Window(App[None]):
    """Loads and shows places; where it begins, and what keys do, is for `Browser` to say."""

    TITLE = "Gopher"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-usual"), (82, "-wide")]
    SUSPENDED_SCREEN_CLASS = "-covered"
    CSS = """
    #top { height: 1; background: $panel; }
    #lock { width: auto; padding: 0 1; }
    #lock.secure, #lock.broken { margin: 0 1 0 0; color: $background; text-style: bold; }
    #lock.secure { background: $success; }
    #lock.broken { background: $error; }
    #address { width: 1fr; height: 1; padding: 0 1 0 0; }
    /* Many texts and drawings are made for 80 columns. */
    #page { height: 1fr; scrollbar-size: 0 0; }
    .-wide #page { scrollbar-size: 1 1; scrollbar-gutter: stable; }
    #bottom { height: 1; background: $panel; color: $page-dim; }
    #bottom.busy { color: $warning; }
    #bottom.talking { height: auto; max-height: 4; }
    #said { width: 1fr; padding: 0 1; }
    #where { width: auto; padding: 0 1; }
    /* What is announced leaves the rows at the bottom to be read, and the one to type in. */
    ToastRack { margin-bottom: 3; }
    .-narrow ToastRack { margin-bottom: 5; }
    .-narrow Toast { max-width: 100%; padding: 0 1; }
    /* A dialog has its keys at the bottom, and the page shows through beside it. */
    Dialog ToastRack { dock: top; margin: 0; }
    Dialog Toast { margin: 0; }
    .-covered Toast { display: none; }
    """

    def __init__(self, session: BrowsingSession, started: Loading | None = None) -> None:
        """`started`: a page that is on its way already."""
        super().__init__()
        self._started = started
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if is_light(session.environ) else DARK.name
        self.session = session
        # The page on its way, and what stands for it as long as a part of it is shown.
        self.loading: Loading | None = None
        self._part: Page | None = None
        # The page that is shown, or which of the browser's own it is.
        self.shown: Page | Own | None = None
        self.news = FollowedMenus(session)
        self.said = ""
        self._told = ("", "")
        # Kept, not queried: a query looks into the dialog that may lie on top.
        self._lock = Static(id="lock")
        self._address = Address(id="address")
        self._bottom = Horizontal(id="bottom")
        self._status = Static(id="said")
        self._where = Static(id="where")
        self._key_line = KeyLine(id="keys")
        self.prompt = Prompt(id="prompt")
        self.view = PageView(id="page")

    def compose(self) -> ComposeResult:
        with Horizontal(id="top"):
            yield self._lock
            yield self._address
        yield self.view
        yield self.prompt
        with self._bottom:
            yield self._status
            yield self._where
        yield self._key_line

    def on_mount(self) -> None:
        # Textual calls that of each class by itself: none calls its parent's.
        self.set_interval(_TICK, self.tick)
        self.screen.set_focus(self.view)

    async def on_event(self, event: events.Event) -> None:
        """Do at once what a key says. The usual way is through the queues of several widgets, and what
        opens a prompt would be overtaken by the keys that are meant for it.
        """
        if isinstance(event, events.Key) and not event.is_forwarded and len(self.screen_stack) == 1:
            if self.prompt.takes(event):
                return
            bound = self.screen.active_bindings.get(event.key)
            if bound and await self.run_action(bound.binding.action, bound.node):
                return
        await super().on_event(event)

    async def on_unmount(self) -> None:
        await self.session.downloads.stop_all()

    # What commands use.

    @property
    def page(self) -> Page | None:
        """Return the page that is shown, unless it is one of the browser's own."""
        return self.shown if isinstance(self.shown, Page) else None

    def link_at(self, index: int | None) -> Hyperlink | None:
        """Return the link of that line of the page."""
        lines = self.view.lines
        if index is None or index >= len(lines):
            return None
        menu = self.page.url if self.page is not None else None
        return lines[index].link(menu, self.session.charset)

    @property
    def about(self) -> object:
        """Return what of the user's own the line with the cursor is about."""
        cursor = self.view.cursor
        return None if cursor is None else self.view.lines[cursor].about

    def here(self) -> Hyperlink | None:
        """Return the link that is pointed at, or else the page itself."""
        link = self.link_at(self.view.cursor)
        if link is not None or self.page is None:
            return link
        return link_to(self.page.url)

    def say(self, sentence: str) -> None:
        """Show a sentence in the line at the bottom until the cursor moves."""
        self.said = sentence
        self._show_status()

    @contextmanager
    def saying_errors(self) -> Iterator[None]:
        """Say what goes wrong inside."""
        try:
            yield
        except (LogsrvError, OSError) as error:
            self.say(one_line(str(error)))

    def ask_first(self, title: str, question: str, then: Callable[[], object]) -> None:
        """Call `then` if the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(Question(title, question), answered)

    def visit(self, place: Place, step: int | None = None) -> None:
        """Show a place: a new visit, or one `step`s further in the history; 0 asks again for the same."""
        current = self.session.history.neighbour(0)
        if current is not None and self.view.lines:
            current.position = self.view.position()
        left = self._give_up()
        if left is not None and self.shown is self._part:
            # Should nothing come of this visit, it is all that there is of the page.
            self.shown = left.so_far(PeerError("you left this before all of it had come"))
        position = self.session.history.set_out(place, step)
        page = self._at_hand(place, step)
        if page is None:
            self._visit(place, step, position)
        else:
            # Before the next key, which is meant for it.
            self.workers.cancel_group(self, "page")
            self._arrive(page, self._lines(page), position)

    def action_stop(self) -> None:
        """Stop loading, and show what has come if there is something; or no longer mark what was found."""
        loading = self._give_up()
        if loading is None:
            self.view.find("")
            self.say("")
            return
        page = loading.so_far(PeerError(f"you stopped this after {size_text(loading.received)}"))
        if page.content is None:
            self.say(f"Stopped: {loading.url}")
        else:
            self._arrive(page, self._lines(page), None)

    def redraw(self) -> None:
        """Make the lines of the page anew: other characters, other bookmarks, another width."""
        shown = self.shown
        # A page of which there is a part is made anew when all of it has come.
        if shown is not None and shown is not self._part:
            self._show(shown, self._lines(shown), self.view.position())

    # Loading.

    def _give_up(self) -> Loading | None:
        """Cancel the load that goes on, and return it."""
        loading, self.loading = self.loading, None
        if loading is not None:
            self.workers.cancel_group(self, "page")
            loading.begin().cancel()
        return loading

    def _at_hand(self, place: Place, step: int | None) -> Page | Own | None:
        """Return what can be shown without waiting for anything."""
        if isinstance(place, Own):
            return place if place is Own.START else None
        page = None if step == 0 else self.session.cache.get(place)
        return page if page is not None and page.received < _MANY_BYTES else None

    @work(exclusive=True, group="page")
    async def _visit(self, place: Place, step: int | None, position: ScrollPosition | None) -> None:
        if isinstance(place, Own):
            await self.news.load()
            self._arrive(place, self._lines(place), position)
            return
        page = None if step == 0 else self.session.cache.get(place)
        part = self._part = Page(place, None)
        if page is None:
            # A page that is returned to comes whole, at its old place.
            page = await self._load(place, part if position is None else None)
            self.session.cache.put(page)
        is_begun = self.page is part
        if is_begun:
            self.shown = page
        few = page.received < _MANY_BYTES
        lines = self._lines(page) if few else await asyncio.to_thread(self._lines, page)
        self._arrive(page, lines, self.view.position() if is_begun else position)

    async def _load(self, url: ItemURL, part: Page | None) -> Page:
        loading, self._started = self._started, None
        if loading is None or loading.url != url:
            loading = self.session.loading(url)
        self.loading = loading
        self._show_status()
        if part is not None:
            async for lines in loading.growing():
                if self.page is part:
                    self.view.extend(lines[len(self.view.lines) :])
                else:
                    self._arrive(part, lines, None)
        page = await loading.page()
        self.loading = None
        return page

    def _lines(self, shown: Page | Own) -> list[PageLine]:
        if isinstance(shown, Own):
            return start_lines(self.session.bookmarks) if shown is Own.START else self.news.lines()
        lines, content = lines_of(shown, self.session.charset), shown.content
        if shown.way == "html" and isinstance(content, bytes):
            lines += html_lines(decode_text(content, self.session.charset))
        if shown.way == "picture" and isinstance(content, bytes) and (content or not shown.error):
            size = self.view.size
            try:
                painted, what = picture_lines(
                    content, size.width - 1, max(4, size.height - len(lines) - 2)
                )
            except PeerError as error:
                lines.append(PageLine(f"{error}.", "problem"))
            else:
                lines += [*painted, PageLine(""), PageLine(f"{what}.  s  saves it.", "dim")]
        return lines

    # Showing.

    def _arrive(
        self, shown: Page | Own, lines: list[PageLine], position: ScrollPosition | None
    ) -> None:
        self.session.history.arrive()
        self._show(shown, lines, position)

    def _show(
        self, shown: Page | Own, lines: list[PageLine], position: ScrollPosition | None
    ) -> None:
        self.view.show(lines, position)
        self.shown, self.said = shown, ""
        tls = broken = False
        if isinstance(shown, Page):
            tls, broken = shown.url.tls, shown.url.tls and isinstance(shown.error, TLSError)
            if shown.error is None and self.loading is None and self.view.cursor is None:
                self.said = f"{size_text(shown.received)} in {span_text(shown.seconds)}"
        self._lock.set_class(tls and not broken, "secure")
        self._lock.set_class(broken, "broken")
        self._lock.update(Content("not trusted" if broken else "TLS" if tls else ""))
        self._address.address = str(shown.url if isinstance(shown, Page) else shown)
        self._show_status()

    def keys(self) -> Sequence[Key]:
        """The keys that do something now, the most important first."""
        return ALWAYS

    def show_keys(self) -> None:
        """Tell the keys of what has the keyboard: a dialog, the prompt, or the page."""
        keys = getattr(self.screen, "KEYS", None) or self.prompt.keys or self.keys()
        self._key_line.tell(keys, self.size.width)

    def tick(self) -> None:
        """Show what has changed; called a few times a second."""
        # It comes once more when the screens have gone: the browser ends.
        if self.screen_stack:
            self._show_status()

    def _show_status(self) -> None:
        running, new = self.session.downloads.running, self.news.new
        beside = (
            self.session.charset,
            running and f"{running} downloading",
            new and f"{new} new",
            f"{self.view.percent()} %",
        )
        where = "   ".join(str(each) for each in beside if each)
        loading, pointed = self.loading, self.link_at(self.view.cursor)
        said = self.said
        if loading is not None:
            so_far = f"{size_text(loading.received)}, {span_text(loading.seconds)}"
            said = f"Loading {so_far}   Esc stops   {loading.url}"
        elif pointed is not None and not said:
            room = self.size.width - len(where) - _PADDING
            dead = pointed.kind == "dead"
            said = pointed.address if dead else address_text(pointed.address, room)
        self._bottom.set_class(loading is not None, "busy")
        # A sentence is shown whole; an address that the cursor passes does not move the page.
        self._bottom.set_class(loading is None and bool(self.said), "talking")
        if (said, where) != self._told:
            self._told = (said, where)
            self._status.update(Content(said))
            self._where.update(Content(where))
        self.show_keys()

    def on_page_view_pointed(self) -> None:
        self.say("")

    def on_resize(self, event: events.Resize) -> None:
        if self.page is not None and self.page.way == "picture":
            self.call_after_refresh(self.redraw)
