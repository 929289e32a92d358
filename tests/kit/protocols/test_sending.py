"""What a plugin says arrives to the last byte, over real sockets."""

from __future__ import annotations

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService
from tests.kit.protocols.talking import Serving, State, Talk, converse

pytest_plugins = ["logsrv.kit.testing.fixtures"]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
@pytest.mark.parametrize("size", [5, 100_000, 30_000_000])
async def test_last_words_arrive_whole(serving: Serving, size: int) -> None:
    """Words said at once and closed arrive to the last byte, also when no buffer holds them; and the
    plugin hears of the end only when its own call has returned.
    """
    running = serving(Talk, state=State)
    running.service.state.words = "x" * size
    assert len(await deferToThread(converse, running.port)) == size + 2
    assert running.service.state.ended == [("Connection was closed cleanly.", True)]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_answers_are_not_lost_at_half_close(serving: Serving) -> None:
    """`printf … | nc`: all lines are answered, the unfinished one too."""
    running = serving(Talk, state=State)
    lines = b"".join(b"%d\n" % number for number in range(50_000)) + b"end"
    received = await deferToThread(converse, running.port, lines, half_close=True)
    assert received.count(b"\n") == 50_001
    assert received.endswith(b"said end\r\n")


def test_sending_bytes_as_a_line_is_told() -> None:
    """The usual slip: the log says what send_line takes, not where a join failed."""

    class Slip(LineProtocol):
        def line_received(self, line: str) -> None:
            self.send_line(line.encode())  # type: ignore[arg-type]

    with capturedLogs() as events:
        peer = MemoryService(Slip).connect()
        peer.feed(b"x\n")
        assert peer.closed
    assert any("send_line takes str" in str(event.get("log_failure")) for event in events)
