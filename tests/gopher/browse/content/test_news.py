"""The page of what is new, line by line."""

from __future__ import annotations

from logsrv.gopher.browse.content.lines import PageLine
from logsrv.gopher.browse.content.news import news_lines
from logsrv.gopher.browse.loading.followed import FollowedMenus
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import Followed
from logsrv.gopher.follow.news import Item
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.browse.conftest import run

URL = GopherURL.parse("gopher://h.org/1/phlog")
NOW = 1795225000


def lines_of(news: FollowedMenus) -> list[PageLine]:
    return news_lines(news.followed, news.new, news.looking, news.problem)


def known(environ: dict[str, str], *entries: Entry) -> FollowedMenus:
    session = BrowsingSession(environ)
    session.following.follow(URL, "A phlog", [], NOW)
    session.following.change(URL, lambda news: news.look(entries, NOW))
    news = FollowedMenus(session, lambda: NOW)
    run(news.load())
    return news


def test_a_link_out_of_gopher_is_one_on_this_page_too(environ: dict[str, str]) -> None:
    news = known(environ, Entry("https://web.example/?q=1", "Web"))
    lines = lines_of(news)
    line = next(line for line in lines if "Web" in line.text)
    link = line.link(None, None)
    assert link is not None
    assert (link.kind, link.address) == ("outside", "https://web.example/?q=1")
    assert line.spans, "what is new stands out"


def test_a_flood_is_said(environ: dict[str, str]) -> None:
    news = known(environ, *(Entry(f"gopher://h.org/0/{n}", str(n)) for n in range(2000)))
    lines = [line.text for line in lines_of(news)]
    assert lines[0] == "2000 new in 1 menu." and "And 1500 more in A phlog." in lines


def test_lines_know_the_entry_or_the_menu_they_are_about(environ: dict[str, str]) -> None:
    news = known(environ, Entry("gopher://h.org/0/a", "A"), Entry("https://web.example/", "Web"))
    about = {line.text: line.about for line in lines_of(news) if line.about}
    menu = about.pop("A phlog")
    assert isinstance(menu, Followed) and menu.url == URL
    assert sorted(text.split("  ", 1)[1] for text in about) == ["A  (A phlog)", "Web  (A phlog)"]
    entries = [each for each in about.values() if isinstance(each, Item)]
    assert {each.title for each in entries} == {"A", "Web"}
