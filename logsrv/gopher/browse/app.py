"""The browser: its window, its parts, and the command of each key.

Browser ── BrowserWindow            the page, the prompt, sentences and questions
   ├────── Navigator ── PageFetch   the page on the screen, and the one that is loading
   ├────── NavigationCommands, …   groups of commands; the fields of each are the parts it needs
   └────── keys_that_work()        the keys that do something now, for the row below the page
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.theme import Theme

from logsrv.gopher.browse import palette
from logsrv.gopher.browse.bars import ALWAYS, AddressBar, Key, KeyLine, Prompt, StatusBar
from logsrv.gopher.browse.commands.following_commands import FollowingCommands
from logsrv.gopher.browse.commands.navigation_commands import NavigationCommands
from logsrv.gopher.browse.commands.page_commands import ReadingCommands, SaveAndBookmarkCommands
from logsrv.gopher.browse.followed_menus import FollowedMenus
from logsrv.gopher.browse.guide import help_lines, key_bindings, textual_action
from logsrv.gopher.browse.navigator import Navigator
from logsrv.gopher.browse.page import duration_text, link_to, shortened_address
from logsrv.gopher.browse.page_widget import PageWidget
from logsrv.gopher.browse.programs import ExternalPrograms
from logsrv.gopher.browse.session import BrowsingSession, InternalPage
from logsrv.gopher.browse.window import BrowserWindow
from logsrv.gopher.follow.bookmarks import Bookmark
from logsrv.gopher.follow.news import NewsItem
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.kit.text.words import size_text

DARK = Theme(name="gopher-dark", dark=True, variables=palette.DARK_PAGE, **palette.DARK)  # type: ignore[arg-type]
LIGHT = Theme(name="gopher-light", dark=False, variables=palette.LIGHT_PAGE, **palette.LIGHT)  # type: ignore[arg-type]
_TICK = 0.2
# Seconds between two searches for followed menus that are due.
_LOOK_FOR_NEWS = 300.0


# Columns of padding around both halves of the row below the page.
_PADDING = 4
# Label of Enter for each kind of link.
_ENTER = {
    "show": "Open",
    "search": "Search",
    "download": "Save",
    "outside": "Open",
    "session": "Explain",
    "dead": "",
}


class Browser(App[None]):
    """The application: `Browser(session, url).run()`. Without a URL it begins with the start page."""

    TITLE = "Gopher"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-usual"), (82, "-wide")]
    SUSPENDED_SCREEN_CLASS = "-covered"
    BINDINGS: ClassVar[list[BindingType]] = [
        *key_bindings(of_page=False),
        Binding("ctrl+c", "quit", priority=True),
    ]
    CSS = """
    /* Many texts and drawings are made for 80 columns. */
    #page { height: 1fr; scrollbar-size: 0 0; }
    .-wide #page { scrollbar-size: 1 1; scrollbar-gutter: stable; }
    /* Announcements must not cover the rows at the bottom, one of which is the prompt. */
    ToastRack { margin-bottom: 3; }
    .-narrow ToastRack { margin-bottom: 5; }
    .-narrow Toast { max-width: 100%; padding: 0 1; }
    /* A dialog has its keys at the bottom, and the page shows through beside it. */
    Dialog ToastRack { dock: top; margin: 0; }
    Dialog Toast { margin: 0; }
    .-covered Toast { display: none; }
    """

    def __init__(
        self,
        session: BrowsingSession,
        begin: ItemURL | None = None,
    ) -> None:
        """begin: the first page; None for the start page."""
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if palette.prefers_light(session.environ) else DARK.name
        self.ansi_theme_dark = self.ansi_theme_light = palette.ANSI_COLOURS
        self.session = session
        self._begin = None if begin is None else link_to(begin)
        # Keep the widgets in attributes: Textual's query searches the dialog on top, not the page below.
        self._address = AddressBar(id="top")
        self.view = view = PageWidget(id="page")
        self.prompt = prompt = Prompt(id="prompt")
        self._status = StatusBar(id="bottom")
        self._key_line = KeyLine(id="keys")

        self._followed = followed = FollowedMenus(session)
        self.window = window = BrowserWindow(view, prompt, self, self._show_status)
        self.current = current = Navigator(session, followed, self._address, window)
        self.following = following = FollowingCommands(followed, current, window)
        programs = ExternalPrograms(session.environ, window, following.mark_address_read)
        self.saving = saving = SaveAndBookmarkCommands(session, current, programs, window)
        self.navigation = NavigationCommands(session, current, saving, programs, window, following)
        self.reading = ReadingCommands(session, current, window)

    def compose(self) -> ComposeResult:
        yield self._address
        yield self.view
        yield self.prompt
        yield self._status
        yield self._key_line

    def on_mount(self) -> None:
        self.following.fetch_due_menus()
        self.set_interval(_LOOK_FOR_NEWS, self.following.fetch_due_if_idle)
        if self._begin is not None and self._begin.kind == "show":
            self.navigation.open_link(self._begin)
        else:
            self.current.show_start()
            if self._begin is not None:
                # Open the first page after the window is drawn: opening may ask a question, which needs the
                # window.
                self.call_after_refresh(self.navigation.open_link, self._begin)
        self.set_interval(_TICK, self._update_widgets)
        self.screen.set_focus(self.view)

    # Keys.

    async def on_event(self, event: events.Event) -> None:
        """Run a key's command at once.

        Textual would pass the key through the queues of several widgets. If the command opens a prompt, the
        next keys would then reach the page instead.
        """
        if isinstance(event, events.Key) and not event.is_forwarded and len(self.screen_stack) == 1:
            if self.prompt.type_character(event):
                return
            bound = self.screen.active_bindings.get(event.key)
            if bound and await self.run_action(bound.binding.action, bound.node):
                return
        await super().on_event(event)

    def action_run(self, part: str, command: str, *words: object) -> None:
        """Run a command of one of our parts, some in the background; `guide.KEYS` names both."""
        with self.window.saying_errors():
            going_on = getattr(getattr(self, part), command)(*words)
            if going_on is not None:
                self.window.run_in_background(lambda: going_on, group=part)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "top":
            self.navigation.ask_for_address()

    # Showing changes.

    def _update_widgets(self) -> None:
        """Update the widgets; called every 0.2 s."""
        # When the browser ends, the last call may come after its screens are removed.
        if self.screen_stack:
            with self.window.saying_errors():
                self.following.update_news_page()
            self._show_status()

    def _show_status(self) -> None:
        # At its end the browser stops its downloads; each reports that after the screens are removed.
        if not self.screen_stack:
            return
        busy = self.current.loading is not None
        talking = not busy and bool(self.window.said)
        self._status.show_status(*self._status_texts(), busy=busy, talking=talking)
        # The row shows the keys of the widget that has the keyboard: a dialog, the prompt or the page.
        keys = getattr(self.screen, "KEYS", None) or self.prompt.keys or self._keys_that_work()
        self._key_line.show_keys(keys, self.size.width)

    def _status_texts(self) -> tuple[str, str]:
        """Return both halves of the row below the page."""
        running, new = self.session.downloads.running, self._followed.new
        beside = (
            self.session.charset,
            running and f"{running} downloading",
            new and f"{new} new",
            f"{self.window.view.scroll_percent()} %",
        )
        where = "   ".join(str(each) for each in beside if each)
        loading, pointed = self.current.loading, self.current.link_at_cursor
        said = self.window.said
        if loading is not None:
            so_far = f"{size_text(loading.received)}, {duration_text(loading.seconds)}"
            said = f"Loading {so_far}   Esc stops   {loading.url}"
        elif pointed is not None and not said:
            room = self.size.width - len(where) - _PADDING
            dead = pointed.kind == "dead"
            said = pointed.address if dead else shortened_address(pointed.address, room)
        return said, where

    def _keys_that_work(self) -> list[Key]:
        """Return the keys that do something now, the most important first."""
        page, history = self.current.page, self.session.history
        about = self.current.subject_at_cursor
        link, layout = self.current.link_at_cursor, self.window.view.page_layout
        is_news, followed = self.current.shown is InternalPage.NEWS, self._followed
        enter = _ENTER[link.kind] if link is not None else ""
        follow = "Unfollow" if self.following.would_unfollow else "Follow"
        keys: list[tuple[object, Key]] = [
            (self.current.loading, ("Esc", "Stop", "current.stop_loading")),
            (page and page.certificate_refused, ("C", "Trust", "navigation.ask_to_trust")),
            (enter, ("Enter", enter, "open")),
            (isinstance(about, NewsItem), ("m", "Mark", "following.toggle_read_mark")),
            (is_news and followed.new, ("M", "All read", "following.mark_all_read")),
            (is_news and followed.followed, ("r", "Look", "navigation.reload")),
            (isinstance(about, Bookmark), ("x", "Remove", "saving.remove_bookmark")),
            (page and page.error, ("r", "Again", "navigation.reload")),
            (history.visit_at_step(-1), ("b", "Back", "navigation.move_in_history(-1)")),
            (self.window.view.matches, ("n N", "Next", "reading.find_again")),
            (layout.is_wider_than_window, ("< >", "Sideways", "")),
            (True, ("g", "Go", "navigation.ask_for_address")),
            (layout.links, ("1…9", "Link", "")),
            (self.window.view.is_longer_than_window, ("/", "Find", "reading.ask_and_find")),
            (page, ("B", "Bookmarks", "current.show_start")),
            (followed.followed and not is_news, ("W", "New", "current.show_news")),
            (self.following.can_toggle_following, ("F", follow, "following.toggle_following")),
            (page or link, ("s", "Save", "saving.save_link_or_page")),
            (self.session.tour, ("T", "Tour", "navigation.continue_tour")),
            (self.session.downloads.all, ("d", "Downloads", "saving.show_downloads")),
            (history.visit_at_step(-1), ("h", "History", "navigation.choose_from_history")),
        ]
        works = [key for works, key in keys if works]
        return [*((key, does, run and textual_action(run)) for key, does, run in works), *ALWAYS]

    def on_page_widget_moved(self) -> None:
        """Remove the sentence below the page, which is shown until the user goes on."""
        self.window.say("")

    def on_resize(self, event: events.Resize) -> None:
        page = self.current.page
        if page is not None and page.shown_as == "picture":
            self.call_after_refresh(self.current.redraw)

    # Commands for the browser as a whole.

    def action_open(self) -> None:
        """Open the link with the cursor."""
        self.navigation.open_link_at_cursor()

    async def action_quit(self) -> None:
        """Quit, after a question if downloads would be lost."""
        running = self.session.downloads.running
        if running:
            what = "1 download is" if running == 1 else f"{running} downloads are"
            question = f"{what} not finished.\nQuit, and drop what has come of it?"
            self.window.ask_yes_or_no("Quit?", question, self.exit)
        else:
            self.exit()

    def action_toggle_light(self) -> None:
        """Change between dark and light."""
        light = self.theme == DARK.name
        self.theme = LIGHT.name if light else DARK.name
        with self.window.saying_errors():
            palette.save_choice(self.session.environ, light=light)

    def action_help(self) -> None:
        """Show the keys."""
        self.window.show_text("Keys", "\n".join(help_lines(self.size.width - 10)))
