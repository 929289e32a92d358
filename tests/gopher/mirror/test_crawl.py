"""A mirror fetches everything once, goes on where it was stopped, and ends."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from logsrv.gopher.fetch.nearby import Nearby
from logsrv.gopher.fetch.settings import ConnectionOptions, Timeouts
from logsrv.gopher.fetch.transfers import Finished
from logsrv.gopher.mirror import sinks
from logsrv.gopher.mirror.crawl import Crawl
from logsrv.gopher.mirror.folders import Folders, LinkInTheWay
from logsrv.gopher.mirror.journal import FILE, Journal
from logsrv.gopher.mirror.menus import MenuFiles
from logsrv.gopher.mirror.scope import Scope
from logsrv.gopher.mirror.tally import Manners
from logsrv.gopher.wire.errors import Refused, ServerError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted, reset

Answers = dict[bytes, bytes]
NOT_THERE = b"3not there\t\terror.host\t1\r\n.\r\n"


class Site:
    """A server with `answers` by selector; `@` in them stands for its host and port."""

    def __init__(self, serve: Serve, answers: Answers) -> None:
        self.answers = answers
        self.server: Scripted = serve(self._answer)
        self.failing: Counter[bytes] = Counter()
        self.starts: list[float] = []
        self._lock = threading.Lock()

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        selector = request.rstrip(b"\r\n")
        if selector not in (b"caps.txt", b"robots.txt", b"/robots.txt"):
            self.starts.append(time.monotonic())
        with self._lock:
            failing = self.failing[selector] > 0
            self.failing[selector] -= 1
        if failing:
            reset(connection)
            return
        place = b"127.0.0.1\t%d" % self.server.port
        connection.sendall(self.answers.get(selector, NOT_THERE).replace(b"@", place))

    @property
    def asked(self) -> Counter[bytes]:
        found = Counter(request.rstrip(b"\r\n") for request in self.server.requests)
        for rules in (b"caps.txt", b"robots.txt", b"/robots.txt"):
            found.pop(rules, None)
        return found


def crawl(site: Site, directory: Path, path: str = "/", **manners: Any) -> Crawl:
    """Run a mirror to its end."""
    root = GopherURL.parse(site.server.url(path))
    options = ConnectionOptions(Timeouts(5, 5, 5))
    fetcher = Nearby(options, time.monotonic)
    journal = Journal(directory, root, "host")
    depth = manners.pop("depth", None)
    update = manners.pop("update", False)
    with_menus = manners.pop("files", update)
    show = manners.pop("show", lambda: None)
    try:
        found = Crawl(
            root,
            directory,
            Scope(root, "host", depth),
            journal,
            fetcher,
            Manners(**manners),
            time.monotonic,
            files=MenuFiles(Folders(directory), root, None) if with_menus else None,
            update=update,
        )
        found.run(show)
        return found
    finally:
        journal.close()
        fetcher.close()


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("[!.]*")
        if path.is_file()
    }


SITE: Answers = {
    b"": b"0A\t/a\t@\r\n1Sub\t/sub\t@\r\n1Again\t/sub\t@\r\n0Sub as text\t/sub\t@\r\n1Top\t/\t@\r\n.\r\n",
    b"/sub": b"9B\t/sub/b\t@\r\n1Up\t\t@\r\n0A\t/a\t@\r\n7Search\t/find\t@\r\n",
    b"/a": b"text a\r\n.\r\n",
    b"/sub/b": b"\0\1\2",
}


def test_everything_is_fetched_once_although_menus_lead_in_circles(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, SITE)
    done = crawl(site, tmp_path)
    assert site.asked == {b"": 1, b"/a": 1, b"/sub": 1, b"/sub/b": 1}
    assert files(tmp_path) == {"a": b"text a\r\n", "sub/b": b"\0\1\2"}
    assert (done.tally.fetched, done.tally.kept, done.tally.failed) == (4, 0, {})


def test_a_second_run_asks_for_nothing_that_is_there(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, SITE)
    crawl(site, tmp_path)
    site.server.requests.clear()
    done = crawl(site, tmp_path)
    assert site.asked == {}
    assert (done.tally.fetched, done.tally.kept) == (0, 4)
    (tmp_path / "a").write_bytes(b"half")
    done = crawl(site, tmp_path)
    assert site.asked == {b"/a": 1}, "a file of another size is not finished"


def test_what_failed_is_tried_again_by_the_next_run(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, {**SITE, b"/a": NOT_THERE})
    done = crawl(site, tmp_path)
    ((url, error),) = done.tally.failed.items()
    assert (url.selector, type(error)) == (b"/a", ServerError)
    assert site.asked[b"/a"] == 1, "an error of the server stays one"
    site.answers[b"/a"] = b"now"
    done = crawl(site, tmp_path)
    assert (done.tally.fetched, done.tally.kept, done.tally.failed) == (1, 3, {})


def test_resets_are_tried_again_after_a_pause(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, SITE)
    site.failing = Counter({b"/a": 2, b"/sub/b": 1})
    done = crawl(site, tmp_path)
    assert done.tally.failed == {}
    assert (site.asked[b"/a"], site.asked[b"/sub/b"]) == (3, 2)
    assert files(tmp_path) == {"a": b"text a\r\n", "sub/b": b"\0\1\2"}


def test_a_root_that_cannot_be_had_is_the_error_of_the_whole(serve: Serve, tmp_path: Path) -> None:
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


def test_limits_end_a_server_without_end(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, endless(1000))
    done = crawl(site, tmp_path / "depth", "/1/0", depth=3)
    assert done.tally.fetched + len(done.tally.failed) == 7
    done = crawl(site, tmp_path / "items", "/1/0", items=20)
    assert done.tally.stopped == "--max-items 20"
    assert done.tally.fetched + len(done.tally.failed) == 20
    big = Site(serve, {b"": b"9Big\t/big\t@\r\n0A\t/a\t@\r\n", b"/big": b"x" * 500_000})
    done = crawl(big, tmp_path / "bytes", bytes=100_000)
    assert done.tally.stopped == "--max-bytes 100000"
    assert files(tmp_path / "bytes").get("big") in (None, b"x" * 500_000)
    done = crawl(big, tmp_path / "item", item_bytes=1000)
    # `/a` is not there; which of the two fails first is left to the network.
    assert any("larger than the limit" in str(error) for error in done.tally.failed.values())


@pytest.fixture(autouse=True)
def directories(tmp_path: Path) -> None:
    for name in ("depth", "items", "bytes", "item"):
        (tmp_path / name).mkdir()


MANY: Answers = {b"": b"".join(b"0x\t/%d\t@\r\n" % n for n in range(30))}
MANY |= {b"/%d" % n: b"x" for n in range(30)}


def test_no_more_connections_than_allowed(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, MANY)
    assert crawl(site, tmp_path, connections=2).tally.fetched == 31
    # The three files of rules are asked for with the first item.
    assert site.server.most_open <= 5


def test_the_delay_that_a_server_asks_for_is_kept(serve: Serve, tmp_path: Path) -> None:
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


def test_the_delay_of_the_user_is_kept(serve: Serve, tmp_path: Path) -> None:
    few = {b"": b"0x\t/0\t@\r\n0x\t/1\t@\r\n", b"/0": b"x", b"/1": b"x"}
    site = Site(serve, few)
    began = time.monotonic()
    crawl(site, tmp_path, delay=0.1)
    # When a request arrives says little on a busy machine; that none is earlier than it may be, does.
    assert [start - began >= 0.1 * number for number, start in enumerate(site.starts)] == [True] * 3


def test_the_delimiter_of_caps_parts_the_selectors(serve: Serve, tmp_path: Path) -> None:
    caps = b"CAPS\r\nCapsVersion=1\r\nPathDelimeter=:\r\n"
    site = Site(serve, {b"caps.txt": caps, b"": b"0x\t:a:b\t@\r\n", b":a:b": b"x"})
    crawl(site, tmp_path)
    assert files(tmp_path) == {"a/b": b"x"}


@pytest.mark.parametrize("update", [True, False])
def test_the_delimiter_holds_for_what_is_there_already(
    serve: Serve, tmp_path: Path, update: bool
) -> None:
    caps = b"CAPS\r\nCapsVersion=1\r\nPathDelimeter=:\r\n"
    one = b"0One\t:a:one\t@\r\n"
    site = Site(serve, {b"caps.txt": caps, b"": one + b"0Two\t:a:two\t@\r\n", b":a:one": b"1"})
    assert len(crawl(site, tmp_path).tally.failed) == 1
    site.answers[b":a:two"] = b"2"
    crawl(site, tmp_path, update=update)
    assert items(tmp_path) == {"a/one": b"1", "a/two": b"2"}


def test_a_menu_that_a_limit_overtook_is_there(serve: Serve, tmp_path: Path) -> None:
    lines = b"".join(b"0x\t/%d\t@\r\n" % number for number in range(500))
    site = Site(serve, {b"caps.txt": b"", b"": lines + b".\r\n"})
    # Its last byte is the one too many, so it is whole by then, however it comes.
    most = len(site.answers[b""].replace(b"@", b"127.0.0.1\t%d" % site.server.port)) - 1
    done = crawl(site, tmp_path, bytes=most, ignore_robots=True, files=True)
    assert done.tally.stopped == f"--max-bytes {most}"
    assert (tmp_path / "gophermap").read_bytes().count(b"\n") == 500


def test_a_second_run_that_is_stopped_at_once_leaves_the_menus_as_they_were(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, {**SITE, b"/a": NOT_THERE})
    crawl(site, tmp_path, files=True)
    before = files(tmp_path)

    def stop() -> None:
        raise KeyboardInterrupt

    # It goes no further than to the menu it begins with.
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, files=True, show=stop)
    assert files(tmp_path) == before


def test_up_leads_to_a_menu_that_is_written_later(serve: Serve, tmp_path: Path) -> None:
    """The menu above waits for the rest of its items."""
    below = tmp_path / "a/b/index.html"
    site = Site(serve, {})

    def answer(connection: socket.socket, request: bytes) -> None:
        if request == b"/a/slow\r\n":
            wait_until(below.exists, "the menu below")
        connection.sendall(
            {
                b"\r\n": b"1A\t/a\t\r\n",
                b"/a\r\n": b"1B\t/a/b\t\r\n0Slow\t/a/slow\t\r\n",
                b"/a/b\r\n": b"iNothing else\t\t\t\r\n",
            }.get(request, b"text")
        )

    site.server = serve(answer)
    crawl(site, tmp_path, files=True)
    assert '<a href="./../index.html">Up</a>' in below.read_text()


def test_a_full_disk_ends_it_with_its_error(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(serve, SITE)

    def full(path: str, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(sinks, "write_new", full)
    with pytest.raises(OSError, match="No space"):
        crawl(site, tmp_path)


def test_a_mirror_of_one_file(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, SITE)
    assert crawl(site, tmp_path, "/0/a").tally.fetched == 1
    assert files(tmp_path) == {"a": b"text a\r\n"}


def items(directory: Path) -> dict[str, bytes]:
    """The files of a mirror without its menus."""
    return {
        name: content
        for name, content in files(directory).items()
        if not name.endswith(("gophermap", "index.html"))
    }


TWO: Answers = {
    b"": b"0A\t/a\t@\r\n1Sub\t/sub\t@\r\n1Other\t/other\t@\r\n",
    b"/sub": b"9B\t/sub/b\t@\r\n9C\t/sub/c\t@\r\n",
    b"/other": b"0D\t/other/d\t@\r\n",
    b"/a": b"a",
    b"/sub/b": b"b",
    b"/sub/c": b"c" * 300_000,
    b"/other/d": b"d",
}


def test_an_update_writes_what_has_changed_and_drops_what_is_gone(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    kept = (tmp_path / "sub/c").stat()
    site.answers = {
        **TWO,
        b"": b"0New\t/new\t@\r\n1Sub\t/sub\t@\r\n",
        b"/sub/b": b"another",
        b"/new": b"new",
    }
    tally = crawl(site, tmp_path, update=True).tally
    assert (tally.fetched, tally.changed, tally.same, tally.gone) == (5, 2, 2, 3)
    assert items(tmp_path) == {"new": b"new", "sub/b": b"another", "sub/c": b"c" * 300_000}
    assert (tmp_path / "sub/c").stat().st_mtime_ns == kept.st_mtime_ns
    assert not (tmp_path / "other").exists()
    size = (tmp_path / FILE).stat().st_size
    again = crawl(site, tmp_path, update=True).tally
    assert (again.fetched, again.changed, again.same, again.gone) == (5, 0, 5, 0)
    assert (tmp_path / FILE).stat().st_size == size
    site.server.requests.clear()
    assert crawl(site, tmp_path).tally.kept == 5
    assert site.asked == {}


def test_an_update_asks_for_menus_first(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path, connections=1)
    site.server.requests.clear()
    crawl(site, tmp_path, connections=1, update=True)
    assert {*list(site.asked)[:3]} == {b"", b"/sub", b"/other"}


@pytest.mark.parametrize("update", [True, False])
def test_an_update_that_was_stopped_goes_on(serve: Serve, tmp_path: Path, update: bool) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    site.answers = {**TWO, b"": TWO[b""].replace(b"0A\t/a\t@\r\n", b""), b"/sub/b": b"another"}
    site.server.requests.clear()
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, update=True, connections=1, show=lambda: stop_after(site, 4))
    assert (tmp_path / "a").exists(), "nothing is dropped before all has been asked for"
    crawl(site, tmp_path, update=update)
    assert items(tmp_path) == {"sub/b": b"another", "sub/c": b"c" * 300_000, "other/d": b"d"}
    asked = [site.asked[menu] for menu in (b"", b"/sub", b"/other")]
    assert asked == [1, 1, 1], "what was asked for is not asked for again"


def stop_after(site: Site, requests: int) -> None:
    if site.asked.total() >= requests:
        raise KeyboardInterrupt


def test_an_update_keeps_what_a_menu_leads_to_that_cannot_be_had_now(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    before = items(tmp_path)
    site.failing = Counter({b"/sub": 100, b"/a": 100})
    done = crawl(site, tmp_path, update=True)
    assert {url.selector for url in done.tally.failed} == {b"/sub", b"/a"}
    assert (items(tmp_path), done.tally.gone) == (before, 0)
    assert crawl(site, tmp_path).tally.kept == 7, "and it is known to the next run"


def test_an_update_drops_what_the_server_says_is_not_there(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    site.answers = {**TWO, b"/a": NOT_THERE}
    assert crawl(site, tmp_path, update=True).tally.gone == 1
    assert not (tmp_path / "a").exists()


def test_an_update_of_a_server_that_lost_its_way_drops_nothing(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, TWO)
    crawl(site, tmp_path)
    before = items(tmp_path)
    site.answers = {}
    with pytest.raises(ServerError):
        crawl(site, tmp_path, update=True)
    assert items(tmp_path) == before
    site.answers = TWO
    crawl(site, tmp_path, update=True, items=2)
    assert items(tmp_path) == before, "nor does one that a limit has stopped"


def test_an_item_that_becomes_a_menu(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, {b"": b"0A\t/a\t@\r\n", b"/a": b"text"})
    crawl(site, tmp_path)
    site.answers = {b"": b"1A\t/a\t@\r\n", b"/a": b"0B\t/a/b\t@\r\n", b"/a/b": b"b"}
    for _ in range(2):
        crawl(site, tmp_path, update=True)
    assert list(items(tmp_path).values()) == [b"b"]


def test_menus_with_and_without_a_slash_are_one(serve: Serve, tmp_path: Path) -> None:
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
    assert files(tmp_path) == {"t": b"text", "t~2/in": b"in"}


def test_a_link_in_the_directory_is_not_written_through(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, SITE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "sub").symlink_to("../elsewhere")
    done = crawl(site, tmp_path / "mirror")
    ((url, error),) = done.tally.failed.items()
    assert (url.selector, type(error)) == (b"/sub/b", LinkInTheWay)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "mirror" / "a").exists()


def test_a_link_that_is_put_there_meanwhile_is_not_written_through(
    serve: Serve, tmp_path: Path
) -> None:
    """Neither are files nor menus; what was asked for already fails."""
    inside, outside = tmp_path / "mirror" / "sub", tmp_path / "elsewhere"
    inside.mkdir(parents=True)

    class Moving(Site):
        def _answer(self, connection: socket.socket, request: bytes) -> None:
            if request == b"/sub/c\r\n":
                inside.rename(outside)
                inside.symlink_to(outside)
            super()._answer(connection, request)

    menu = b"0B\t/sub/b\t@\n0C\t/sub/c\t@\n0D\t/sub/d\t@\n.\n"
    answers = {b"": b"1Sub\t/sub\t@\n.\n", b"/sub": menu, b"/sub/c": b"c", b"/sub/d": b"d"}
    done = crawl(Moving(serve, answers), tmp_path / "mirror", connections=1, update=True)
    failed = {url.selector: type(error) for url, error in done.tally.failed.items()}
    assert failed == {b"/sub/b": ServerError, b"/sub/c": LinkInTheWay, b"/sub/d": LinkInTheWay}
    assert list(outside.iterdir()) == []


def test_a_menu_whose_items_take_long_is_there_before_them(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logsrv.gopher.mirror.menus.LATE", 0)
    shown = threading.Event()
    seen: list[bytes] = []

    def look() -> None:
        if not shown.is_set() and (tmp_path / "index.html").exists():
            seen.append((tmp_path / "gophermap").read_bytes())
            shown.set()

    def slow(connection: socket.socket, request: bytes) -> None:
        if request == b"/a\r\n":
            assert shown.wait(20)
        connection.sendall(b"0A\t/a\t\r\n" if request == b"\r\n" else b"text")

    site = Site(serve, {})
    site.server = serve(slow)
    crawl(site, tmp_path, update=True, show=look)
    assert seen == [b"0A\t/a\t127.0.0.1\t%d\n" % site.server.port]
    assert (tmp_path / "gophermap").read_bytes() == b"0A\t/a\n"


def test_nobody_waits_once_all_is_there(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = Nearby.wait

    def watched(transfers: Nearby, seconds: float) -> list[Finished]:
        assert transfers.active or not seconds
        return wait(transfers, seconds)

    monkeypatch.setattr(Nearby, "wait", watched)
    assert crawl(Site(serve, SITE), tmp_path).tally.fetched == 4


def test_parts_of_a_run_that_was_killed_are_removed(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "depth" / ".big.bin.0123456789ab.part").touch()
    crawl(Site(serve, SITE), tmp_path)
    assert not list(tmp_path.rglob(".*.part"))


def test_a_long_chain_of_menus_is_taken_up_again(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, endless(1500))
    journal = Journal(tmp_path, GopherURL.parse(site.server.url("/1/0")), "host")
    for number in range(1500):
        url = GopherURL.parse(site.server.url(f"/1/{number}"))
        line = b"1Deeper\t/%d\t127.0.0.1\t%d\r\n" % (number + 1, site.server.port)
        journal.add_menu(url, (str(number),), line)
    journal.close()
    assert crawl(site, tmp_path, "/1/0").tally.kept == 1500


@pytest.mark.parametrize(("before", "after"), [(b"0", b"1"), (b"1", b"0")])
def test_what_lies_where_a_directory_or_file_belongs_fails_alone(
    serve: Serve, tmp_path: Path, before: bytes, after: bytes
) -> None:
    """A server makes a menu of a text, and the user begins anew: all else is copied."""
    below = b"0Below\t/a/b\t@\r\n.\r\n"
    answers = {
        b"": before + b"A\t/a\t@\r\n0C\t/c\t@\r\n.\r\n",
        b"/a": below,
        b"/a/b": b"b",
        b"/c": b"c",
    }
    site = Site(serve, answers)
    crawl(site, tmp_path)
    (tmp_path / FILE).unlink()
    site.answers[b""] = after + b"A\t/a\t@\r\n0C\t/c\t@\r\n.\r\n"
    done = crawl(site, tmp_path, update=True)
    assert [url.selector for url in done.tally.failed] == [b"/a/b" if after == b"1" else b"/a"]
    assert files(tmp_path)["c"] == b"c"
