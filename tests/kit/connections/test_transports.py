"""What we rely on in Twisted without being promised it. Also run with other releases of Twisted."""

import socket
import sys
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, serverFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseFailed, readBody
from twisted.web.http import HTTPChannel, Request

from logsrv.kit.connections.transports import (
    delay_close_for_producer,
    has_more_to_write,
    unacknowledged_bytes,
    undo_close_delay,
    unregister_own_producer,
    unsent_bytes,
    with_no_delay,
)
from logsrv.kit.net.remote import parse_remote, remote_endpoint
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.web.channel import request_line
from logsrv.kit.web.http_client import LARGEST_HEAD, HeadTooLarge, limited_head_pool
from logsrv.reactor import NextTurnCall
from tests.parts.listening import LOOPBACK, Chunks
from tests.parts.reactor import REACTOR, until
from tests.parts.strangers import endless, stranger

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


async def test_a_transport_waits_for_one_who_has_nothing_under_way():
    """Told to close, it does so when the producer says that it has done its work."""
    protocol = Chunks()
    port = REACTOR.listenTCP(0, Factory.forProtocol(lambda: protocol), interface="127.0.0.1")  # type: ignore[arg-type]
    with socket.create_connection(("127.0.0.1", port.getHost().port), PATIENCE) as peer:
        await until(lambda: protocol.transport, "the connection")
        transport: Any = protocol.transport
        transport.registerProducer(Unhurried(), True)
        delay_close_for_producer(transport)
        assert not undo_close_delay(transport)
        delay_close_for_producer(transport)
        transport.loseConnection()
        peer.sendall(b"x")
        transport.write(b"answer")
        assert await deferToThread(peer.recv, 10) == b"answer"
        assert not protocol.ended
        assert undo_close_delay(transport)
        transport.unregisterProducer()
        await until(lambda: protocol.ended, "the end")
        assert peer.recv(10) == b""
    await port.stopListening()


@pytest.mark.parametrize("tls", [False, True])
def test_a_producer_has_more_to_write_until_it_is_taken_away(tls):
    """With TLS and without; but not one that is only there to make its peer wait."""
    transport: Any = StringTransport()
    if tls:
        transport = TLSMemoryBIOProtocol(
            TLSMemoryBIOFactory(CertificateOptions(), False, Factory(), Clock()), Protocol()
        )
        transport.makeConnection(StringTransport())
    protocol: Any = Protocol()
    assert not has_more_to_write(transport, protocol)
    transport.registerProducer(Unhurried(), True)
    assert has_more_to_write(transport, protocol)
    unregister_own_producer(transport, protocol)
    assert has_more_to_write(transport, protocol)
    transport.unregisterProducer()
    for own in (transport, protocol):
        transport.registerProducer(own, True)
        assert not has_more_to_write(transport, protocol)
        unregister_own_producer(transport, protocol)
    # Or this one would be refused.
    transport.registerProducer(Unhurried(), True)
    # Of other packages: nobody can tell.
    assert not has_more_to_write(object(), protocol)
    unregister_own_producer(object(), protocol)


class Unhurried:
    """A push producer that does not care."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


async def test_what_a_peer_has_not_taken_is_known(tmp_path):
    path, protocol = str(tmp_path / "s"), Chunks()
    port = REACTOR.listenUNIX(path, Factory.forProtocol(lambda: protocol))  # type: ignore[arg-type]
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        await until(lambda: protocol.connected, "the connection")
        assert unsent_bytes(protocol.transport) == 0
        protocol.transport.write(bytes(1 << 24))  # type: ignore[union-attr]
        assert unsent_bytes(protocol.transport) == 1 << 24
        await until(lambda: 0 < unsent_bytes(protocol.transport) < 1 << 24, "the part that fits in")
    await until(lambda: protocol.ended, "the end")
    await port.stopListening()
    assert unsent_bytes(object()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is not acknowledged")
async def test_bytes_that_the_system_of_the_peer_does_not_have_yet():
    """A peer that reads nothing has only some of them; those that wait here count, too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = TCP4ClientEndpoint(REACTOR, *server.getsockname())
        protocol: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        protocol.transport.write(b"hello")
        await until(lambda: unacknowledged_bytes(protocol.transport) == 0, "the acknowledgement")
        protocol.transport.write(bytes(1 << 24))
        assert unacknowledged_bytes(protocol.transport) == 1 << 24
        await until(lambda: 0 < unsent_bytes(protocol.transport) < 1 << 24, "the part that fits in")
        assert unacknowledged_bytes(protocol.transport) >= unsent_bytes(protocol.transport)
        protocol.transport.abortConnection()
    assert unacknowledged_bytes(object()) == 0


