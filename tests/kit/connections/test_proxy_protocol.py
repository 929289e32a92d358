"""Connections through a proxy: the real client is seen; PROXY headers in pieces of every size."""

import re
import socket
import struct
from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections._proxy_protocol import (
    BINARY_SIGNATURE,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderReader,
)
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.source import Sender
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing._memory import every_split
from tests.parts.listening import Noted, NotingFactory
from tests.parts.reactor import logged

HEADER = b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 514\r\n"


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Noted):
    def readConnectionLost(self) -> None:
        assert self.transport is not None
        self.transport.write(b"the end\n")

    def writeConnectionLost(self) -> None:
        pass


class Proxied:
    """One connection from the proxy 192.0.2.1, for clients the policy allows."""

    def __init__(self, protocol: type[Noted] = Noted, **policy: Any) -> None:
        self.inner = NotingFactory()
        self.inner.protocol = protocol
        self.clock = Clock()
        self.metrics = Metrics()
        self.guarded = GuardedFactory(
            self.inner,
            label="in",
            policy=GuardPolicy(**policy),
            clock=self.clock,
            metrics=self.metrics,
            layered=True,
            proxied=True,
        )
        self.guarded.doStart()
        self.layer = self.connect()
        self.transport = self.layer.transport

    def connect(self, transport: StringTransport | None = None) -> Any:
        """One more connection, as what the endpoint's transport delivers to."""
        proxy = IPv4Address("TCP", "192.0.2.1", 9)
        layer: Any = self.guarded.buildProtocol(proxy)
        layer.makeConnection(transport or StringTransport(peerAddress=proxy))
        return layer

    def lose(self) -> None:
        self.layer.connectionLost(Failure(ConnectionDone()))


def test_the_source_is_the_client_behind_the_proxy_however_the_header_comes():
    for pieces in every_split(HEADER + b"hello\n"):
        site = Proxied(allow=(ip_network("10.0.0.0/8"),))
        for piece in pieces:
            site.layer.dataReceived(piece)
        site.layer.dataReceived(b"more\n")
        assert [protocol.source for protocol in site.inner.made] == ["tcp:10.0.0.1:4000"]
        assert site.inner.made[0].transport.getHost().port == 514
        assert site.inner.data == b"hello\nmore\n"
        site.lose()
        assert len(site.inner.lost) == 1
        assert site.guarded.guard.open == 0


def test_a_server_that_speaks_first_does_so_once_the_header_is_there():
    site = Proxied()
    assert site.inner.made == []
    site.layer.dataReceived(HEADER)
    assert len(site.inner.made) == 1


def test_the_networks_are_those_of_the_client_not_of_the_proxy():
    site = Proxied(deny=(ip_network("10.0.0.0/8"),))
    site.layer.dataReceived(HEADER + b"hello\n")
    assert site.transport.disconnected
    site.lose()
    assert (site.inner.made, site.inner.lost, site.inner.data) == ([], [], b"")
    assert site.metrics.value("connections_refused_total", reason="denied") == 1
    assert site.guarded.guard.open == 0


@pytest.mark.parametrize(
    "spelled", ["::ffff:10.1.2.3", "::FFFF:a01:203", "0:0:0:0:0:ffff:10.1.2.3", "::ffff:0a01:0203"]
)
def test_an_ipv4_client_of_a_dual_stack_proxy_is_an_ipv4_client(spelled):
    """However its address is spelled: to the networks, to the limit per peer, and in the store."""
    header = f"PROXY TCP6 {spelled} ::1 4000 514\r\n".encode()
    denied = Proxied(deny=(ip_network("10.0.0.0/8"),))
    denied.layer.dataReceived(header)
    assert denied.metrics.value("connections_refused_total", reason="denied") == 1
    site = Proxied(max_connections_per_peer=1)
    site.layer.dataReceived(HEADER.replace(b"10.0.0.1", b"10.1.2.3"))
    again = site.connect()
    again.dataReceived(header)
    assert site.metrics.value("connections_refused_total", reason="max_connections_per_peer") == 1
    other = Proxied()
    other.layer.dataReceived(header)
    assert other.inner.made[0].source == "tcp:10.1.2.3:4000"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ::1 ::1 1 1\r\n"])
def test_a_header_without_an_address_leaves_the_proxy_as_the_source(header):
    site = Proxied()
    site.layer.dataReceived(header)
    assert [protocol.source for protocol in site.inner.made] == ["tcp:192.0.2.1:9"]
    site.layer.dataReceived(b"hello\n")
    assert site.inner.data == b"hello\n"
    assert not site.transport.disconnecting


