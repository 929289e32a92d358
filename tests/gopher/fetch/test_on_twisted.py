"""Through a proxy everything goes through the proxy, names included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from logsrv.gopher import GopherClient, Proxy, Trust
from logsrv.gopher.wire.errors import GopherError, ProxyError, Refused, UnknownHost
from tests.gopher.conftest import Serve, names
from tests.gopher.servers import LOOPBACK, SocksProxy
from tests.ports import free_port


@pytest.fixture
def proxies() -> Iterator[list[SocksProxy]]:
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
    port = free_port()
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, port))
    with pytest.raises(ProxyError, match="it refused the connection"):
        await client.text("gopher://h.example/0x")


@pytest_twisted.ensureDeferred
async def test_a_name_is_looked_up_once_for_many_small_files(
    reactor: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, [LOOPBACK])
    server = serve(b"x", port=free_port())
    client = GopherClient(reactor)
    for _ in range(5):
        await client.text(server.url("/0x", host="gopher.example"))
    assert asked == ["gopher.example"]
    server.close()
    with pytest.raises(Refused):
        await GopherClient(reactor, retries=0).text(server.url(host="gopher.example"))
    serve(b"x", None, server.port)
    await client.text(server.url("/0x", host="gopher.example"))


class Forbidden(GopherError):
    """It must not be connected to."""


def only_second(address: str, _: int) -> None:
    """A rule that forbids all addresses but 127.0.0.1."""
    if address != LOOPBACK:
        raise Forbidden(address)


@pytest_twisted.ensureDeferred
async def test_of_a_name_only_the_addresses_that_are_allowed_are_used(
    reactor: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.2", LOOPBACK], ["127.0.0.3"])
    server = serve(b"x")
    url = server.url("/0x", host="both.example")
    client = GopherClient(reactor, allow=only_second)
    assert (await client.text(url)).content == b"x"
    # A name that has another address a moment later ("rebinding") gains nothing.
    with pytest.raises(Forbidden):
        await GopherClient(reactor, allow=only_second).text(url)
    with pytest.raises(Forbidden):
        await client.text(server.url("/0x", host="127.0.0.9"))
    assert len(server.requests) == 1


@pytest_twisted.ensureDeferred
async def test_without_requests_the_reactor_has_nothing_to_watch(
    reactor: Any, serve: Serve
) -> None:
    before = {*reactor.getReaders(), *reactor.getDelayedCalls()}
    client = GopherClient(reactor)
    await client.text(serve(b"x").url("/0x"))
    with pytest.raises(UnknownHost):
        await client.text("gopher://abc.onion/0x")
    async with await client.open(serve(b"x" * 5_000_000).url("/9x")) as response:
        await response.read(10)
    assert {*reactor.getReaders(), *reactor.getDelayedCalls()} <= before
