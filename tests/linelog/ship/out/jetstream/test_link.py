"""Tests for the connection to servers of NATS: real ones that go, hang and come back."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from pathlib import Path

import pytest

from logsrv.kit.net.twisted.asyncio_thread import AsyncioThread
from logsrv.linelog.ship.out.jetstream import link
from logsrv.linelog.ship.out.jetstream.link import NatsLink, NatsTrouble
from tests.kit.net.network import REACTOR, in_reactor
from tests.linelog.ship.out.jetstream.servers import newer, one_server
from tests.ports import free_port


@in_reactor
async def test_the_next_server_is_taken_when_one_is_gone(tmp_path: Path) -> None:
    with one_server(newer(), tmp_path) as server:
        places = [("127.0.0.1", free_port()), ("127.0.0.1", server.port)]
        thread, one = AsyncioThread(REACTOR, "test"), NatsLink(places, {}, None)
        await thread.call(one.open)
        assert "version" in one.info
        assert (await thread.call(lambda: one.api("INFO")))["memory"] == 0
        server.kill()
        with pytest.raises(NatsTrouble):
            await thread.call(lambda: one.api("INFO"))
        with pytest.raises(NatsTrouble, match="Connection refused"):
            await thread.call(one.open)
        await thread.call(one.close)
        await thread.stop()


@pytest.mark.parametrize(
    "greeting",
    [b"INFO " + b"{" * 200_000, b"INFO []\r\n", b"INFO {}\r\nPONG\r\n", b"\x1b[2J\xff\r\n", b""],
)
@in_reactor
async def test_a_server_of_something_else_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    monkeypatch.setattr(link, "SLOW", 1)
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        place = ("127.0.0.1", other.getsockname()[1])
        thread, one = AsyncioThread(REACTOR, "test"), NatsLink([place], {}, None)
        with pytest.raises(NatsTrouble) as told:
            await thread.call(one.open)
        other.shutdown(socket.SHUT_RDWR)
        await thread.call(one.close)
        await thread.stop()
    assert str(told.value).startswith(f"127.0.0.1:{place[1]}: ") and "\x1b" not in str(told.value)


@in_reactor
async def test_a_server_that_hangs_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SOON", 0.2)
    monkeypatch.setattr(link, "SLOW", 1)
    with one_server(newer(), tmp_path) as server:
        thread, one = (
            AsyncioThread(REACTOR, "test"),
            NatsLink([("127.0.0.1", server.port)], {}, None),
        )
        await thread.call(one.open)
        server.signal(signal.SIGSTOP)
        with pytest.raises(NatsTrouble, match="no answer"):
            await thread.call(lambda: one.api("INFO"))
        server.signal(signal.SIGCONT)
        with pytest.raises(NatsTrouble, match="has ended"):
            await thread.call(lambda: one.api("INFO"))
        await thread.call(one.open)
        await thread.call(lambda: one.api("INFO"))
        await thread.call(one.close)
        await thread.stop()


@in_reactor
async def test_an_end_that_meets_an_error_is_an_end(tmp_path: Path) -> None:
    """What was still to be written when the connection broke."""
    with one_server(newer(), tmp_path) as server:
        thread, one = (
            AsyncioThread(REACTOR, "test"),
            NatsLink([("127.0.0.1", server.port)], {}, None),
        )
        await thread.call(one.open)

        async def drain() -> None:
            raise ConnectionResetError

        async def break_off() -> None:
            transport = one.client._transport
            assert transport is not None
            transport.drain = drain  # type: ignore[method-assign]
            one.client._pending_data_size = 1
            server.kill()
            await asyncio.wait_for(one.ended.wait(), 20)

        await thread.call(break_off)
        server.start()
        server.wait()
        await thread.call(one.open)
        await thread.call(lambda: one.api("INFO"))
        await thread.call(one.close)
        await thread.stop()
