"""Requests on asyncio: every way they can end, and none that leaves a socket behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Timeouts
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.wire.errors import (
    GopherError,
    Refused,
    TimedOut,
    TLSError,
    Truncated,
    UnknownHost,
)
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.browse.conftest import run, until
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted, cut, reset
from tests.ports import free_port


async def fetched(url: str, trust: Trust | None = None, timeouts: Timeouts | None = None) -> bytes:
    options = ConnectionOptions(timeouts or Timeouts(), trust or Trust())
    async with AsyncioStream(GopherURL.parse(url), options) as answer:
        return b"".join([piece async for piece in answer])


def test_an_answer_comes_as_it_was_sent(serve: Serve) -> None:
    server = serve(b"x" * 3_000_000)
    assert run(fetched(server.url("/9/file"))) == b"x" * 3_000_000
    assert server.requests == [b"/file\r\n"]


def test_an_answer_that_arrives_byte_by_byte_is_complete(serve: Serve) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        for byte in b"3x\tis no error\t1\n":
            connection.sendall(bytes([byte]))

    assert run(fetched(serve(script).url("/0/x"))) == b"3x\tis no error\t1\n"


def silent(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def silent_after_some(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"some")
    connection.recv(1)


@pytest.mark.parametrize(
    ("script", "timeouts", "sentence"),
    [
        (silent, Timeouts(first_byte=0.3), "sent no answer within 0.3 s"),
        (silent_after_some, Timeouts(between=0.3), "in the middle of its answer"),
    ],
)
def test_a_server_that_hangs_is_given_up(
    serve: Serve, script: object, timeouts: Timeouts, sentence: str
) -> None:
    with pytest.raises(TimedOut, match=sentence):
        run(fetched(serve(script).url("/0/x"), timeouts=timeouts))


def test_a_handshake_that_hangs_is_given_up(serve: Serve) -> None:
    server = serve(silent)
    timeouts = Timeouts(connect=0.3)
    with pytest.raises(TimedOut, match="took no connection"):
        run(fetched(server.url("/", "gophers"), timeouts=timeouts))


def test_a_reset_tells_what_had_come(serve: Serve) -> None:
    read = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"some")
        read.wait(PATIENCE)
        reset(connection)

    async def scenario() -> None:
        url = GopherURL.parse(serve(script).url("/0/x"))
        async with AsyncioStream(url, ConnectionOptions()) as answer:
            assert await anext(answer) == b"some"
            read.set()
            with pytest.raises(Truncated, match="after 4 bytes"):
                await anext(answer)

    run(scenario())


def test_a_reset_before_the_first_byte_is_tried_again(serve: Serve) -> None:
    def busy(connection: socket.socket, _: bytes) -> None:
        if len(server.requests) < 2:
            reset(connection)
        else:
            connection.sendall(b"at last")

    server = serve(busy)
    assert run(fetched(server.url("/0/x"))) == b"at last"


def test_a_port_without_a_listener_raises_refused() -> None:
    port = free_port()
    with pytest.raises(Refused):
        run(fetched(f"gopher://127.0.0.1:{port}/"))


def test_names_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(UnknownHost):
        run(fetched("gopher://nowhere.example/"))


def test_onion_names_never_reach_the_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", None)
    with pytest.raises(UnknownHost, match="through Tor"):
        run(fetched("gopher://abc.onion/"))


def test_another_address_is_tried_when_the_first_is_dead(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(b"hello")
    dead = ("127.0.0.1", free_port())
    stream = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    found = [(*stream, dead), (*stream, ("127.0.0.1", server.port))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    assert run(fetched(f"gopher://two.example:{server.port}/0/x")) == b"hello"


def test_a_silent_name_server_can_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quitting does not wait for it."""
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [released.wait(PATIENCE)][:0])

    async def scenario() -> None:
        task = asyncio.create_task(fetched("gopher://slow.example/"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(asyncio.wait_for(scenario(), PATIENCE))
    released.set()


def test_cancelling_closes_the_socket(serve: Serve) -> None:
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
        slow = Timeouts(first_byte=PATIENCE, between=PATIENCE)
        task = asyncio.create_task(fetched(serve(script).url("/0/x"), timeouts=slow))
        await until(begun.is_set, "the request")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(gone.is_set, "the server to see it")

    run(scenario())


@pytest.fixture
def encrypted(serve: Serve, certificate: Path) -> Scripted:
    return serve(lambda connection, _: connection.sendall(b"secret"), certificate)


def test_tls_with_a_certificate_that_is_trusted(encrypted: Scripted, certificate: Path) -> None:
    url = encrypted.url("/0/x", "gophers")
    assert run(fetched(url, Trust(cafile=certificate))) == b"secret"


def test_tls_with_one_that_is_not(encrypted: Scripted) -> None:
    with pytest.raises(TLSError, match="self-signed"):
        run(fetched(encrypted.url("/0/x", "gophers")))
    assert encrypted.requests == []


def test_a_pin_is_remembered_and_another_certificate_refused(
    encrypted: Scripted, tmp_path: Path
) -> None:
    pins, url = PinStore(tmp_path / "pins"), encrypted.url("/0/x", "gophers")
    assert run(fetched(url, Trust(pins=pins))) == b"secret"
    address = GopherURL.parse(url).address
    assert pins.has_pin(address)
    (tmp_path / "pins").write_text(f"{address} sha256:{'0' * 64}\n")
    with pytest.raises(TLSError, match="not the one that was seen first"):
        run(fetched(url, Trust(pins=pins)))


def test_a_server_without_tls_is_told_from_a_wrong_certificate(serve: Serve) -> None:
    with pytest.raises(TLSError, match="does not speak TLS"):
        run(fetched(serve(lambda c, _: c.sendall(b"plain text")).url("/", "gophers")))


def test_an_end_that_somebody_could_have_cut_is_told(serve: Serve, certificate: Path) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"half")
        cut(connection)

    url = GopherURL.parse(serve(script, certificate).url("/0/x", "gophers"))

    async def scenario(accept: bool) -> tuple[bytes, bool]:
        trust = Trust(cafile=certificate, accept_cut=accept)
        async with AsyncioStream(url, ConnectionOptions(trust=trust)) as answer:
            pieces = [piece async for piece in answer]
            return b"".join(pieces), answer.cut

    with pytest.raises(GopherError, match="close of TLS is missing"):
        run(scenario(False))
    assert run(scenario(True)) == (b"half", True)
