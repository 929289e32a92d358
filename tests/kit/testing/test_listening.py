"""Listeners in memory: the guard's options hold there as with sockets."""

import pytest

from logsrv.kit import DatagramLines, LineProtocol, Sender, protocol_plugin
from logsrv.kit.testing import MemoryService


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


class ShoutBack(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line.upper(), peer)


BOTH = protocol_plugin(
    "both", Shout, datagrams=ShoutBack, listen=("tcp:7000", "udp:7000", "tcp:7001")
)


def test_networks_are_allowed_and_denied_in_memory():
    service = MemoryService(BOTH, "--allow", "192.0.2.0/24", "--deny", "192.0.2.7")
    assert not service.connect("192.0.2.1").closed
    assert service.connect("192.0.2.7").closed
    assert service.connect("2001:db8::1").closed
    assert service.metric("connections_refused_total", reason="denied") == 1
    allowed, denied = service.sender("192.0.2.1"), service.sender("192.0.2.7")
    for sender in (allowed, denied):
        sender.send(b"hello\n")
    assert allowed.received() == [b"HELLO\r\n"]
    assert denied.received() == []
    assert service.metric("datagrams_refused_total") == 1


def test_limits_of_connections_hold_in_memory():
    service = MemoryService(Shout, "--max-connections=3", "--max-connections-per-peer=2")
    peers = [service.connect(host) for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert [peer.closed for peer in peers] == [False, False, True, False]
    assert service.connect("192.0.2.3").closed
    peers[0].disconnect()
    assert not service.connect("192.0.2.3").closed
    assert service.metric("connections_open") == 3


def test_a_silent_peer_is_closed_in_memory():
    """A minute passes at once; who has said something in it stays."""
    service = MemoryService(Shout, "--idle-timeout", "60s")
    silent, talking = service.connect(), service.connect()
    service.clock.advance(45)
    talking.feed(b"still here\n")
    service.clock.advance(30)
    assert silent.closed
    assert not talking.closed
    assert service.metric("connections_idle_total") == 1


def test_a_peer_chooses_the_listener():
    """By default the first place for connections, and the first for datagrams."""
    service = MemoryService(BOTH)
    service.connect()
    service.connect(to="tcp:7001")
    service.sender(to="udp:7000").send(b"x\n")
    assert service.metric("connections_total", listener="tcp:7000") == 1
    assert service.metric("connections_total", listener="tcp:7001") == 1
    assert service.metric("datagrams_total", listener="udp:7000") == 1
    with pytest.raises(
        AssertionError, match="both takes no connections at udp:7000 now; it listens"
    ):
        service.connect(to="udp:7000")
    with pytest.raises(
        AssertionError, match="plugin takes no datagrams now; it listens at tcp:7000"
    ):
        MemoryService(Shout).sender()


def test_senders_over_unix_sockets():
    service = MemoryService(ShoutBack, "--listen", "unixgram:/run/x.sock")
    sender = service.sender("/run/client.sock")
    sender.send(b"x\n")
    assert (sender.name, sender.received()) == ("unix:/run/client.sock", [b"X\r\n"])


def test_an_endpoint_without_a_memory_listener_is_an_error():
    with pytest.raises(AssertionError, match="stdin: is nothing that a MemoryService has"):
        MemoryService(Shout, "--listen", "stdin:")
