"""Pages as lines, for the size of the window and the character set of the moment."""

from __future__ import annotations

from textual.geometry import Size

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
from logsrv.gopher.wire.charset import decode_text


def rendered(
    shown: Page | Own, session: BrowsingSession, followed: FollowedMenus, window: Size
) -> list[PageLine]:
    """Return all lines of a page; may be called in a thread for pages of servers."""
    if shown is Own.START:
        return start_lines(session.bookmarks)
    if not isinstance(shown, Page):
        return news_lines(followed.followed, followed.new, followed.looking, followed.problem)
    charset, content = session.charset, shown.content
    lines = lines_of(shown, charset)
    if shown.way == "html" and isinstance(content, bytes):
        lines += html_lines(decode_text(content, charset))
    if shown.way == "picture" and isinstance(content, bytes) and (content or not shown.error):
        lines += _picture(content, window.width - 1, max(4, window.height - len(lines) - 2))
    return lines


def _picture(content: bytes, columns: int, rows: int) -> list[PageLine]:
    try:
        painted, what = picture_lines(content, columns, rows)
    except PeerError as error:
        return [PageLine(f"{error}.", "problem")]
    return [*painted, PageLine(""), PageLine(f"{what}.  s  saves it.", "dim")]
