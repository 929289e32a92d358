"""Connections through a proxy: the input and the guard see the real client."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.python.failure import Failure

from logsrv.kit.net.guard import GuardPolicy
from logsrv.kit.net.guarded_factory import GuardedFactory
from logsrv.kit.observe.metrics import Metrics
from tests.kit.net.network import NotingFactory

HEADER = b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 514\r\n"


class Proxied:
    """One connection from the proxy 192.0.2.1, for clients the policy allows."""

    def __init__(self, **policy: Any) -> None:
        self.inner = NotingFactory()
        self.metrics = Metrics()
        self.guarded = GuardedFactory(
            self.inner,
            label="in",
            policy=GuardPolicy(**policy),
            clock=Clock(),
            metrics=self.metrics,
            layered=True,
            proxied=True,
        )
        self.guarded.doStart()
        proxy = IPv4Address("TCP", "192.0.2.1", 9)
        self.transport = StringTransport(peerAddress=proxy)
        self.layer: Any = HAProxyWrappingFactory(self.guarded).buildProtocol(proxy)
        self.layer.makeConnection(self.transport)

    def lose(self) -> None:
        self.layer.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize("cut", [1, 20, len(HEADER) - 1, len(HEADER), len(HEADER) + 2])
def test_the_source_is_the_client_behind_the_proxy_however_the_header_comes(cut: int) -> None:
    site = Proxied(allow=(ip_network("10.0.0.0/8"),))
    sent = HEADER + b"hello\n"
    if cut < 8:
        cut = 8
    site.layer.dataReceived(sent[:cut])
    site.layer.dataReceived(sent[cut:])
    site.layer.dataReceived(b"more\n")
    assert [protocol.source for protocol in site.inner.made] == ["tcp:10.0.0.1:4000"]
    assert site.inner.data == b"hello\nmore\n"
    site.lose()
    assert len(site.inner.lost) == 1
    assert site.guarded.guard.open == 0


def test_a_server_that_speaks_first_does_so_once_the_header_is_there() -> None:
    site = Proxied()
    assert site.inner.made == []
    site.layer.dataReceived(HEADER)
    assert len(site.inner.made) == 1


def test_the_networks_are_those_of_the_client_not_of_the_proxy() -> None:
    site = Proxied(deny=(ip_network("10.0.0.0/8"),))
    site.layer.dataReceived(HEADER + b"hello\n")
    assert site.transport.disconnected
    site.lose()
    assert (site.inner.made, site.inner.lost, site.inner.data) == ([], [], b"")
    assert site.metrics.value("connections_refused_total", reason="denied") == 1
    assert site.guarded.guard.open == 0


def test_a_header_without_an_address_leaves_the_proxy_as_the_source() -> None:
    site = Proxied()
    site.layer.dataReceived(b"PROXY UNKNOWN ::1 ::1 1 1\r\nhello\n")
    assert [protocol.source for protocol in site.inner.made] == ["tcp:192.0.2.1:9"]
    assert site.inner.data == b"hello\n"


def test_a_proxy_that_goes_before_its_header_is_nobodys_connection() -> None:
    site = Proxied()
    site.lose()
    assert (site.inner.made, site.inner.lost) == ([], [])
    assert site.guarded.guard.open == 0


def test_rubbish_instead_of_a_header_closes_the_connection() -> None:
    site = Proxied()
    site.layer.dataReceived(b"hello, I am no proxy\n")
    assert site.transport.disconnecting
    site.lose()
    assert site.inner.data == b""
