"""Transports that send at once what the system takes, and close within their protocol's turn."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.net.ports import use_our_classes
from logsrv.kit.testing import serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import REACTOR

MUCH = 8 << 20


def all_of(peer: socket.socket) -> bytes:
    """All that comes to the end, and nothing is read before it is asked for."""
    found = b""
    while data := peer.recv(1 << 16):
        found += data
    return found


class Answering(Protocol):
    """Writes in several ways, and closes while it gets data."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        for number in range(3):
            self.transport.write_at_once(b"%d" % number * MUCH)
            self.transport.write(b"<%d>" % number)
        self.transport.write_at_once(b"end")
        self.transport.loseConnection()
        self.transport.write(b"!")


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(PATIENCE)
        yield made


async def test_bytes_of_both_ways_keep_their_order_while_the_peer_reads_nothing(peer):
    """What the system does not take waits, and then nothing overtakes it."""
    port = REACTOR.listenTCP(0, Factory.forProtocol(Answering), interface="127.0.0.1")
    use_our_classes(port)
    try:
        peer.connect(("127.0.0.1", port.getHost().port))
        peer.sendall(b"x")
        found = await deferToThread(all_of, peer)
    finally:
        await port.stopListening()
    assert found == b"".join(b"%d" % n * MUCH + b"<%d>" % n for n in range(3)) + b"end!"


class Farewell(LineProtocol):
    """Says goodbye to each line, and more after it."""

    def line_received(self, line: str) -> None:
        self.send_line("one")
        self.close("bye")
        self.send_line("never")


async def test_last_words_are_whole_and_nothing_follows(peer):
    served = serve(Farewell)
    try:
        peer.connect(("127.0.0.1", served.port))
        peer.sendall(b"a\nb\n")
        assert await deferToThread(all_of, peer) == b"one\r\nbye\r\n"
    finally:
        await served.stop()
