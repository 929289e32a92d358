"""Connections through a proxy: the input and the guard see the real client."""

from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.guard.guarded_factory import GuardedFactory
from logsrv.kit.net.guard.proxy_header import BINARY_SIGNATURE
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.memory import every_split
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


def test_a_client_of_a_unix_socket_is_named_by_its_path():
    site = Proxied(allow=(ip_network("10.0.0.0/8"),))
    addresses = b"/run/client".ljust(108, b"\0") + b"/run/proxy".ljust(108, b"\0")
    site.layer.dataReceived(BINARY_SIGNATURE + b"\x21\x31\x00\xd8" + addresses + b"hello\n")
    assert (site.inner.made[0].source, site.inner.data) == ("unix:/run/client", b"hello\n")


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
    assert message == (
        "in refused 192.0.2.1: its PROXY header has banana for an IPv4 address; "
        "1 refused since this was last logged"
    )
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
