"""A mirror fetches everything once, goes on where it was stopped, and ends."""

import socket
import time
from collections import Counter
from typing import Any

import pytest

from logsrv.gopher.fetch.transfers import SocketTransfer, Transfers
from logsrv.gopher.mirror.journal import MirrorJournal
from logsrv.gopher.wire.errors import Refused, ServerError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from tests.gopher.mirror.site import NOT_THERE, SITE, Answers, Site, crawl, files, items


def test_everything_is_fetched_once_although_menus_lead_in_circles(serve, tmp_path):
    site = Site(serve, SITE)
    done = crawl(site, tmp_path)
    assert site.asked == {b"": 1, b"/a": 1, b"/sub": 1, b"/sub/b": 1}
    assert items(tmp_path) == {"a": b"text a\r\n", "sub/b": b"\0\1\2"}
    assert (done.tally.fetched, done.tally.kept, done.tally.failed) == (4, 0, {})


def test_links_that_are_not_copied_keep_their_server(serve, tmp_path):
    """A line without a host means the server of its menu, which the mirror's is not."""
    menu = b"0A\t/a\t@\r\n7Find\t/find\r\n1Far\t/far\tfar.example\t7070\r\n1Wrong\t/w\t\tport\r\n"
    site = Site(serve, {b"": menu, b"/a": b"text a"})
    crawl(site, tmp_path)
    assert (tmp_path / "gophermap").read_bytes().splitlines() == [
        b"0A\t/a",
        b"7Find\t/find\t127.0.0.1\t%d" % site.server.port,
        b"1Far\t/far\tfar.example\t7070",
        b"iWrong\t\terror.host\t1",
    ]


def test_a_second_run_asks_for_nothing_that_is_there(serve, tmp_path):
    site = Site(serve, SITE)
    crawl(site, tmp_path)
    site.server.requests.clear()
    done = crawl(site, tmp_path)
    assert site.asked == {}
    assert (done.tally.fetched, done.tally.kept) == (0, 4)
    (tmp_path / "a").write_bytes(b"half")
    done = crawl(site, tmp_path)
    assert site.asked == {b"/a": 1}, "a file of another size is not finished"


def test_a_copy_stays_what_it_is_when_another_menu_comes_first(serve, tmp_path):
    answers = {
        b"": b"1B\t/b\t@\r\n1A\t/a\t@\r\n",
        b"/a": b"0X\t/x\t@\r\n",
        b"/b": b"1X\t/x\t@\r\n",
        b"/x": b"0Y\t/y\t@\r\n",
        b"/y": b"y",
    }

    class Waiting(Site):
        """Its second menu comes when what the first one lists was asked for."""

        def _answer(self, connection: socket.socket, request: bytes) -> None:
            if request == b"/b\r\n":
                wait_until(lambda: b"/x\r\n" in self.server.requests, "the first menu")
            super()._answer(connection, request)

    site = Waiting(serve, answers)
    crawl(site, tmp_path)
    before = files(tmp_path)
    site.server.requests.clear()
    assert crawl(site, tmp_path).tally.kept == 4
    assert site.asked == {}
    assert files(tmp_path) == before


def test_what_failed_is_tried_again_by_the_next_run(serve, tmp_path):
    site = Site(serve, {**SITE, b"/a": NOT_THERE})
    done = crawl(site, tmp_path)
    ((url, error),) = done.tally.failed.items()
    assert (url.selector, type(error)) == (b"/a", ServerError)
    assert site.asked[b"/a"] == 1, "an error of the server stays one"
    site.answers[b"/a"] = b"now"
    done = crawl(site, tmp_path)
    assert (done.tally.fetched, done.tally.kept, done.tally.failed) == (1, 3, {})


def test_resets_are_tried_again_after_a_pause(serve, tmp_path):
    site = Site(serve, SITE)
    site.failing = Counter({b"/a": 2, b"/sub/b": 1})
    done = crawl(site, tmp_path)
    assert done.tally.failed == {}
    assert (site.asked[b"/a"], site.asked[b"/sub/b"]) == (3, 2)
    assert items(tmp_path) == {"a": b"text a\r\n", "sub/b": b"\0\1\2"}


def test_a_root_that_cannot_be_had_is_the_error_of_the_whole(serve, tmp_path):
    site = Site(serve, {})
    with pytest.raises(ServerError):
        crawl(site, tmp_path)
    site.server.close()
    with pytest.raises(Refused):
        crawl(site, tmp_path)
    assert files(tmp_path) == {}


def endless(depth: int) -> Answers:
    return {
        b"/%d" % n: b"1Deeper\t/%d\t@\r\n0Leaf\t/leaf%d\t@\r\n" % (n + 1, n) for n in range(depth)
    }


