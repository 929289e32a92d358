"""The browser: the window with all of its keys."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from logsrv.gopher.browse.content.guide import bindings, help_lines
from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.links import link_to
from logsrv.gopher.browse.loading.load import Loading
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.browse.loading.visits import Own, Place
from logsrv.gopher.browse.opening import OpeningWindow
from logsrv.gopher.browse.widgets.dialogs import Chooser, Notice
from logsrv.gopher.browse.widgets.ground import keep
from logsrv.gopher.browse.widgets.keyline import ALWAYS, Key
from logsrv.gopher.browse.window import DARK, LIGHT
from logsrv.gopher.follow.bookmarks import Bookmark, title_of
from logsrv.gopher.follow.following import Followed, can_follow
from logsrv.gopher.follow.news import Item
from logsrv.gopher.local.fileurl import FileURL, ItemURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.url import MENU_TYPE, GopherURL
from logsrv.kit.text.escape import one_line

# Seconds from one look for followed menus whose time has come to the next.
_LOOK_FOR_NEWS = 300.0

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


class Browser(OpeningWindow):
    """`Browser(session, url).run()`; without a URL it begins with the start page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(of_page=False),
        Binding("ctrl+c", "quit", priority=True),
    ]

    def __init__(
        self, session: BrowsingSession, begin: ItemURL | None = None, started: Loading | None = None
    ) -> None:
        super().__init__(session, started)
        self._begin = None if begin is None else link_to(begin)
        # What the page of what is new was made of.
        self._told_news: object = None

    def on_mount(self) -> None:
        self.look()
        self.set_interval(_LOOK_FOR_NEWS, self._look_again)
        if self._begin is not None and self._begin.kind == "show":
            self.open(self._begin)
            return
        self.visit(Own.START)
        if self._begin is not None:
            # A question needs a window that is there.
            self.call_after_refresh(self.open, self._begin)

    def keys(self) -> list[Key]:
        page, history, about = self.page, self.session.history, self.about
        link = self.link_at(self.view.cursor)
        is_news, news = self.shown is Own.NEWS, self.news
        enter = _ENTER[link.kind] if link is not None else ""
        follows = page is None or news.follows(page.url)
        told: list[tuple[object, Key]] = [
            (self.loading, ("Esc", "Stop", "app.stop")),
            (page and page.certificate_refused, ("T", "Trust", "app.trust")),
            (enter, ("Enter", enter, "app.open")),
            (isinstance(about, Item), ("m", "Mark", "app.mark")),
            (is_news and news.new, ("M", "All read", "app.mark_all")),
            (is_news and news.followed, ("r", "Look", "app.reload")),
            (isinstance(about, Bookmark), ("x", "Remove", "app.remove_bookmark")),
            (page and page.error, ("r", "Again", "app.reload")),
            (history.neighbour(-1), ("b", "Back", "app.move(-1)")),
            (self.view.matches, ("n N", "Next", "app.find_again(False)")),
            (self.view.page_layout.is_wider, ("< >", "Sideways", "")),
            (True, ("g", "Go", "app.go")),
            (self.view.page_layout.links, ("1…9", "Link", "")),
            (self.view.is_longer, ("/", "Find", "app.find")),
            (page, ("B", "Bookmarks", "app.start")),
            (news.followed and not is_news, ("W", "New", "app.news")),
            (self.can_follow, ("F", "Unfollow" if follows else "Follow", "app.follow")),
            (page or link, ("s", "Save", "app.save")),
            (self.session.downloads.all, ("d", "Downloads", "app.downloads")),
            (history.neighbour(-1), ("h", "History", "app.history")),
        ]
        return [*(key for works, key in told if works), *ALWAYS]

    # Going somewhere.

    def action_move(self, step: int) -> None:
        """Go that many steps further in the history (negative: back)."""
        visit = self.session.history.neighbour(step)
        if visit is None:
            self.say("This is the first page." if step < 0 else "This is the newest page.")
        else:
            self.visit(visit.place, step)

    def action_history(self) -> None:
        steps = self.session.history.steps()
        rows = [(_place_text(visit.place), step) for step, visit in steps]
        at = [step for step, _ in steps].index(0) if steps else 0

        def move(step: int | None) -> None:
            if step:
                self.action_move(step)

        self.push_screen(Chooser("History, the newest first", rows, at), move)

    def action_reload(self) -> None:
        if self.shown is Own.NEWS:
            self.look(again=True)
        elif self.session.history.neighbour(0) is not None:
            self.action_move(0)

    def action_start(self) -> None:
        self.visit(Own.START)

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

    # In the page.

    def action_breaking(self) -> None:
        self.say(self.view.break_otherwise())

    def action_explain(self) -> None:
        link = self.here()
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
        link = self.here()
        if link is not None:
            self.copy_to_clipboard(link.address)
            self.say(f"Copied: {link.address}")

    # Following menus.

    @work(group="news", exclusive=True)
    async def look(self, *, again: bool = False) -> None:
        """Look at the menus whose time has come, or at all of them again."""
        await self.news.look(again=again)

    def _look_again(self) -> None:
        if not self.news.looking:
            self.look()

    def tick(self) -> None:
        """Show what has changed, also in the followed menus: many of them may answer at once."""
        news = (self.news.followed, self.news.looking, self.news.problem)
        if news != self._told_news and self.screen_stack:
            self._told_news = news
            if self.shown is Own.NEWS:
                self._renew_news()
        super().tick()

    def _renew_news(self) -> None:
        """Show the news as they are now, with the cursor on the same entry in the same row."""
        before, said, pointed = self.view.position(), self.said, _name_of(self.about)
        self.redraw()
        lines = self.view.lines
        after = next((at for at, line in enumerate(lines) if pointed == _name_of(line.about)), None)
        if before.cursor is not None and pointed and after is not None and after != before.cursor:
            top = max(0, before.top + after - before.cursor) if before.top else 0
            self.view.show(lines, ScrollPosition(after, top, before.left))
        self.say(said)

    @property
    def can_follow(self) -> bool:
        """Return true if F follows what is shown, or no longer."""
        if self.shown is Own.NEWS:
            return isinstance(self.about, Followed)
        page = self.page
        return page is not None and page.error is None and not self.loading and can_follow(page.url)

    def action_news(self) -> None:
        self.visit(Own.NEWS)

    @work(group="following", exclusive=True)
    async def action_follow(self) -> None:
        page, about = self.page, self.about
        with self.saying_errors():
            if isinstance(about, Followed):
                await self.news.unfollow(about.url)
                self.redraw()
                self.say(f"No longer followed: {about.title}")
            elif page is not None and can_follow(page.url) and self.news.follows(page.url):
                await self.news.unfollow(page.url)
                self.say(f"No longer followed: {title_of(page.url)}")
            elif page is None:
                self.say("F  follows the menu or text on show, and a menu below no longer.")
            elif self.loading is not None:
                self.say("It can be followed when all of it has come.")
            else:
                await self.news.follow(page)
                self.say(f"Followed: {title_of(page.url)}   W  shows what is new")

    @work(group="marking")
    async def action_mark(self) -> None:
        entry = self.about
        if not isinstance(entry, Item):
            self.say("m  marks the item that is pointed at: W  shows what is new.")
            return
        with self.saying_errors():
            await self.news.mark([entry.id], read=not entry.read)
            self.redraw()

    @work(group="marking")
    async def action_mark_all(self) -> None:
        with self.saying_errors():
            await self.news.mark_all()
            self.redraw()
            self.say("All is marked as read.")

    # The rest.

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

        self.ask_first("Trust this certificate?", question, trust)

    async def action_quit(self) -> None:
        running = self.session.downloads.running
        if running:
            what = "1 download is" if running == 1 else f"{running} downloads are"
            question = f"{what} not finished.\nQuit, and drop what has come of it?"
            self.ask_first("Quit?", question, self.exit)
        else:
            self.exit()

    def action_light(self) -> None:
        light = self.theme == DARK.name
        self.theme = LIGHT.name if light else DARK.name
        with self.saying_errors():
            keep(self.session.environ, light=light)

    def action_help(self) -> None:
        self.push_screen(Notice("Keys", "\n".join(help_lines(self.size.width - 10))))


def _place_text(place: Place) -> str:
    if isinstance(place, Own):
        return f"{place}\n"
    return f"{title_of(place)}\n  {place}"


def _name_of(about: object) -> str:
    """Return what tells an entry or a menu from all others; "" for anything else."""
    if isinstance(about, Item):
        return about.id
    return str(about.url) if isinstance(about, Followed) else ""
