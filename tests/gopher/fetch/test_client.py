"""What `GopherClient` does with servers that answer, lie, hang, flood or go away."""

import socket
import threading
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults

from logsrv.gopher import GopherClient, GopherResponse, Limits, Menu, Text
from logsrv.gopher.wire.errors import (
    GopherError,
    TimedOut,
    TooBig,
    Truncated,
    UnknownHost,
)
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import names
from tests.parts.gopher_servers import LOOPBACK
from tests.parts.ports import free_port

MENU = b"iHi\t\th\t1\r\n0A text\t/a\t127.0.0.1\t70\r\n.\r\n"


class Hurrying:
    """A reactor whose clock can be put forward; its timers go on as they are."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.seconds_ahead = 0.0

    def seconds(self) -> float:
        seconds: float = self._reactor.seconds()
        return seconds + self.seconds_ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


async def test_the_client_returns_menus_texts_and_searches(reactor, serve):
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"caf\xe9\r\n..\r\n.\r\n" if request.startswith(b"/a") else MENU)

    server = serve(answer)
    client = GopherClient(reactor)
    menu = await client.menu(server.url())
    assert [item.text() for item in menu.items] == ["Hi", "A text"] and menu.terminated
    text = await client.text(url=server.url("/0/a"))  # type: ignore[call-arg]
    assert text.decoded() == "café\n.\n" and text.terminated
    await client.search(server.url("/7/find"), "größe")
    assert server.requests == [b"\r\n", b"/a\r\n", "/find\tgröße\r\n".encode()]


async def test_a_menu_is_done_at_its_dot_though_the_server_stays(reactor, serve):
    def stay(connection: socket.socket, _: bytes) -> None:
        connection.sendall(MENU)
        server.hang()

    server = serve(stay)
    menu = await GopherClient(reactor).menu(server.url())
    assert menu.terminated


async def test_a_server_that_drips_for_ever_is_left(reactor, serve, monkeypatch):
    def drip(connection: socket.socket, _: bytes) -> None:
        while not server.released.wait(0.05):
            connection.sendall(b"x")

    hurrying: Any = Hurrying(reactor)
    feed = GopherResponse.feed

    def fed(response: GopherResponse, data: bytes) -> bool:
        hurrying.seconds_ahead += 100
        return feed(response, data)

    monkeypatch.setattr(GopherResponse, "feed", fed)
    server = serve(drip)
    limits = Limits(first_byte=1000, between=1000, whole=250)
    with pytest.raises(TimedOut) as caught:
        await GopherClient(hurrying, limits=limits).text(server.url("/0/x"))
    assert caught.value.phase == "whole"
    assert isinstance(caught.value.partial, Text) and caught.value.partial.content


@pytest.mark.parametrize("line", [b"iagain\t\th\t1\r\n", b"x" * 65536])
async def test_an_endless_answer_is_left(reactor, serve, line):
    """A menu without an end, and one that is a single line without an end."""

    def flood(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(line * 100)

    client = GopherClient(reactor, limits=Limits(menu=1_000_000, items=10_000))
    with pytest.raises(TooBig):
        await client.menu(serve(flood).url())


async def test_the_error_of_a_menu_that_broke_off_has_the_part_that_came(reactor, serve):
    server = serve(b"+999\r\n" + MENU[:-3])
    with pytest.raises(Truncated) as caught:
        await GopherClient(reactor).menu(server.url("/1x%09%09+"))
    assert isinstance(caught.value.partial, Menu) and len(caught.value.partial.items) == 2


async def test_what_is_not_content_leaves_no_file(reactor, serve, tmp_path):
    client = GopherClient(reactor, limits=Limits(download=1000))
    with pytest.raises(TooBig):
        await client.download(serve(b"x" * 1001).url("/9/x"), tmp_path / "x")
    assert not list(tmp_path.iterdir())


async def test_downloads_are_byte_exact_and_texts_lose_their_dots(reactor, serve, tmp_path):
    answer = b"..a\r\n.\r\n"
    server = serve(answer)
    client = GopherClient(reactor)
    seen: list[tuple[int, int | None]] = []
    await client.download(server.url("/9/x"), tmp_path / "9", lambda *size: seen.append(size))
    assert (tmp_path / "9").read_bytes() == answer
    assert seen[-1] == (len(answer), None)
    saved = await client.download(server.url("/0/x"), tmp_path / "0")
    assert (tmp_path / "0").read_bytes() == b".a\r\n" and saved.size == 4


async def test_a_host_gets_only_so_many_connections_at_once_in_order(reactor, serve):
    together = threading.Barrier(3)

    def meet(connection: socket.socket, request: bytes) -> None:
        together.wait(PATIENCE)
        connection.sendall(request)

    server = serve(meet)
    client = GopherClient(reactor, connections_per_host=3)
    texts = await gatherResults([client.text(server.url(f"/0{n}")) for n in range(9)])
    assert [int(text.content) for text in texts] == list(range(9))
    assert server.most_open <= 3
    turns = [int(request) for request in server.requests]
    assert [sorted(turns[at : at + 3]) for at in (0, 3, 6)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


async def test_a_cancelled_request_frees_its_place(reactor, serve):
    def answer(connection: socket.socket, request: bytes) -> None:
        if b"hang" in request:
            connection.sendall(b"begin")
            server.hang()
        connection.sendall(b"fine")

    server = serve(answer)
    client = GopherClient(reactor, connections_per_host=1)
    hanging = client.text(server.url("/0hang"))
    waiting = client.text(server.url("/0never sent"))
    fine = client.text(server.url("/0fine"))
    waiting.cancel()
    reactor.callLater(0.1, hanging.cancel)
    assert (await fine).content == b"fine"
    for cancelled in (hanging, waiting):
        with pytest.raises(CancelledError):
            await cancelled
    assert b"never sent\r\n" not in server.requests


async def test_a_server_that_answered_before_gets_time(reactor, serve):
    """One that restarts, say, in the middle of a mirror."""
    server = serve(b"first", port=free_port())
    client = GopherClient(reactor)
    url = server.url("/0x")
    assert (await client.text(url)).content == b"first"
    server.close()
    again = client.text(url)
    await pause(reactor, 0.1)
    assert not again.called
    serve(b"second", None, server.port)
    assert (await again).content == b"second"


def pause(reactor: Any, seconds: float) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


class Forbidden(GopherError):
    """It must not be connected to."""


def only_second(address: str, _: int) -> None:
    """A rule that forbids all addresses but 127.0.0.1."""
    if address != LOOPBACK:
        raise Forbidden(address)


async def test_of_a_name_only_the_addresses_that_are_allowed_are_used(reactor, serve, monkeypatch):
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


async def test_without_requests_the_reactor_has_nothing_to_watch(reactor, serve):
    before = {*reactor.getReaders(), *reactor.getDelayedCalls()}
    client = GopherClient(reactor)
    await client.text(serve(b"x").url("/0x"))
    with pytest.raises(UnknownHost):
        await client.text("gopher://abc.onion/0x")
    async with await client.open(serve(b"x" * 5_000_000).url("/9x")) as response:
        await anext(response)
    assert {*reactor.getReaders(), *reactor.getDelayedCalls()} <= before
