"""TLS of Twisted as we have made it faster: what is delivered when, how it ends, ALPN. Also run with
other releases of Twisted.
"""

import gc
import os
import ssl
import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._tls import GOODBYE_SECONDS, GatheringTLS, is_encrypted
from logsrv.kit.connections.transports import delay_close_for_producer, undo_close_delay
from tests.parts.certificates import certificate_file
from tests.parts.listening import Chunks, unverified
from tests.parts.strangers import memory

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

KIB = 1024


class Channel:
    """A protocol behind GatheringTLS, and a client; the test carries the bytes between them."""

    def __init__(
        self, pem: Path, protocol: Chunks, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        self.clock = Clock()
        factory = TLSMemoryBIOFactory(
            DefaultOpenSSLContextFactory(str(pem), str(pem)),
            False,
            Factory.forProtocol(lambda: protocol),  # type: ignore[arg-type]
            self.clock,
        )
        factory.protocol = GatheringTLS
        context = unverified()
        context.maximum_version = newest
        self.protocol: Any = protocol
        self.transport = StringTransport()
        self.server: Any = factory.buildProtocol(None)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self._incoming, self._outgoing)
        self.server.makeConnection(self.transport)
        for _ in range(2):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.server.dataReceived(self.sent())
                self.fetch()

    def sent(self) -> bytes:
        """What the client has to send, encrypted."""
        return self._outgoing.read()

    def fetch(self) -> None:
        self._incoming.write(self.transport.value())
        self.transport.clear()

    def say_goodbye(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.client.unwrap()
        return self.sent()


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return Channel(certificate_file(tmp_path / "pem"), Chunks())


def test_what_was_received_at_once_is_delivered_at_once(channel):
    data = os.urandom(250 * KIB)
    channel.client.write(data)
    channel.server.dataReceived(channel.sent())
    assert channel.protocol.chunks == [data]


def test_a_record_in_pieces_is_delivered_when_it_is_complete(channel):
    channel.client.write(b"hello")
    record = channel.sent()
    for at in range(len(record)):
        assert channel.protocol.chunks == []
        channel.server.dataReceived(record[at : at + 1])
    assert channel.protocol.chunks == [b"hello"]


def test_a_goodbye_is_answered_after_what_came_before_it(channel):
    channel.client.write(b"last")
    channel.server.dataReceived(channel.sent() + channel.say_goodbye())
    assert channel.protocol.chunks == [b"last"] and channel.transport.disconnecting
    channel.fetch()
    channel.client.unwrap()
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert channel.protocol.ended[0].check(ConnectionDone)


def test_an_answer_reaches_a_peer_that_has_said_goodbye_with_its_request(channel):
    channel.protocol.each = lambda protocol: protocol.transport.write(b"answer")
    channel.client.write(b"request")
    channel.server.dataReceived(channel.sent() + channel.say_goodbye())
    assert channel.transport.disconnecting
    channel.fetch()
    assert channel.client.read(10) == b"answer"


@implementer(IHalfCloseableProtocol)
class Answering(Chunks):
    """Answers later. half_ended: how often it was told that the peer sends nothing more."""

    half_ended = 0

    def readConnectionLost(self) -> None:
        self.half_ended += 1

    def writeConnectionLost(self) -> None:
        raise AssertionError("the sending half is never closed alone")


def test_a_goodbye_is_the_end_of_the_input_alone(tmp_path):
    """As a half-close of TCP: who has asked gets the answer, and what follows the goodbye is dropped."""
    channel = Channel(certificate_file(tmp_path / "pem"), Answering())
    channel.client.write(b"request")
    channel.server.dataReceived(channel.sent() + channel.say_goodbye())
    assert channel.protocol.half_ended == 1 and not channel.transport.disconnecting
    for _ in range(3):
        channel.server.dataReceived(os.urandom(KIB))
    channel.server.write(b"answer")
    channel.server.loseConnection()
    channel.fetch()
    assert channel.client.read(10) == b"answer"
    assert channel.transport.disconnecting
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert channel.protocol.half_ended == 1 and channel.protocol.chunks == [b"request"]
    assert channel.protocol.ended[0].check(ConnectionDone) and not channel.clock.getDelayedCalls()


def test_what_follows_a_goodbye_takes_no_memory(tmp_path):
    """Whoever sends on and on while the answer is made would fill the machine's."""
    channel = Channel(certificate_file(tmp_path / "pem"), Answering())
    channel.server.dataReceived(channel.say_goodbye())
    more = os.urandom(256 * KIB)
    channel.server.dataReceived(more)
    before = memory()
    for _ in range(512):
        channel.server.dataReceived(more)
    assert memory() - before < 16 << 20


def test_a_goodbye_ends_a_connection_that_may_not_half_close(tmp_path):
    channel = Channel(certificate_file(tmp_path / "pem"), Answering())
    channel.protocol.half_close = False
    channel.server.dataReceived(channel.say_goodbye())
    assert channel.protocol.half_ended == 0 and channel.transport.disconnecting


def test_a_peer_that_says_no_goodbye_is_not_waited_for(channel):
    """It has its time to read our last words; then its place is free for others."""
    channel.client.write(b"hello")
    channel.server.dataReceived(channel.sent())
    channel.server.write(b"bye")
    channel.server.loseConnection()
    channel.clock.advance(0)
    channel.fetch()
    assert channel.client.read() == b"bye"
    assert not channel.transport.disconnecting
    channel.clock.advance(GOODBYE_SECONDS)
    assert channel.transport.disconnecting
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert not channel.clock.getDelayedCalls()


def test_at_a_stop_nobody_waits_for_a_goodbye_that_has_no_answer(channel):
    channel.client.write(b"hello")
    channel.server.dataReceived(channel.sent())
    channel.server.stop_awaiting_goodbye()
    assert not channel.transport.disconnecting
    channel.server.loseConnection()
    assert not channel.transport.disconnecting
    channel.server.stop_awaiting_goodbye()
    assert channel.transport.disconnecting
    channel.fetch()
    channel.client.unwrap()
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert not channel.clock.getDelayedCalls()


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_nothing_of_a_connection_waits_for_the_garbage_collector(tmp_path, says_goodbye):
    """The error that tells of its end held the frame that held it."""
    channel = Channel(certificate_file(tmp_path / "pem"), Chunks())
    channel.client.write(b"hello")
    channel.server.dataReceived(channel.sent())
    server = weakref.ref(channel.server)
    gc.disable()
    try:
        if says_goodbye:
            channel.server.dataReceived(channel.say_goodbye())
        channel.server.connectionLost(Failure(ConnectionDone()))
        channel.protocol.ended.clear()
        channel.protocol.transport = None
        del channel
        assert server() is None
    finally:
        gc.enable()


def test_tls_1_3_tickets_wait_for_the_first_bytes(channel):
    """The tickets of the handshake go out with what the protocol says first."""
    channel.client.write(b"hello")
    channel.server.dataReceived(channel.sent())
    assert channel.client.version() == "TLSv1.3" and not channel.transport.value()
    channel.server.write(b"bye")
    channel.clock.advance(0)
    channel.fetch()
    assert channel.client.read() == b"bye"
    session = channel.client.session
    assert session is not None and session.has_ticket


def test_the_end_of_an_older_handshake_is_said_at_once(tmp_path):
    channel = Channel(certificate_file(tmp_path / "pem"), Chunks(), ssl.TLSVersion.TLSv1_2)
    channel.fetch()
    channel.client.do_handshake()
    assert channel.client.version() == "TLSv1.2"


def test_a_record_that_was_tampered_with_ends_the_connection(channel):
    """What came before it is delivered, and it is told as the fault it is."""
    channel.client.write(b"good")
    good = channel.sent()
    channel.client.write(b"evil")
    evil = channel.sent()
    channel.server.dataReceived(good + evil[:-1] + bytes([evil[-1] ^ 1]))
    assert channel.protocol.chunks == [b"good"] and channel.transport.disconnecting
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert channel.protocol.ended[0].type.__module__.startswith("OpenSSL")


def test_a_connection_that_ends_without_a_goodbye_of_tls_is_lost(channel):
    channel.client.write(b"some")
    channel.server.dataReceived(channel.sent()[:-1])
    channel.server.connectionLost(Failure(ConnectionDone()))
    assert channel.protocol.chunks == [] and channel.protocol.ended[0].check(ConnectionLost)


def test_a_protocol_that_aborts_hears_nothing_more(channel):
    channel.protocol.each = lambda protocol: protocol.transport.abortConnection()  # type: ignore[union-attr]
    for data in (b"one", b"two"):
        channel.client.write(data)
        channel.server.dataReceived(channel.sent())
    assert channel.protocol.chunks == [b"one"] and channel.transport.disconnecting


def test_a_protocol_that_closes_says_its_last_words(channel):
    def close(protocol: Chunks) -> None:
        protocol.transport.write(b"bye")  # type: ignore[union-attr]
        protocol.transport.loseConnection()  # type: ignore[union-attr]

    channel.protocol.each = close
    channel.client.write(b"quit")
    channel.server.dataReceived(channel.sent())
    channel.fetch()
    assert channel.client.read(10) == b"bye"
    assert channel.client.read(10) == b""


def test_a_handshake_that_fails_is_told(channel):
    protocol = channel.protocol
    server: Any = channel.server.factory.buildProtocol(None)
    transport = StringTransport()
    server.makeConnection(transport)
    server.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
    server.connectionLost(Failure(ConnectionDone()))
    assert transport.disconnecting and protocol.chunks == []
    assert protocol.ended[0].type.__module__.startswith("OpenSSL")


def test_tls_is_found_under_other_layers(channel):
    """Whichever side of the encryption they are on."""
    wrapper: Any = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
    wrapper.transport = channel.server
    plain: Any = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
    plain.transport = StringTransport()
    assert is_encrypted(channel.server) and is_encrypted(wrapper)
    assert not is_encrypted(plain) and not is_encrypted(plain.transport)


def test_under_tls_a_producer_is_let_go_when_it_has_nothing_under_way(channel):
    delay_close_for_producer(channel.server)
    assert undo_close_delay(channel.server)
