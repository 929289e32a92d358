"""What we rely on in Twisted without being promised it. Also run with other releases of Twisted."""

from __future__ import annotations

import os
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from logsrv.kit.net.twisted_private import (
    LEAST_RECEIVED,
    MOST_RECEIVED,
    RECORD,
    AcceptedTCP,
    KeptUNIXPort,
    ReceivingTCP,
    close_shared_socket,
    close_socket,
    keep_open,
    make_ours,
    stop_keeping,
)
from tests.gopher.servers import certificate_file
from tests.kit.net.network import REACTOR, Chunks, Site, in_reactor, port_of, reactor_fixture, until

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

KIB = 1024


class Reactor:
    """Notes which descriptors are watched."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def addReader(self, reader: object) -> None:
        self.calls.append("add")

    def removeReader(self, reader: object) -> None:
        self.calls.append("remove")

    def addWriter(self, writer: object) -> None:
        pass

    removeWriter = addWriter


@pytest.fixture
def accepted() -> Iterator[tuple[AcceptedTCP, Reactor]]:
    ours, theirs = socket.socketpair()
    reactor = Reactor()
    yield (
        AcceptedTCP(ours, Protocol(), ("127.0.0.1", 1), None, 0, reactor),  # type: ignore[arg-type]
        reactor,
    )
    ours.close()
    theirs.close()


@reactor_fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    await made.stop()


def test_a_protocol_that_stays(accepted: tuple[AcceptedTCP, Reactor]) -> None:
    transport, reactor = accepted
    assert reactor.calls == []
    transport.protocol_connected()
    assert reactor.calls == ["add"]
    transport.pauseProducing()
    transport.resumeProducing()
    assert reactor.calls == ["add", "remove", "add"]


@pytest.mark.parametrize("leave", [AcceptedTCP.pauseProducing, AcceptedTCP.loseConnection])
def test_a_protocol_that_wants_no_input_at_first(
    accepted: tuple[AcceptedTCP, Reactor], leave: Callable[[AcceptedTCP], None]
) -> None:
    """Paused by the store while it was connected, or closed: it is not read all the same."""
    transport, reactor = accepted
    leave(transport)
    transport.protocol_connected()
    assert "add" not in reactor.calls


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

    def fileno(self) -> int:
        return -1


def received(connection: Any, protocol: Protocol) -> ReceivingTCP:
    return ReceivingTCP(connection, protocol, ("127.0.0.1", 1), None, 0, Reactor())  # type: ignore[arg-type]


def test_a_flood_is_received_256_kib_at_a_time_until_little_comes() -> None:
    sizes = [100, LEAST_RECEIVED, MOST_RECEIVED, 50_000, MOST_RECEIVED, 100, 100]
    connection, protocol = Scripted(*sizes), Chunks()
    transport = received(connection, protocol)
    for _ in sizes:
        transport.doRead()
    assert [size // KIB for size in connection.room] == [64, 64, 256, 256, 256, 256, 64]
    assert [len(chunk) for chunk in protocol.chunks] == sizes


def test_a_small_chunk_holds_no_more_memory_than_it_needs() -> None:
    ours, theirs = socket.socketpair()
    protocol = Chunks()
    transport = received(ours, protocol)
    transport._most = MOST_RECEIVED
    tracemalloc.start()
    try:
        for _ in range(50):
            theirs.sendall(bytes(5000))
            transport.doRead()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    ours.close()
    theirs.close()
    assert len(protocol.chunks) == 50 and held < 50 * 6000


def test_how_much_may_wait_to_be_sent_is_another_matter() -> None:
    """Twisted takes one number for both."""
    assert ReceivingTCP.bufferSize == tcp.Server.bufferSize == 64 * KIB


def test_nothing_to_read_the_end_and_a_reset() -> None:
    ours, theirs = socket.socketpair()
    transport = received(ours, Chunks())
    assert transport.doRead() is None
    theirs.close()
    assert isinstance(transport.doRead(), ConnectionDone)
    ours.close()
    assert isinstance(transport.doRead(), ConnectionLost)


@pytest.mark.parametrize("endpoint", ["tcp:0:interface=127.0.0.1", "unix:{path}", "ssl", "haproxy"])
@in_reactor
async def test_each_listener_receives_large_chunks(
    site: Site, endpoint: str, tmp_path: Path
) -> None:
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
            plain = socket.create_connection(("127.0.0.1", port_of(listener)))
        if endpoint in ("ssl", "haproxy"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            plain = context.wrap_socket(plain)
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
    assert LEAST_RECEIVED < max(sizes) <= MOST_RECEIVED + RECORD


@implementer(IFileDescriptorReceiver)
class TakesDescriptors(Chunks):
    descriptors: list[int]

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.descriptors = [descriptor]


@pytest.mark.parametrize("takes", [True, False])
@in_reactor
async def test_descriptors_over_a_unix_socket(takes: bool, tmp_path: Path) -> None:
    """They reach a protocol that takes them, and are closed for another."""
    protocol = TakesDescriptors() if takes else Chunks()
    port = REACTOR.listenUNIX(str(tmp_path / "s"), Factory.forProtocol(lambda: protocol))  # type: ignore[arg-type]
    make_ours(port, layered=False)
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


@in_reactor
async def test_a_transport_waits_for_one_who_has_nothing_under_way() -> None:
    """Told to close, it does so when the producer says that it has done its work."""
    protocol = Chunks()
    port = REACTOR.listenTCP(0, Factory.forProtocol(lambda: protocol), interface="127.0.0.1")  # type: ignore[arg-type]
    with socket.create_connection(("127.0.0.1", port.getHost().port)) as peer:
        await until(lambda: protocol.transport, "the connection")
        transport: Any = protocol.transport
        transport.registerProducer(Unhurried(), True)
        keep_open(transport)
        assert not stop_keeping(transport)
        keep_open(transport)
        transport.loseConnection()
        peer.sendall(b"x")
        transport.write(b"answer")
        assert await deferToThread(peer.recv, 10) == b"answer"
        assert not protocol.ended
        assert stop_keeping(transport)
        transport.unregisterProducer()
        await until(lambda: protocol.ended, "the end")
        assert peer.recv(10) == b""
    await port.stopListening()


class Unhurried:
    """A push producer that does not care."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


