"""What the browser says about itself is true, and its page of what is new."""

import re

import pytest

from logsrv.gopher.browse.app import Browser
from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.followed_menus import FollowedMenus, news_lines
from logsrv.gopher.browse.guide import KEYS, explain_session, help_lines, start_page_lines
from logsrv.gopher.browse.page import link_of
from logsrv.gopher.browse.page_widget import PageWidget
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.follow.bookmarks import Bookmarks
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import FollowedMenu
from logsrv.gopher.follow.news import NewsItem
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.browse.conftest import URL, known

_SPELLED = {
    "↑": "up", "↓": "down", "←": "left", "→": "right", "Tab": "tab", "Shift-Tab": "shift+tab",
    "Space": "space", "PgDn": "pagedown", "PgUp": "pageup", "Home": "home", "End": "end",
    "Enter": "enter", "Esc": "escape", "Backspace": "backspace", "/": "slash",
    "?": "question_mark", "|": "vertical_line", "Shift-Space": "shift+space",
    "<": "less_than_sign", ">": "greater_than_sign",
}  # fmt: skip


@pytest.mark.parametrize("row", [row for row in KEYS if len(row) > 1], ids=str)
def test_the_keys_that_are_told_are_bound_to_something(row, environ):
    told, what, bound = row
    actions = dict(each.split("=") for each in bound.split())
    for key in [*told.replace("…", "").split(), *re.findall("[<>]", what)]:
        assert _SPELLED.get(key, key) in ",".join(actions).split(",")
    for action in actions.values():
        part, _, name = action.partition("(")[0].rpartition(".")
        browser = Browser(BrowsingSession(environ))
        if part in ("", "page"):
            assert hasattr(PageWidget if part else browser, f"action_{name}")
        else:
            assert callable(getattr(getattr(browser, part), name))


@pytest.mark.parametrize("width", [30, 60, 120])
def test_the_help_fits_and_nothing_is_cut(width):
    assert all(len(line) <= width for line in help_lines(width))
    assert " ".join(help_lines(width)).split() == " ".join(help_lines(200)).split()


def test_the_start_page_lists_the_bookmarks(tmp_path):
    bookmarks = Bookmarks(tmp_path / "bookmarks")
    assert any("None yet" in line.text for line in start_page_lines(bookmarks))
    bookmarks.add(GopherURL("h", item_type="7"), "Find things")
    lines = start_page_lines(bookmarks)
    assert any((line.label, line.text) == ("find", "Find things") for line in lines)
    broken = start_page_lines(Bookmarks(tmp_path))
    assert any("cannot be read" in line.text for line in broken)


def test_a_session_is_explained_and_its_login_escaped():
    link = link_of(parse_menu_line(b"8Old\t-l\x1b[2J\thost.org\t23"), GopherURL("h"))
    assert link is not None
    text = explain_session(link)
    assert "telnet host.org 23" in text and "-l\\x1b[2J" in text and "\x1b" not in text


def lines_of(news: FollowedMenus) -> list[DisplayLine]:
    return news_lines(news.followed, news.new, news.looking, news.problem)


def test_a_link_out_of_gopher_in_the_news_leads_out_of_gopher(environ):
    news = known(environ, Entry("https://web.example/?q=1", "Web"))
    lines = lines_of(news)
    line = next(line for line in lines if "Web" in line.text)
    link = line.link(None, None)
    assert link is not None
    assert (link.kind, link.address) == ("outside", "https://web.example/?q=1")
    assert line.spans, "what is new stands out"


def test_a_flood_is_said(environ):
    news = known(environ, *(Entry(f"gopher://h.org/0/{n}", str(n)) for n in range(2000)))
    lines = [line.text for line in lines_of(news)]
    assert lines[0] == "2000 new in 1 menu." and "And 1500 more in A phlog." in lines


def test_lines_know_the_entry_or_the_menu_they_are_about(environ):
    news = known(environ, Entry("gopher://h.org/0/a", "A"), Entry("https://web.example/", "Web"))
    about = {line.text: line.about for line in lines_of(news) if line.about}
    menu = about.pop("A phlog")
    assert isinstance(menu, FollowedMenu) and menu.url == URL
    assert sorted(text.split("  ", 1)[1] for text in about) == ["A  (A phlog)", "Web  (A phlog)"]
    entries = [each for each in about.values() if isinstance(each, NewsItem)]
    assert {each.title for each in entries} == {"A", "Web"}
