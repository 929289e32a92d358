"""The way out: a feed that any reader takes, and JSON that stays as it is described."""

import json

from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.command.news import news_as_atom, news_as_json
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import FollowedMenu, items_of_all_menus
from logsrv.gopher.follow.news import News
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line
from tests.gopher.command.answers import ATOM, checked_feed

NOW = 1795225000
MENU = GopherURL.parse("gopher://h.org/1/phlog")
FEED = "urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6"


def followed(*entries: Entry, title: str = "A phlog") -> list[FollowedMenu]:
    news = (
        News()
        .after_fetch([Entry("gopher://h.org/0/old", "Old")], NOW)
        .after_fetch(entries, NOW + 60)
    )
    return [FollowedMenu(MENU, title, news)]


def test_a_feed_has_what_was_found():
    menus = followed(
        Entry("gopher://h.org/0/a&b%22", '2026-11-20 <b>News</b> & "more"'),
        Entry("https://web.example/?a=1&b=2", "Web"),
        Entry("gopher://h.org/0/log.txt#0123456789abcdef", "Part of a text"),
    )
    feed = checked_feed(news_as_atom(FEED, menus, items_of_all_menus(menus)))
    assert feed.findtext(f"{ATOM}title") == "New in Gopher"
    assert feed.findtext(f"{ATOM}updated") == "2026-11-21T01:37:40.000000Z"
    found = {
        str(entry.findtext(f"{ATOM}title")): (
            entry.findtext(f"{ATOM}published"),
            [link.attrib["href"] for link in entry.findall(f"{ATOM}link")],
        )
        for entry in feed.findall(f"{ATOM}entry")
    }
    assert found == {
        '2026-11-20 <b>News</b> & "more"': (
            "2026-11-20T00:00:00Z",
            ["gopher://h.org/0/a&b%22"],
        ),
        "Web": (None, ["https://web.example/?a=1&b=2"]),
        "Part of a text": (None, ["gopher://h.org/0/log.txt"]),
        "Old": (None, ["gopher://h.org/0/old"]),
    }


def test_the_same_entries_make_the_same_feed():
    menus = followed(Entry("gopher://h.org/0/a", "A"))
    later = [
        each._replace(news=each.news.after_fetch([Entry("gopher://h.org/0/a", "A")], NOW + 999))
        for each in menus
    ]
    assert news_as_atom(FEED, later, items_of_all_menus(later)) == news_as_atom(
        FEED, menus, items_of_all_menus(menus)
    )


def test_a_feed_of_nothing_is_a_feed():
    assert checked_feed(news_as_atom(FEED, [], [])).findall(f"{ATOM}entry") == []


def test_what_xml_cannot_say_is_replaced():
    menus = followed(Entry("gopher://h.org/0/a", "a\ufffe\uffff\x00b"))
    feed = checked_feed(news_as_atom(FEED, menus, items_of_all_menus(menus)))
    titles = [title.text for title in feed.iter(f"{ATOM}title")]
    assert "a\ufffd\ufffd\ufffdb" in titles


@given(st.text(), st.text())
def test_no_title_breaks_a_feed(first, second):
    shown = one_line(first, 200) or "x"
    menus = followed(Entry("gopher://h.org/0/a", shown), title=one_line(second, 200) or "x")
    checked_feed(news_as_atom(FEED, menus, items_of_all_menus(menus)))
    assert news_as_json(menus, items_of_all_menus(menus)).isascii()


def test_json_is_as_described():
    menus = followed(
        Entry("gopher://h.org/0/a", "2026-11-20 A"), Entry("https://web.example/", "Web")
    )
    line = news_as_json(menus, items_of_all_menus(menus)[:2])
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "menus": [
            {
                "url": "gopher://h.org/1/phlog",
                "title": "A phlog",
                "looked": "2026-11-21T01:37:40.000000Z",
                "failed": None,
                "new": 2,
            }
        ],
        "items": [
            {
                "url": "https://web.example/",
                "id": "https://web.example/",
                "title": "Web",
                "type": None,
                "date": None,
                "seen": "2026-11-21T01:37:40.000000Z",
                "new": True,
                "menu": "gopher://h.org/1/phlog",
            },
            {
                "url": "gopher://h.org/0/a",
                "id": "gopher://h.org/0/a",
                "title": "2026-11-20 A",
                "type": "0",
                "date": "2026-11-20",
                "seen": "2026-11-21T01:37:40.000000Z",
                "new": True,
                "menu": "gopher://h.org/1/phlog",
            },
        ],
    }
    never = json.loads(
        news_as_json([FollowedMenu(MENU, "A", News().after_failure("down", NOW))], [])
    )
    assert (never["menus"][0]["looked"], never["menus"][0]["failed"]) == (None, "down")
