"""A followed menu, and its news."""

import asyncio

from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL.parse("gopher://h.org/1/phlog")
NOW = 1795225000


def known(environ: dict[str, str], *entries: Entry) -> FollowedMenus:
    session = BrowsingSession(environ)
    session.following.follow(URL, "A phlog", [], NOW)
    session.following.change_news(URL, lambda news: news.after_fetch(entries, NOW))
    news = FollowedMenus(session, lambda: NOW)
    asyncio.run(news.read_files())
    return news
