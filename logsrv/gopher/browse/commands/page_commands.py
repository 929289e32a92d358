"""Commands on the page and its links: finding words, breaking lines, the character set, where a link leads;
downloads in the background, bookmarks.
"""

from __future__ import annotations

import os
import shlex
import sys
from functools import partial

import attrs

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.display_lines import lines_of_page
from logsrv.gopher.browse.downloads import BackgroundDownload
from logsrv.gopher.browse.navigator import Navigator
from logsrv.gopher.browse.page import Hyperlink, link_to, way_to_show
from logsrv.gopher.browse.programs import ExternalPrograms, run_external_program
from logsrv.gopher.browse.session import BrowsingSession, InternalPage
from logsrv.gopher.browse.window import BrowserWindow, DownloadList
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.wire.fileurl import FileURL, ItemURL, name_to_save
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.text import checked_charset
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import size_text

_MIRROR = "import sys; from logsrv.gopher.command.main import main; sys.exit(main())"


@attrs.define(eq=False)
class ReadingCommands:
    """Commands within the current page."""

    _session: BrowsingSession
    _current: Navigator
    _window: BrowserWindow
    # The words searched for, the newest last.
    _searched_words: tuple[str, ...] = attrs.field(default=(), init=False)
    # The command that got a page last.
    _program: str = attrs.field(default="", init=False)

    def ask_and_find(self) -> None:
        """Ask for words, and go to the first match."""
        self._window.prompt.ask("Find", self._find_first, "", self._searched_words, does="Find")

    def find_again(self, backward: bool = False) -> None:
        """Go to the next match of the last words, or to the previous one."""
        if self._searched_words:
            self._find_and_say(backward=backward, stay=False)
        else:
            self._window.say("Nothing to find yet: / asks for it.")

    def _find_first(self, words: str) -> None:
        if words:
            self._searched_words = (
                *(each for each in self._searched_words if each != words),
                words,
            )
            self._find_and_say(backward=False, stay=True)

    def _find_and_say(self, *, backward: bool, stay: bool) -> None:
        words = self._searched_words[-1]
        shown = one_line(words, 40)
        is_looking = True

        def say(found: tuple[int, int] | None) -> None:
            nonlocal is_looking
            is_looking = False
            where = "" if found is None else f"{found[0]} of {found[1]}; n  next, N  previous"
            self._window.say(f"“{shown}”: {where}" if where else f"“{shown}” is not here.")

        def say_dropped() -> None:
            self._window.say(f"“{shown}” is no longer looked for; n  does it.")

        self._window.view.find(words, say, dropped=say_dropped, backward=backward, stay=stay)
        if is_looking:
            self._window.say(f"Looking for “{shown}” …")

    def change_line_breaking(self) -> None:
        """Change to the next way of breaking long lines."""
        self._window.say(self._window.view.change_line_breaking())

    def ask_for_charset(self) -> None:
        """Ask for the character set of texts and menus."""
        label = "Character set, empty for automatic:"
        self._window.prompt.ask(label, self._use_charset, self._session.charset or "", does="Set")

    def _use_charset(self, name: str) -> None:
        with self._window.saying_errors():
            self._session.charset = checked_charset(name.strip()) if name.strip() else None
            self._current.redraw()

    def ask_for_program(self) -> None:
        """Ask for a program, and give it the page: a text as it came, a menu as it is shown."""
        if self._current.page is None or self._current.page.content is None:
            self._window.say("There is nothing here for a program.")
            return
        self._window.prompt.ask("Give it to", self._give_to_program, self._program, does="Run")

    def _give_to_program(self, command: str) -> None:
        page = self._current.page
        with self._window.saying_errors():
            try:
                words = shlex.split(command)
            except ValueError as error:
                raise ConfigurationError(f"{one_line(command, 80)}: {error}") from None
            if words and page is not None:
                self._program = command
                content = page.content
                if not isinstance(content, bytes):
                    lines = lines_of_page(page, self._session.charset)
                    content = "".join(f"{line.text}\n" for line in lines).encode()
                self._window.run_in_terminal(words, content)

    def explain_link_or_page(self) -> None:
        """Show where the link leads, or where the page is from."""
        link = self._current.link_or_page()
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
                lines += [
                    f"Host      {link.item.host_text}",
                    f"Port      {link.item.port or 'not a port'}",
                ]
        self._window.show_text("Where this leads", "\n".join(lines))

    def copy_address(self) -> None:
        """Copy the address of the link, or of the page."""
        link = self._current.link_or_page()
        if link is not None:
            self._window.app.copy_to_clipboard(link.address)
            self._window.say(f"Copied: {link.address}")


