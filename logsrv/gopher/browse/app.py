"""The browser: its window, its parts, and the command of each key.

Browser ── BrowserWindow            the page, the prompt, sentences and questions
   ├────── CurrentPage ── PageLoad   the page on the screen, and the one that is loading
   └────── NavigationCommands, …   groups of commands; the fields of each are the parts it needs
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.theme import Theme

from logsrv.gopher.browse.commands import palette
from logsrv.gopher.browse.commands.bars import AddressBar, KeyLine, StatusBar
from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.following import FollowingCommands
from logsrv.gopher.browse.commands.keeping import SaveAndBookmarkCommands
from logsrv.gopher.browse.commands.load import PageLoad
from logsrv.gopher.browse.commands.programs import ExternalPrograms
from logsrv.gopher.browse.commands.prompt import Prompt
from logsrv.gopher.browse.commands.reading import ReadingCommands
from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.browse.commands.status_rows import StatusTexts
from logsrv.gopher.browse.commands.travelling import NavigationCommands
from logsrv.gopher.browse.commands.view import PageView
from logsrv.gopher.browse.commands.visiting import CurrentPage
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.guide import help_lines, key_bindings
from logsrv.gopher.browse.content.page import link_to
from logsrv.gopher.wire.fileurl import ItemURL

DARK = Theme(name="gopher-dark", dark=True, variables=palette.DARK_PAGE, **palette.DARK)  # type: ignore[arg-type]
LIGHT = Theme(name="gopher-light", dark=False, variables=palette.LIGHT_PAGE, **palette.LIGHT)  # type: ignore[arg-type]
_TICK = 0.2
# Seconds between two searches for followed menus that are due.
_LOOK_FOR_NEWS = 300.0


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
        started: PageLoad | None = None,
    ) -> None:
        """begin: the first page; None for the start page. started: a page that is already loading."""
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if palette.prefers_light(session.environ) else DARK.name
        self.session = session
        self._begin = None if begin is None else link_to(begin)
        # Keep the widgets in attributes: Textual's query searches the dialog on top, not the page below.
        self._address = AddressBar(id="top")
        self.view = view = PageView(id="page")
        self.prompt = prompt = Prompt(id="prompt")
        self._status = StatusBar(id="bottom")
        self._key_line = KeyLine(id="keys")

        followed = FollowedMenus(session)
        self.window = window = BrowserWindow(view, prompt, self, self._show_status)
        self.visiting = visiting = CurrentPage(session, followed, self._address, window, started)
        self.following = following = FollowingCommands(followed, visiting, window)
        programs = ExternalPrograms(session.environ, window, following.mark_address_read)
        self.keeping = keeping = SaveAndBookmarkCommands(session, visiting, programs, window)
        self.travelling = NavigationCommands(
            session, visiting, keeping, programs, window, following
        )
        self.reading = ReadingCommands(session, visiting, window)
        self._telling = StatusTexts(session, followed, visiting, following, window)

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
            self.travelling.open_link(self._begin)
        else:
            self.visiting.show_start()
            if self._begin is not None:
                # Open the first page after the window is drawn: opening may ask a question, which needs the
                # window.
                self.call_after_refresh(self.travelling.open_link, self._begin)
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
        """Run a command of one of our parts; `guide.KEYS` names both."""
        getattr(getattr(self, part), command)(*words)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "address":
            self.travelling.ask_for_address()

    # Showing changes.

    def _update_widgets(self) -> None:
        """Update the widgets; called every 0.2 s."""
        # When the browser ends, the last call may come after its screens are removed.
        if self.screen_stack:
            self.following.update_news_page()
            self._show_status()

    def _show_status(self) -> None:
        # At its end the browser stops its downloads; each reports that after the screens are removed.
        if not self.screen_stack:
            return
        said, where = self._telling.status_texts(self.size.width)
        busy = self.visiting.loading is not None
        self._status.show_status(
            said, where, busy=busy, talking=not busy and bool(self.window.said)
        )
        # The row shows the keys of the widget that has the keyboard: a dialog, the prompt or the page.
        keys = (
            getattr(self.screen, "KEYS", None) or self.prompt.keys or self._telling.keys_that_work()
        )
        self._key_line.show_keys(keys, self.size.width)

    def on_page_view_moved(self) -> None:
        """Remove the sentence below the page, which is shown until the user goes on."""
        self.window.say("")

    def on_resize(self, event: events.Resize) -> None:
        page = self.visiting.page
        if page is not None and page.shown_as == "picture":
            self.call_after_refresh(self.visiting.redraw)

    # Commands for the browser as a whole.

    def action_open(self) -> None:
        """Open the link with the cursor."""
        self.travelling.open_link_at_cursor()

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
