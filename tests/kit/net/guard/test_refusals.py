"""Peers that are refused for a limit, and are told so."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService, Running
from tests.kit.net.network import in_reactor, until

pytest_plugins = ["logsrv.kit.testing.fixtures"]

Serving = Callable[..., Running]


def heard(port: int, say: bytes = b"") -> bytes:
    """What one hears who connects, says something, and listens to the end."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        received = b""
        try:
            client.sendall(say)
            while data := client.recv(1000):
                received += data
        except ConnectionResetError:
            pass
        return received


@in_reactor
@pytest.mark.parametrize("say", [b"", b"GET / HTTP/1.0\r\n\r\n"])
async def test_who_is_refused_for_a_limit_is_told_if_wanted(serving: Serving, say: bytes) -> None:
    """In one line, and closed at once; not one whose network may not connect."""
    limits = ("--max-connections-per-peer", "1", "--tell-refused")
    running = serving(LineProtocol, *limits)
    with socket.create_connection(("127.0.0.1", running.port)):
        await until(lambda: len(running.service.peers) == 1, "the first one")
        told = await deferToThread(heard, running.port, say)
    assert told == b"refused: you have as many connections as one peer may\r\n"
    assert running.service.metrics.value("connections_refused_total") == 1
    running = serving(LineProtocol, "--deny", "127.0.0.1", "--tell-refused")
    assert await deferToThread(heard, running.port) == b""


@in_reactor
async def test_who_comes_through_a_proxy_is_told_too(serving: Serving) -> None:
    running = serving(
        LineProtocol, "--listen", "haproxy:tcp:0:interface=127.0.0.1",
        "--max-connections-per-peer", "1", "--tell-refused",
    )  # fmt: skip
    header = b"PROXY TCP4 10.0.0.1 10.0.0.2 5000 80\r\n"
    with socket.create_connection(("127.0.0.1", running.port)) as first:
        first.sendall(header)
        await until(lambda: len(running.service.peers) == 1, "the first one")
        told = await deferToThread(heard, running.port, header)
    assert told == b"refused: you have as many connections as one peer may\r\n"


def test_who_is_refused_in_memory_is_told_as_well() -> None:
    service = MemoryService(LineProtocol, "--max-connections", "1", "--tell-refused")
    assert not service.connect().closed
    refused = service.connect()
    assert (
        refused.received()
        == b"refused: there are as many connections as allowed, try again later\r\n"
    )
    assert refused.closed
