"""Looks at real servers: a few at a time, with an end, and one that fails is one that fails."""

import asyncio
import socket
import threading

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.follow.entries import Entry, text_entries, utc_day
from logsrv.gopher.follow.following import (
    AT_ONCE,
    FollowedMenu,
    FollowedStore,
    fetch_and_store_news,
    fetch_entries,
)
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.gopherhole import item, menu
from tests.parts.waits import join

NOW = 1795225000
OPTIONS = ConnectionOptions(Limits(connect=PATIENCE, first_byte=PATIENCE, between=PATIENCE))


def fetched(url: str, charset: str | None = None) -> list[Entry]:
    return asyncio.run(fetch_entries(GopherURL.parse(url), OPTIONS, NOW, charset))


def looked(following: FollowedStore, options: ConnectionOptions = OPTIONS) -> list[str]:
    told: list[FollowedMenu] = []
    problems = asyncio.run(
        fetch_and_store_news(
            following.all(), following, lambda _: options, lambda: NOW + 0.5, looked=told.append
        )
    )
    sentences = {each.title: str(problem) for each, problem in problems}
    return sorted(f"{each.title}: {sentences.get(each.title, 'well')}" for each in told)


def test_the_entries_of_a_menu_and_of_a_text(serve):
    server = serve(menu(item("i", "hello"), item("0", "caf\u00e9", "/a")))
    assert fetched(server.url("/1/phlog")) == [Entry(server.url("/0/a"), "caf\u00e9")]
    assert fetched(server.url("/1/phlog"), "latin-1")[0].title == "caf\u00c3\u00a9"
    text = serve(b"..\r\n2026-11-20 One\r\n2026-11-19 Two\r\n.\r\n")
    assert [each.title for each in fetched(text.url("/0/log"))] == [
        "2026-11-20 One",
        "2026-11-19 Two",
    ]


@pytest.mark.parametrize("ending", [b"", b".\r\n"])
def test_a_text_without_dates_is_the_same_one_as_in_the_browser(serve, ending):
    """There its terminator and its stuffed dots are off already, when somebody follows it."""
    server = serve(b"A diary\r\n..dots\r\n" + ending)
    shown = b"A diary\r\n.dots\r\n" if ending else b"A diary\r\n..dots\r\n"
    url = GopherURL.parse(server.url("/0/diary"))
    assert fetched(str(url)) == text_entries(url, shown, utc_day(NOW))


def test_a_menu_that_ends_with_a_dot_need_not_be_closed(serve):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(menu(item("0", "A", "/a")))
        connection.recv(1)

    assert len(fetched(serve(script).url())) == 1


@pytest.mark.parametrize("answer", [item("0", "x", "/x") * 20_001, b"0" * 5_000_000])
def test_a_menu_without_end_is_a_failure(serve, answer):
    with pytest.raises(TooBig):
        fetched(serve(answer).url())


def test_a_text_without_end_is_a_failure(serve):
    with pytest.raises(TooBig):
        fetched(serve(b"\n" * 20_002).url("/0/x"))


def test_each_is_looked_at_a_few_at_a_time(serve, tmp_path):
    begun = threading.Semaphore(0)
    together = threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        begun.release()
        assert together.wait(PATIENCE)
        connection.sendall(item("0", request.decode().strip(), request.decode().strip()))

    def wait_for_a_few() -> None:
        for _ in range(AT_ONCE):
            assert begun.acquire(timeout=PATIENCE)
        together.set()

    server = serve(script)
    following = FollowedStore(tmp_path)
    for number in range(10):
        following.follow(GopherURL.parse(server.url(f"/1/{number}")), str(number), [], NOW)
    thread = threading.Thread(target=wait_for_a_few)
    thread.start()
    assert looked(following) == [f"{number}: well" for number in range(10)]
    join(thread)
    assert server.most_open == AT_ONCE
    assert [each.news.new for each in following.all()] == [1] * 10


def test_one_that_fails_is_told_and_kept_and_the_others_go_on(serve, tmp_path):
    good, bad = serve(item("0", "A", "/a")), serve(b"3not today\t\terr\t1\r\n")
    following = FollowedStore(tmp_path)
    for title, server in (("bad", bad), ("good", good)):
        following.follow(GopherURL.parse(server.url()), title, [], NOW)
    assert looked(following) == ["bad: the server answers with an error: not today", "good: well"]
    assert [each.news.failed for each in following.all()] == [
        "the server answers with an error: not today",
        "",
    ]


def test_what_is_read_while_a_menu_is_fetched_stays_read(serve, tmp_path):
    """Another browser marks it in the middle of the answer."""
    following = FollowedStore(tmp_path)
    entries = [item("0", "A", "/a")]

    def script(connection: socket.socket, _: bytes) -> None:
        following.mark_entries()
        connection.sendall(menu(*entries))

    following.follow(GopherURL.parse(serve(script).url()), "phlog", [], NOW)
    looked(following)
    assert [each.news.new for each in following.all()] == [1]
    entries.append(item("0", "B", "/b"))
    looked(following)
    (each,) = following.all()
    assert {one.title: one.read for one in each.news.items} == {"A": True, "B": False}


def test_what_cannot_be_kept_is_told(serve, tmp_path):
    following = FollowedStore(tmp_path)
    following.follow(GopherURL.parse(serve(b"").url()), "A", [], NOW)
    before = following.all()
    (tmp_path / "gopher-followed").unlink()
    (tmp_path / "gopher-followed").mkdir()
    ((_, problem),) = asyncio.run(
        fetch_and_store_news(before, following, lambda _: OPTIONS, lambda: NOW)
    )
    assert "the list of followed menus cannot be read" in str(problem)
