"""What `GopherClient` does with servers that answer, lie, hang, flood or go away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults

from logsrv.gopher import GopherClient, GopherResponse, Limits, Menu, Proxy, Text, Timeouts, Trust
from logsrv.gopher.wire.errors import (
    BadURL,
    GopherError,
    NotGopher,
    ProxyError,
    Refused,
    ServerError,
    TimedOut,
    TooBig,
    Truncated,
    UnknownHost,
)
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import Serve, names
from tests.gopher.servers import LOOPBACK, SocksProxy, reset
from tests.ports import free_port

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


async def test_the_client_returns_menus_texts_and_searches(reactor: Any, serve: Serve) -> None:
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


async def test_an_answer_byte_by_byte_is_the_same_answer(reactor: Any, serve: Serve) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in MENU:
            connection.sendall(bytes([byte]))

    menu = await GopherClient(reactor).menu(serve(drip).url())
    assert len(menu.items) == 2 and menu.terminated


async def test_a_menu_is_done_at_its_dot_though_the_server_stays(
    reactor: Any, serve: Serve
) -> None:
    def stay(connection: socket.socket, _: bytes) -> None:
        connection.sendall(MENU)
        server.hang()

    server = serve(stay)
    menu = await GopherClient(reactor).menu(server.url())
    assert menu.terminated


@pytest.mark.parametrize(
    ("sent", "phase"),
    [(b"", "first byte"), (b"iHi\t", "next byte"), (b"3no\t\terror.host\t1\r\n", "next byte")],
)
async def test_a_server_that_hangs_is_left(
    reactor: Any, serve: Serve, sent: bytes, phase: str
) -> None:
    def hang(connection: socket.socket, _: bytes) -> None:
        connection.sendall(sent)
        server.hang()

    server = serve(hang)
    # On a busy machine the server may be late itself.
    timeouts = Timeouts(first_byte=PATIENCE if sent else 0.3, between=0.3)
    with pytest.raises(TimedOut) as caught:
        await GopherClient(reactor, timeouts=timeouts).menu(server.url())
    assert caught.value.phase == phase


async def test_a_server_that_drips_for_ever_is_left(
    reactor: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    timeouts = Timeouts(first_byte=1000, between=1000, whole=250)
    with pytest.raises(TimedOut) as caught:
        await GopherClient(hurrying, timeouts=timeouts).text(server.url("/0/x"))
    assert caught.value.phase == "whole"
    assert isinstance(caught.value.partial, Text) and caught.value.partial.content


@pytest.mark.parametrize("line", [b"iagain\t\th\t1\r\n", b"x" * 65536])
async def test_an_endless_answer_is_left(reactor: Any, serve: Serve, line: bytes) -> None:
    """A menu without an end, and one that is a single line without an end."""

    def flood(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(line * 100)

    client = GopherClient(reactor, limits=Limits(menu=1_000_000, items=10_000))
    with pytest.raises(TooBig):
        await client.menu(serve(flood).url())


async def test_what_came_before_a_reset_is_not_lost(
    reactor: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(MENU[:-3])
        read.wait(PATIENCE)
        reset(connection)

    read = threading.Event()
    feed = GopherResponse.feed

    def fed(response: GopherResponse, data: bytes) -> bool:
        if response.received == len(MENU[:-3]):
            read.set()
        return feed(response, data)

    server = serve(half)
    client = GopherClient(reactor)
    async with await client.open(server.url("/1")) as response:
        first = await anext(response)
        assert MENU.startswith(first)
        read.set()
        with pytest.raises(Truncated):
            await response.read()
    read.clear()
    monkeypatch.setattr(GopherResponse, "feed", fed)
    with pytest.raises(Truncated) as caught:
        await client.menu(server.url())
    assert isinstance(caught.value.partial, Menu) and len(caught.value.partial.items) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotGopher),
        (b"3no such thing\t\terror.host\t1\r\n.\r\n", ServerError),
        (b"x" * 1001, TooBig),
    ],
)
async def test_what_is_not_content_leaves_no_file(
    reactor: Any, serve: Serve, tmp_path: Path, answer: bytes, kind: type[GopherError]
) -> None:
    client = GopherClient(reactor, limits=Limits(download=1000))
    with pytest.raises(kind):
        await client.download(serve(answer).url("/9/x"), tmp_path / "x")
    assert not list(tmp_path.iterdir())


async def test_a_binary_announced_as_text_is_still_readable(reactor: Any, serve: Serve) -> None:
    content = bytes(range(256)) * 10
    text = await GopherClient(reactor).text(serve(content).url("/0/x"))
    assert text.content == content and text.decoded()


async def test_downloads_are_byte_exact_and_texts_lose_their_dots(
    reactor: Any, serve: Serve, tmp_path: Path
) -> None:
    answer = b"..a\r\n.\r\n"
    server = serve(answer)
    client = GopherClient(reactor)
    seen: list[tuple[int, int | None]] = []
    await client.download(server.url("/9/x"), tmp_path / "9", lambda *size: seen.append(size))
    assert (tmp_path / "9").read_bytes() == answer
    assert seen[-1] == (len(answer), None)
    saved = await client.download(server.url("/0/x"), tmp_path / "0")
    assert (tmp_path / "0").read_bytes() == b".a\r\n" and saved.size == 4


async def test_a_slow_reader_slows_the_server(reactor: Any, serve: Serve) -> None:
    """50 MB wait in the server, not in our memory."""
    sent = 0

    def flood(connection: socket.socket, _: bytes) -> None:
        nonlocal sent
        for _each in range(800):
            connection.sendall(b"x" * 65536)
            sent += 65536

    async with await GopherClient(reactor).open(serve(flood).url("/9/x")) as response:
        assert await response.read(10) == b"x" * 10
        before = -1
        while before != sent:  # until the kernel's buffers are full and nothing moves
            before = sent
            await pause(reactor, 0.1)
        assert sent < 800 * 65536
        assert len(await response.read(65536)) == 65536
        assert len(await response.read()) == 800 * 65536 - 65546


async def test_a_host_gets_only_so_many_connections_at_once_in_order(
    reactor: Any, serve: Serve
) -> None:
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


async def test_a_cancelled_request_frees_its_place(reactor: Any, serve: Serve) -> None:
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


async def test_a_reset_before_the_first_byte_is_tried_again(reactor: Any, serve: Serve) -> None:
    """What happens when the queue of a busy server is full."""

    def busy(connection: socket.socket, _: bytes) -> None:
        if len(server.requests) < 3:
            reset(connection)
        else:
            connection.sendall(b"at last")

    server = serve(busy)
    assert (await GopherClient(reactor).text(server.url("/0x"))).content == b"at last"


async def test_what_was_begun_is_never_tried_again(reactor: Any, serve: Serve) -> None:
    def broken(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"half")
        reset(connection)

    server = serve(broken)
    client = GopherClient(reactor)
    # Whether a reset overtakes the bytes before it is up to the kernel.
    with pytest.raises(Truncated) as caught:
        await client.text(server.url("/0half"))
    assert len(server.requests) == 1 or not caught.value.received


async def test_nobody_there_is_told_at_once(reactor: Any) -> None:
    client = GopherClient(reactor, retries=1000)
    port = free_port()
    with pytest.raises(Refused, match="it refused the connection"):
        await client.text(f"gopher://{LOOPBACK}:{port}/0x")


async def test_a_server_that_answered_before_gets_time(reactor: Any, serve: Serve) -> None:
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


async def test_names_that_do_not_exist(reactor: Any) -> None:
    client = GopherClient(reactor)
    with pytest.raises(UnknownHost, match=r"no address is known for the host nowhere\.invalid"):
        await client.menu("gopher://nowhere.invalid/")
    with pytest.raises(UnknownHost, match="Tor"):
        await client.menu("gopher://abcdefghijklmnop.onion/")
    with pytest.raises(BadURL):
        await client.menu("gopher://h/1%0d%0a")


async def test_names_and_ipv6_addresses_are_reached(reactor: Any, serve: Serve) -> None:
    server = serve(MENU)
    assert (await GopherClient(reactor).menu(server.url(host="localhost"))).items


async def test_gopher_plus_lengths_are_believed(reactor: Any, serve: Serve) -> None:
    def counted(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"+4\r\n.\r\n.and what nobody asked for")
        server.hang()

    server = serve(counted)
    client = GopherClient(reactor)
    text = await client.text(server.url("/0x%09%09+"))
    assert text.content == b".\r\n." and not text.terminated
    assert text.replace(content=b"") != text


def pause(reactor: Any, seconds: float) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    reactor.callLater(seconds, done.callback, None)
    return done


@pytest.fixture
def proxies() -> Iterator[list[SocksProxy]]:
    started: list[SocksProxy] = []
    yield started
    for proxy in started:
        proxy.close()


async def test_the_proxy_resolves_the_name(
    reactor: Any, serve: Serve, proxies: list[SocksProxy]
) -> None:
    proxy = SocksProxy(serve(b"hidden").port)
    proxies.append(proxy)
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, proxy.port))
    text = await client.text("gopher://abcdefghijklmnop.onion:7070/0x")
    assert text.content == b"hidden"
    assert proxy.asked == [(b"abcdefghijklmnop.onion", 7070)]


async def test_tls_goes_through_the_proxy_to_the_server(
    reactor: Any, serve: Serve, proxies: list[SocksProxy], certificate: Path
) -> None:
    proxy = SocksProxy(serve(b"hidden", certificate).port)
    proxies.append(proxy)
    client = GopherClient(
        reactor, proxy=Proxy(LOOPBACK, proxy.port), trust=Trust(cafile=certificate)
    )
    assert (await client.text("gophers://localhost/0x")).content == b"hidden"


async def test_a_proxy_that_refuses_is_named(reactor: Any, proxies: list[SocksProxy]) -> None:
    proxy = SocksProxy(1, reply=5)
    proxies.append(proxy)
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, proxy.port))
    with pytest.raises(ProxyError, match=f"socks5://127.0.0.1:{proxy.port} makes no connection"):
        await client.text("gopher://h.example/0x")


async def test_no_proxy_there_is_not_no_server_there(
    reactor: Any, proxies: list[SocksProxy]
) -> None:
    port = free_port()
    client = GopherClient(reactor, proxy=Proxy(LOOPBACK, port))
    with pytest.raises(ProxyError, match="it refused the connection"):
        await client.text("gopher://h.example/0x")


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
