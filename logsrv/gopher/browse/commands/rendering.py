"""Pages as lines, for the size of the window and the character set of the moment."""

from __future__ import annotations

from dataclasses import dataclass

from logsrv.errors import PeerError
from logsrv.gopher.browse.content.guide import start_lines
from logsrv.gopher.browse.content.html import html_lines
from logsrv.gopher.browse.content.lines import PageLine, lines_of
from logsrv.gopher.browse.content.news import news_lines
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.browse.content.picture import picture_lines
from logsrv.gopher.browse.loading.followed import FollowedMenus
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.browse.loading.visits import Own
from logsrv.gopher.browse.widgets.view import PageView
from logsrv.gopher.wire.charset import decode_text


@dataclass(eq=False)
class Renderer:
    """Makes the lines of pages; `view` has the size of the window."""

    _session: BrowsingSession
    _followed: FollowedMenus
    _view: PageView

    def lines(self, shown: Page | Own) -> list[PageLine]:
        """Return all lines of a page; may be called in a thread for pages of servers."""
        if shown is Own.START:
            return start_lines(self._session.bookmarks)
        if not isinstance(shown, Page):
            known = self._followed
            return news_lines(known.followed, known.new, known.looking, known.problem)
        charset, content = self._session.charset, shown.content
        lines = lines_of(shown, charset)
        if shown.way == "html" and isinstance(content, bytes):
            lines += html_lines(decode_text(content, charset))
        if shown.way == "picture" and isinstance(content, bytes) and (content or not shown.error):
            lines += self._picture(content, len(lines))
        return lines

    def _picture(self, content: bytes, above: int) -> list[PageLine]:
        size = self._view.size
        rows = max(4, size.height - above - 2)
        try:
            painted, what = picture_lines(content, size.width - 1, rows)
        except PeerError as error:
            return [PageLine(f"{error}.", "problem")]
        return [*painted, PageLine(""), PageLine(f"{what}.  s  saves it.", "dim")]
