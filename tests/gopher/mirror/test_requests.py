"""Few connections at a time; and the rules of a server."""

import socket
import threading
import time

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.paths import MirrorFolders
from logsrv.gopher.mirror.requests import (
    CrawlOptions,
    EndedRequest,
    ItemRequests,
    MirrorItem,
    ServerRules,
)
from logsrv.gopher.mirror.scope import RobotRules, item_key
from logsrv.gopher.wire.errors import Refused
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.gopher_servers import Scripted
from tests.parts.ports import free_port


@pytest.fixture
def transfers() -> Transfers:
    return Transfers(ConnectionOptions(), time.monotonic)


def item_at(server: Scripted, number: int) -> MirrorItem:
    url = GopherURL.parse(server.url(f"/0/{number}"))
    item = MirrorItem(url, item_key(url), 1)
    item.path = (str(number),)
    return item


@pytest.mark.parametrize(
    ("asked_for", "most"), [({}, 4), ({"connections": 1}, 1), ({"connections": 6}, 6)]
)
def test_four_connections_unless_others_are_asked_for(serve, tmp_path, transfers, asked_for, most):
    go = threading.Event()

    def slow(connection: socket.socket, request: bytes) -> None:
        assert go.wait(PATIENCE)
        connection.sendall(request)

    server = serve(slow)
    requests = ItemRequests(transfers, MirrorFolders(tmp_path), CrawlOptions(**asked_for))
    for number in range(10):
        requests.add(item_at(server, number))
    errors: list[Exception | None] = []
    while len(errors) < 10:
        requests.start_waiting()
        if len(server.requests) == most:
            go.set()
        requests.wait_for_end(busy=False)
        errors += [ended.error for ended in requests.take_ended()]
    requests.close()
    assert server.most_open <= most
    assert errors == [None] * 10


def test_a_server_that_answered_before_gets_time(serve, tmp_path, transfers):
    """One that restarts, say: it refuses connections for a moment."""
    server = serve(b"first", port=free_port())
    requests = ItemRequests(transfers, MirrorFolders(tmp_path), CrawlOptions())

    def ended(number: int) -> EndedRequest:
        requests.add(item_at(server, number))
        found: list[EndedRequest] = []
        while not found:
            requests.start_waiting()
            requests.wait_for_end(busy=False)
            found += requests.take_ended()
        return found[0]

    assert ended(1).error is None
    server.close()
    refused = ended(2)
    assert isinstance(refused.error, Refused)
    assert requests.retry(refused.item, refused.error)
    requests.close()


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
