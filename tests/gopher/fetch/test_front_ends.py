"""One contract for all ways to fetch: the client, `urlopen` and asyncio get the same of the same server.

`from logsrv.gopher import …` works for every name it promises, and only then loads it.
"""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

import logsrv.gopher
from logsrv.gopher import Proxy, Trust
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.wire.errors import (
    NotGopher,
    ServerError,
    TimedOut,
    TooBig,
    Truncated,
)
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import until
from tests.parts.gopher_servers import LOOPBACK, Script, SocksProxy, reset


def byte_by_byte(connection: socket.socket, _: bytes) -> None:
    for byte in b"3x\tis no error\t1\n":
        connection.sendall(bytes([byte]))


def silent_after(sent: bytes) -> Script:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(sent)
        connection.recv(1)

    return script


@pytest.mark.parametrize(
    ("script", "content"),
    [
        (b"", b""),
        (b"..a\r\n.\r\n", b"..a\r\n.\r\n"),
        (b"x" * 3_000_000, b"x" * 3_000_000),
        (byte_by_byte, b"3x\tis no error\t1\n"),
        (silent_after(b"+4\r\n.\r\n.and more"), b".\r\n."),
    ],
)
async def test_the_body_of_an_answer_comes_as_it_was_sent(serve, fetch, script, content):
    server = serve(script)
    assert await fetch(server.url("/9x%09%09+")) == (content, None)
    assert server.requests == [b"x\t+\r\n"]


@pytest.mark.parametrize(
    ("answer", "content", "kind"),
    [
        (b"3gone\t\terror.host\t1\r\n.\r\n", b"", ServerError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", NotGopher),
        (b"+10\r\nhalf", b"half", Truncated),
        (b"x" * 101, b"", TooBig),
    ],
)
async def test_the_error_of_an_answer_comes_behind_its_content(serve, fetch, answer, content, kind):
    fetched = await fetch(serve(answer).url("/9x%09%09+"), limits=Limits(download=100))
    assert fetched.content == content
    assert isinstance(fetched.error, kind)


# On a busy machine the server may be late itself.
STOPS = Limits(first_byte=PATIENCE, between=0.6)


@pytest.mark.parametrize(
    ("script", "scheme", "limits", "phase"),
    [
        (silent_after(b""), "gophers", Limits(connect=0.3), "connect"),
        (silent_after(b""), "gopher", Limits(first_byte=0.3), "first byte"),
        (silent_after(b"iHi\t"), "gopher", STOPS, "next byte"),
        (silent_after(b"3no\t\terror.host\t1\r\n"), "gopher", STOPS, "next byte"),
    ],
)
async def test_a_server_that_hangs_is_left(serve, fetch, script, scheme, limits, phase):
    error = (await fetch(serve(script).url("/1", scheme), limits=limits)).error
    assert isinstance(error, TimedOut)
    assert error.phase == phase


async def test_a_reset_before_the_first_byte_is_tried_again(serve, fetch):
    """What happens when the queue of a busy server is full."""

    def busy(connection: socket.socket, _: bytes) -> None:
        if len(server.requests) < 2:
            reset(connection)
        else:
            connection.sendall(b"at last")

    server = serve(busy)
    assert await fetch(server.url("/0x")) == (b"at last", None)


@pytest.fixture
def proxies() -> Iterator[list[SocksProxy]]:
    started: list[SocksProxy] = []
    yield started
    for proxy in started:
        proxy.close()


@pytest.mark.parametrize("scheme", ["gopher", "gophers"])
async def test_the_proxy_resolves_the_name(serve, fetch, proxies, certificate, scheme):
    server = serve(b"hidden", certificate if scheme == "gophers" else None)
    proxies.append(proxy := SocksProxy(server.port))
    way = {"proxy": Proxy(LOOPBACK, proxy.port), "trust": Trust(insecure=True)}
    assert await fetch(f"{scheme}://abc.onion:7070/0x", **way) == (b"hidden", None)
    assert proxy.asked == [(b"abc.onion", 7070)]


async def fetched(url: str) -> bytes:
    """Wait for all that comes, however long the server takes."""
    options = ConnectionOptions(Limits(first_byte=PATIENCE, between=PATIENCE))
    async with AsyncioStream(GopherURL.parse(url), options) as answer:
        return b"".join([piece async for piece in answer])


def test_a_silent_name_server_can_be_left_alone(monkeypatch):
    """Quitting does not wait for it."""
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [released.wait(PATIENCE)][:0])

    async def scenario() -> None:
        task = asyncio.create_task(fetched("gopher://slow.example/"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    released.set()


def test_cancelling_closes_the_socket(serve):
    """The server sees the end at once."""
    begun, gone = threading.Event(), threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"some")
        begun.set()
        # A client that has not read all of it yet resets the connection.
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        gone.set()

    async def scenario() -> None:
        task = asyncio.create_task(fetched(serve(script).url("/0/x")))
        await until(begun.is_set, "the request")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(gone.is_set, "the server to see it")

    asyncio.run(scenario())


def test_every_promised_name_is_there():
    for name in dir(logsrv.gopher):
        assert getattr(logsrv.gopher, name).__name__ == name
        assert name in logsrv.gopher.__all__  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        logsrv.gopher.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import logsrv.gopher.fetch.urllib_handler", "import logsrv.gopher.wire.text"]
)
def test_no_name_is_hidden_by_a_module_of_the_same_name(first):
    program = f"{first}\nimport logsrv.gopher as g\nassert callable(g.urlopen)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)
