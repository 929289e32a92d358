"""What we rely on in Twisted's ports and transports. Also run with other releases of Twisted."""

import errno
import os
import socket
import ssl
import time
import tracemalloc
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.connections import _streams as streams
from logsrv.kit.connections._streams import (
    LEAST_RECEIVED,
    MOST_ACCEPTED,
    MOST_RECEIVED,
    ReceivingTCP,
)
from logsrv.kit.connections._tls import LONGEST_RECORD
from logsrv.kit.net._ports import use_our_classes
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import KIB, LOOPBACK, Chunks, Reactor, port_of, unverified
from tests.parts.reactor import REACTOR, logged, until

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


async def test_a_crowd_is_accepted_and_served(site):
    """More than are accepted in one turn, some of whom have spoken, and some are gone already."""
    listener = site.start(LOOPBACK)
    peers = [
        socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE)
        for _ in range(MOST_ACCEPTED + 10)
    ]
    for number, peer in enumerate(peers):
        if number % 3:
            peer.sendall(b"x")
        if number % 3 == 2:
            peer.close()
    speaking = sum(1 for number in range(len(peers)) if number % 3)
    await until(lambda: len(site.factory.made) == len(peers), "all of them")
    await until(lambda: len(site.factory.data) == speaking, "what they say")
    for peer in peers:
        peer.close()
    await until(lambda: len(site.factory.lost) == len(peers), "the ends")


@pytest.mark.parametrize("interface", ["127.0.0.1", r"\:\:1"])
async def test_what_an_accepted_connection_sends_waits_for_no_acknowledgement(interface, site):
    port = port_of(site.start(f"tcp:0:interface={interface}"))
    with socket.create_connection((interface.replace("\\", ""), port), PATIENCE):
        await until(lambda: site.factory.made, "the peer")
        assert site.factory.made[0].transport.getTcpNoDelay()


class Scripted:
    """A socket that has so many bytes for each `recv`; notes for how many there was room."""

    def __init__(self, *sizes: int) -> None:
        self.room: list[int] = []
        self._sizes = list(sizes)

    def recv(self, most: int) -> bytes:
        self.room.append(most)
        return bytes(self._sizes.pop(0))

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def setsockopt(self, *option: int) -> None:
        assert option == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return -1


def received(connection: Any, protocol: Protocol) -> ReceivingTCP:
    return ReceivingTCP(connection, protocol, ("127.0.0.1", 1), None, 0, Reactor())  # type: ignore[arg-type]


def test_a_flood_is_received_256_kib_at_a_time_until_little_comes():
    sizes = [100, LEAST_RECEIVED, MOST_RECEIVED, 50_000, MOST_RECEIVED, 100, 100]
    connection, protocol = Scripted(*sizes), Chunks()
    transport = received(connection, protocol)
    for _ in sizes:
        transport.doRead()
    assert [size // KIB for size in connection.room] == [64, 64, 256, 256, 256, 256, 64]
    assert [len(chunk) for chunk in protocol.chunks] == sizes


def test_a_small_chunk_holds_no_more_memory_than_it_needs():
    ours, theirs = socket.socketpair()
    protocol = Chunks()
    transport = received(ours, protocol)
    tracemalloc.start()
    try:
        for _ in range(50):
            # After a full chunk there is room for the most.
            for size in (LEAST_RECEIVED, 5000):
                theirs.sendall(bytes(size))
                transport.doRead()
            protocol.chunks.pop(-2)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    ours.close()
    theirs.close()
    assert len(protocol.chunks) == 50 and held < 50 * 6000


def test_a_read_tells_no_data_from_the_end_and_from_a_reset():
    ours, theirs = socket.socketpair()
    transport = received(ours, Chunks())
    assert transport.doRead() is None
    theirs.close()
    assert isinstance(transport.doRead(), ConnectionDone)
    ours.close()
    assert isinstance(transport.doRead(), ConnectionLost)


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.ENOBUFS])
def test_a_kernel_without_memory_costs_no_line(number, monkeypatch):
    """The peer was closed, with what it had sent, and nothing told of it."""
    monkeypatch.setattr(streams, "EXHAUSTIONS", RateLimitedLog(time.monotonic))
    connection, protocol = Scripted(3), Chunks()
    transport = received(connection, protocol)
    with logged() as messages, monkeypatch.context() as failing:
        failing.setattr(connection, "recv", Mock(side_effect=OSError(number, "")))
        assert [transport.doRead() for _ in range(3)] == [None] * 3
    [message] = messages
    assert message.startswith(
        f"peers wait, none can be heard: {os.strerror(number)} (memory of the"
    )
    transport.doRead()
    assert protocol.chunks == [bytes(3)]


@pytest.mark.parametrize("endpoint", ["tcp:0:interface=127.0.0.1", "unix:{path}", "ssl", "haproxy"])
async def test_each_listener_receives_large_chunks(site, endpoint, tmp_path):
    """Everything, in order, and in chunks that Twisted's own transports would not deliver."""
    pem = certificate_file(tmp_path / "pem")
    encrypted = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    full = {"ssl": encrypted, "haproxy": f"haproxy:{encrypted}"}.get(endpoint, endpoint)
    listener = site.start(full.format(path=tmp_path / "socket"))
    sizes: list[int] = []
    protocol = site.factory.protocol
    data = b"".join(b"%09d\n" % number for number in range(200_000))

    class Sized(protocol):  # type: ignore[misc,valid-type]
        def connectionMade(self) -> None:
            super().connectionMade()
            # Until enough has come to show how much is taken at a time.
            self.transport.pauseProducing()
            REACTOR.callLater(0.2, self.transport.resumeProducing)

        def dataReceived(self, data: bytes) -> None:
            sizes.append(len(data))
            super().dataReceived(data)

    def send() -> None:
        if endpoint.startswith("unix"):
            plain = socket.socket(socket.AF_UNIX)
            plain.connect(str(tmp_path / "socket"))
        else:
            plain = socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE)
        if endpoint in ("ssl", "haproxy"):
            plain = unverified().wrap_socket(plain)
        if endpoint == "haproxy":
            plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
        plain.sendall(data)
        # A client that closed at once would reset the connection: it has not read all of the handshake.
        (plain.unwrap() if isinstance(plain, ssl.SSLSocket) else plain).close()

    site.factory.protocol = Sized
    await deferToThread(send)
    await until(lambda: site.factory.lost, "the end")
    assert site.factory.data == data
    # Under TLS with what was there already of a record.
    assert LEAST_RECEIVED < max(sizes) <= MOST_RECEIVED + LONGEST_RECORD


@implementer(IFileDescriptorReceiver)
class TakesDescriptors(Chunks):
    descriptors: list[int]

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.descriptors = [descriptor]


@pytest.mark.parametrize("takes", [True, False])
async def test_unix_descriptors_reach_the_protocol_or_close(takes, tmp_path):
    """They reach a protocol that takes them, and are closed for another."""
    protocol = TakesDescriptors() if takes else Chunks()
    port = REACTOR.listenUNIX(str(tmp_path / "s"), Factory.forProtocol(lambda: protocol))  # type: ignore[arg-type]
    use_our_classes(port)
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "s"))
        socket.send_fds(peer, [b"x"], [writing])
        os.close(writing)
        await until(lambda: protocol.chunks, "the byte")
    for descriptor in getattr(protocol, "descriptors", ()):
        os.write(descriptor, b"through")
        os.close(descriptor)
    assert os.read(reading, 10) == (b"through" if takes else b"")
    os.close(reading)
    await until(lambda: protocol.ended, "the end")
    await port.stopListening()
