"""Two processes keep the limits of one, and two there are only where that helps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from logsrv.gopher.fetch.nearby import Nearby
from logsrv.gopher.fetch.transfers import Finished
from logsrv.gopher.mirror import fetching
from logsrv.gopher.mirror.fetching import Fetching
from logsrv.gopher.mirror.folders import Folders
from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.mirror.scope import key_of
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing import wait_until
from tests.gopher.conftest import Serve
from tests.gopher.mirror.many import FILES, Site, contents, ended, mirror

if TYPE_CHECKING:
    from logsrv.gopher.fetch.transfers import Sink

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def test_the_limit_of_bytes_counts_what_both_receive(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve, {b"/large%d.bin" % number: bytes(100_000) for number in range(50)})
    site.go.set()
    with mirror(site, tmp_path, "--max-bytes", "1000000") as process:
        assert "stopped by --max-bytes" in ended(process)
    assert sum(map(len, contents(tmp_path).values())) < 2_500_000


def test_a_few_connections_and_as_many_again_in_a_second_process(
    serve: Serve, tmp_path: Path
) -> None:
    site = Site(serve, waits=FILES // 2)
    with mirror(site, tmp_path) as process:
        wait_until(lambda: site.server.most_open == 8, "eight connections")
        site.go.set()
        ended(process)
    assert site.server.most_open == 8
    assert len(contents(tmp_path)) == FILES


class AtOnce:
    """Transfers that answer at once. watched: what they were told to watch."""

    received = 0

    def __init__(self) -> None:
        self.watched: set[int] = set()
        self._finished: list[Finished] = []

    def ask(self, url: GopherURL, sink: Sink, *_: object) -> None:
        self._finished.append(Finished(sink, None))

    def wait(self, seconds: float) -> list[Finished]:
        finished, self._finished = self._finished, []
        return finished

    def forked(self) -> AtOnce:
        return self

    def watch(self, descriptor: int) -> None:
        self.watched.add(descriptor)

    def unwatch(self, descriptor: int) -> None:
        self.watched.discard(descriptor)


@pytest.mark.parametrize(("asked_for", "here", "there"), [(None, 4, 4), (4, 2, 2), (5, 3, 2)])
def test_connections_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked_for: int | None, here: int, there: int
) -> None:
    monkeypatch.setattr(fetching, "can_work", lambda: True)
    monkeypatch.setattr(fetching, "_BUSY", 0.0)
    share, told = os.pipe()

    def work(shared: Fetching, source: int, target: int) -> None:
        os.write(told, b"%d" % shared.connections)

    transfers = AtOnce()
    both = Fetching(cast(Nearby, transfers), Folders(tmp_path), asked_for, None, work)
    for number in range(8):
        url = GopherURL("h", 70, "0", b"/%d" % number)
        both.start(Job(url, key_of(url), 1, (str(number),)))
    assert len(both.wait(0, 1000)) == 8
    assert (both.connections, int(os.read(share, 9))) == (here, there)
    wait_until(lambda: both.wait(0, 0) == [] and not transfers.watched, "the other's end")
    assert both.connections == (asked_for or 4)
    os.close(share)
    os.close(told)


def test_no_answer_takes_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    alone = Fetching(cast(Nearby, AtOnce()), Folders(tmp_path), 1, None)
    url = GopherURL("h", 70, "0", b"/a")
    job = Job(url, key_of(url), 1, ("a",))
    job.known = True
    alone.start(job)
    assert alone.wait(0) == [job]
    alone.settle(job)
    assert isinstance(job.error, Truncated)
    assert (tmp_path / "a").read_bytes() == b"before"


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


def test_a_system_that_has_no_room_for_another_process(serve: Serve, tmp_path: Path) -> None:
    site = Site(serve)
    site.go.set()
    refused = "import os\ndef fork(): raise BlockingIOError(11, 'no more')\nos.fork = fork\n"
    with mirror(site, tmp_path, before=refused) as process:
        report = ended(process)
        assert process.returncode == 0, report
    assert len(contents(tmp_path)) == FILES
    assert site.asked.total() == FILES
