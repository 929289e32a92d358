"""What is fetched for browsers: remembered, cut off in time, and shown as far as it came; and the ways to
servers, through a proxy, with pins and a CA file.
"""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.gateway.destinations import HOST_PATTERN, DestinationNotAllowed
from logsrv.gopher.gateway.fetching import TIMES, Fetcher
from logsrv.gopher.gateway.gateway_settings import GopherSettings
from logsrv.gopher.gateway.paths import ItemView
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve
from tests.parts.gopher_servers import SocksProxy, cut
from tests.parts.reactor import until

MENU = b"0One\t/1\tx\t70\r\n.\r\n"


def fetcher(
    reactor: Any, times: Limits = TIMES, metrics: Metrics | None = None, **settings: Any
) -> Fetcher:
    return Fetcher(reactor, GopherSettings(**settings), metrics or Metrics(), times)


async def test_a_fetched_page_comes_from_the_cache(reactor, serve):
    """Going back and forth asks the server once for each page."""
    server, metrics = serve(MENU), Metrics()
    found = fetcher(reactor, metrics=metrics, allow_private=True)
    url = GopherURL.parse(server.url("/1/a"))
    assert await found.fetch_content(url) == await found.fetch_content(url)
    assert server.requests == [b"/a\r\n"]
    assert metrics.value("gateway_cache_hits_total") == 1
    for _ in range(2):
        await found.fetch_content(url.replace(item_type="0"))
    assert len(server.requests) == 2


async def test_an_answer_that_breaks_off_is_shown_and_not_cached(reactor, serve):
    """Of what breaks off or is too big the beginning is shown, with the reason, and not remembered."""

    def hang(connection: Any, request: bytes) -> None:
        connection.sendall(b"0One\t/1\tx\t70\r\n")
        server.hang()

    server = serve(hang)
    found = fetcher(reactor, TIMES.replace(between=0.2), allow_private=True)
    for asked in (1, 2):
        menu, missing = await found.fetch_content(GopherURL.parse(server.url("/1/a")))
        assert isinstance(menu, Menu) and len(menu.items) == 1
        assert "stopped in the middle" in missing
        assert len(server.requests) == asked
    big = serve(b"word " * 100_000)
    found = fetcher(reactor, allow_private=True, max_page=200_000)
    text, missing = await found.fetch_content(GopherURL.parse(big.url("/0/b")))
    assert isinstance(text, Text) and text.content
    assert "larger than the limit" in missing


async def test_nothing_is_fetched_from_forbidden_destinations(reactor, serve):
    """Neither menu, text nor stream is fetched from where the gateway does not go."""
    server = serve(MENU)
    found = fetcher(reactor)
    listed = fetcher(reactor, allow_private=True, allow_host=(HOST_PATTERN.parse("other.example"),))
    for letter in "109":
        url = GopherURL.parse(server.url(f"/{letter}/a"))
        for ask in (found.fetch_content, found.open_stream):
            with pytest.raises(DestinationNotAllowed):
                await ask(url)
            with pytest.raises(DestinationNotAllowed):
                await ask(url.replace(port=25))
        for ask in (listed.fetch_content, listed.open_stream):
            with pytest.raises(DestinationNotAllowed, match="certain hosts"):
                await ask(url)
    assert server.requests == []


@pytest.fixture
def proxy(serve: Serve) -> Iterator[SocksProxy]:
    """One that leads everything to a server that says where it is."""
    started = SocksProxy(serve(b"behind it\r\n.\r\n").port)
    yield started
    started.close()


async def said(found: Fetcher, url: GopherURL) -> bytes:
    text, missing = await found.fetch_content(url)
    assert isinstance(text, Text) and not missing
    return text.content


