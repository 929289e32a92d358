"""Going from page to page without a link: back, forward, up, again, and past a refused certificate."""

from __future__ import annotations

from dataclasses import dataclass

from logsrv.gopher.browse.commands.following import FollowingCommands
from logsrv.gopher.browse.commands.speaker import Speaker
from logsrv.gopher.browse.commands.visiting import Visiting
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.browse.loading.visits import Own, Place
from logsrv.gopher.browse.widgets.dialogs import Chooser
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL


@dataclass(eq=False)
class Travelling:
    """Commands that visit other places, or the same again."""

    _session: BrowsingSession
    _visiting: Visiting
    _following: FollowingCommands
    _speaker: Speaker

    def move(self, step: int) -> None:
        """Go that many steps further in the history (negative: back)."""
        visit = self._session.history.neighbour(step)
        if visit is None:
            self._speaker.say("This is the first page." if step < 0 else "This is the newest page.")
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

        self._speaker.choose(Chooser("History, the newest first", rows, at), move)

    def reload(self) -> None:
        """Ask for the page again; on the page of what is new, look at all followed menus."""
        if self._visiting.shown is Own.NEWS:
            self._following.look(again=True)
        elif self._session.history.neighbour(0) is not None:
            self.move(0)

    def start(self) -> None:
        """Show the start page."""
        self._visiting.visit(Own.START)

    def news(self) -> None:
        """Show the page of what is new."""
        self._visiting.visit(Own.NEWS)

    def root(self) -> None:
        """Show the first menu of the server."""
        if self._visiting.page is not None:
            self._visiting.visit(self._visiting.page.url.beside(MENU_TYPE, b""))

    def up(self) -> None:
        """Show the menu above. Selectors are opaque, but nearly all are paths; else it is an error page."""
        if self._visiting.page is None:
            return
        url = self._visiting.page.url
        if not url.selector.strip(b"/"):
            self._speaker.say("This is the first menu; g goes somewhere else.")
            return
        above = url.selector.rstrip(b"/").rpartition(b"/")[0]
        self._visiting.visit(url.beside(MENU_TYPE, above))

    def trust(self) -> None:
        """Trust the certificate that was refused, after a question, and ask for the page again."""
        page = self._visiting.page
        if page is None or not page.certificate_refused:
            self._speaker.say("There is no certificate to decide about.")
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

        self._speaker.ask_first("Trust this certificate?", question, trust)


def _place_text(place: Place) -> str:
    if isinstance(place, Own):
        return f"{place}\n"
    return f"{title_of(place)}\n  {place}"
