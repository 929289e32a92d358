"""The window that asks: for an address, the number of a link, words to search or to find."""

from __future__ import annotations

from functools import partial

from textual import events, work

from logsrv.gopher.browse.aside import aside
from logsrv.gopher.browse.dialogs import Notice
from logsrv.gopher.browse.guide import session_text
from logsrv.gopher.browse.links import Link, link_to
from logsrv.gopher.browse.saving import SavingWindow
from logsrv.gopher.local.typed import typed_place
from logsrv.gopher.wire.charset import checked_charset
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line


class AskingWindow(SavingWindow):
    """A window that opens links, those that are pointed at and those that are typed."""

    # What was looked for, the newest last.
    _found: tuple[str, ...] = ()

    # Links.

    def action_open(self) -> None:
        link = self.link_at(self.view.cursor)
        if link is not None:
            self.open(link)
        else:
            self.say("There is no link in sight.")

    def open(self, link: Link) -> None:
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
            self.action_open()
        elif typed:
            self.say(f"The links of this page have the numbers 1 to {len(self.view.links)}.")

    def _numbered(self, typed: str) -> int | None:
        links = self.view.links
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
