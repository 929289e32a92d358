"""Commands that go to a link or an address, back, forward, up, load again, or trust a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from logsrv.gopher.browse.commands.dialogs import Chooser
from logsrv.gopher.browse.commands.following import FollowingCommands
from logsrv.gopher.browse.commands.keeping import KeepingCommands
from logsrv.gopher.browse.commands.load import in_daemon_thread
from logsrv.gopher.browse.commands.programs import Programs
from logsrv.gopher.browse.commands.session import BrowsingSession, InternalPage, Place
from logsrv.gopher.browse.commands.visiting import Visiting
from logsrv.gopher.browse.commands.window import BrowserWindow
from logsrv.gopher.browse.content.guide import session_text
from logsrv.gopher.browse.content.page import Hyperlink, link_to
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.serve.typed_address import typed_place
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL


@dataclass(eq=False)
class TravellingCommands:
    """Commands that open links and visit places."""

    _session: BrowsingSession
    _visiting: Visiting
    _keeping: KeepingCommands
    _programs: Programs
    _window: BrowserWindow
    _following: FollowingCommands

    def open_pointed(self) -> None:
        """Open the link with the cursor."""
        link = self._visiting.link
        if link is not None:
            self.open(link)
        else:
            self._window.say("There is no link in sight.")

    def open(self, link: Hyperlink) -> None:
        """Open `link` in the way of its kind: show, search, save, play, start a program, or explain."""
        if link.url is not None:
            self._following.opened(str(link.url))
        match link.kind:
            case "show":
                assert link.url is not None
                self._visiting.visit(link.url)
            case "search":
                assert isinstance(link.url, GopherURL)
                search = partial(self._search, link.url)
                self._window.prompt.ask(f"{link.title[:40]}:", search, does="Search")
            case "download":
                assert link.url is not None
                self._keeping.save(link.url)
            case "sound":
                self._keeping.play(link)
            case "outside":
                self._programs.open_link(link)
            case "session":
                self._window.explain(link.title or "A session", session_text(link))
            case "dead":
                self._window.say(link.address)

    def _search(self, url: GopherURL, words: str) -> None:
        if not words:
            return
        charset = self._session.charset or "utf-8"
        try:
            encoded = words.encode(charset)
        except UnicodeEncodeError:
            self._window.say(
                f"These words cannot be written in {charset}; c changes the character set."
            )
            return
        with self._window.saying_errors():
            self._visiting.visit(url.searching(encoded))

    def go(self) -> None:
        """Ask for an address or a path, and open it; the page's own address is offered for editing."""
        page = self._visiting.page
        here = "" if page is None else str(page.url)
        earlier = [each for each in self._session.history.addresses() if each != here]
        self._window.prompt.ask("Go to", self._go, here, earlier, does="Go", replace=True)

    def _go(self, address: str) -> None:
        if address.strip():
            work = partial(self._open_typed, address.strip())
            self._window.start(work, group="going", exclusive=True)

    async def _open_typed(self, address: str) -> None:
        with self._window.saying_errors():
            self.open(link_to(await in_daemon_thread(partial(typed_place, address))))

    def number(self, digit: str) -> None:
        """Ask for the number of a link, whose first digit is `digit`, and open it."""
        if not self._window.view.page_layout.links:
            self._window.say("There are no links on this page.")
            return
        self._window.prompt.ask(
            "Link", self._open_number, digit, does="Open", only="[0-9]*", changed=self._tell_number
        )

    def _open_number(self, typed: str) -> None:
        index = self._numbered(typed)
        if index is not None:
            self._window.view.put_cursor(index)
            self._window.say("")
            self.open_pointed()
        elif typed:
            last = len(self._window.view.page_layout.links)
            self._window.say(f"The links of this page have the numbers 1 to {last}.")

    def _numbered(self, typed: str) -> int | None:
        links = self._window.view.page_layout.links
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
        return links[number - 1] if 0 < number <= len(links) else None

    def _tell_number(self, typed: str) -> None:
        link = self._visiting.link_at(self._numbered(typed))
        self._window.say(f"{link.title}   {link.address}" if link is not None else "")

    def move(self, step: int) -> None:
        """Go `step` steps forward in the history (negative: back)."""
        visit = self._session.history.neighbour(step)
        if visit is None:
            self._window.say("This is the first page." if step < 0 else "This is the newest page.")
        else:
            self._visiting.visit(visit.place, step)

    def history(self) -> None:
        """Let the user choose a page from the history."""
        steps = self._session.history.steps()
        rows = [(_place_text(visit.place), step) for step, visit in steps]
        at = [step for step, _ in steps].index(0) if steps else 0

        def move(step: int | None) -> None:
            if step:
                self.move(step)

        self._window.choose(Chooser("History, the newest first", rows, at), move)

    def reload(self) -> None:
        """Load the page again; on the page of news, fetch all followed menus."""
        if self._visiting.shown is InternalPage.NEWS:
            self._following.look(again=True)
        elif self._session.history.neighbour(0) is not None:
            self.move(0)

    def root(self) -> None:
        """Show the first menu of the server."""
        if self._visiting.page is not None:
            self._visiting.visit(self._visiting.page.url.beside(MENU_TYPE, b""))

    def up(self) -> None:
        """Show the menu above: the selector up to its last slash.

        Selectors are opaque, but nearly all are paths; for others the server answers with an error.
        """
        if self._visiting.page is None:
            return
        url = self._visiting.page.url
        if not url.selector.strip(b"/"):
            self._window.say("This is the first menu; g goes somewhere else.")
            return
        above = url.selector.rstrip(b"/").rpartition(b"/")[0]
        self._visiting.visit(url.beside(MENU_TYPE, above))

    def trust(self) -> None:
        """Trust the certificate that was refused, after a question, and ask for the page again."""
        page = self._visiting.page
        if page is None or not page.certificate_refused:
            self._window.say("There is no certificate to decide about.")
            return
        assert isinstance(page.url, GopherURL)
        address = page.url.address
        question = (
            f"Nobody this computer trusts vouches for the certificate of {address}.\n"
            "Remember it, and trust this server for as long as it shows the same one?"
        )

        def trust() -> None:
            self._session.newly_trusted.add(address)
            self.reload()

        self._window.ask_first("Trust this certificate?", question, trust)


def _place_text(place: Place) -> str:
    if isinstance(place, InternalPage):
        return f"{place}\n"
    return f"{title_of(place)}\n  {place}"
