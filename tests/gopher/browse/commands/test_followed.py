"""What is known of followed menus: read, looked at, marked."""

import asyncio
import threading

import pytest

from logsrv.gopher.browse.commands.followed import FollowedMenus
from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.follow.following import FollowedMenu, FollowedStore
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.browse.followed_menus import NOW, known
from tests.parts.gopherhole import item

pytestmark = pytest.mark.slow


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
