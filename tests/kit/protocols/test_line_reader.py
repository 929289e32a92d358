"""Lines that come while their author is not ready, and what is counted of what it never got."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService


class Slow(LineProtocol):
    def connection_made(self) -> None:
        self.got: list[str] = []
        self.work: Deferred[None] = Deferred()

    def line_received(self, line: str) -> object:
        self.got.append(line)
        self.work = Deferred()
        return self.work


def test_chunks_that_come_too_early_wait_in_order() -> None:
    """A transport may deliver what it had read already, after it was told to pause."""
    peer = MemoryService(Slow).connect()
    protocol: Any = peer.protocol
    peer.feed(b"one\n")
    protocol.dataReceived(b"tw")
    protocol.dataReceived(b"o\nthree\n")
    for known in (["one"], ["one", "two"], ["one", "two", "three"]):
        assert protocol.got == known
        protocol.work.callback(None)


def test_what_the_author_never_got_is_counted() -> None:
    """Bytes of lines that were dropped when the connection ended, early chunks included."""
    service = MemoryService(Slow)
    peer = service.connect()
    peer.feed(b"one\nhalf")
    assert peer.protocol is not None
    peer.protocol.dataReceived(b"more")
    peer.disconnect()
    assert service.metric("dropped_bytes_total") == len("half") + len("more")


def test_what_comes_after_close_is_counted() -> None:
    class Curt(LineProtocol):
        def connection_made(self) -> None:
            self.close("bye")

    service = MemoryService(Curt)
    peer = service.connect(reads=False)
    assert peer.protocol is not None
    peer.protocol.dataReceived(b"but\n")
    assert service.metric("dropped_bytes_total") == 4
