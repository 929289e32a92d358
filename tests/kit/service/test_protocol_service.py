"""The running service: plain Twisted protocols under the kit, state, reload, stopping."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService, Running

pytest_plugins = ["logsrv.kit.testing.fixtures"]

Serving = Callable[..., Running]


class Plain(Protocol):
    """A protocol of somebody who has never heard of the kit."""

    def __init__(self) -> None:
        if trouble == "constructor":
            raise RuntimeError("a bug")

    def connectionMade(self) -> None:
        if trouble == "connectionMade":
            raise RuntimeError("a bug")

    def dataReceived(self, data: bytes) -> None:
        if data == b"boom":
            raise RuntimeError("a bug")
        assert self.transport is not None
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if trouble == "connectionLost":
            raise RuntimeError("a bug")


trouble = ""


def test_plain_protocol_is_still_itself() -> None:
    """It is a subclass, called by the transport itself: no layer in between."""
    peer = MemoryService(Plain).connect()
    assert isinstance(peer.protocol, Plain)
    assert verifyObject(IProtocol, peer.protocol)
    peer.feed(b"raw \xff bytes")
    assert peer.received() == b"raw \xff bytes"


@pytest.mark.parametrize(
    "where", ["constructor", "connectionMade", "dataReceived", "connectionLost"]
)
def test_errors_of_a_plain_protocol(where: str) -> None:
    """Each closes its own connection only, is logged with its traceback once, and is counted."""
    global trouble
    service = MemoryService(Plain)
    other = service.connect()
    trouble = where
    try:
        with capturedLogs() as events:
            for _ in range(3):
                peer = service.connect()
                if where == "dataReceived":
                    peer.feed(b"boom")
                if where == "connectionLost":
                    peer.disconnect()
                assert peer.closed
    finally:
        trouble = ""
    assert len([event for event in events if "log_failure" in event]) == 1
    assert service.metric("connections_failed_total") == 3
    other.feed(b"still here")
    assert other.received() == b"still here"


class Keeper:
    """A state that wants to know."""

    def __init__(self, service: Any) -> None:
        self.heard: list[str] = [f"made with {service.settings.idle_timeout}"]

    def apply(self, settings: Any) -> None:
        self.heard.append(f"changed to {settings.idle_timeout}")

    async def close(self) -> None:
        self.heard.append("closed")


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_reload_and_stop(serving: Serving, tmp_path: Path) -> None:
    """A reload changes rules for who comes then and keeps who is there; the state hears of it."""
    config = tmp_path / "plugin.toml"
    config.write_text('listen = "tcp:0:interface=127.0.0.1"\nidle-timeout = "60s"\n')
    running = serving(
        Shout, "--listen", "tcp:0:interface=127.0.0.1", "--config", str(config), state=Keeper
    )
    state = running.service.state
    with socket.create_connection(("127.0.0.1", running.port), 60) as client:
        lines = client.makefile("rwb")

        def ask(data: bytes) -> bytes:
            lines.write(data)
            lines.flush()
            return lines.readline()

        assert await deferToThread(ask, b"a\n") == b"A\r\n"
        config.write_text('idle-timeout = "30s"\nmax-line = "3"\n')
        running.service.reload()
        assert running.service.settings.idle_timeout == 30.0
        assert await deferToThread(ask, b"longer\n") == b"LONGER\r\n"
    with socket.create_connection(("127.0.0.1", running.port), 60) as client:
        lines = client.makefile("rwb")
        assert (await deferToThread(ask, b"longer\n")).startswith(b"a line is longer than 3 bytes")
    await running.stop()
    assert state.heard == ["made with 60.0", "changed to 30.0", "closed"]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_guard(serving: Serving) -> None:
    """The kit's guard is there without a line of the author's."""
    running = serving(Shout, "--deny", "127.0.0.0/8")

    def visit() -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), 60) as client:
            try:
                return client.recv(10)
            except ConnectionResetError:
                return b""

    assert await deferToThread(visit) == b""
    assert running.service.metrics.value("connections_refused_total") == 1
