"""Requests on asyncio: who cancels one waits for nobody. More: test_front_ends.py."""

import asyncio
import socket
import threading
from contextlib import suppress

import pytest

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Timeouts
from logsrv.gopher.fetch.on_asyncio import AsyncioStream
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import until


async def fetched(url: str) -> bytes:
    """Wait for all that comes, however long the server takes."""
    options = ConnectionOptions(Timeouts(first_byte=PATIENCE, between=PATIENCE))
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
