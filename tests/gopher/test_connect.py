"""Through a proxy everything goes through the proxy, names included."""

from __future__ import annotations

import importlib.util
import select
import socket
import struct
import threading
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
from logsrv.gopher.errors import ProxyError, Refused
from tests.gopher.conftest import Serve
from tests.gopher.servers import LOOPBACK
from tests.programs import missing


class SocksProxy:
    """SOCKS5 (RFC 1928) that leads every connection to one port on loopback."""

    def __init__(self, target: int, reply: int = 0) -> None:
        self._target = target
        self._reply = reply
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self.asked: list[tuple[bytes, int]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, client.makefile("rb") as stream:
                stream.read(stream.read(2)[1])
                client.sendall(b"\5\0")
                assert stream.read(4) == b"\5\1\0\3", "a name, for the proxy to resolve"
                name = stream.read(stream.read(1)[0])
                self.asked.append((name, struct.unpack("!H", stream.read(2))[0]))
                client.sendall(bytes([5, self._reply]) + b"\0\1\0\0\0\0\0\0")
                # Nothing is lost in the buffer: the client waits for this reply.
                if not self._reply:
                    self._relay(client)

    def _relay(self, client: socket.socket) -> None:
        """Both ways, until one side closes."""
        with socket.create_connection((LOOPBACK, self._target)) as server:
            other = {client: server, server: client}
            while True:
                for ready in select.select([client, server], [], [], 20)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


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


def test_how_a_proxy_is_written() -> None:
    assert Proxy.parse("socks5://localhost:9050") == Proxy("localhost", 9050)
    assert Proxy.parse("socks5h://[::1]:9050/") == Proxy("::1", 9050)
    assert str(Proxy.parse("socks5://[::1]:9050")) == "socks5://[::1]:9050"
    for text in ("http://h:1", "h:1", "socks5://h", "socks5://me:pass@h:1", "socks5://h:0"):
        with pytest.raises(ConfigurationError, match=r"socks5://127\.0\.0\.1:9050"):
            Proxy.parse(text)
