"""Through a proxy everything goes through the proxy, names included."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.gopher import GopherClient, Proxy, Trust
from logsrv.gopher.wire.errors import ProxyError, Refused
from tests.gopher.conftest import Serve
from tests.gopher.servers import LOOPBACK, SocksProxy
from tests.programs import missing


@pytest.fixture
def proxies() -> Iterator[list[SocksProxy]]:
    if importlib.util.find_spec("txtorcon") is None:
        missing("txtorcon is not installed (pip install 'logsrv[socks]')")
    started: list[SocksProxy] = []
    yield started
    for proxy in started:
        proxy.close()


@pytest_twisted.ensureDeferred
async def test_the_proxy_resolves_the_name(
    reactor: Any, serve: Serve, proxies: list[SocksProxy]
) -> None:
    proxy = SocksProxy(serve(b"hidden").port)
    proxies.append(proxy)
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, proxy.port))
    text = await client.text("gopher://abcdefghijklmnop.onion:7070/0x")
    assert text.content == b"hidden"
    assert proxy.asked == [(b"abcdefghijklmnop.onion", 7070)]


@pytest_twisted.ensureDeferred
async def test_tls_goes_through_the_proxy_to_the_server(
    reactor: Any, serve: Serve, proxies: list[SocksProxy], certificate: Path
) -> None:
    proxy = SocksProxy(serve(b"hidden", certificate).port)
    proxies.append(proxy)
    client = GopherClient(
        reactor, proxy=Proxy(LOOPBACK, proxy.port), trust=Trust(cafile=certificate)
    )
    assert (await client.text("gophers://localhost/0x")).content == b"hidden"


@pytest_twisted.ensureDeferred
async def test_a_proxy_that_refuses_is_named(reactor: Any, proxies: list[SocksProxy]) -> None:
    proxy = SocksProxy(1, reply=5)
    proxies.append(proxy)
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, proxy.port))
    with pytest.raises(ProxyError, match=f"socks5://127.0.0.1:{proxy.port} makes no connection"):
        await client.text("gopher://h.example/0x")


@pytest_twisted.ensureDeferred
async def test_no_proxy_there_is_not_no_server_there(
    reactor: Any, proxies: list[SocksProxy]
) -> None:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port = probe.getsockname()[1]
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, port))
    with pytest.raises(ProxyError, match="it refused the connection"):
        await client.text("gopher://h.example/0x")


@pytest_twisted.ensureDeferred
async def test_without_the_library_nothing_goes_past_the_proxy(
    reactor: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "txtorcon.socks", None)
    server = serve(b"x")
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, 9050))
    with pytest.raises(ConfigurationError, match=r"pip install 'logsrv\[socks\]'"):
        await client.text(server.url("/0x"))
    assert server.requests == []


@implementer(IHostnameResolver)
class CountingResolver:
    """Says that every host is this one, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        resolution = HostResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolutionReceiver.addressResolved(IPv4Address("TCP", LOOPBACK, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IHostResolution)
class HostResolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        raise AssertionError("it is done at once")


@pytest_twisted.ensureDeferred
async def test_a_name_is_looked_up_once_for_many_small_files(reactor: Any, serve: Serve) -> None:
    resolver = CountingResolver()
    before = reactor.installNameResolver(resolver)
    try:
        server = serve(b"x")
        client = GopherClient(reactor)
        for _ in range(5):
            await client.text(server.url("/0x", host="gopher.example"))
        assert resolver.asked == ["gopher.example"]
        server.close()
        with pytest.raises(Refused):
            await GopherClient(reactor, retries=0).text(server.url(host="gopher.example"))
        serve(b"x", None, server.port)
        await client.text(server.url("/0x", host="gopher.example"))
    finally:
        reactor.installNameResolver(before)
