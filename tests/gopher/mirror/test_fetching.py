"""Few connections at a time, and no file is lost to an answer that is none."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers.transfers import Transfers
from logsrv.gopher.mirror.disk.folders import Folders
from logsrv.gopher.mirror.fetching import Fetching, Manners
from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.mirror.scope import key_of
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve


def job_for(url: str, path: str) -> Job:
    parsed = GopherURL.parse(url)
    return Job(parsed, key_of(parsed), 1, (path,))


@pytest.fixture
def transfers() -> Transfers:
    return Transfers(ConnectionOptions(), time.monotonic)


@pytest.mark.parametrize(("asked_for", "most"), [(None, 4), (1, 1), (6, 6)])
def test_four_connections_unless_others_are_asked_for(
    serve: Serve, tmp_path: Path, transfers: Transfers, asked_for: int | None, most: int
) -> None:
    go = threading.Event()

    def slow(connection: socket.socket, request: bytes) -> None:
        assert go.wait(60)
        connection.sendall(request)

    server = serve(slow)
    fetching = Fetching(transfers, Folders(tmp_path), asked_for, None)
    jobs = [job_for(server.url(f"/0/{number}"), str(number)) for number in range(10)]
    started, ended = 0, list[Job]()
    while len(ended) < len(jobs):
        while started < len(jobs) and fetching.has_room():
            fetching.start(jobs[started])
            started += 1
        if started == most:
            go.set()
        ended += fetching.wait(1)
    transfers.close()
    assert server.most_open <= most
    assert {job.error for job in ended} == {None}
    for job in ended:
        fetching.settle(job)
    assert (tmp_path / "7").read_bytes() == b"/7\r\n"


def test_no_answer_takes_the_place_of_a_file(
    serve: Serve, tmp_path: Path, transfers: Transfers
) -> None:
    (tmp_path / "a").write_bytes(b"before")
    fetching = Fetching(transfers, Folders(tmp_path), 1, None)
    job = job_for(serve(b"").url("/0/a"), "a")
    job.known = True
    fetching.start(job)
    ended: list[Job] = []
    while not ended:
        ended = fetching.wait(1)
    transfers.close()
    fetching.settle(job)
    assert isinstance(job.error, Truncated)
    assert (tmp_path / "a").read_bytes() == b"before"


def test_limits_that_hurt_nobody() -> None:
    """A run has limits that hurt nobody, unless somebody asks for others."""
    assert Manners().connections is None
    assert not Manners().ignore_robots