def test_limits_end_a_server_without_end(serve, tmp_path):
    site = Site(serve, endless(1000))
    done = crawl(site, tmp_path / "depth", "/1/0", depth=3)
    assert done.tally.fetched + len(done.tally.failed) == 7
    done = crawl(site, tmp_path / "items", "/1/0", max_items=20)
    assert done.tally.stopped == "--max-items 20"
    assert done.tally.fetched + len(done.tally.failed) == 20
    big = Site(serve, {b"": b"9Big\t/big\t@\r\n0A\t/a\t@\r\n", b"/big": b"x" * 500_000})
    done = crawl(big, tmp_path / "bytes", max_bytes=100_000)
    assert done.tally.stopped == "--max-bytes 100000"
    assert files(tmp_path / "bytes").get("big") in (None, b"x" * 500_000)
    done = crawl(big, tmp_path / "item", max_size=1000)
    # `/a` is not there; which of the two fails first is left to the network.
    assert any("larger than the limit" in str(error) for error in done.tally.failed.values())


MANY: Answers = {b"": b"".join(b"0x\t/%d\t@\r\n" % n for n in range(30))}
MANY |= {b"/%d" % n: b"x" for n in range(30)}


def test_no_more_connections_than_allowed(serve, tmp_path):
    site = Site(serve, MANY)
    assert crawl(site, tmp_path, connections=2).tally.fetched == 31
    # The two files of rules are asked for with the first item.
    assert site.server.most_open <= 4


def test_another_try_has_no_connection_beside_the_others(serve, tmp_path, monkeypatch):
    running: list[int] = []
    start = Transfers.start

    def counted(transfers: Transfers, *args: Any, **how: Any) -> SocketTransfer:
        running.append(transfers.active)
        return start(transfers, *args, **how)

    monkeypatch.setattr(Transfers, "start", counted)
    site = Site(serve, MANY)
    site.failing = Counter({b"/0": 1, b"/1": 1, b"/2": 2})
    assert crawl(site, tmp_path, connections=2, ignore_robots=True).tally.fetched == 31
    assert len(running) == 35 and max(running) == 1


def test_the_delay_that_a_server_asks_for_is_kept(serve, tmp_path):
    few = {key: MANY[key] for key in (b"/0", b"/1", b"/2")}
    few[b""] = b"".join(b"0x\t/%d\t@\r\n" % n for n in range(3))
    robots = b"User-agent: *\nCrawl-delay: 0.1\nDisallow: /2\n"
    site = Site(serve, {**few, b"/robots.txt": robots})
    done = crawl(site, tmp_path)
    assert site.asked == {b"": 1, b"/0": 1, b"/1": 1}
    # Whoever asks for the second item has the answer to the first request.
    assert site.starts[2] - site.starts[0] >= 0.1
    assert done.tally.fetched == 3
    other = Site(serve, {**few, b"robots.txt": robots})
    crawl(other, tmp_path / "depth", ignore_robots=True)
    assert other.asked[b"/2"] == 1


def test_the_delay_of_the_user_is_kept(serve, tmp_path):
    few = {b"": b"0x\t/0\t@\r\n0x\t/1\t@\r\n", b"/0": b"x", b"/1": b"x"}
    site = Site(serve, few)
    began = time.monotonic()
    crawl(site, tmp_path, delay=0.1)
    # When a request arrives says little on a busy machine; that none is earlier than it may be, does.
    assert [start - began >= 0.1 * number for number, start in enumerate(site.starts)] == [True] * 3


def test_a_mirror_of_one_file(serve, tmp_path):
    site = Site(serve, SITE)
    assert crawl(site, tmp_path, "/0/a").tally.fetched == 1
    assert items(tmp_path) == {"a": b"text a\r\n"}


def test_menus_with_and_without_a_slash_are_one(serve, tmp_path):
    """But a text and a menu of such names may be two things."""
    site = Site(
        serve,
        {
            b"": b"1M\t/many\t@\r\n1M\t/many/\t@\r\n0T\t/t\t@\r\n1T\t/t/\t@\r\n",
            b"/many": b"1Again\t/many/\t@\r\n",
            b"/t": b"text",
            b"/t/": b"0In\t/t/in\t@\r\n",
            b"/t/in": b"in",
        },
    )
    for _ in range(2):
        assert crawl(site, tmp_path).tally.failed == {}
    assert site.asked == {b"": 1, b"/many": 1, b"/t": 1, b"/t/": 1, b"/t/in": 1}
    assert items(tmp_path) == {"t": b"text", "t~2/in": b"in"}


@pytest.mark.slow
def test_a_long_chain_of_menus_is_taken_up_again(serve, tmp_path):
    site = Site(serve, endless(1500))
    journal = MirrorJournal(tmp_path, GopherURL.parse(site.server.url("/1/0")), "host")
    for number in range(1500):
        url = GopherURL.parse(site.server.url(f"/1/{number}"))
        line = b"1Deeper\t/%d\t127.0.0.1\t%d\r\n" % (number + 1, site.server.port)
        journal.add_menu(url, (str(number),), line)
    journal.close()
    assert crawl(site, tmp_path, "/1/0").tally.kept == 1500
