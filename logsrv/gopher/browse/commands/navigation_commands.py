"""Commands that go to a link or an address, back, forward, up, load again, or trust a certificate."""

from __future__ import annotations

from functools import partial

import attrs

from logsrv.gopher.browse.commands.following_commands import FollowingCommands
from logsrv.gopher.browse.commands.page_commands import SaveAndBookmarkCommands
from logsrv.gopher.browse.guide import explain_session
from logsrv.gopher.browse.navigator import Navigator
from logsrv.gopher.browse.page import Hyperlink, link_to
from logsrv.gopher.browse.programs import ExternalPrograms
from logsrv.gopher.browse.session import BrowsingSession, Destination, InternalPage
from logsrv.gopher.browse.window import BrowserWindow, Chooser
from logsrv.gopher.fetch.local import resolve_typed_address
from logsrv.gopher.fetch.on_asyncio import in_daemon_thread
from logsrv.gopher.follow.bookmarks import title_from_url
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL


@attrs.define(eq=False)
class NavigationCommands:
    """Commands that open links and visit destinations."""

    _session: BrowsingSession
    _current: Navigator
    _saving: SaveAndBookmarkCommands
    _programs: ExternalPrograms
    _window: BrowserWindow
    _following: FollowingCommands

    def open_link_at_cursor(self) -> None:
        """Open the link with the cursor."""
        link = self._current.link_at_cursor
        if link is not None:
            self.open_link(link)
        else:
            self._window.say("There is no link in sight.")

    def open_link(self, link: Hyperlink) -> None:
        """Open `link` in the way of its kind: show, search, save, start a program, or explain."""
        if link.url is not None:
            self._following.mark_address_read(str(link.url))
        match link.kind:
            case "show":
                assert link.url is not None
                self._current.visit(link.url)
            case "search":
                assert isinstance(link.url, GopherURL)
                search = partial(self._visit_search, link.url)
                self._window.prompt.ask(f"{link.title[:40]}:", search, does="Search")
            case "download":
                assert link.url is not None
                self._saving.start_saving(link.url)
            case "outside":
                self._programs.ask_to_open_link(link)
            case "session":
                self._window.show_text(link.title or "A session", explain_session(link))
            case "dead":
                self._window.say(link.address)

    def _visit_search(self, url: GopherURL, words: str) -> None:
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
            self._current.visit(url.searching(encoded))

    def ask_for_address(self) -> None:
        """Ask for an address or a path, and open it; the page's own address is offered for editing."""
        page = self._current.page
        here = "" if page is None else str(page.url)
        earlier = [each for each in self._session.history.visited_urls() if each != here]
        self._window.prompt.ask(
            "Go to", self._start_opening, here, earlier, does="Go", replace=True
        )

    def _start_opening(self, address: str) -> None:
        if address.strip():
            work = partial(self._open_typed_address, address.strip())
            self._window.run_in_background(work, group="going", exclusive=True)

    async def _open_typed_address(self, address: str) -> None:
        self.open_link(link_to(await in_daemon_thread(partial(resolve_typed_address, address))))

    def ask_for_link_number(self, digit: str) -> None:
        """Ask for the number of a link, whose first digit is `digit`, and open it."""
        if not self._window.view.page_layout.links:
            self._window.say("There are no links on this page.")
            return
        self._window.prompt.ask(
            "Link",
            self._open_numbered_link,
            digit,
            does="Open",
            only="[0-9]*",
            changed=self._describe_numbered_link,
        )

    def _open_numbered_link(self, typed: str) -> None:
        index = self._line_of_link_number(typed)
        if index is not None:
            self._window.view.put_cursor(index)
            self._window.say("")
            self.open_link_at_cursor()
        elif typed:
            last = len(self._window.view.page_layout.links)
            self._window.say(f"The links of this page have the numbers 1 to {last}.")

    def _line_of_link_number(self, typed: str) -> int | None:
        links = self._window.view.page_layout.links
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
        return links[number - 1] if 0 < number <= len(links) else None

    def _describe_numbered_link(self, typed: str) -> None:
        link = self._current.link_at(self._line_of_link_number(typed))
        self._window.say(f"{link.title}   {link.address}" if link is not None else "")

    def move_in_history(self, step: int) -> None:
        """Go `step` steps forward in the history (negative: back)."""
        visit = self._session.history.visit_at_step(step)
        if visit is None:
            self._window.say("This is the first page." if step < 0 else "This is the newest page.")
        else:
            self._current.visit(visit.destination, step)

    def choose_from_history(self) -> None:
        """Let the user choose a page from the history."""
        steps = self._session.history.visits_by_step()
        rows = [(_destination_text(visit.destination), step) for step, visit in steps]
        at = [step for step, _ in steps].index(0) if steps else 0

        def move(step: int | None) -> None:
            if step:
                self.move_in_history(step)

        self._window.app.push_screen(Chooser("History, the newest first", rows, at), move)

    def add_to_tour(self) -> None:
        """Put the link with the cursor, or the page, at the end of the tour."""
        link, tour = self._current.link_or_page(), self._session.tour
        if link is not None:
            tour.append(link)
            self._window.say(f"{len(tour)} on the tour; T  goes to the first of them")

    def continue_tour(self) -> None:
        """Open the next link of the tour."""
        if self._session.tour:
            self.open_link(self._session.tour.pop(0))
        else:
            self._window.say("The tour is at its end; t  puts a link on it.")

    def reload(self) -> None:
        """Load the page again; on the page of news, fetch all followed menus."""
        if self._current.shown is InternalPage.NEWS:
            self._following.fetch_due_menus(again=True)
        elif self._session.history.visit_at_step(0) is not None:
            self.move_in_history(0)

    def show_root_menu(self) -> None:
        """Show the first menu of the server."""
        if self._current.page is not None:
            self._current.visit(self._current.page.url.beside(MENU_TYPE, b""))

    def show_menu_above(self) -> None:
        """Show the menu above: the selector up to its last slash.

        Selectors are opaque, but nearly all are paths; for others the server answers with an error.
        """
        if self._current.page is None:
            return
        url = self._current.page.url
        if not url.selector.strip(b"/"):
            self._window.say("This is the first menu; g goes somewhere else.")
            return
        above = url.selector.rstrip(b"/").rpartition(b"/")[0]
        self._current.visit(url.beside(MENU_TYPE, above))

    def ask_to_trust(self) -> None:
        """Trust the certificate that was refused, after a question, and ask for the page again."""
        page = self._current.page
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
            self._session.connections.newly_trusted.add(address)
            self.reload()

        self._window.ask_yes_or_no("Trust this certificate?", question, trust)


def _destination_text(destination: Destination) -> str:
    if isinstance(destination, InternalPage):
        return f"{destination}\n"
    return f"{title_from_url(destination)}\n  {destination}"
