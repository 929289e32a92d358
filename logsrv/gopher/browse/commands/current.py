"""The page on the screen, and what in it is pointed at."""

from __future__ import annotations

from dataclasses import dataclass, field

from logsrv.gopher.browse.content.links import Hyperlink, link_to
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.browse.loading.visits import Own
from logsrv.gopher.browse.widgets.view import PageView


@dataclass(eq=False)
class CurrentPage:
    """The page that `view` shows. shown: which one, or which of the browser's own."""

    _view: PageView
    _session: BrowsingSession
    shown: Page | Own | None = field(default=None, init=False)

    @property
    def page(self) -> Page | None:
        """Return the page, unless it is one of the browser's own."""
        return self.shown if isinstance(self.shown, Page) else None

    @property
    def link(self) -> Hyperlink | None:
        """Return the link with the cursor."""
        return self.link_at(self._view.cursor)

    @property
    def about(self) -> object:
        """Return the bookmark, followed menu or item of news that the line with the cursor is about."""
        cursor = self._view.cursor
        return None if cursor is None else self._view.lines[cursor].about

    def link_at(self, index: int | None) -> Hyperlink | None:
        """Return the link of that line."""
        lines = self._view.lines
        if index is None or index >= len(lines):
            return None
        menu = self.page.url if self.page is not None else None
        return lines[index].link(menu, self._session.charset)

    def here(self) -> Hyperlink | None:
        """Return the link with the cursor, or else the page itself."""
        link = self.link
        if link is not None or self.page is None:
            return link
        return link_to(self.page.url)