def test_a_call_in_the_next_turn_is_made_once_however_often_it_is_asked_for():
    clock, calls = Clock(), list[None]()
    turn = NextTurnCall(clock, lambda: calls.append(None))
    turn.schedule()
    turn.schedule()
    assert not calls
    clock.advance(0)
    assert len(calls) == 1
    turn.schedule()
    clock.advance(0)
    assert len(calls) == 2


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_what_a_dialled_connection_sends_waits_for_no_acknowledgement(scheme, tmp_path):
    """A UNIX socket has no such option, and connects all the same."""
    path = tmp_path / "socket"
    listening = serverFromString(REACTOR, LOOPBACK if scheme == "tcp" else f"unix:{path}")
    port = await listening.listen(Factory.forProtocol(Protocol))
    there = f"tcp:127.0.0.1:{port.getHost().port}" if scheme == "tcp" else f"unix:{path}"
    connecting = connectProtocol(remote_endpoint(parse_remote(there), REACTOR), Protocol())
    transport = with_no_delay(await connecting).transport
    assert scheme == "unix" or transport.getTcpNoDelay()
    transport.loseConnection()
    await port.stopListening()


def test_the_request_line_is_known_with_the_headers():
    found = []

    class Early(Request):
        def gotLength(self, length: int | None) -> None:
            found.append((request_line(self.channel), length))
            super().gotLength(length)

    channel = HTTPChannel()
    channel.requestFactory = Early
    channel.makeConnection(StringTransport())
    channel.dataReceived(b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
    assert found == [((b"POST", b"/a?b", b"HTTP/1.1"), 5)]
    channel.setTimeout(None)
    channel.connectionLost(Failure(ConnectionDone()))


OK = b"HTTP/1.1 200 OK\r\n"
# What the systems of both sides hold of what nobody has read yet is in it.
FEW = 32 << 20


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"X-Name: %b\r\n" % (b"a" * 16_000), OK),
        endless(b"a:\r\n", OK),
        endless(b" folded\r\n", OK, b"X-Name: a\r\n"),
        endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["long headers", "short headers", "one header in many lines", "1xx"],
)
async def test_an_endless_head_ends_the_connection_and_takes_no_memory(answer):
    with stranger(answer) as server:
        agent = Agent(REACTOR, pool=limited_head_pool(REACTOR, persistent=False))
        with pytest.raises(ResponseFailed) as caught:
            await agent.request(b"GET", server.url.encode())
        said = server.said
    assert any(reason.check(HeadTooLarge) for reason in caught.value.reasons)
    assert said < FEW


@pytest.mark.filterwarnings("ignore:Using readBody:DeprecationWarning")
async def test_a_large_head_comes_through_and_what_is_behind_it_does_not_count():
    headers = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 8000) for number in range(8))
    body = b"b" * (2 * LARGEST_HEAD)
    length = b"Content-Length: %d\r\n" % len(body)
    answer = b"".join((b"HTTP/1.1 100 Continue\r\n\r\n", OK, headers, length, b"\r\n", body))
    with stranger(lambda _: [answer]) as server:
        agent = Agent(REACTOR, pool=limited_head_pool(REACTOR, persistent=False))
        response = await agent.request(b"GET", server.url.encode())
        assert await readBody(response) == body
