"""The rules of a server are known when all of its files have come, or are not there."""

from __future__ import annotations

import socket
import time

import pytest

from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers.transfers import Transfers
from logsrv.gopher.mirror.robots import Robots
from logsrv.gopher.mirror.rules import ServerRules
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve

CAPS = b"CAPS\r\nPathDelimeter=:\r\n"
ROBOTS = b"User-agent: *\r\nDisallow: /private\r\nCrawl-delay: 2\r\n"
RULES = Robots(((b"/private", False),), 2.0)


@pytest.mark.parametrize(
    ("files", "delimiter", "robots"),
    [
        ({}, b"/", Robots()),
        ({b"caps.txt": CAPS, b"robots.txt": ROBOTS}, b":", RULES),
        ({b"/robots.txt": ROBOTS}, b"/", RULES),
        # As of servers that answer whatever is asked for with the same text.
        ({b"/robots.txt": b"nothing\r\n", b"robots.txt": ROBOTS}, b"/", RULES),
    ],
)
@pytest.mark.parametrize("ignore", [False, True])
def test_rules(
    serve: Serve, files: dict[bytes, bytes], delimiter: bytes, robots: Robots, ignore: bool
) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(files.get(request.rstrip(b"\r\n"), b"3no\t\terror.host\t1\r\n.\r\n"))

    server = serve(answer)
    transfers = Transfers(ConnectionOptions(), time.monotonic)
    try:
        rules = ServerRules(GopherURL.parse(server.url()), transfers, ignore)
        while not rules.have_come:
            transfers.wait(1)
    finally:
        transfers.close()
    asked = {b"caps.txt"} if ignore else {b"caps.txt", b"robots.txt", b"/robots.txt"}
    assert {request.rstrip(b"\r\n") for request in server.requests} == asked
    assert rules.path_delimiter == delimiter
    assert rules.robots == (Robots() if ignore else robots)
    read = [content for name, content in files.items() if name in asked]
    assert rules.size == sum(map(len, read))