@pytest.mark.parametrize("came", [b"", b"PROXY TCP4 10.", HEADER[:-1]])
def test_a_proxy_that_goes_before_its_header_is_nobodys_connection(came):
    """Without a byte it was looking whether we live; with some of the header something is wrong."""
    site = Proxied()
    site.layer.dataReceived(came)
    with logged() as messages:
        site.lose()
    assert (site.inner.made, site.inner.lost) == ([], [])
    assert site.guarded.guard.open == 0
    refused = site.metrics.value("connections_refused_total", reason="proxy_header")
    assert refused == len(messages) == (came != b"")


def test_a_header_that_is_none_is_logged_once_a_minute_and_closes_the_connection():
    site = Proxied()
    with logged() as messages:
        for sent in (b"PROXY TCP4 banana 10.0.0.2 1 2\r\nhello\n", b"hello\n", b"PROXY X\r\n"):
            layer = site.connect()
            layer.dataReceived(sent)
            layer.dataReceived(b"more\n")
            assert layer.transport.disconnected
            layer.connectionLost(Failure(ConnectionDone()))
    (message,) = messages
    assert message == ("in refused 192.0.2.1: its PROXY header has banana for an IPv4 address")
    assert site.metrics.value("connections_refused_total", reason="proxy_header") == 3
    assert (site.inner.made, site.inner.data) == ([], b"")
    # The one that has sent nothing is still there.
    assert site.guarded.guard.open == 1


def test_a_connection_too_many_is_dropped_whatever_it_sends():
    site = Proxied(max_connections=1)
    transport = StringTransport()
    refused = site.connect(transport)
    refused.dataReceived(HEADER)
    refused.connectionLost(Failure(ConnectionDone()))
    assert (transport.disconnected, site.inner.made) == (True, [])
    assert site.guarded.guard.open == 1


def test_the_client_may_close_its_half_and_hear_the_answers_still():
    """`echo hello | nc -N` through a proxy."""
    site = Proxied(HalfCloseable)
    assert IHalfCloseableProtocol(site.layer, None) is not None
    site.layer.dataReceived(HEADER)
    site.layer.readConnectionLost()
    assert site.transport.value() == b"the end\n"
    site.layer.writeConnectionLost()
    early = Proxied(HalfCloseable)
    early.layer.readConnectionLost()
    assert early.transport.disconnecting


def test_a_silent_proxy_is_closed_and_a_client_that_talks_is_not():
    site = Proxied(idle_timeout=8.0)
    silent = site.connect()
    site.layer.dataReceived(HEADER)
    for _ in range(10):
        site.clock.advance(1.0)
        site.layer.dataReceived(b"x")
    assert silent.transport.disconnecting
    assert not site.transport.disconnecting


NOBODY = ProxyHeader()
IPV4 = ProxyHeader(IPv4Address("TCP", "10.0.0.1", 4000), IPv4Address("TCP", "10.0.0.2", 514))
IPV6 = ProxyHeader(IPv6Address("TCP", "2001:db8::1", 4000), IPv6Address("TCP", "::1", 514))


def binary(
    family: int, addresses: bytes, *, command: int = 1, version: int = 2, behind: bytes = b""
) -> bytes:
    """A header of version 2; `behind` stands behind its addresses."""
    content = addresses + behind
    lead = bytes([version << 4 | command, family])
    return BINARY_SIGNATURE + lead + struct.pack("!H", len(content)) + content


def inet(*hosts: str, ports: tuple[int, int] = (4000, 514)) -> bytes:
    family = socket.AF_INET6 if ":" in hosts[0] else socket.AF_INET
    packed = b"".join(socket.inet_pton(family, host) for host in hosts)
    return packed + struct.pack("!2H", *ports)


def paths(client: bytes, destination: bytes) -> bytes:
    return client.ljust(108, b"\0") + destination.ljust(108, b"\0")


def read(pieces: list[bytes]) -> tuple[ProxyHeader, bytes] | None:
    """What is read of the pieces, with all that comes behind the header."""
    reader = ProxyHeaderReader()
    for number, piece in enumerate(pieces, 1):
        found = reader.receive(piece)
        if found is not None:
            return found[0], found[1] + b"".join(pieces[number:])
    assert reader.begun
    return None


