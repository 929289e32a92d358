"""Listening sockets that one reactor binds and another one takes over."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol

from logsrv.cli.running.held_sockets import holding_reactor, unix_key
from logsrv.cli.running.run import REACTORS, USUAL
from logsrv.errors import ConfigurationError
from logsrv.kit.net.parse import parse_endpoint
from tests.parts.commands import logsrv

Make = Callable[[dict[str, socket.socket]], Any]


@pytest.fixture
def reactor() -> Iterator[Make]:
    """Makes reactors, none of which runs or is the one of this process."""
    made: list[Any] = []

    def make(held: dict[str, socket.socket]) -> Any:
        made.append(holding_reactor(REACTORS[USUAL], held))
        return made[-1]

    yield make
    for each in made:
        for reader in each.removeAll():
            if hasattr(reader, "socket"):
                reader.connectionLost(None)
        for used in each.used.values():
            used.close()


def factory() -> Any:
    made: Any = Factory.forProtocol(Protocol)
    made.noisy = False
    return made


def can_connect(port: Any) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_another_reactor_takes_over_a_listening_port(reactor):
    """The same one, even if any free one was asked for; the first reactor may go."""
    one = reactor({})
    first = one.listenTCP(0, factory(), interface="127.0.0.1")
    number = first.getHost().port
    other = reactor(one.used)
    second = other.listenTCP(0, factory(), interface="127.0.0.1")
    assert second.getHost().port == number
    one.removeAll()
    first.connectionLost(None)
    assert can_connect(number)


def test_two_listeners_on_any_free_port_are_two(reactor):
    one = reactor({})
    ports = [one.listenTCP(0, factory(), interface="127.0.0.1").getHost().port for _ in range(2)]
    other = reactor(one.used)
    again = [other.listenTCP(0, factory(), interface="127.0.0.1").getHost().port for _ in range(2)]
    assert again == ports
    assert ports[0] != ports[1]


def test_a_port_in_use_is_reported(reactor):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(CannotListenError, match="in use"),
    ):
        reactor({}).listenTCP(taken.getsockname()[1], factory(), interface="127.0.0.1")


def test_a_unix_socket_keeps_its_file(reactor, tmp_path):
    """Also when the first reactor stops to listen."""
    path = tmp_path / "s"
    one = reactor({})
    first = one.listenUNIX(str(path), factory(), mode=0o600)
    other = reactor(one.used)
    other.listenUNIX(str(path), factory(), mode=0o600)
    one.removeAll()
    first.connectionLost(None)
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_an_endpoint_whose_socket_is_held_is_marked(reactor, tmp_path):
    """Nobody shall take the socket for one that another program listens on."""
    path = tmp_path / "s"
    one = reactor({})
    one.listenUNIX(str(path), factory())
    held, other = one.with_held_endpoints((parse_endpoint(f"unix:{path}"), parse_endpoint("tcp:1")))
    assert held.path == str(path)
    held, other = reactor(one.used).with_held_endpoints((held, other))
    assert held.path is None
    assert str(held) == f"unix:{path}"
    assert held.twisted_description.startswith(f"unix:{path}:")
    assert other.port == 1


def test_the_key_of_a_unix_socket_has_its_path():
    assert unix_key(b"/run/x") == unix_key("/run/x") == "unix:/run/x"


@pytest.mark.parametrize("name", REACTORS)
def test_each_reactor_holds_sockets(name):
    for reader in holding_reactor(REACTORS[name], {}).removeAll():
        reader.connectionLost(None)
    if name == "asyncio":
        # It has set a loop of its own. If nobody closes that, the collector reports it in a later test.
        asyncio.get_event_loop_policy().get_event_loop().close()
        asyncio.set_event_loop(None)


def test_a_reactor_that_this_system_lacks_is_an_error():
    with pytest.raises(ConfigurationError, match="this system has no"):
        holding_reactor("no_such_module.Reactor", {})


def test_an_unknown_reactor_is_an_error():
    done = logsrv("run", "--reactor", "asynchio", "x.py")
    assert done.returncode == 2
    assert b"asynchio" in done.stderr
