"""A second process fetches as the first one does."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from logsrv.gopher.fetch.nearby import Nearby
from logsrv.gopher.fetch.settings import ConnectionOptions, Timeouts
from logsrv.gopher.mirror.fetching import Fetching
from logsrv.gopher.mirror.folders import Folders
from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.mirror.work import work
from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.mirror.many import FILES, Site, contents, ended, mirror
from tests.gopher.servers import Scripted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_all_is_as_if_one_had_fetched_it(serve: Serve, tmp_path: Path) -> None:
    large = bytes(range(256)) * 4096
    more = {
        b"/deep/er/a": b"..dot\r\n.\r\n",
        b"/large.bin": large,
        b"/empty": b"",
        "/grün".encode(): b"green",
        b"/gone": b"3not there\t\terror.host\t1\r\n.\r\n",
    }
    site = Site(serve, more)
    site.go.set()
    with mirror(site, tmp_path) as process:
        report = ended(process)
        assert process.returncode == 12, report
    assert f"{FILES + 5} items fetched" in report
    assert f"gopher://127.0.0.1:{site.server.port}/0/gone: the server answers with" in report
    found = contents(tmp_path)
    expected = {str(number): b"text %d\r\n" % number for number in range(FILES)}
    expected |= {"deep/er/a": b".dot\r\n", "large.bin": large, "empty": b"", "grün": b"green"}
    assert found == expected
    assert (tmp_path / "gophermap").read_bytes().count(b"\n") == FILES + 5
    assert max(count for selector, count in site.asked.items() if selector != b"/gone") == 1


def test_a_silent_server_is_waited_for_once(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, waits=16)
    with mirror(site, tmp_path, "--timeout", "1s") as process:
        report = ended(process)
        assert process.returncode == 12, report
    site.go.set()
    assert report.count("sent no answer within 1 seconds") == 16, report
    assert [site.asked[b"/%d" % number] for number in range(100, 116)] == [1] * 16


def test_an_update_leaves_alone_what_is_the_same(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    site.go.set()
    with mirror(site, tmp_path) as process:
        ended(process)
    before = (tmp_path / "7").stat().st_ino
    site.answers[b"/8"] = b"other"
    del site.types[b"/9"]
    with mirror(site, tmp_path, "--update") as process:
        report = ended(process)
        assert process.returncode == 0
    assert f"2 changed, 0 new, {FILES - 2} as before\n" in report
    assert "1 item is listed by no menu any more; --update --delete removes it" in report
    assert (tmp_path / "7").stat().st_ino == before
    assert (tmp_path / "8").read_bytes() == b"other"
    assert (tmp_path / "9").exists()


def test_nothing_is_left_when_there_is_nobody_to_tell(serve: Serve, tmp_path: Path) -> None:
    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(bytes(1_000_000))
        server.hang()

    server: Scripted = serve(half)
    source, jobs = os.pipe()
    results, target = os.pipe()
    os.close(results)
    os.write(jobs, b"1\t0\tgopher://127.0.0.1:%d/9\t/x\tx\n" % server.port)

    def leave() -> None:
        wait_until(lambda: list(tmp_path.glob(".*.part")) != [], "the begin of a file")
        os.close(jobs)

    leaving = threading.Thread(target=leave)
    leaving.start()
    transfers = Nearby(ConnectionOptions(Timeouts(5, 5, 5)), time.monotonic)
    work(Fetching(transfers, Folders(tmp_path), 1, None), source, target)
    leaving.join()
    os.close(source)
    os.close(target)
    assert list(tmp_path.iterdir()) == []


def test_what_came_by_the_end_is_stored_and_told(serve: Serve, tmp_path: Path) -> None:
    server = serve(b"text")
    source, jobs = os.pipe()
    results, target = os.pipe()
    os.write(jobs, b"7\t0\tgopher://127.0.0.1:%d/0\t/x\tx\n" % server.port)

    class UntilTheAnswer(Fetching):
        def wait(self, seconds: float, waiting: int = 0) -> list[Job]:
            ended: list[Job] = []
            while not ended:
                ended = super().wait(seconds, waiting)
            os.close(jobs)
            return ended

    transfers = Nearby(ConnectionOptions(Timeouts(5, 5, 5)), time.monotonic)
    work(UntilTheAnswer(transfers, Folders(tmp_path), 1, None), source, target)
    assert os.read(results, 100) == b"7\t4\t1\n+4\n"
    assert (tmp_path / "x").read_bytes() == b"text"
    for end in (source, target, results):
        os.close(end)


def test_nothing_is_written_through_a_link(serve: Serve, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "sub").symlink_to(outside)
    more = {b"/sub/%d" % number: b"x" for number in range(20)}
    site = Site(serve, more)
    site.go.set()
    with mirror(site, inside) as process:
        report = ended(process)
    assert report.count("is a symbolic link") == 20
    assert not list(outside.iterdir())
