"""The part of the browser that follows menus: its keys, and looking at them in the background."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.keyline import Key
from logsrv.gopher.browse.session import Session
from logsrv.gopher.browse.view import Position
from logsrv.gopher.browse.visits import Own
from logsrv.gopher.browse.window import Started, Window
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.follow.following import can_follow
from logsrv.kit.text.escape import one_line

# Seconds from one look for menus whose time has come to the next.
_LOOK_FOR_NEWS = 300.0


class FollowingWindow(Window):
    """A window with the page of what is new."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("F", "follow", "Follow", show=False),
        Binding("W", "news", "What is new", show=False),
        Binding("m", "mark", "Read", show=False),
        Binding("M", "mark_all", "All read", show=False),
    ]

    def __init__(self, session: Session, started: Started | None = None) -> None:
        super().__init__(session, started)
        self._news_changed = False
        self.news.changed = self._note_news

    def _note_news(self) -> None:
        # Shown with the next tick: many menus may answer at once.
        self._news_changed = True

    def on_mount(self) -> None:
        self.look()
        self.set_interval(_LOOK_FOR_NEWS, self._look_again)

    @work(group="news", exclusive=True)
    async def look(self, *, again: bool = False) -> None:
        """Look at the menus whose time has come, or at all of them again."""
        await self.news.look(again=again)

    def _look_again(self) -> None:
        if not self.news.looking:
            self.look()

    def _renew_news(self) -> None:
        """Show the news as they are now, with the cursor on the same entry in the same row."""
        self._news_changed = False
        if not self.shows_news:
            return
        before, said = self.view.position(), self._said
        entry, menu = self.news.entry_at(before.cursor), self.news.menu_at(before.cursor)
        self.redraw()
        id = entry.id if entry is not None else str(menu.url) if menu is not None else ""
        after = self.news.line_of(id)
        if before.cursor is not None and after is not None and after != before.cursor:
            top = max(0, before.top + after - before.cursor) if before.top else 0
            self.view.show(self.view.lines, Position(after, top, before.left))
        self.say(said)

    def tick(self) -> None:
        """Show what has changed."""
        if self._news_changed and self.screen_stack:
            self._renew_news()
        super().tick()

    def news_keys(self) -> list[tuple[object, Key]]:
        """Return what works in the page of what is new, and whether it does now."""
        if not self.shows_news:
            return []
        return [
            (self.news.entry_at(self.view.cursor), ("m", "Mark", "app.mark")),
            (self.news.new, ("M", "All read", "app.mark_all")),
            (self.news.followed, ("r", "Look", "app.reload")),
        ]

    def following_keys(self) -> list[tuple[object, Key]]:
        """Return what follows a menu and shows what is new, and whether it can be done now."""
        page = self.page
        follows = page is None or self.news.follows(page.url)
        return [
            (self.news.followed and not self.shows_news, ("W", "New", "app.news")),
            (self._can_follow, ("F", "Unfollow" if follows else "Follow", "app.follow")),
        ]

    @property
    def is_start(self) -> bool:
        """Return true if the page is the start page."""
        return self.page is None and not self.shows_news

    @property
    def _can_follow(self) -> bool:
        if self.shows_news:
            return self.news.menu_at(self.view.cursor) is not None
        page = self.page
        whole = page is not None and page.error is None and self.loading is None
        return whole and page is not None and can_follow(page.url)

    def action_news(self) -> None:
        self.visit(Own.NEWS)

    @work(group="following", exclusive=True)
    async def action_follow(self) -> None:
        page, pointed = self.page, self.news.menu_at(self.view.cursor) if self.shows_news else None
        try:
            if pointed is not None:
                await self.news.unfollow(pointed.url)
                self.redraw()
                self.say(f"No longer followed: {pointed.title}")
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
        except ConfigurationError as error:
            self.say(one_line(str(error)))

    def mark_opened(self, address: str) -> None:
        """Note that what is at `address` is opened, so it is no longer new."""
        if self.news.has_new(address):
            self._mark_opened(address)

    @work(group="marking")
    async def _mark_opened(self, address: str) -> None:
        try:
            await self.news.opened(address)
        except ConfigurationError as error:
            self.say(one_line(str(error)))

    @work(group="marking")
    async def action_mark(self) -> None:
        entry = self.news.entry_at(self.view.cursor) if self.shows_news else None
        if entry is None:
            self.say("m  marks the item that is pointed at: W  shows what is new.")
            return
        try:
            await self.news.mark([entry.id], read=not entry.read)
        except ConfigurationError as error:
            self.say(one_line(str(error)))
        else:
            self.redraw()

    @work(group="marking")
    async def action_mark_all(self) -> None:
        try:
            await self.news.mark_all()
        except ConfigurationError as error:
            self.say(one_line(str(error)))
        else:
            self.redraw()
            self.say("All is marked as read.")
