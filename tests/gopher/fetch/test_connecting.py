"""A transfer gets a connection to the first address that takes one, or the reason why there is none."""

import socket
import time
from collections.abc import Iterator
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

import pytest

from logsrv.gopher.fetch.connecting import Connector, SocketTransfer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.parts.gopher_servers import LOOPBACK


class Place:
    """A connector with what it told."""

    def __init__(self, selector: DefaultSelector) -> None:
        self.selector = selector
        self.connected: list[SocketTransfer] = []
        self.failed: list[SocketTransfer] = []
        self.refused: set[str] = set()
        self.connector = Connector(
            selector, time.monotonic, self._allow, self.connected.append, self.failed.append
        )

    def _allow(self, address: str, port: int) -> None:
        if address in self.refused:
            raise GopherError(f"not {address}")

    def connect(self, url: str) -> SocketTransfer:
        transfer = SocketTransfer(GopherURL.parse(url), ConnectionOptions(), time.monotonic())
        transfer.selector = self.selector
        self.connector.look_up_and_connect(transfer)
        end = time.monotonic() + PATIENCE
        while not self.connected and not self.failed:
            assert time.monotonic() < end
            for key, _ in self.selector.select(1):
                key.data()
        transfer.close()
        return transfer


@pytest.fixture
def place() -> Iterator[Place]:
    with DefaultSelector() as selector:
        yield Place(selector)


def test_the_request_is_sent_with_the_connection(serve, place):
    server = serve(b"text")
    transfer = place.connect(server.url("/0x"))
    assert place.connected == [transfer] and not place.failed
    assert transfer.phase == "first byte" and transfer.outgoing == b""


def test_an_address_that_is_not_allowed_is_passed_over(serve, place, monkeypatch):
    names(monkeypatch, ["127.0.0.2", LOOPBACK])
    place.refused.add("127.0.0.2")
    transfer = place.connect(serve(b"text").url("/0x", host="two.example"))
    assert place.connected == [transfer]
    place.connected.clear()
    place.refused.add(LOOPBACK)
    transfer = place.connect(serve(b"text").url("/0x"))
    assert place.failed == [transfer]
    assert str(transfer.error) == f"not {LOOPBACK}"


def test_it_goes_on_when_its_socket_is_ready_and_not_after_its_end():
    here, there = socket.socketpair()
    steps: list[SocketTransfer] = []
    with DefaultSelector() as selector, there:
        transfer = SocketTransfer(GopherURL("h"), ConnectionOptions(), 0.0)
        transfer.selector, transfer.socket, transfer.step = selector, here, steps.append
        transfer.watch_events(EVENT_READ)
        assert selector.select(0) == []
        transfer.watch_events(EVENT_READ | EVENT_WRITE)
        ((key, _),) = selector.select(0)
        key.data()
        assert steps == [transfer]
        transfer.close()
        key.data()
        assert steps == [transfer], "the selector told of it in the same round"
        assert not selector.get_map()
        assert here.fileno() == -1
        transfer.close()
