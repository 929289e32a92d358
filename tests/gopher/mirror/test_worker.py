"""A second process fetches as the first one does, and whatever becomes of either, nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logsrv.gopher.mirror.worker import can_work
from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

FILES = 200
# The command, with a second process however slow the server of a test is; it tells its number.
CODE = """
import sys
from logsrv.gopher.command.main import main
from logsrv.gopher.mirror import fetching

class Told(fetching.Worker):
    def __init__(self, make):
        super().__init__(make)
        print(self.process, file=sys.stderr, flush=True)

fetching.Worker = Told
fetching.can_work = lambda: True
fetching._BUSY, fetching._MANY, fetching._A_WHILE = 0.0, 8, 4
sys.exit(main())
"""


class Site:
    """A menu of many texts, and of `more`; what is asked for at `halfway` waits until `go`."""

    def __init__(self, serve: Serve, more: dict[bytes, bytes] | None = None) -> None:
        self.answers = {b"/%d" % number: b"text %d\r\n" % number for number in range(FILES)}
        self.answers |= more or {}
        self.types = {
            selector: b"9" if selector.endswith(b".bin") else b"0" for selector in self.answers
        }
        self.halfway = threading.Event()
        self.go = threading.Event()
        self.server: Scripted = serve(self._answer)

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        selector = request.rstrip(b"\r\n")
        if selector == b"":
            place = b"127.0.0.1\t%d" % self.server.port
            lines = [
                b"%s%s\t%s\t%s\r\n" % (letter, selector, selector, place)
                for selector, letter in self.types.items()
            ]
            connection.sendall(b"".join(lines) + b".\r\n")
            return
        if selector == b"/100":
            self.halfway.set()
            assert self.go.wait(20)
        connection.sendall(self.answers.get(selector, b"3not there\t\terror.host\t1\r\n.\r\n"))

    @property
    def asked(self) -> Counter[bytes]:
        return Counter(
            request.rstrip(b"\r\n")
            for request in self.server.requests
            if request[:1] == b"/" and request != b"/robots.txt\r\n"
        )


@contextmanager
def mirror(site: Site, directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CODE, "mirror", site.server.url(), str(directory), *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """Return what it says in the end."""
    said, errors = process.communicate(timeout=60)
    return said + errors


def has_ended(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("[!.]*")
        if path.is_file() and path.name not in ("gophermap", "index.html")
    }


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


def test_it_is_killed(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        os.kill(worker, signal.SIGKILL)
        site.go.set()
        report = ended(process)
        assert process.returncode == 0, report
    assert f"{FILES + 1} items fetched" in report
    assert len(contents(tmp_path)) == FILES


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_was_whole_is_not_fetched_again(
    serve: Serve, tmp_path: Path, number: int, status: int
) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        os.killpg(process.pid, number)
        report = ended(process)
        assert process.returncode == status
        assert "the same command goes on from here" in report
    assert has_ended(worker)
    assert not list(tmp_path.rglob("*.part"))
    site.go.set()
    with mirror(site, tmp_path) as process:
        assert "there already" in ended(process)
        assert process.returncode == 0
    assert len(contents(tmp_path)) == FILES
    # Four connections, and what each process was about to store.
    assert site.asked.total() <= FILES + 6, "only what was under way is asked for again"


def test_it_ends_with_the_process_that_began_it(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    with mirror(site, tmp_path) as process:
        assert process.stderr is not None
        worker = int(process.stderr.readline())
        assert site.halfway.wait(20)
        process.kill()
        process.wait(10)
        wait_until(lambda: has_ended(worker), "the end of the second process")
    site.go.set()
    with mirror(site, tmp_path) as process:
        assert process.wait(60) == 0
    assert len(contents(tmp_path)) == FILES


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
    assert f"2 changed, 0 new, {FILES - 2} as before; 1 gone" in report
    assert (tmp_path / "7").stat().st_ino == before
    assert (tmp_path / "8").read_bytes() == b"other"
    assert not (tmp_path / "9").exists()


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


def test_the_limit_of_bytes_counts_what_both_receive(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, {b"/large%d.bin" % number: bytes(100_000) for number in range(50)})
    site.go.set()
    with mirror(site, tmp_path, "--max-bytes", "1000000") as process:
        assert "stopped by --max-bytes" in ended(process)
    assert sum(map(len, contents(tmp_path).values())) < 2_500_000


@pytest.mark.parametrize("option", ["--connections=1", "--delay=0.001s"])
def test_it_is_not_for_those_who_want_one_thing_after_the_other(
    serve: Serve, tmp_path: Path, option: str
) -> None:
    site = Site(serve)
    site.go.set()
    with mirror(site, tmp_path, option) as process:
        _, told = process.communicate(timeout=60)
    assert told == ""
    assert len(contents(tmp_path)) == FILES


def test_it_does_not_begin_beside_threads(serve: Serve) -> None:
    serve(b"")
    assert not can_work()
