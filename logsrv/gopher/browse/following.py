"""The window that follows menus: its keys, and looking at them in the background."""

from __future__ import annotations

from textual import work

from logsrv.gopher.browse.view import Position
from logsrv.gopher.browse.visits import Own
from logsrv.gopher.browse.window import Window
from logsrv.gopher.follow.bookmarks import title_of
from logsrv.gopher.follow.following import Followed, can_follow
from logsrv.gopher.follow.news import Item

# Seconds from one look for menus whose time has come to the next.
_LOOK_FOR_NEWS = 300.0


class FollowingWindow(Window):
    """A window with the page of what is new."""

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

    def tick(self) -> None:
        """Show what has changed, also in the followed menus: many of them may answer at once."""
        if self.news.changed and self.screen_stack:
            self.news.changed = False
            if self.own is Own.NEWS:
                self._renew_news()
        super().tick()

    def _renew_news(self) -> None:
        """Show the news as they are now, with the cursor on the same entry in the same row."""
        before, said = self.view.position(), self.said
        pointed = self.news.address_at(before.cursor)
        self.redraw()
        after = self.news.line_of(pointed)
        if before.cursor is not None and after is not None and after != before.cursor:
            top = max(0, before.top + after - before.cursor) if before.top else 0
            self.view.show(self.view.lines, Position(after, top, before.left))
        self.say(said)

    @property
    def can_follow(self) -> bool:
        """Return true if F follows what is shown, or no longer."""
        if self.own is Own.NEWS:
            return isinstance(self.news.listed.get(self.view.cursor), Followed)
        page = self.page
        return page is not None and page.error is None and not self.loading and can_follow(page.url)

    def action_news(self) -> None:
        self.visit(Own.NEWS)

    @work(group="following", exclusive=True)
    async def action_follow(self) -> None:
        page = self.page
        pointed = self.news.listed.get(self.view.cursor) if self.own is Own.NEWS else None
        with self.saying_errors():
            if isinstance(pointed, Followed):
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

    @work(group="marking")
    async def mark_opened(self, address: str) -> None:
        """Note that what is at `address` is opened, so it is no longer new."""
        with self.saying_errors():
            await self.news.opened(address)

    @work(group="marking")
    async def action_mark(self) -> None:
        entry = self.news.listed.get(self.view.cursor) if self.own is Own.NEWS else None
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
