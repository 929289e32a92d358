"""The browser: a window, and what each key does in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.binding import Binding, BindingType

from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.gopher.browse import themes
from logsrv.gopher.browse.aside import aside
from logsrv.gopher.browse.dialogs import Chooser, DownloadList, Notice, Question
from logsrv.gopher.browse.downloads import Download
from logsrv.gopher.browse.following import FollowingWindow
from logsrv.gopher.browse.ground import keep
from logsrv.gopher.browse.guide import help_lines, session_text
from logsrv.gopher.browse.keyline import ALWAYS, Key
from logsrv.gopher.browse.links import Link, link_to
from logsrv.gopher.browse.outside import (
    file_command,
    opening_command,
    playing_command,
    run_outside,
)
from logsrv.gopher.browse.page import way_to_show
from logsrv.gopher.browse.session import Session
from logsrv.gopher.browse.view import PageView
from logsrv.gopher.browse.visits import Own, Place
from logsrv.gopher.browse.window import Started
from logsrv.gopher.fetch.progress import size_text
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.local.fileurl import FileURL, ItemURL
from logsrv.gopher.local.typed import typed_place
from logsrv.gopher.wire.charset import checked_charset
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL
from logsrv.kit.text.escape import one_line

# What Enter does with a link of each kind.
_ENTER = {
    "show": "Open",
    "search": "Search",
    "download": "Save",
    "sound": "Play",
    "outside": "Open",
    "session": "Explain",
    "dead": "",
}


class Browser(FollowingWindow):
    """`Browser(session, url).run()`; without a URL it begins with the start page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right", "open", "Open", key_display="Enter"),
        Binding("b,left,backspace,alt+left", "go_back", "Back", key_display="b"),
        Binding("f,alt+right", "go_forward", "Forward", show=False),
        Binding("g,ctrl+l", "go", "Go", key_display="g"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("n", "find_again(False)", "Next", show=False),
        Binding("N", "find_again(True)", "Previous", show=False),
        Binding("r,f5", "reload", "Reload", show=False),
        Binding("u", "up", "Up", show=False),
        Binding("U", "root", "First menu", show=False),
        Binding("B", "start", "Bookmarks", key_display="B"),
        Binding("a", "bookmark", "Add", show=False),
        Binding("A", "bookmark_link", "Add link", show=False),
        Binding("x", "remove_bookmark", "Remove", show=False),
        Binding("h", "history", "History", show=False),
        *(Binding(digit, f"number('{digit}')", "Link", show=False) for digit in "123456789"),
        Binding("s", "save", "Save", key_display="s"),
        Binding("d", "downloads", "Downloads", key_display="d"),
        Binding("c", "charset", "Character set", show=False),
        Binding("i", "explain", "Explain", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("T", "trust", "Trust", show=False),
        Binding("t", "light", "Light or dark", show=False),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("escape", "stop", "Stop", show=False),
    ]

    def __init__(
        self, session: Session, begin: ItemURL | None = None, started: Started | None = None
    ) -> None:
        super().__init__(session, started)
        self._begin = begin
        self._found: list[str] = []
        self._to_play: set[Download] = set()

    def on_mount(self) -> None:
        self.session.downloads.ended = self._tell_end
        if self._begin is None or way_to_show(self._begin) == "download":
            self.visit(None)
        if self._begin is not None:
            link = link_to(self._begin)
            if link.kind == "show":
                self.follow(link)
            else:
                # A question needs a window that is there.
                self.call_after_refresh(self.follow, link)

    def keys(self) -> list[Key]:
        link, page, history = self.link_at(self.view.cursor), self.page, self.session.history
        told: list[tuple[object, Key]] = [
            (self.loading, ("Esc", "Stop", "app.stop")),
            (page and page.certificate_refused, ("T", "Trust", "app.trust")),
            (link and _ENTER[link.kind], ("Enter", (link and _ENTER[link.kind]) or "", "app.open")),
            *self.news_keys(),
            (self.is_start and link, ("x", "Remove", "app.remove_bookmark")),
            (page and page.error, ("r", "Again", "app.reload")),
            (history.neighbour(-1), ("b", "Back", "app.go_back")),
            (self.view.has_match, ("n N", "Next", "app.find_again(False)")),
            (self.view.is_wider, ("< >", "Sideways", "")),
            (True, ("g", "Go", "app.go")),
            (self.view.links, ("1…9", "Link", "")),
            (self.view.is_longer, ("/", "Find", "app.find")),
            (page, ("B", "Bookmarks", "app.start")),
            *self.following_keys(),
            (page or link, ("s", "Save", "app.save")),
            (self.session.downloads.all, ("d", "Downloads", "app.downloads")),
            (history.neighbour(-1), ("h", "History", "app.history")),
        ]
        return [*(key for works, key in told if works), *ALWAYS]

    def action_open(self) -> None:
        self._open_line(self.view.cursor)

    def on_page_view_opened(self, event: PageView.Opened) -> None:
        self._open_line(event.index)

    def _open_line(self, index: int | None) -> None:
        link = self.link_at(index)
        if link is not None:
            self.follow(link)
        else:
            self.say("There is no link in sight.")

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "address":
            self.action_go()

    def follow(self, link: Link) -> None:
        """Do what following this kind of link means."""
        if link.kind != "outside":
            self.mark_opened(str(link.url))
        match link.kind:
            case "show":
                self.visit(link.url)
            case "search":
                self._search(link)
            case "download":
                self._save(link)
            case "sound":
                self._play(link)
            case "outside":
                self._open_outside(link)
            case "session":
                self.push_screen(Notice(link.title or "A session", session_text(link)))
            case "dead":
                self.say(link.address)

    def _here(self) -> Link | None:
        """Return the link that is pointed at, or else the page itself."""
        link = self.link_at(self.view.cursor)
        if link is not None or self.page is None:
            return link
        return link_to(self.page.url)

    # Going somewhere.

    def action_go_back(self) -> None:
        self._move(-1)

    def action_go_forward(self) -> None:
        self._move(1)

    def _move(self, step: int) -> None:
        visit = self.session.history.neighbour(step)
        if visit is None:
            self.say("This is the first page." if step < 0 else "This is the newest page.")
        else:
            self.visit(visit.place, step=step)

    def action_reload(self) -> None:
        visit = self.session.history.current
        if self.shows_news:
            self.look(again=True)
        elif visit is not None:
            self.visit(visit.place, again=True)

    def action_start(self) -> None:
        self.visit(None)

    def action_root(self) -> None:
        if self.page is not None:
            self.visit(self.page.url.beside(MENU_TYPE, b""))

    def action_up(self) -> None:
        if self.page is None:
            return
        url = self.page.url
        if not url.selector.strip(b"/"):
            self.say("This is the first menu; g goes somewhere else.")
            return
        above = url.selector.rstrip(b"/").rpartition(b"/")[0]
        # Selectors are opaque, but nearly all are paths, and the worst that comes of it is an error.
        self.visit(url.beside(MENU_TYPE, above))

    def action_stop(self) -> None:
        if self.loading is not None:
            self.stop()
        else:
            self.view.find("")
            self.say("")

    def action_go(self) -> None:
        here = "" if self.page is None else str(self.page.url)
        earlier = [each for each in self.session.history.addresses() if each != here]
        self.prompt.ask("Go to", self._go, here, earlier, does="Go", replace=True)

    def _go(self, address: str) -> None:
        if address.strip():
            self._go_to(address.strip())

    @work(group="going", exclusive=True)
    async def _go_to(self, address: str) -> None:
        try:
            url = await aside(partial(typed_place, address))
        except LogsrvError as error:
            self.say(str(error))
        else:
            self.follow(link_to(url))

    def action_number(self, digit: str) -> None:
        if not self.view.links:
            self.say("There are no links on this page.")
            return
        self.prompt.ask(
            "Link", self._open_number, digit, does="Open", only="[0-9]*", changed=self._tell_number
        )

    def _open_number(self, typed: str) -> None:
        index = self._numbered(typed)
        if index is not None:
            self.view.put_cursor(index)
            self.say("")
            self._open_line(index)
        elif typed:
            self.say(f"The links of this page have the numbers 1 to {len(self.view.links)}.")

    def _numbered(self, typed: str) -> int | None:
        links = self.view.links
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
        return links[number - 1] if 0 < number <= len(links) else None

    def _tell_number(self, typed: str) -> None:
        link = self.link_at(self._numbered(typed))
        self.say(f"{link.title}   {link.address}" if link is not None else "")

    def action_history(self) -> None:
        steps = self.session.history.steps()
        rows = [(_place_text(visit.place), step) for step, visit in steps]
        at = [step for step, _ in steps].index(0) if steps else 0

        def move(step: int | None) -> None:
            if step:
                self._move(step)

        self.push_screen(Chooser("History, the newest first", rows, at), move)

    def _search(self, link: Link) -> None:
        assert isinstance(link.url, GopherURL)
        search = partial(self._search_for, link.url)
        self.prompt.ask(f"{link.title[:40]}:", search, does="Search")

    def _search_for(self, url: GopherURL, words: str) -> None:
        if not words:
            return
        charset = self.session.charset or "utf-8"
        try:
            self.visit(url.searching(words.encode(charset)))
        except UnicodeEncodeError:
            self.say(f"These words cannot be written in {charset}; c changes the character set.")
        except BadURL as error:
            self.say(str(error))

    def _ask_first(self, title: str, question: str, then: Callable[[], object]) -> None:
        """Call `then` if the answer is yes."""

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(Question(title, question), answered)

    def _open_outside(self, link: Link) -> None:
        try:
            command = opening_command(link.address, self.session.environ)
        except ConfigurationError as error:
            self.say(f"{link.address}: {error}")
            return
        question = f"{link.address}\n\nOpen this with {command[0]}?"

        def run() -> None:
            self.mark_opened(link.address)
            self._run(command, link.address)

        self._ask_first("A link that leads out of Gopher", question, run)

    def _open_file(self, path: Path) -> None:
        shown = one_line(str(path), 4096)
        try:
            command = file_command(path, self.session.environ)
        except ConfigurationError as error:
            self.say(f"{shown}: {one_line(str(error))}")
            return
        question = f"{shown}\n\nOpen it with {command[0]}?"
        self._ask_first("A file that was saved", question, partial(self._run, command, shown))

    def _play(self, link: Link) -> None:
        try:
            player = playing_command(Path("sound"), self.session.environ)[0]
        except ConfigurationError:
            self._save(link)
            return
        question = f"{link.address}\n\nSave this sound, and play it with {player}?"

        def play() -> None:
            download = self._save(link)
            if download is not None:
                self._to_play.add(download)

        self._ask_first("A sound", question, play)

    @work(group="programs")
    async def _run(self, command: list[str], what: str) -> None:
        self.say(f"Opened with {command[0]}: {what}")
        try:
            status = await run_outside(command, self.session.environ)
        except ConfigurationError as error:
            self.say(str(error))
        else:
            if status:
                self.say(f"{command[0]} ended with status {status}: {what}")

    # In the page.

    def action_find(self) -> None:
        self.prompt.ask("Find", self._find_first, "", self._found, does="Find")

    def _find_first(self, words: str) -> None:
        if words:
            self._found = [*(each for each in self._found if each != words), words]
            self._find(words, backward=False, stay=True)

    def action_find_again(self, backward: bool) -> None:
        if self._found:
            self._find(self._found[-1], backward=backward, stay=False)
        else:
            self.say("Nothing to find yet: / asks for it.")

    def _find(self, words: str, *, backward: bool, stay: bool) -> None:
        found = self.view.find(words, backward=backward, stay=stay)
        shown = one_line(words, 40)
        if found is None:
            self.say(f"“{shown}” is not here.")
        else:
            self.say(f"“{shown}”: {found[0]} of {found[1]}; n  next, N  previous")

    def action_charset(self) -> None:
        label = "Character set, empty for automatic:"
        self.prompt.ask(label, self._use_charset, self.session.charset or "", does="Set")

    def _use_charset(self, name: str) -> None:
        try:
            self.session.charset = checked_charset(name.strip()) if name.strip() else None
        except ConfigurationError as error:
            self.say(str(error))
            return
        self.redraw()

    def action_explain(self) -> None:
        link = self._here()
        if link is None:
            return
        lines = [link.title, "", link.address]
        if link.item is not None:
            kind = item_type(link.item.item_type)
            selector = one_line(ascii(link.item.selector)[2:-1], 300)
            lines += [
                "",
                f"Type      {one_line(kind.letter)}, {kind.name}",
                f"Selector  {selector}",
            ]
            if isinstance(link.url, FileURL):
                lines.append(f"File      {one_line(os.fsdecode(link.url.path), 4096)}")
            else:
                host = one_line(link.item.host.decode("utf-8", "replace"), 253)
                lines += [f"Host      {host}", f"Port      {link.item.port or 'not a port'}"]
        self.push_screen(Notice("Where this leads", "\n".join(lines)))

    def action_copy(self) -> None:
        link = self._here()
        if link is not None:
            self.copy_to_clipboard(link.address)
            self.say(f"Copied: {link.address}")

    # Keeping.

    def action_bookmark(self) -> None:
        if self.page is not None:
            self._add_bookmark(self.page.url, title_of(self.page.url))

    def action_bookmark_link(self) -> None:
        link = self.link_at(self.view.cursor)
        if link is None or link.url is None:
            self.say("Only what is in Gopher can be a bookmark.")
        else:
            self._add_bookmark(link.url, link.title)

    def _add_bookmark(self, url: ItemURL, title: str) -> None:
        try:
            new = self.session.bookmarks.add(url, title)
        except LogsrvError as error:
            self.say(one_line(str(error)))
            return
        self.say(f"Bookmarked: {one_line(title, 60)}" if new else "It is a bookmark already.")

    def action_remove_bookmark(self) -> None:
        link = self.link_at(self.view.cursor)
        if not self.is_start or link is None or link.url is None:
            self.say("Bookmarks are removed on the start page: B, then x.")
            return
        try:
            removed = self.session.bookmarks.remove(link.url)
        except LogsrvError as error:
            self.say(one_line(str(error)))
            return
        self.redraw()
        self.say(f"Removed: {link.title}" if removed else "This is not one of your bookmarks.")

    def action_save(self) -> None:
        link = self._here()
        if link is None or link.url is None:
            self.say("There is nothing here that can be saved.")
        else:
            self._save(link)

    def _save(self, link: Link) -> Download | None:
        assert link.url is not None
        try:
            options = self.session.options_for(link.url)
        except (LogsrvError, OSError) as error:
            self.say(one_line(str(error)))
            return None
        download = self.session.downloads.start(link.url, options)
        self.say(f"Saving to {one_line(str(download.path), 4096)}   d  lists it")
        return download

    def _tell_end(self, download: Download) -> None:
        """Announce it wherever the user is: over the page, a prompt, a dialog."""
        name = one_line(download.path.name, 80)
        if download.state == "saved":
            size = size_text(download.received)
            self.notify(f"{name}, {size}. d and Enter open it.", title="Saved", markup=False)
        else:
            reason = f"{name}: {download.reason}"
            self.notify(reason, title="Not saved", severity="error", timeout=15, markup=False)
        if download in self._to_play:
            self._to_play.discard(download)
            if download.state == "saved":
                command = playing_command(download.path, self.session.environ)
                self._run(command, name)

    def action_downloads(self) -> None:
        def open_it(download: Download | None) -> None:
            if download is not None:
                self._open_file(download.path)

        self.push_screen(DownloadList(self.session.downloads), open_it)

    def action_trust(self) -> None:
        page = self.page
        if page is None or not page.certificate_refused:
            self.say("There is no certificate to decide about.")
            return
        assert isinstance(page.url, GopherURL)
        address = page.url.address
        question = (
            f"Nobody this computer trusts vouches for the certificate of {address}.\n"
            "Remember it, and trust this server for as long as it shows the same one?"
        )

        def trust() -> None:
            self.session.newly_trusted.add(address)
            self.action_reload()

        self._ask_first("Trust this certificate?", question, trust)

    # The rest.

    async def action_quit(self) -> None:
        running = self.session.downloads.running
        if running:
            what = "1 download is" if running == 1 else f"{running} downloads are"
            question = f"{what} not finished.\nQuit, and drop what has come of it?"
            self._ask_first("Quit?", question, self.exit)
        else:
            self.exit()

    def action_light(self) -> None:
        light = self.theme == themes.DARK.name
        self.theme = themes.LIGHT.name if light else themes.DARK.name
        try:
            keep(self.session.environ, light=light)
        except LogsrvError as error:
            self.say(one_line(str(error)))

    def action_help(self) -> None:
        self.push_screen(Notice("Keys", "\n".join(help_lines(self.size.width - 10))))


def _place_text(place: Place) -> str:
    if place is None or isinstance(place, Own):
        return f"{place or 'Start page'}\n"
    return f"{title_of(place)}\n  {place}"
