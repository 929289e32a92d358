"""A gateway in this process with requests to it, and one in a process of its own for browsers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from logsrv.gopher.gateway.gateway import Gateway
from logsrv.gopher.service import Options
from logsrv.kit.testing import TwistdProcess
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve
from tests.parts.daemons import Twistd
from tests.parts.gopher_servers import Scripted
from tests.parts.web_clients import Client

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Web:
    """A running gateway and requests to it; each blocks in a thread of its own."""

    def __init__(self, service: Gateway) -> None:
        self.service = service
        self.port = int(service.addresses[0].rpartition(":")[2])

    def get(self, path: str, method: str = "GET", **headers: str) -> Any:
        """A Deferred Response."""
        return deferToThread(Client(self.port).ask, path, headers, method)

    def connect(self, path: str) -> socket.socket:
        """A connection over which `path` has been asked for, and nothing has been read."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return connection

    def value(self, metric: str, **labels: str) -> float:
        return self.service.metrics.value(metric, **labels)


def gateway_service(*arguments: str, reactor: Any) -> Gateway:
    """The service for a command line; nothing is taken from the environment."""
    options = Options()
    options.environment = {}
    options.parseOptions(["--gateway", LOOPBACK, *arguments])
    return Gateway(options.settings, load=options.reload, reactor=reactor)


Start = Callable[..., Web]


@pytest_twisted.async_yield_fixture
async def gateway() -> AsyncIterator[Start]:
    """`gateway("--allow-private")` starts one on a free port; it stops after the test."""
    from twisted.internet import reactor

    started: list[Web] = []

    def start(*arguments: str) -> Web:
        service = gateway_service(*arguments, reactor=reactor)
        service.startService()
        started.append(Web(service))
        return started[-1]

    yield start
    for web in started:
        await web.service.stopService()


class Visit(NamedTuple):
    """A gateway that visits a server on loopback."""

    web: Web
    server: Scripted

    def path(self, item: str) -> str:
        """Return the web path of an item of the server, such as `/0/a.txt`."""
        return f"/gopher/127.0.0.1:{self.server.port}{item}"

    def get(self, item: str, method: str = "GET", **headers: str) -> Any:
        """A Deferred Response."""
        return self.web.get(self.path(item), method, **headers)


@pytest.fixture
def visit(gateway: Start, serve: Serve) -> Callable[..., Visit]:
    """`visit(script, *arguments)` starts a server and a gateway that may visit it."""
    return lambda script, *arguments: Visit(gateway("--allow-private", *arguments), serve(script))


@pytest.fixture
def gateway_process(tmp_path: Path) -> Iterator[TwistdProcess]:
    """`twistd -n gopher --gateway` with private addresses allowed."""
    arguments = ["--gateway", LOOPBACK, "--allow-private"]
    with Twistd("gopher", *arguments, directory=tmp_path) as process:
        yield process
