"""What a mirror leaves on disk is right at any end, and lies where it should."""

import errno
import socket
import threading

import pytest

from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.fetch.transfers import SocketTransfer, Transfers
from logsrv.gopher.mirror import sinks
from logsrv.gopher.mirror.paths import LinkInTheWay
from logsrv.gopher.mirror.sinks import FileSink
from logsrv.gopher.wire.errors import ServerError
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.mirror.site import NOT_THERE, SITE, Site, crawl, files


def test_a_menu_that_a_limit_overtook_is_there(serve, tmp_path):
    lines = b"".join(b"0x\t/%d\t@\r\n" % number for number in range(500))
    site = Site(serve, {b"": lines + b".\r\n"})
    # Its last byte is the one too many, so it is whole by then, however it comes.
    most = len(site.answers[b""].replace(b"@", b"127.0.0.1\t%d" % site.server.port)) - 1
    done = crawl(site, tmp_path, max_bytes=most, ignore_robots=True)
    assert done.tally.stopped == f"--max-bytes {most}"
    assert (tmp_path / "gophermap").read_bytes().count(b"\n") == 500


def test_a_second_run_that_is_stopped_at_once_leaves_the_menus_as_they_were(serve, tmp_path):
    site = Site(serve, {**SITE, b"/a": NOT_THERE})
    crawl(site, tmp_path)
    before = files(tmp_path)

    def stop() -> None:
        raise KeyboardInterrupt

    # It goes no further than to the menu it begins with.
    with pytest.raises(KeyboardInterrupt):
        crawl(site, tmp_path, show=stop)
    assert files(tmp_path) == before


def test_what_is_not_there_is_where_it_was_found(serve, tmp_path):
    site = Site(serve, SITE)
    # So it comes after the menu that shows it, too.
    site.failing[b"/a"] = 1
    crawl(site, tmp_path, depth=1)
    page = (tmp_path / "sub/index.html").read_text()
    assert f'<a href="gopher://127.0.0.1:{site.server.port}/9/sub/b"' in page
    assert '<a href="./../a"' in page, "and what is there by another way leads to the copy"


def test_up_leads_to_a_menu_that_is_written_later(serve, tmp_path):
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
    crawl(site, tmp_path)
    assert '<a href="./../index.html">Up</a>' in below.read_text()


def test_a_full_disk_leaves_nothing_of_what_came_at_the_same_time(serve, tmp_path, monkeypatch):
    """A large file that is whole, and would have been stored behind the one that failed."""
    menu = b"9Small\t/small\t@\r\n9Big\t/big\t@\r\n.\r\n"
    site = Site(serve, {b"": menu, b"/small": b"small", b"/big": bytes(1_000_000)})
    came: list[SocketTransfer] = []
    wait = Transfers.run_round

    def together(transfers: Transfers, seconds: float) -> list[SocketTransfer]:
        others: list[SocketTransfer] = []
        for each in wait(transfers, seconds):
            (came if isinstance(each.sink, FileSink) else others).append(each)
        both = sorted(came, key=lambda each: each.reader.received) if len(came) == 2 else []
        return others + both

    def full(path: str, content: bytes) -> None:
        assert list(tmp_path.glob(".*.part"))
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(Transfers, "run_round", together)
    monkeypatch.setattr(sinks, "create_or_replace", full)
    with pytest.raises(OSError, match="No space"):
        crawl(site, tmp_path)
    assert not list(tmp_path.glob(".*.part"))


def test_a_disk_that_is_full_in_the_middle_of_a_file_names_it(serve, tmp_path, monkeypatch):
    site = Site(serve, {b"": b"9Big\t/big\t@\r\n", b"/big": bytes(1_000_000)})

    def full(sink: FileSink, data: bytes) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSink, "feed", full)
    with pytest.raises(OSError, match="No space") as found:
        crawl(site, tmp_path)
    assert found.value.filename == str(tmp_path / "big")


def test_a_link_that_is_put_there_meanwhile_is_not_written_through(serve, tmp_path):
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
    answers = {
        b"": b"1Sub\t/sub\t@\n.\n",
        b"/sub": menu,
        b"/sub/c": bytes(1_000_000),
        b"/sub/d": b"d",
    }
    done = crawl(Moving(serve, answers), tmp_path / "mirror", connections=1, update=True)
    failed = {url.selector: type(error) for url, error in done.tally.failed.items()}
    assert failed == {b"/sub/b": ServerError, b"/sub/c": LinkInTheWay, b"/sub/d": LinkInTheWay}
    # The menu was written when it came, and not once more behind the link.
    assert sorted(path.name for path in outside.iterdir()) == ["gophermap", "index.html"]
    assert b"127.0.0.1" in (outside / "gophermap").read_bytes()


def test_a_menu_whose_items_take_long_is_there_before_them(serve, tmp_path):
    shown = threading.Event()
    seen: list[bytes] = []

    def look() -> None:
        if not shown.is_set() and (tmp_path / "index.html").exists():
            seen.append((tmp_path / "gophermap").read_bytes())
            shown.set()

    def slow(connection: socket.socket, request: bytes) -> None:
        if request == b"/a\r\n":
            assert shown.wait(PATIENCE)
        connection.sendall(b"0A\t/a\t\r\n" if request == b"\r\n" else b"text")

    site = Site(serve, {})
    site.server = serve(slow)
    crawl(site, tmp_path, update=True, show=look)
    assert seen == [b"0A\t/a\t127.0.0.1\t%d\n" % site.server.port]
    assert (tmp_path / "gophermap").read_bytes() == b"0A\t/a\n"


def test_nobody_waits_once_all_is_there(serve, tmp_path, monkeypatch):
    wait = Transfers.run_round

    def watched(transfers: Transfers, seconds: float) -> list[SocketTransfer]:
        assert transfers.active or not seconds
        return wait(transfers, seconds)

    monkeypatch.setattr(Transfers, "run_round", watched)
    assert crawl(Site(serve, SITE), tmp_path).tally.fetched == 4


def test_parts_of_a_run_that_was_killed_are_removed(serve, tmp_path):
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / ".big.bin.0123456789ab.part").touch()
    crawl(Site(serve, SITE), tmp_path)
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.parametrize(("before", "after"), [(b"0", b"1"), (b"1", b"0")])
def test_what_lies_where_a_directory_or_file_belongs_fails_alone(serve, tmp_path, before, after):
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
    (tmp_path / MIRROR_JOURNAL).unlink()
    site.answers[b""] = after + b"A\t/a\t@\r\n0C\t/c\t@\r\n.\r\n"
    done = crawl(site, tmp_path, update=True)
    assert [url.selector for url in done.tally.failed] == [b"/a/b" if after == b"1" else b"/a"]
    assert files(tmp_path)["c"] == b"c"
