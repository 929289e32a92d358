"""Reading from our transports in Twisted's epoll reactor, with fewer steps."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python import log

from logsrv.kit.connections.streams import poll_once, speed_up_epoll
from logsrv.kit.net.ports import use_our_classes
from tests.parts.reactor import REACTOR, until

pytestmark = pytest.mark.skipif(
    type(REACTOR).__module__ != "twisted.internet.epollreactor", reason="the reactor is not epoll's"
)


class Said(Protocol):
    """Writes what it gets to Twisted's old log."""

    made: list[Said]

    def connectionMade(self) -> None:
        self.made.append(self)

    def dataReceived(self, data: bytes) -> None:
        if data == b"fail":
            raise KeyError("asked for")
        log.msg("got it")
        for other in self.made:
            if other is not self and data == b"close others":
                other.transport.abortConnection()  # type: ignore[union-attr]


@pytest.fixture
def port() -> Iterator[Any]:
    Said.made = []
    opened = REACTOR.listenTCP(0, Factory.forProtocol(Said), interface="127.0.0.1")
    use_our_classes(opened, layered=True)
    speed_up_epoll(REACTOR)
    yield opened
    opened.stopListening()


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    kept: list[dict[str, Any]] = []

    def observe(event: dict[str, Any]) -> None:
        if event["isError"] or event["message"] == ("got it",):
            kept.append(event)

    log.addObserver(observe)
    yield kept
    log.removeObserver(observe)


async def _close(peers: list[socket.socket]) -> None:
    for peer in peers:
        peer.close()
    await until(lambda: all(map(_ended, Said.made)), "the end of the connections")


def _ended(protocol: Said) -> bool:
    return bool(protocol.transport.disconnected)  # type: ignore[union-attr]


async def _connected(port: Any, number: int = 1) -> list[socket.socket]:
    peers = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(number)]
    await until(lambda: len(Said.made) == number, "the connections")
    return peers


async def test_a_message_of_the_old_log_names_the_connection(port, events):
    peers = await _connected(port)
    log.msg("got it")
    peers[0].sendall(b"x")
    await until(lambda: len(events) == 2, "the message")
    assert [one["system"] for one in events] == ["-", "Said,0,127.0.0.1"]
    await _close(peers)


async def test_a_protocol_that_raises_loses_its_connection_and_no_other(port, events):
    peers = await _connected(port, 2)
    peers[0].sendall(b"fail")
    await until(lambda: any(map(_ended, Said.made)), "the end of one")
    peers[1].sendall(b"x")
    await until(lambda: len(events) == 2, "the message of the other")
    assert [one["isError"] for one in events] == [1, 0]
    await _close(peers)


async def test_a_connection_that_an_earlier_event_closed_is_not_read(port, events):
    peers = await _connected(port, 3)
    for peer in peers:
        peer.sendall(b"close others")
    await until(lambda: sum(map(_ended, Said.made)) == 2, "the end of two")
    assert [one["isError"] for one in events] == [0]
    await _close(peers)


def test_an_epoll_reactor_is_quickened():
    reactor = EPollReactor()
    try:
        speed_up_epoll(reactor)
        assert reactor.doIteration.func is poll_once  # type: ignore[attr-defined]
    finally:
        for one in reactor.removeAll():
            one.connectionLost(connectionDone)  # type: ignore[attr-defined]


def test_a_clock_of_tests_stays_as_it_is():
    clock = Clock()
    speed_up_epoll(clock)
    assert not hasattr(clock, "doIteration")
