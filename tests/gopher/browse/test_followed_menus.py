"""Following menus in the browser: each key, with real servers on loopback and a screen in memory."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from logsrv.gopher.browse.followed_menus import FollowedMenus
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import FollowedMenu, FollowedStore
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.browse.conftest import NOW, Driven, known
from tests.gopher.conftest import until
from tests.parts.gopherhole import Phlog, item

pytestmark = pytest.mark.slow


@pytest.fixture
def following(environ: dict[str, str]) -> FollowedStore:
    """What another program keeps in the same files."""
    return FollowedStore(Path(environ["XDG_DATA_HOME"]) / "logsrv")


def follow(following: FollowedStore, phlog: Phlog, title: str = "A phlog") -> None:
    """Follow it, with its oldest entry known, and not looked at for a long time."""
    url = GopherURL.parse(phlog.url)
    following.follow(
        url, title, [Entry(phlog.server.url("/0/old"), "2025-11-18 Old")], 1_764_000_000
    )


def new(following: FollowedStore) -> list[str]:
    return [item.title for each in following.all() for item in each.news.items if not item.read]


def keys(driven: Driven) -> str:
    return driven.screen().splitlines()[-1]


async def test_a_menu_is_followed_and_no_longer(drive, phlog, following):
    async with drive(phlog.url) as driven:
        await driven.shows("Old", "F Follow")
        await driven.press("W")
        await driven.shows("You follow no menu yet.")
        await driven.press("b")
        await driven.shows("1 text  2025-11-18 Old")
        await driven.press("F")
        await driven.shows("Followed: 127.0.0.1 phlog", "F Unfollow", "W New")
        assert [str(each.url) for each in following.all()] == [phlog.url]
        await driven.press("W")
        await driven.shows("0 new in 1 menu.", "Read before", "2025-11-18  Old  (127.0.0.1 phlog)")
        await driven.press("b")
        await driven.shows("1 text  2025-11-18 Old")
        await driven.press("F")
        await driven.shows("No longer followed: 127.0.0.1 phlog", "F Follow")
        assert following.all() == []


async def test_following_it_twice_at_once_is_told_once(drive, phlog, following, monkeypatch):
    writing, go_on = list[int](), threading.Event()
    write = FollowedStore.follow

    def slowly(*arguments: Any) -> bool:
        writing.append(1)
        assert go_on.wait(PATIENCE)
        return write(*arguments)

    monkeypatch.setattr(FollowedStore, "follow", slowly)
    async with drive(phlog.url) as driven:
        await driven.shows("Old", "F Follow")
        said = list[str]()
        monkeypatch.setattr(type(driven.browser.window), "say", lambda _, text: said.append(text))
        await driven.press("F", "F")
        await until(lambda: len(writing) == 2, "both keys")
        go_on.set()
        await driven.shows("F Unfollow", "W New")
        await driven.browser.workers.wait_for_complete()
    assert [text for text in said if text.startswith("Followed")] == [
        "Followed: 127.0.0.1 phlog   W  shows what is new"
    ]


async def test_what_is_new_is_looked_for_in_the_background_and_read_by_opening(
    drive, phlog, following
):
    follow(following, phlog)
    phlog.write("2025-11-19", "One")
    phlog.write("2025-11-20", "Two")
    phlog.write("2025-11-21", "Three")

    async with drive(None) as driven:
        await driven.shows("Places to begin", "3 new", "W New")
        await driven.press("W")
        await driven.shows("What is new", "3 new in 1 menu.")
        lines = [line.text for line in driven.browser.view.lines if line.text]
        assert lines == [
            "3 new in 1 menu.",
            "New",
            "2025-11-21  Three  (A phlog)",
            "2025-11-20  Two  (A phlog)",
            "2025-11-19  One  (A phlog)",
            "Read before",
            "2025-11-18  Old  (A phlog)",
            "Followed",
            "A phlog",
        ]
        await driven.press("2", "enter")
        await driven.shows("the text of /Two")
        await until(lambda: new(following) == ["2025-11-21 Three", "2025-11-19 One"], "the mark")
        await driven.press("b")
        await driven.shows("2 new in 1 menu.")
        # The cursor is on the next one.
        assert driven.pointed() == "2025-11-19  One  (A phlog)"
        await driven.press("m")
        await driven.shows("1 new in 1 menu.")
        await driven.press("home", "M")
        await driven.shows("0 new in 1 menu.", "All is marked as read.")
        assert new(following) == []
        await driven.press("slash")
        await driven.type("old")
        await driven.shows("“old”: 1 of 1")
        await driven.press("m")
        await driven.shows("1 new in 1 menu.")
        assert new(following) == ["2025-11-18 Old"]
        await driven.press("h")
        await driven.shows("History, the newest first", "What is new")


async def test_opening_it_from_its_own_menu_is_reading_it_too(drive, phlog, following):
    follow(following, phlog)
    phlog.write("2025-11-20", "One")

    async with drive(phlog.url) as driven:
        await driven.shows("1 new", "2025-11-20 One")
        await driven.press("enter")
        await driven.shows("the text of /One")
        await until(lambda: new(following) == [], "the mark")
        await until(lambda: "1 new" not in driven.screen(), "the number to go")


async def test_looking_again_keeps_the_cursor_on_what_it_points_at(drive, phlog, following):
    follow(following, phlog)
    phlog.write("2025-11-19", "One")

    async with drive(None) as driven:
        await driven.shows("1 new")
        await driven.press("W")
        await driven.shows("2025-11-19  One")
        phlog.write("2025-11-20", "Two")
        assert driven.pointed() == "2025-11-19  One  (A phlog)"
        await driven.press("r")
        await driven.shows("2 new in 1 menu.", "2025-11-20  Two")
        assert driven.pointed() == "2025-11-19  One  (A phlog)"


async def test_a_failure_is_a_line_and_the_others_come(drive, phlog, following, serve):
    other = Phlog(serve)
    other.broken = True
    follow(following, other, "Another")
    follow(following, phlog)
    phlog.write("2025-11-19", "One")

    async with drive(None) as driven:
        await driven.press("W")
        await driven.shows("1 new in 2 menus, 1 failed (see below).")
        await driven.shows("Another: the server answers with an error: down for today")
        other.broken = False
        await driven.press("r")
        await until(lambda: "down for today" not in driven.screen(), "the failure to go")
        # A followed menu is opened there, or no longer followed.
        await driven.press("end", "F")
        await driven.shows("No longer followed: A phlog", "0 new in 1 menu.")
        assert [each.title for each in following.all()] == ["Another"]
        await driven.press("end", "enter")
        await driven.shows("1 text  2025-11-18 Old")


async def test_keys_work_while_servers_are_silent(drive, following, serve):
    server = serve(lambda connection, _: connection.recv(1))
    for number in range(10):
        url = GopherURL.parse(server.url(f"/1/{number}"))
        following.follow(url, f"Phlog {number}", [], 1_764_000_000)

    async with drive(None, limits=Limits(first_byte=PATIENCE)) as driven:
        await driven.press("W")
        await driven.shows("looking at 10 of 10 menus")
        await driven.press("question_mark")
        await driven.shows("the next link, or a row further")
        await driven.press("escape", "b")
        await driven.shows("Places to begin")
        await until(lambda: server.most_open == 4, "a few connections")
    assert server.most_open == 4


async def test_the_browser_says_why_a_page_cannot_be_followed(drive, serve):
    server = serve(b"<p>Hello</p>")

    async with drive(server.url("/h/page.html")) as driven:
        await driven.shows("Hello")
        assert "F Follow" not in keys(driven)
        await driven.press("F")
        await driven.shows("Only menus and texts of servers can be followed.")
        await driven.press("m")
        await driven.shows("m  marks the item that is pointed at")
        await driven.press("W", "F")
        await driven.shows("F  follows the menu or text on show")


async def test_a_long_menu_is_not_followed(drive, serve):
    server = serve(item("0", "x", "/x") * 20_001)

    async with drive(server.url()) as driven:
        await driven.shows("F Follow")
        await driven.whole()
        await driven.press("F")
        await driven.shows("This is too long to be followed.")


async def test_files_that_cannot_be_written_are_a_sentence(drive, phlog, environ):
    data = Path(environ["XDG_DATA_HOME"])
    data.mkdir()
    (data / "logsrv").touch()

    async with drive(phlog.url) as driven:
        await driven.shows("F Follow")
        await driven.press("F")
        await driven.shows("the list of new items cannot be saved")


async def test_two_browsers_share_what_is_read(drive, phlog, following):
    follow(following, phlog)
    phlog.write("2025-11-19", "One")
    phlog.write("2025-11-20", "Two")

    async with drive(None) as driven:
        await driven.shows("2 new")
        following.mark_entries([phlog.server.url("/0/One")])
        await driven.press("W")
        await driven.shows("1 new in 1 menu.")
        await driven.press("m")
        await until(lambda: new(following) == [], "both marks")


def test_the_parts_of_a_text_are_read_when_it_is_opened(environ):
    parts = [Entry(f"gopher://h.org/0/log#{number:016}", f"Part {number}") for number in range(3)]
    news = known(environ, *parts, Entry("gopher://h.org/0/other", "Other"))
    asyncio.run(news.mark_address_read("gopher://h.org/0/lo"))
    assert news.new == 4
    asyncio.run(news.mark_address_read("gophers://h.org/0/log"))
    assert news.new == 1
    asyncio.run(news.read_files())
    assert news.new == 1


def test_what_becomes_known_while_the_files_are_read_is_not_forgotten(environ, monkeypatch):
    news = known(environ, Entry("gopher://h.org/0/a", "A"))
    read, go_on = threading.Event(), threading.Event()
    every = FollowedStore.all

    def slowly(following: FollowedStore) -> list[FollowedMenu]:
        found = every(following)
        if not read.is_set():
            read.set()
            assert go_on.wait(PATIENCE)
        return found

    async def scenario() -> None:
        loading = asyncio.create_task(news.read_files())
        await asyncio.to_thread(read.wait, 20)
        await news.mark_entries(["gopher://h.org/0/a"])
        go_on.set()
        await loading

    monkeypatch.setattr(FollowedStore, "all", slowly)
    asyncio.run(scenario())
    assert news.new == 0


def test_a_menu_is_looked_at_when_its_time_has_come(environ, serve):
    server = serve(item("0", "A", "/a"))
    session = BrowsingSession(environ)
    session.following.follow(GopherURL.parse(server.url()), "A", [], NOW)
    now = [NOW + 3599.0]
    news = FollowedMenus(session, lambda: now[0])
    asyncio.run(news.fetch_due_menus())
    assert (len(server.requests), news.new) == (0, 0)
    now[0] += 1
    asyncio.run(news.fetch_due_menus())
    assert (len(server.requests), news.new) == (1, 1)
    asyncio.run(news.fetch_due_menus(again=True))
    # A clock that was set back does not put it off.
    now[0] = 5
    asyncio.run(news.fetch_due_menus())
    assert len(server.requests) == 3