async def test_names_are_left_to_the_proxy(reactor, proxy):
    found = fetcher(reactor, proxy=Proxy("127.0.0.1", proxy.port))
    assert await said(found, GopherURL.parse("gopher://far.onion/0/a")) == b"behind it\r\n"
    assert proxy.asked == [(b"far.onion", 70)]


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7", "127.1", "0x7f.1", "[::1]", "localhost"])
async def test_nobody_gets_behind_the_proxy_into_a_private_network(reactor, proxy, host):
    found = fetcher(reactor, proxy=Proxy("127.0.0.1", proxy.port))
    with pytest.raises(DestinationNotAllowed):
        await found.fetch_content(GopherURL.parse(f"gopher://{host}/0/a"))
    assert proxy.asked == []


async def test_a_server_is_trusted_by_file_or_pin(
    reactor, serve, certificate, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    url = GopherURL.parse(serve(b"secret\r\n.\r\n", certificate).url("/0/a", "gophers"))
    with pytest.raises(TLSError):
        await fetcher(reactor, allow_private=True).fetch_content(url)
    for ways in ({"cafile": certificate}, {"pin": True}, {"insecure": True}):
        found = fetcher(reactor, allow_private=True, **ways)
        assert await said(found, url) == b"secret\r\n"
    assert url.address in (tmp_path / "logsrv" / "gopher-pins").read_text()


async def test_a_server_that_never_ends_tls_is_accepted_if_wanted(reactor, serve, certificate):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all")
        cut(connection)

    url = GopherURL.parse(serve(script, certificate).url("/0/a", "gophers"))
    strict = fetcher(reactor, allow_private=True, cafile=certificate)
    lenient = fetcher(reactor, allow_private=True, cafile=certificate, accept_cut=True)
    assert "close of TLS is missing" in (await strict.fetch_content(url))[1]
    assert (await lenient.fetch_content(url))[1] == ""


async def test_a_page_is_made_once_as_long_as_its_content_is_remembered(reactor, serve):
    server, made = serve(MENU), []
    found = fetcher(reactor, allow_private=True)
    view = ItemView(GopherURL.parse(server.url("/1/a")))

    async def page(view: ItemView) -> bytes:
        content, _ = await found.fetch_content(view.url)

        def make() -> bytes:
            made.append(view)
            return b"page %d" % len(made)

        return found.cached_page(view, content, make)

    assert [await page(view) for _ in range(3)] == [b"page 1"] * 3
    assert await page(attrs.evolve(view, charset="cp437")) == b"page 2"
    assert await page(view) == b"page 1"
    # What is fetched anew, as when the time is over, is shown anew.
    found.remembered.forget(view.url)
    assert await page(view) == b"page 3"


async def test_a_page_of_an_answer_that_broke_off_is_not_kept_for_the_whole_one(reactor, serve):
    """Two visitors ask at the same moment: one answer has no end, the other one is remembered."""
    is_whole = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        if len(server.requests) > 1:
            connection.sendall(MENU)
            return
        assert is_whole.wait(PATIENCE)
        connection.sendall(40_000 * b"0One\t/1\tx\t70\r\n")

    server = serve(script)
    found = fetcher(reactor, allow_private=True, max_page=200_000)
    view = ItemView(GopherURL.parse(server.url("/1/a")), charset="cp437")
    breaking_off = Deferred.fromCoroutine(found.fetch_content(view.url))
    await until(lambda: server.requests, "the first request")
    whole, missing = await found.fetch_content(view.url)
    is_whole.set()
    part, why = await breaking_off
    assert why and not missing
    assert found.cached_page(view, part, lambda: b"part") == b"part"
    assert found.cached_page(view, whole, lambda: b"whole") == b"whole"


async def test_pages_take_no_more_memory_than_what_was_fetched_may(reactor, serve):
    server = serve(MENU)
    found = fetcher(reactor, allow_private=True, cache_size=100_000)
    url = GopherURL.parse(server.url("/1/a"))
    content, _ = await found.fetch_content(url)
    for first in range(100):
        found.cached_page(ItemView(url, first=first), content, lambda: b"x" * 10_000)
    assert found.pages.size <= 25_000 and found.remembered.size <= 75_000
