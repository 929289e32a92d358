"""What Twisted calls reaches the author, what an author overrides is called; who the peer is."""

import socket
import ssl
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.threads import deferToThread

from logsrv.kit import Connection, DatagramLines, LineProtocol, Sender
from logsrv.kit.connections._senders import sender_at
from logsrv.kit.testing import MemoryService, self_signed_certificate, serve
from logsrv.kit.testing.patience import PATIENCE

# Twisted's own use of pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def test_connection_made_may_be_set_on_the_object():
    """An author may set it in the constructor, as any method."""

    class Late(LineProtocol):
        def __init__(self) -> None:
            self.connection_made = lambda: self.send_line("hello")  # type: ignore[method-assign]

    assert MemoryService(Late).connect().received() == b"hello\r\n"


def test_a_protocol_of_a_silent_peer_gets_connection_lost():
    ended: list[str] = []

    class Silent(LineProtocol):
        def connection_lost(self, reason: str) -> None:
            ended.append(reason)

    MemoryService(Silent).connect().disconnect()
    assert ended == ["Connection was closed cleanly."]


async def test_the_certificate_of_a_peer_is_known_from_the_start(tmp_path):
    """It is there from the first moment on, for a class and for a function alike."""
    pem, key = self_signed_certificate(tmp_path, "shop")

    class Named(LineProtocol):
        def connection_made(self) -> None:
            assert self.certificate is not None
            self.close(f"{self.certificate.name} {self.peer.partition(',')[2]}")

    async def named(connection: Connection) -> None:
        assert connection.certificate is not None
        connection.send_line(f"{connection.certificate.name} {connection.peer.partition(',')[2]}")

    def ask(port: int) -> bytes:
        context = ssl.create_default_context(cafile=pem)
        context.load_cert_chain(pem, key)
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="shop") as connection,
        ):
            return connection.recv(100)

    listen = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={pem}:clientca={pem}"
    for protocol in (Named, named):
        async with serve(protocol, "--listen", listen) as running:
            assert await deferToThread(ask, running.port) == b"shop dns=shop\r\n"


def test_a_half_close_of_a_silent_peer_closes_the_connection():
    peer = MemoryService(LineProtocol).connect()
    peer.half_close()
    assert peer.closed


def test_a_silent_peer_can_be_written_to():
    """As a chat does to those who only listen."""
    peer = MemoryService(LineProtocol).connect()
    protocol: Any = peer.protocol
    protocol.send_line("news")
    assert peer.received() == b"news\r\n"


class Said(LineProtocol):
    def connection_made(self) -> None:
        self.send_line(f"{self.peer_host} {self.peer_port}")


async def said(connection: Any) -> None:
    connection.send_line(f"{connection.peer_host} {connection.peer_port}")


class SaidLines(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(f"{peer.peer_host} {peer.peer_port}", peer)


@pytest.mark.parametrize("protocol", [Said, said])
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (IPv4Address("TCP", "192.0.2.7", 51234), b"192.0.2.7 51234\r\n"),
        (IPv6Address("TCP", "2001:db8:0::7", 51234), b"2001:db8::7 51234\r\n"),
        (IPv6Address("TCP", "::ffff:192.0.2.7", 1), b"192.0.2.7 1\r\n"),
        (IPv6Address("TCP", "fe80::1%eth0", 65535), b"fe80::1%eth0 65535\r\n"),
        (UNIXAddress(b""), b"None None\r\n"),
        (UNIXAddress(b"/run/x"), b"None None\r\n"),
    ],
)
def test_a_connection_knows_its_peers_address(protocol, address, expected):
    assert MemoryService(protocol).connect(address).received() == expected


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("192.0.2.7", 5000, b"192.0.2.7 5000\r\n"),
        ("2001:db8::7", 5001, b"2001:db8::7 5001\r\n"),
        ("::ffff:192.0.2.7", 5002, b"192.0.2.7 5002\r\n"),
    ],
)
def test_a_sender_knows_its_address(host, port, expected):
    sender = MemoryService(SaidLines).sender(host, port)
    sender.send(b"hello")
    assert sender.received() == [expected]


@pytest.mark.parametrize("path", [b"", b"/run/x", b"\0name", b"a:1"])
def test_a_sender_of_a_unix_socket_has_none(path):
    sender = sender_at(path)
    assert (sender.peer_host, sender.peer_port) == (None, None)
