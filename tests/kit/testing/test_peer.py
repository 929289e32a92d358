"""Peers in memory: what they send waits as in a kernel, and what they are sent as well."""

from twisted.internet.protocol import Protocol

from logsrv.kit import DatagramLines, LineProtocol, Sender
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.peer import MemoryTransport


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


class Careful(Protocol):
    """Ends as a producer whether it is one or not, as it may with TCP."""

    def dataReceived(self, data: bytes) -> None:
        assert isinstance(self.transport, MemoryTransport)
        self.transport.unregisterProducer()
        self.transport.write(data)
        self.transport.stopProducing()


class Refused(LineProtocol):
    def __init__(self) -> None:
        raise ZeroDivisionError


class Twice(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line, peer)
        self.send_line(line, peer)


def test_back_pressure_works_both_ways():
    """A peer that stops reading fills the transport; what is fed meanwhile waits as in a kernel."""
    peer = MemoryService(Shout).connect()
    peer.stop_reading()
    peer.feed(b"x" * 60_000 + b"\n" + b"y" * 60_000 + b"\n")
    peer.feed(b"z\n")
    assert not peer.reading
    assert peer.unread == 2
    assert peer.received() == b""
    peer.start_reading()
    assert peer.received().endswith(b"Y\r\nZ\r\n")
    assert peer.reading
    assert peer.unread == 0


def test_a_connection_may_end_in_several_ways():
    peer = MemoryService(Shout).connect()
    peer.disconnect(ConnectionResetError("reset"))
    assert peer.closed
    peer.feed(b"too late\n")
    assert peer.received() == b""


def test_a_memory_transport_accepts_the_calls_of_tcps():
    peer = MemoryService(Careful).connect()
    peer.feed(b"x")
    assert peer.received() == b"x"
    assert peer.closed


def test_a_refused_peer_is_closed():
    service = MemoryService(Refused)
    assert service.connect().closed
    assert service.metric("connections_failed_total") == 1


def test_a_sender_collects_its_answers():
    sender = MemoryService(Twice).sender("::1", 1234)
    assert sender.name == "udp:[::1]:1234"
    sender.send(b"a\n", b"b\n")
    assert sender.received() == [b"a\r\n", b"a\r\n", b"b\r\n", b"b\r\n"]
    assert sender.received() == []
