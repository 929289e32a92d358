"""Lines in datagrams, one by one or all of a datagram; what the sockets do is in test_datagrams."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from logsrv.kit import DatagramLines, Sender
from logsrv.kit.testing import MemoryService


class Shout(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line.upper(), peer)


def test_lines_one_by_one() -> None:
    service = MemoryService(Shout, "--listen", "udp:1", "--max-line", "5")
    sender = service.sender()
    sender.send(b"one\r\ntoo long\ntwo\n")
    assert sender.received() == [b"ONE\r\n", b"TWO\r\n"]
    sender.send(b"far too long")
    assert sender.received() == []
    assert service.metric("oversize_lines_total") == 2


def test_all_lines_of_a_datagram() -> None:
    class Count(DatagramLines):
        def lines_received(self, lines: list[str], peer: Sender) -> None:
            self.send_line(str(len(lines)), peer)

    sender = MemoryService(Count, "--listen", "udp:1").sender()
    sender.send(b"a\nb\n\n")
    assert sender.received() == [b"3\r\n"]


def test_a_line_does_not_wait_for_the_one_before() -> None:
    work: Deferred[None] = Deferred()

    class Slow(DatagramLines):
        async def line_received(self, line: str, peer: Sender) -> None:
            if line == "slow":
                await work
            self.send_line(line, peer)

    sender = MemoryService(Slow, "--listen", "udp:1").sender()
    sender.send(b"slow\nfast")
    assert sender.received() == [b"fast\r\n"]
