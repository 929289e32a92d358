"""Peers that send more than they may: they wait, nothing is lost, and others do not notice."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService
from tests.parts.talking import Echo, echo


class Plain(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.replace(b"\n", b"\r\n"))


OTHER = IPv4Address("TCP", "10.0.0.1", 5000)


@pytest.mark.parametrize("kind", [Echo, echo, Plain])
def test_lines_come_no_faster_than_allowed(kind):
    service = MemoryService(kind, "--peer-lines", "10")
    peer, other = service.connect(), service.connect(OTHER)
    peer.feed(b"line\n" * 30)
    assert peer.received() == b"line\r\n" * 10
    assert not peer.reading
    other.feed(b"hello\n")
    assert other.received() == b"hello\r\n"
    service.clock.advance(0.5)
    assert peer.received() == b"line\r\n" * 5
    for _ in range(20):
        service.clock.advance(0.1)
    assert peer.received() == b"line\r\n" * 15
    assert peer.reading
    assert service.metric("connections_slowed_total") > 0


def test_bytes_come_no_faster_than_allowed():
    service = MemoryService(Plain, "--peer-bytes", "1KiB")
    peer = service.connect()
    peer.feed(b"x" * 3000)
    assert len(peer.received()) == 1024
    for _ in range(30):
        service.clock.advance(0.1)
    assert len(peer.received()) == 3000 - 1024


def test_connections_of_one_address_share_its_rate():
    service = MemoryService(Echo, "--peer-lines", "10")
    one, two = service.connect(), service.connect()
    one.feed(b"line\n" * 10)
    two.feed(b"line\n")
    assert (one.received(), two.received()) == (b"line\r\n" * 10, b"")


def test_a_reload_changes_the_rates_of_open_connections():
    """Also for those who are waiting: they are let go, or wait from now on."""
    service = MemoryService(Echo, "--peer-lines", "1")
    peer = service.connect()
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n"
    service.reload(peer_lines=None)
    assert peer.received() == b"line\r\n" * 4
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n" * 5
    service.reload(peer_lines=2)
    service.clock.advance(1)
    peer.feed(b"line\n" * 5)
    assert peer.received() == b"line\r\n" * 2


def test_a_handler_that_is_busy_is_given_nothing_meanwhile():
    """The protocol wants its peer to wait as well; neither lets it go for the other."""
    work: Deferred[None] = Deferred()

    class Busy(LineProtocol):
        async def line_received(self, line: str) -> None:
            if line == "work":
                await work
            self.send_line(line)

    service = MemoryService(Busy, "--peer-lines", "2")
    peer = service.connect()
    peer.feed(b"work\none\ntwo\nthree\n")
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b""
    work.callback(None)
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b"work\r\none\r\ntwo\r\nthree\r\n"


def test_throttled_data_is_not_lost_at_the_end():
    """Neither when the peer ends, nor at a stop: then it is all taken in at once."""
    service = MemoryService(Echo, "--peer-lines", "1")
    peer = service.connect()
    peer.feed(b"line\n" * 3)
    peer.half_close()
    for _ in range(30):
        service.clock.advance(0.1)
    assert peer.received() == b"line\r\n" * 3
    assert peer.closed
    peer = service.connect()
    peer.feed(b"line\n" * 5)
    service.stop()
    assert peer.received().endswith(b"line\r\n" * 4)


def test_without_limits_a_connection_has_no_throttle():
    peer = MemoryService(Plain).connect()
    assert "dataReceived" not in vars(peer.protocol)
    assert "pauseProducing" not in vars(peer.transport)
