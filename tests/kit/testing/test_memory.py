"""The in-memory service: does what a real one does, and tells when an answer depends on cuts."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Protocol

from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit.testing import MemoryService, every_split


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


class Chunks(Protocol):
    """A beginner's protocol, which takes a chunk for a message."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"[%b]" % data)


def test_every_split() -> None:
    """Whole, in two at every place, byte by byte; nothing lost or doubled."""
    ways = list(every_split(b"abc"))
    assert ways == [[b"abc"], [b"a", b"bc"], [b"ab", b"c"], [b"a", b"b", b"c"]]


def test_answer_finds_out_who_trusts_in_chunks() -> None:
    assert MemoryService(Shout).answer(b"ab\n") == b"AB\r\n"
    with pytest.raises(AssertionError, match="cut as"):
        MemoryService(Chunks).answer(b"ab\n")


def test_back_pressure_both_ways() -> None:
    """A peer that stops reading fills the transport; what is fed meanwhile waits as in a kernel."""
    peer = MemoryService(Shout).connect()
    peer.stop_reading()
    peer.feed(b"x" * 60_000 + b"\n" + b"y" * 60_000 + b"\n")
    peer.feed(b"z\n")
    assert not peer.reading
    assert peer.received() == b""
    peer.start_reading()
    assert peer.received().endswith(b"Y\r\nZ\r\n")
    assert peer.reading


def test_a_plugin_with_options_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are given as on the command line; the developer's own environment plays no part."""
    monkeypatch.setenv("SHOUT_MAX_LINE", "3")
    service = MemoryService(protocol_plugin("shout", Shout), "--idle-timeout", "9s")
    assert service.service.settings.max_line == 65536
    assert service.service.settings.idle_timeout == 9


def test_ends_of_a_connection() -> None:
    peer = MemoryService(Shout).connect()
    peer.disconnect(ConnectionResetError("reset"))
    assert peer.closed
    peer.feed(b"too late\n")
    assert peer.received() == b""
