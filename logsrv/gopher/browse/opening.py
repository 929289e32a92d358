"""The window that opens links and keeps things: what is pointed at, typed, searched, found, saved, and
handed to other programs, always after a question.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import events, work

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.content.guide import session_text
from logsrv.gopher.browse.content.links import Hyperlink, link_to
from logsrv.gopher.browse.loading.aside import aside
from logsrv.gopher.browse.loading.downloads import BackgroundDownload
from logsrv.gopher.browse.loading.visits import Own
from logsrv.gopher.browse.outside import file_command, opening_command, playing_command, run_outside
from logsrv.gopher.browse.widgets.dialogs import DownloadList, Notice
from logsrv.gopher.browse.window import Window
from logsrv.gopher.fetch.progress import size_text
from logsrv.gopher.local.fileurl import ItemURL
from logsrv.gopher.local.typed import typed_place
from logsrv.gopher.wire.charset import checked_charset
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line


class OpeningWindow(Window):
    """A window that opens links, saves in the background, and asks before it starts a program."""

    # What was looked for, the newest last.
    _found: tuple[str, ...] = ()
    # Sounds that are played when they are there.
    _to_play: frozenset[BackgroundDownload] = frozenset()

    def on_mount(self) -> None:
        self.session.downloads.ended = self._tell_end

    # Links.

    def action_open(self) -> None:
        link = self.link_at(self.view.cursor)
        if link is not None:
            self.open(link)
        else:
            self.say("There is no link in sight.")

    def open(self, link: Hyperlink) -> None:
        """Do what opening this kind of link means."""
        if link.url is not None:
            self.mark_opened(str(link.url))
        match link.kind:
            case "show":
                assert link.url is not None
                self.visit(link.url)
            case "search":
                assert isinstance(link.url, GopherURL)
                search = partial(self._search, link.url)
                self.prompt.ask(f"{link.title[:40]}:", search, does="Search")
            case "download":
                assert link.url is not None
                self.save(link.url)
            case "sound":
                self.play(link)
            case "outside":
                self.open_outside(link)
            case "session":
                self.push_screen(Notice(link.title or "A session", session_text(link)))
            case "dead":
                self.say(link.address)

    @work(group="marking")
    async def mark_opened(self, address: str) -> None:
        """Note that what is at `address` is opened, so it is no longer new."""
        with self.saying_errors():
            await self.news.opened(address)

    def _search(self, url: GopherURL, words: str) -> None:
        if not words:
            return
        charset = self.session.charset or "utf-8"
        try:
            encoded = words.encode(charset)
        except UnicodeEncodeError:
            self.say(f"These words cannot be written in {charset}; c changes the character set.")
            return
        with self.saying_errors():
            self.visit(url.searching(encoded))

    def action_go(self) -> None:
        here = "" if self.page is None else str(self.page.url)
        earlier = [each for each in self.session.history.addresses() if each != here]
        self.prompt.ask("Go to", self._go, here, earlier, does="Go", replace=True)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "address":
            self.action_go()

    @work(group="going", exclusive=True)
    async def _go(self, address: str) -> None:
        with self.saying_errors():
            if address.strip():
                self.open(link_to(await aside(partial(typed_place, address.strip()))))

    def action_number(self, digit: str) -> None:
        if not self.view.page_layout.links:
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
            self.action_open()
        elif typed:
            self.say(
                f"The links of this page have the numbers 1 to {len(self.view.page_layout.links)}."
            )

    def _numbered(self, typed: str) -> int | None:
        links = self.view.page_layout.links
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
        return links[number - 1] if 0 < number <= len(links) else None

    def _tell_number(self, typed: str) -> None:
        link = self.link_at(self._numbered(typed))
        self.say(f"{link.title}   {link.address}" if link is not None else "")

    # In the page.

    def action_find(self) -> None:
        self.prompt.ask("Find", self._find_first, "", self._found, does="Find")

    def _find_first(self, words: str) -> None:
        if words:
            self._found = (*(each for each in self._found if each != words), words)
            self._find(backward=False, stay=True)

    def action_find_again(self, backward: bool) -> None:
        if self._found:
            self._find(backward=backward, stay=False)
        else:
            self.say("Nothing to find yet: / asks for it.")

    def _find(self, *, backward: bool, stay: bool) -> None:
        found = self.view.find(self._found[-1], backward=backward, stay=stay)
        shown = one_line(self._found[-1], 40)
        if found is None:
            self.say(f"“{shown}” is not here.")
        else:
            self.say(f"“{shown}”: {found[0]} of {found[1]}; n  next, N  previous")

    def action_charset(self) -> None:
        label = "Character set, empty for automatic:"
        self.prompt.ask(label, self._use_charset, self.session.charset or "", does="Set")

    def _use_charset(self, name: str) -> None:
        with self.saying_errors():
            self.session.charset = checked_charset(name.strip()) if name.strip() else None
            self.redraw()

    # Bookmarks.

    def action_bookmark(self) -> None:
        self._add_bookmark(None if self.page is None else link_to(self.page.url))

    def action_bookmark_link(self) -> None:
        self._add_bookmark(self.link_at(self.view.cursor))

    def _add_bookmark(self, link: Hyperlink | None) -> None:
        if link is None or link.url is None:
            self.say("Only what is in Gopher can be a bookmark.")
            return
        with self.saying_errors():
            new = self.session.bookmarks.add(link.url, link.title)
            kept = f"Bookmarked: {one_line(link.title, 60)}"
            self.say(kept if new else "It is a bookmark already.")

    def action_remove_bookmark(self) -> None:
        link = self.link_at(self.view.cursor)
        if self.shown is not Own.START or link is None or link.url is None:
            self.say("Bookmarks are removed on the start page: B, then x.")
            return
        with self.saying_errors():
            removed = self.session.bookmarks.remove(link.url)
            self.redraw()
            self.say(f"Removed: {link.title}" if removed else "This is not one of your bookmarks.")

    # Files.

    def action_save(self) -> None:
        link = self.here()
        if link is None or link.url is None:
            self.say("There is nothing here that can be saved.")
        else:
            self.save(link.url)

    def save(self, url: ItemURL) -> BackgroundDownload | None:
        """Begin to save what `url` has; None, and a sentence, if that cannot be."""
        with self.saying_errors():
            download = self.session.downloads.start(url, self.session.options_for(url))
            self.say(_saving_text(download))
            return download
        return None

    def play(self, link: Hyperlink) -> None:
        """Save a sound, and play it if there is a program for it and the user agrees."""
        assert link.url is not None
        url = link.url
        try:
            player = playing_command(Path("sound"), self.session.environ)[0]
        except ConfigurationError:
            self.save(url)
            return

        def play() -> None:
            if (download := self.save(url)) is not None:
                self._to_play |= {download}

        question = f"{link.address}\n\nSave this sound, and play it with {player}?"
        self.ask_first("A sound", question, play)

    def _tell_end(self, download: BackgroundDownload) -> None:
        """Announce it wherever the user is: over the page, a prompt, a dialog."""
        if self.said == _saving_text(download):
            path = one_line(str(download.path), 4096)
            self.say(f"Saved to {path}   d  lists it" if download.state == "saved" else "")
        name = one_line(download.path.name, 80)
        if download.state == "saved":
            size = size_text(download.received)
            self.notify(f"{name}, {size}. d and Enter open it.", title="Saved", markup=False)
        elif download.state == "failed":
            reason = f"{name}: {download.reason}"
            self.notify(reason, title="Not saved", severity="error", timeout=15, markup=False)
        if download in self._to_play:
            self._to_play -= {download}
            if download.state == "saved":
                self._run(playing_command(download.path, self.session.environ), name)

    def action_downloads(self) -> None:
        self.push_screen(DownloadList(self.session.downloads), self._open_file)

    # Other programs.

    def _open_file(self, download: BackgroundDownload | None) -> None:
        if download is not None:
            shown = one_line(str(download.path), 4096)
            command = partial(file_command, download.path, self.session.environ)
            self._open_with("A file that was saved", shown, command)

    def open_outside(self, link: Hyperlink) -> None:
        """Hand a link out of Gopher to the user's program for it."""
        command = partial(opening_command, link.address, self.session.environ)
        self._open_with("A link that leads out of Gopher", link.address, command)

    def _open_with(self, title: str, what: str, program: Callable[[], list[str]]) -> None:
        try:
            command = program()
        except ConfigurationError as error:
            self.say(f"{what}: {one_line(str(error))}")
            return

        def run() -> None:
            self.mark_opened(what)
            self._run(command, what)

        self.ask_first(title, f"{what}\n\nOpen this with {command[0]}?", run)

    @work(group="programs")
    async def _run(self, command: list[str], what: str) -> None:
        self.say(f"Opened with {command[0]}: {what}")
        with self.saying_errors():
            if status := await run_outside(command, self.session.environ):
                self.say(f"{command[0]} ended with status {status}: {what}")


def _saving_text(download: BackgroundDownload) -> str:
    return f"Saving to {one_line(str(download.path), 4096)}   d  lists it"
