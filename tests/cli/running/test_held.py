"""Listening sockets that one process binds and another one takes over."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.python.reflect import namedAny

from logsrv.cli.running.held import HeldSockets, key_of
from logsrv.cli.running.run import REACTORS, USUAL
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.metrics import Metrics
from tests.cli.command import logsrv

Listen = Callable[[HeldSockets, str], Any]
ANY_PORT = "tcp:0:interface=127.0.0.1"


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Binds listeners in a reactor that does not run."""
    reactor = namedAny(REACTORS[USUAL])()
    made: list[Any] = []

    def bound(sockets: HeldSockets, endpoint: str) -> Any:
        factory: Any = Factory.forProtocol(Protocol)
        factory.noisy = False
        listener = sockets.listener(
            parse_endpoint(endpoint),
            factory,
            label="test",
            policy=GuardPolicy(),
            reactor=reactor,
            metrics=Metrics(),
        )
        listener.check()
        listener.bind()
        made.append(listener)
        return listener

    yield bound
    for each in made:
        end(each)
    reactor.removeAll()


@pytest.fixture
def first() -> Iterator[HeldSockets]:
    sockets = HeldSockets({})
    yield sockets
    sockets.close()


def end(listener: Any) -> None:
    """Let a listener end, which waits for nothing: its socket is another's, too."""
    with pytest.raises(StopIteration):
        listener.stop_listening().send(None)


def can_connect(address: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


def test_a_port_is_taken_over(listen: Listen, first: HeldSockets) -> None:
    """The same one, even if any free one was asked for; the first listener may go."""
    one = listen(first, ANY_PORT)
    address = one.address
    assert listen(HeldSockets(first.used), ANY_PORT).address == address
    end(one)
    assert can_connect(address)


def test_two_listeners_on_any_free_port_are_two(listen: Listen, first: HeldSockets) -> None:
    addresses = [listen(first, ANY_PORT).address for _ in range(2)]
    other = HeldSockets(first.used)
    assert [listen(other, ANY_PORT).address for _ in range(2)] == addresses
    assert addresses[0] != addresses[1]


def test_a_port_in_use_is_said_to_be(listen: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match="in use"):
            listen(HeldSockets({}), f"tcp:{port}:interface=127.0.0.1")


@pytest.mark.parametrize("mode", ["600", "660"])
def test_a_unix_socket_keeps_its_file(
    listen: Listen, first: HeldSockets, tmp_path: Path, mode: str
) -> None:
    """Nobody takes the socket for one that another program listens on; the first listener may go."""
    path = tmp_path / "s"
    one = listen(first, f"unix:{path}:mode={mode}")
    listen(HeldSockets(first.used), f"unix:{path}:mode={mode}")
    end(one)
    assert path.stat().st_mode & 0o777 == int(mode, 8)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize(
    ("endpoint", "key"),
    [
        ("unix:/run/x", "unix:/run/x"),
        ("tcp:7001", "tcp:0.0.0.0:7001"),
        ("tcp6:7001", "tcp::::7001"),
        (f"ssl:7001:interface=127.0.0.1:privateKey={__file__}", "tcp:127.0.0.1:7001"),
    ],
)
def test_a_key_is_the_place_whatever_else_the_endpoint_says(endpoint: str, key: str) -> None:
    assert key_of(parse_endpoint(endpoint)) == key


def test_a_reactor_that_nobody_knows() -> None:
    done = logsrv("run", "--reactor", "asynchio", "x.py")
    assert done.returncode == 2
    assert b"asynchio" in done.stderr