HEADERS = {
    b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 514\r\n": IPV4,
    b"PROXY TCP6 2001:db8::1 ::1 4000 514\r\n": IPV6,
    b"PROXY UNKNOWN\r\n": NOBODY,
    b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n": NOBODY,
    b"PROXY UNKNOWN \xff\x00 anything\r\n": NOBODY,
    binary(0x11, inet("10.0.0.1", "10.0.0.2")): IPV4,
    binary(0x12, inet("10.0.0.1", "10.0.0.2")): IPV4,
    binary(0x21, inet("2001:db8::1", "::1")): IPV6,
    binary(0x11, inet("10.0.0.1", "10.0.0.2"), behind=b"\x03\x00\x04abcd\x04\x00\x01\x00"): IPV4,
    binary(0x31, paths(b"/run/a b", b"/run/srv")): ProxyHeader(
        Sender(None, "unix:/run/a\\x20b"), Sender(None, "unix:/run/srv")
    ),
    binary(0x32, paths(b"\0abstract", b"")): ProxyHeader(
        Sender(None, "unix:@abstract"), Sender(None, "unix:")
    ),
    binary(0x00, b""): NOBODY,
    binary(0x00, b"", behind=b"\x04\x00\x01\x00"): NOBODY,
    binary(0x10, inet("10.0.0.1", "10.0.0.2")): NOBODY,
    # The proxy's own connection: what stands behind is skipped, whatever it is.
    binary(0x00, b"", command=0): NOBODY,
    binary(0x11, inet("10.0.0.1", "10.0.0.2"), command=0): NOBODY,
    binary(0xFF, b"xyz", command=0): NOBODY,
}


@pytest.mark.parametrize(("sent", "header"), HEADERS.items())
def test_headers_however_the_network_cuts_them(sent, header):
    for pieces in every_split(sent + b"hello\r\nPROXY"):
        assert read(pieces) == (header, b"hello\r\nPROXY"), pieces
    for length in range(1, len(sent)):
        assert read([sent[:length]]) is None


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"hello, I am no proxy\n", "it began with no PROXY header"),
        (b"\r\nhello", "it began with no PROXY header"),
        (b"\n", "it began with no PROXY header"),
        (b"PROXY\r\n", "it began with no PROXY header"),
        (b"PROXY \r\n", 'is for ""; known are TCP4, TCP6 and UNKNOWN'),
        (b"PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n", "is for UDP4; known"),
        (b"PROXY TCP4\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 banana 10.0.0.2 1 2\r\n", "has banana for an IPv4 address"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.256 1 2\r\n", "has 10.0.0.256 for an IPv4 address"),
        (b"PROXY TCP4 ::1 10.0.0.2 1 2\r\n", "has ::1 for an IPv4 address"),
        (b"PROXY TCP6 10.0.0.1 ::1 1 2\r\n", "has 10.0.0.1 for an IPv6 address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "has fe80::1%eth0 for an IPv6 address"),
        (b"PROXY TCP4 10.0.\x000.1 10.0.0.2 1 2\r\n", "has 10.0.\\x000.1 for an IPv4"),
        (b"PROXY TCP4 \x1b[2J 10.0.0.2 1 2\r\n", "has \\x1b[2J for an IPv4 address"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n", "has 65536 for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 -2\r\n", "has -2 for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 \xb2\r\n", "for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n", "does not end in CR LF"),
        (b"PROXY TCP4 " + b"1" * 200, "is longer than 107 bytes"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2")[:-1]), "is too short for its addresses"),
        (binary(0x21, inet("10.0.0.1", "10.0.0.2")), "is too short for its addresses"),
        (binary(0x31, b"/run/x"), "is too short for its addresses"),
        (binary(0x41, b"x" * 300), "is for address family 4, transport 1, which do not exist"),
        (binary(0x13, inet("10.0.0.1", "10.0.0.2")), "is for address family 1, transport 3"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2"), command=2), "has version 2, command 2"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2"), version=3), "has version 3, command 1"),
    ],
)
def test_what_is_no_header_is_refused_with_a_sentence(sent, sentence):
    for pieces in every_split(sent):
        with pytest.raises(ProxyHeaderError, match=re.escape(sentence)) as caught:
            read(pieces)
        assert str(caught.value).isprintable()


def test_a_line_of_107_bytes_is_the_longest_one():
    """A peer that sends no line feed in so many is refused at once, although it sends no more."""
    lead = b"PROXY UNKNOWN "
    assert read([lead.ljust(105, b"x") + b"\r\nhello"]) == (NOBODY, b"hello")
    assert read([lead.ljust(106, b"x")]) is None
    for unended in (lead.ljust(107, b"x"), lead.ljust(107, b"x") + b"\r\n"):
        with pytest.raises(ProxyHeaderError, match="longer than 107 bytes"):
            read([unended])


@pytest.mark.parametrize("behind", [b"x" * 200, b"y\n" * 200])
def test_much_behind_a_header_in_one_chunk_is_no_longer_header(behind):
    for header, wanted in HEADERS.items():
        assert read([header + behind]) == (wanted, behind)