@attrs.define(eq=False)
class SaveAndBookmarkCommands:
    """Commands that save and bookmark; they announce the end of each download."""

    _session: BrowsingSession
    _current: Navigator
    _programs: ExternalPrograms
    _window: BrowserWindow

    def save_link_or_page(self) -> None:
        """Save the target of the link with the cursor, or else the page."""
        link = self._current.link_or_page()
        if link is None or link.url is None:
            self._window.say("There is nothing here that can be saved.")
        else:
            self.start_saving(link.url)

    def start_saving(self, url: ItemURL) -> None:
        """Begin to save the answer to `url`, and say so."""
        with self._window.saying_errors():
            options = self._session.connections.options_for(url)
            download = self._session.downloads.start(url, options, self._announce_end)
            self._window.say(_saving_sentence(download))

    def _announce_end(self, download: BackgroundDownload) -> None:
        if self._window.said == _saving_sentence(download):
            path = one_line(str(download.path), 4096)
            saved = f"Saved to {path}   d  lists it"
            self._window.say(saved if download.state == "saved" else "")
        name = one_line(download.path.name, 80)
        if download.state == "saved":
            size = size_text(download.received)
            self._window.announce("Saved", f"{name}, {size}. d and Enter open it.")
        elif download.state == "failed":
            self._window.announce("Not saved", f"{name}: {download.reason}", failed=True)

    def show_downloads(self) -> None:
        """Show the downloads of this session; one that was saved can be opened."""
        self._window.app.push_screen(DownloadList(self._session.downloads), self._open_saved_file)

    def _open_saved_file(self, download: BackgroundDownload | None) -> None:
        if download is not None:
            self._programs.ask_to_open_file(download.path)

    def bookmark_page(self) -> None:
        """Bookmark the page, under the heading that it gives itself unless the user writes another."""
        page = self._current.page
        link = None if page is None else link_to(page.url, self._current.heading)
        self._ask_to_bookmark(link)

    def bookmark_link(self) -> None:
        self._ask_to_bookmark(self._current.link_at_cursor)

    def _ask_to_bookmark(self, link: Hyperlink | None) -> None:
        if link is None or link.url is None:
            self._window.say("Only what is in Gopher can be a bookmark.")
            return
        add = partial(self._add_bookmark, link.url)
        self._window.prompt.ask("Bookmark as", add, link.title, does="Keep", replace=True)

    def _add_bookmark(self, url: ItemURL, title: str) -> None:
        with self._window.saying_errors():
            new = self._session.bookmarks.add(url, title or title_from_url(url))
            kept = f"Bookmarked: {one_line(title, 60)}"
            self._window.say(kept if new else "It is a bookmark already.")

    def ask_to_mirror(self) -> None:
        """Copy the menu, and what it leads to, into a directory."""
        link = self._current.link_or_page()
        if link is None or not isinstance(link.url, GopherURL) or way_to_show(link.url) != "menu":
            self._window.say("Only a menu of a server can be mirrored.")
            return
        into = self._session.downloads.directory / name_to_save(link.url)
        begin = partial(self._start_mirror, link.url)
        self._window.prompt.ask("Mirror into", begin, str(into), does="Mirror")

    def _start_mirror(self, url: GopherURL, directory: str) -> None:
        if directory.strip():
            work = partial(self._mirror, str(url), os.path.expanduser(directory.strip()))
            self._window.run_in_background(work, group="mirror")

    async def _mirror(self, url: str, directory: str) -> None:
        shown = one_line(directory, 300)
        self._window.say(f"Mirroring into {shown}; it goes on if you quit")
        command = [sys.executable, "-P", "-c", _MIRROR, "mirror", "--", url, directory]
        status = await run_external_program(command, self._session.environ)
        if status == 0:
            self._window.announce("Mirrored", shown)
        else:
            again = f"status {status}; gopher mirror {url} says more, and goes on"
            self._window.announce("Not all was mirrored", again, failed=True)

    def remove_bookmark(self) -> None:
        """Remove the bookmark with the cursor, on the start page."""
        link = self._current.link_at_cursor
        if self._current.shown is not InternalPage.START or link is None or link.url is None:
            self._window.say("Bookmarks are removed on the start page: B, then x.")
            return
        with self._window.saying_errors():
            removed = self._session.bookmarks.remove(link.url)
            self._current.redraw()
            self._window.say(
                f"Removed: {link.title}" if removed else "This is not one of your bookmarks."
            )


def _saving_sentence(download: BackgroundDownload) -> str:
    return f"Saving to {one_line(str(download.path), 4096)}   d  lists it"
