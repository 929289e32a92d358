"""The running service: state, guard, reload, stopping."""

import socket
from collections.abc import Callable
from typing import Any

import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.threads import deferToThread

from logsrv.kit import LineProtocol
from logsrv.kit.testing import Running
from logsrv.kit.testing.patience import PATIENCE

pytest_plugins = ["logsrv.kit.testing.fixtures"]

Serving = Callable[..., Running]


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
async def test_a_reload_keeps_peers_and_tells_the_state(serving, tmp_path):
    """A reload changes rules for who comes then and keeps who is there; the state hears of it."""
    config = tmp_path / "plugin.toml"
    config.write_text('listen = "tcp:0:interface=127.0.0.1"\nidle-timeout = "60s"\n')
    running = serving(
        Shout, "--listen", "tcp:0:interface=127.0.0.1", "--config", str(config), state=Keeper
    )
    state = running.service.state
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
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
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        lines = client.makefile("rwb")
        assert (await deferToThread(ask, b"longer\n")).startswith(b"a line is longer than 3 bytes")
    await running.stop()
    assert state.heard == ["made with 60.0", "changed to 30.0", "closed"]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_every_plugin_has_the_guard(serving):
    """The kit's guard is there without a line of the author's."""
    running = serving(Shout, "--deny", "127.0.0.0/8")

    def visit() -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
            try:
                return client.recv(10)
            except ConnectionResetError:
                return b""

    assert await deferToThread(visit) == b""
    assert running.service.metrics.value("connections_refused_total") == 1