@in_reactor
async def test_a_socket_that_others_have_as_well_is_only_closed_here(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    port = REACTOR.listenUNIX(path, Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    other = port.socket.dup()
    close_shared_socket(port)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        other.accept()[0].close()
    other.close()
    assert os.path.exists(path)


@in_reactor
async def test_a_port_that_cannot_stop_has_its_socket_closed(tmp_path: Path) -> None:
    port = REACTOR.listenUNIX(str(tmp_path / "s"), Factory.forProtocol(Chunks))  # type: ignore[arg-type]
    close_shared_socket(port)
    close_socket(port)
    assert port.socket.fileno() == -1


@in_reactor
async def test_a_kept_socket_serves_the_next_process(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    first = KeptUNIXPort(path, Factory.forProtocol(Chunks), reactor=REACTOR)  # type: ignore[arg-type]
    first.startListening()
    held = first.socket_for_others()
    await first.stopListening()
    protocol = Chunks()
    factory = Factory.forProtocol(lambda: protocol)  # type: ignore[arg-type]
    second = KeptUNIXPort.adopt(REACTOR, held.fileno(), factory, 0o600, 5)
    second.startListening()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall(b"hello")
        await until(lambda: protocol.chunks, "the greeting")
    assert os.stat(path).st_mode & 0o777 == 0o600
    await until(lambda: protocol.ended, "the end")
    await second.stopListening()
    held.close()
    assert os.path.exists(path)


def test_ports_of_others_are_left_alone() -> None:
    class Port:
        transport = "theirs"

    port = Port()
    make_ours(port, layered=False)
    make_ours(object(), layered=True)
    assert port.transport == "theirs"
    assert (tcp.Port.transport, unix.Port.transport) == (tcp.Server, unix.Server)
