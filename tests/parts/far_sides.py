"""Far sides for the tests of targets, and the lines that they get."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from logsrv.linelog.formats.relp.parse import RelpFramer
from logsrv.linelog.lines.rules import LineRules
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.targets.target import LineBatch, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.segment import Position
from tests.parts.reactor import REACTOR
from tests.parts.sample_lines import line

Closed = TypeVar("Closed")


def settings(url: str, **more: Any) -> TargetSettings:
    return TargetSettings(name="there", url=parse_ship_url(url), store="0" * 32, **more)


def sent(*messages: bytes) -> LineBatch:
    """Return lines with these messages."""
    return LineBatch([line(message) for message in messages], Position(1, 1000))


def numbered(number: int) -> LineBatch:
    return sent(*(b"message %d" % each for each in range(number)))


async def unavailable(sending: Awaitable[Any]) -> Unavailable:
    """Wait for the failure of a `send`, or of a request."""
    with pytest.raises(Unavailable) as caught:
        await sending
    return caught.value


@asynccontextmanager
async def closing(one: Closed) -> AsyncIterator[Closed]:
    """A target or a client, which is closed at the end."""
    opened: Any = one
    try:
        yield one
    finally:
        await opened.close()


class Peer(Protocol):
    """A connection at the far side; its factory has what all of them share."""

    factory: Any
    over = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over = True

    def connectionMade(self) -> None:
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.data += data


class DeafPeer(Peer):
    """Reads nothing, and so hears of no end, until `hear`."""

    transport: Any

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.pauseProducing()

    def hear(self) -> None:
        self.transport.resumeProducing()


class RelpPeer(Peer):
    """Answers as our own input does, but for what the factory says of a message.

    A word behind a `!` in it: `!refuse` gets a 500, `!silent` no answer, `!end` half of one and the end.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self._framer = RelpFramer(LineRules())

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        messages = iter(self._framer.receive(data))
        transport: Any = self.transport
        for answer in re.findall(rb"[0-9]+ rsp 6 200 OK\n|.+\n?", self._framer.take_answers()):
            if not answer.endswith(b" rsp 6 200 OK\n"):
                transport.write(answer)
                continue
            message = next(messages)
            self.factory.messages.append(message)
            if b"!refuse" in message:
                transport.write(answer.split(b" ")[0] + b" rsp 10 500 never!\n")
            elif b"!end" in message:
                transport.write(answer[:5])
                transport.loseConnection()
                return
            elif b"!silent" not in message:
                transport.write(answer)


class Peers(Factory):
    """The far side. connections: all there were; messages, data: what came."""

    noisy = False

    def __init__(self, protocol: Callable[[], Protocol]) -> None:
        self.protocol: Any = protocol
        self.connections: list[Peer] = []
        self.messages: list[bytes] = []
        self.data = b""

    def buildProtocol(self, addr: object) -> Any:
        built = self.protocol()
        built.factory = self
        return built


@asynccontextmanager
async def far_side(protocol: Callable[[], Protocol] = Peer) -> AsyncIterator[tuple[Peers, int]]:
    """A far side on a free port."""
    peers = Peers(protocol)
    port = REACTOR.listenTCP(0, peers, interface="127.0.0.1")
    try:
        yield peers, port.getHost().port
    finally:
        for connection in peers.connections:
            transport: Any = connection.transport
            transport.abortConnection()
        await port.stopListening()


def texts(messages: Sequence[bytes]) -> list[bytes]:
    """Return the texts of syslog messages that were made of lines."""
    return [message.partition(b" - - - - ")[2] for message in messages]
