"""Reading a page: finding words, breaking lines, another character set, where a link leads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.browse.commands.visiting import CurrentPage
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.text import checked_charset
from logsrv.kit.text.escape import one_line


@dataclass(eq=False)
class ReadingCommands:
    """Commands within the current page."""

    _session: BrowsingSession
    _visiting: CurrentPage
    _window: BrowserWindow
    # The words searched for, the newest last.
    _searched_words: tuple[str, ...] = field(default=(), init=False)

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
        found = self._window.view.mark_and_find(
            self._searched_words[-1], backward=backward, stay=stay
        )
        shown = one_line(self._searched_words[-1], 40)
        if found is None:
            self._window.say(f"“{shown}” is not here.")
        else:
            self._window.say(f"“{shown}”: {found[0]} of {found[1]}; n  next, N  previous")

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
            self._visiting.redraw()

    def explain_link_or_page(self) -> None:
        """Show where the link leads, or where the page is from."""
        link = self._visiting.link_or_page()
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
        self._window.show_text("Where this leads", "\n".join(lines))

    def copy_address(self) -> None:
        """Copy the address of the link, or of the page."""
        link = self._visiting.link_or_page()
        if link is not None:
            self._window.copy_to_clipboard(link.address)
            self._window.say(f"Copied: {link.address}")
