"""What Twisted calls reaches the author, and what an author overrides is what is called."""

from __future__ import annotations

from typing import Any

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService


def test_connection_made_of_the_object_itself() -> None:
    """An author may set it in the constructor, as any method."""

    class Late(LineProtocol):
        def __init__(self) -> None:
            self.connection_made = lambda: self.send_line("hello")  # type: ignore[method-assign]

    assert MemoryService(Late).connect().received() == b"hello\r\n"


def test_one_that_never_spoke_hears_of_its_end() -> None:
    ended: list[str] = []

    class Silent(LineProtocol):
        def connection_lost(self, reason: str) -> None:
            ended.append(reason)

    MemoryService(Silent).connect().disconnect()
    assert ended == ["Connection was closed cleanly."]


def test_half_close_of_one_that_never_spoke_closes_it() -> None:
    peer = MemoryService(LineProtocol).connect()
    peer.half_close()
    assert peer.closed


def test_writing_unasked_to_one_that_never_spoke() -> None:
    """As a chat does to those who only listen."""
    peer = MemoryService(LineProtocol).connect()
    protocol: Any = peer.protocol
    protocol.send_line("news")
    assert peer.received() == b"news\r\n"


def test_peer_is_known_from_its_factory() -> None:
    """Whoever builds a protocol and knows the peer spares the transport the question."""
    service = MemoryService(LineProtocol)
    protocol = service.connect().protocol
    assert protocol is not None
    protocol.known_peer = "tcp:192.0.2.1:7"  # type: ignore[attr-defined]
    assert protocol.peer == "tcp:192.0.2.1:7"  # type: ignore[attr-defined]
