"""`peer_host` and `peer_port`: the peer's address in parts."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from logsrv.kit import DatagramLines, LineProtocol, Sender
from logsrv.kit.net.senders import sender_at
from logsrv.kit.testing import MemoryService


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
