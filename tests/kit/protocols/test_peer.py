"""How conversations end, and who is told what, over real sockets and in memory."""

from __future__ import annotations

import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService
from tests.kit.protocols.talking import Serving, State, Talk, converse

pytest_plugins = ["logsrv.kit.testing.fixtures"]


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_one_who_is_dismissed_gets_to_read_why(serving: Serving) -> None:
    """A peer that is still sending when it is dismissed reads the sentence, and no reset."""
    running = serving(Talk, "--max-line", "100", state=State)
    why = await deferToThread(
        converse, running.port, b"x" * 1000, b"y" * 20_000_000, half_close=True
    )
    assert why == b"a line is longer than 100 bytes; closing the connection\r\n"


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_quit(serving: Serving) -> None:
    running = serving(Talk, state=State)
    assert await deferToThread(converse, running.port, b"a\nquit\n") == b"said a\r\nbye\r\n"


def test_peer_error_is_the_peers_fault() -> None:
    """An author raises PeerError: the peer gets the sentence, the log no traceback."""
    service = MemoryService(Talk, state=State)
    with capturedLogs() as events:
        peer = service.connect()
        peer.feed(b"a\nrefuse\nb\n")
        assert peer.received() == b"said a\r\nnot with you\r\n"
        assert peer.closed
    assert not [event for event in events if "log_failure" in event]
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_peer_in_every_message() -> None:
    """`self.log` puts the peer before each message, and in the event as a field."""

    class Chatty(LineProtocol):
        def line_received(self, line: str) -> None:
            self.log.info("said {line}", line=line)

    with capturedLogs() as events:
        MemoryService(Chatty).connect().feed(b"hi\n")
    event = next(event for event in events if event.get("line") == "hi")
    assert event["log_format"] == "{peer}: said {line}"
    assert event["peer"] == "tcp:127.0.0.1:50000"
