"""A service in the test's own process, on free ports."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]

from logsrv.kit import LineProtocol
from logsrv.kit.testing import TelnetSession, serve


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_converse_and_stop() -> None:
    """A script talks to it from a thread; after the block nobody listens any more."""

    def script(session: TelnetSession) -> str:
        session.send("hello")
        return session.expect("HELLO")

    async with serve(Shout) as running:
        port = running.port
        assert running.addresses == [f"127.0.0.1:{port}"]
        assert await running.converse(script) == "HELLO"
    with pytest.raises(ConnectionRefusedError):
        await _visit(port)


async def _visit(port: int) -> Any:
    from twisted.internet.threads import deferToThread

    return await deferToThread(TelnetSession, port)
