"""Few connections at a time, and no file is lost to an answer that is none."""

import socket
import threading
import time

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.jobs import (
    CrawlOptions,
    FetchJob,
    JobRunner,
    ServerRules,
)
from logsrv.gopher.mirror.paths import MirrorFolders
from logsrv.gopher.mirror.scope import RobotRules, item_key
from logsrv.gopher.wire.errors import Truncated
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE


def job_for(url: str, path: str) -> FetchJob:
    parsed = GopherURL.parse(url)
    return FetchJob(parsed, item_key(parsed), 1, (path,))


@pytest.fixture
def transfers() -> Transfers:
    return Transfers(ConnectionOptions(), time.monotonic)


@pytest.mark.parametrize(
    ("asked_for", "most"), [({}, 4), ({"connections": 1}, 1), ({"connections": 6}, 6)]
)
def test_four_connections_unless_others_are_asked_for(serve, tmp_path, transfers, asked_for, most):
    go = threading.Event()

    def slow(connection: socket.socket, request: bytes) -> None:
        assert go.wait(PATIENCE)
        connection.sendall(request)

    server = serve(slow)
    manners = CrawlOptions(**asked_for)
    runner = JobRunner(transfers, MirrorFolders(tmp_path), manners)
    for number in range(10):
        runner.add(job_for(server.url(f"/0/{number}"), str(number)))
    ended: list[FetchJob] = []
    while len(ended) < 10:
        runner.start_jobs()
        if len(server.requests) == most:
            go.set()
        runner.wait_for_end(busy=False)
        ended += runner.store_ended_jobs()
    runner.close()
    assert server.most_open <= most
    assert {job.error for job in ended} == {None}
    assert (tmp_path / "7").read_bytes() == b"/7\r\n"


def test_no_answer_takes_the_place_of_a_file(serve, tmp_path, transfers):
    (tmp_path / "a").write_bytes(b"before")
    runner = JobRunner(transfers, MirrorFolders(tmp_path), CrawlOptions())
    job = job_for(serve(b"").url("/0/a"), "a")
    job.known = True
    runner.add(job)
    runner.start_jobs()
    while not list(runner.store_ended_jobs()):
        runner.wait_for_end(busy=False)
    runner.close()
    assert isinstance(job.error, Truncated)
    assert (tmp_path / "a").read_bytes() == b"before"


ROBOTS = b"User-agent: *\r\nDisallow: /private\r\nCrawl-delay: 2\r\n"
RULES = RobotRules(((b"/private", False),), 2.0)


@pytest.mark.parametrize(
    ("files", "robots"),
    [
        ({}, RobotRules()),
        ({b"robots.txt": ROBOTS}, RULES),
        ({b"/robots.txt": ROBOTS}, RULES),
        # As of servers that answer whatever is asked for with the same text.
        ({b"/robots.txt": b"nothing\r\n", b"robots.txt": ROBOTS}, RULES),
    ],
)
@pytest.mark.parametrize("ignore", [False, True])
def test_the_rules_of_a_server_are_read_from_robots(serve, transfers, files, robots, ignore):
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(files.get(request.rstrip(b"\r\n"), b"3no\t\terror.host\t1\r\n.\r\n"))

    server = serve(answer)
    rules = ServerRules(GopherURL.parse(server.url()), transfers, ignore)
    while not rules.requests_have_ended:
        transfers.run_round(1)
    transfers.close()
    asked = set() if ignore else {b"robots.txt", b"/robots.txt"}
    assert {request.rstrip(b"\r\n") for request in server.requests} == asked
    assert rules.robots == (RobotRules() if ignore else robots)
    assert rules.size == (0 if ignore else sum(map(len, files.values())))
