"""What is fetched for browsers: remembered, cut off in time, and shown as far as it came."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted

from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.gateway.destinations import HOST_PATTERN, HostPattern, NotAllowed
from logsrv.gopher.gateway.fetching import TIMEOUTS, Fetcher
from logsrv.gopher.gateway.settings import GopherSettings
from logsrv.gopher.wire.errors import TimedOut
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve

MENU = b"0One\t/1\tx\t70\r\n.\r\n"


def fetcher(
    reactor: Any,
    timeouts: Timeouts = TIMEOUTS,
    private: bool = True,
    hosts: tuple[HostPattern, ...] = (),
) -> Fetcher:
    settings = GopherSettings(
        allow_host=hosts,
        allow_private=private,
        max_page=200_000,
        max_download=None,
        cache_size=1_000_000,
        cache_time=60,
    )
    return Fetcher(reactor, settings, timeouts)


@pytest_twisted.ensureDeferred
async def test_remembers(reactor: Any, serve: Serve) -> None:
    """Going back and forth asks the server once for each page."""
    server = serve(MENU)
    found = fetcher(reactor)
    url = GopherURL.parse(server.url("/1/a"))
    first = await found.menu(url)
    again = await found.menu(url)
    assert first.content == again.content
    assert again.age == 60
    assert server.requests == [b"/a\r\n"]
    assert found.known.hits == 1
    await found.text(url.replace(item_type="0"))
    await found.text(url.replace(item_type="0"))
    assert len(server.requests) == 2


@pytest_twisted.ensureDeferred
async def test_part(reactor: Any, serve: Serve) -> None:
    """Of what breaks off or is too big the beginning is shown, with the reason, and not remembered."""

    def hang(connection: Any, request: bytes) -> None:
        connection.sendall(b"0One\t/1\tx\t70\r\n")
        server.hang()

    server = serve(hang)
    found = fetcher(reactor, TIMEOUTS.replace(between=0.2))
    menu = await found.menu(GopherURL.parse(server.url("/1/a")))
    assert len(menu.content.items) == 1
    assert "stopped in the middle" in menu.missing
    assert menu.age == 0
    big = serve(b"word " * 100_000)
    text = await found.text(GopherURL.parse(big.url("/0/b")))
    assert text.content.content
    assert "larger than the limit" in text.missing


@pytest_twisted.ensureDeferred
async def test_silence(reactor: Any, serve: Serve) -> None:
    """A server that says nothing ends in a time-out."""
    server = serve(lambda connection, request: connection.recv(1))
    found = fetcher(reactor, TIMEOUTS.replace(first_byte=0.2))
    with pytest.raises(TimedOut):
        await found.menu(GopherURL.parse(server.url("/1/a")))


@pytest_twisted.ensureDeferred
async def test_destinations(reactor: Any, serve: Serve) -> None:
    """Neither menu, text nor stream is fetched from where the gateway does not go."""
    server = serve(MENU)
    found = fetcher(reactor, private=False)
    url = GopherURL.parse(server.url("/1/a"))
    for ask in (found.menu, found.text, found.open):
        with pytest.raises(NotAllowed):
            await ask(url)
        with pytest.raises(NotAllowed):
            await ask(url.replace(port=25))
    listed = fetcher(reactor, hosts=(HOST_PATTERN.parse("other.example"),))
    for ask in (listed.menu, listed.text, listed.open):
        with pytest.raises(NotAllowed, match="a few hosts"):
            await ask(url)
    assert server.requests == []


@pytest_twisted.ensureDeferred
async def test_big_menu(reactor: Any, serve: Serve) -> None:
    """An endless menu ends at the limit."""
    server = serve(b"0One\t/1\tx\t70\r\n" * 100_000)
    menu = await fetcher(reactor).menu(GopherURL.parse(server.url("/1/a")))
    assert "larger than the limit" in menu.missing
    assert 0 < len(menu.content.items) < 100_000
