"""Servers for the tests of one file."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts import gopher_servers
from tests.parts.certificates import certificate_file
from tests.parts.gopher_servers import Script, Scripted
from tests.parts.gopherhole import Phlog

Serve = Callable[..., Scripted]


@pytest.fixture(name="reactor")
def running_reactor() -> Any:
    """The reactor that pytest-twisted runs."""
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(script, certificate)` starts a scripted server, `serve(b"…")` one that always says so."""
    started: list[Scripted] = []

    def start(script: Script | bytes, certificate: Path | None = None, port: int = 0) -> Scripted:
        if isinstance(script, bytes):
            answer = script
            script = lambda connection, _: connection.sendall(answer)  # noqa: E731
        started.append(Scripted(script, certificate, port))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def phlog(serve: Serve) -> Phlog:
    """A menu to follow, which grows."""
    return Phlog(serve)


def names(monkeypatch: pytest.MonkeyPatch, *found: list[str]) -> list[str]:
    """Make names lead to `found`, and to the next ones when asked again; return who was asked for."""
    asked: list[str] = []
    real, left = socket.getaddrinfo, list(found)

    def look_up(
        host: str | bytes, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not name.endswith((".example", "localhost.")):
            return real(host, port, family, type, proto, flags)
        asked.append(name)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [each for one in addresses for each in real(one, port, family, type)]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return asked


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate (with its key) for localhost and 127.0.0.1, its own authority."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    return certificate_file(path, "localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    with gopher_servers.served_tree() as directory:
        yield directory


@pytest.fixture(scope="module")
def gophernicus(tree: Path) -> Iterator[int]:
    """The port of a real gophernicus that serves TREE."""
    with gopher_servers.gophernicus(tree) as port:
        yield port


@pytest.fixture(scope="module")
def pygopherd(tree: Path, certificate: Path) -> Iterator[int]:
    """The port of a real pygopherd that serves TREE, plain and inside TLS."""
    with gopher_servers.pygopherd(tree, certificate) as port:
        yield port


@pytest.fixture(scope="module")
def port(request: pytest.FixtureRequest) -> int:
    """The port of the real server that a test names. It begins before the test, and stays after it."""
    found: int = request.getfixturevalue(request.param)
    return found


async def until(happened: Callable[[], Any], what: str) -> None:
    """Return when `happened()` is true; the loop runs meanwhile."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not happened():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE:g} s for {what}") from None
