"""Plain Twisted datagram protocols work as they are; so do datagrams of bytes."""

import socket
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread

from logsrv.kit import Datagrams, Sender
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.patience import PATIENCE

pytest_plugins = ["logsrv.kit.testing.fixtures"]


class Plain(DatagramProtocol):
    begun = 0

    def startProtocol(self) -> None:
        self.begun += 1

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if datagram == b"boom":
            raise RuntimeError("as asked")
        assert self.transport is not None
        where = f"{self.begun} {self.transport.getHost()} {addr} ".encode()
        self.transport.write(where + datagram, addr)


def ask(family: int, mine: Any, where: Any, *sent: bytes) -> bytes:
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.bind(mine)
        for data in sent:
            client.sendto(data, where)
        return client.recv(65536)


async def test_a_plain_protocol_works_as_in_twisted(serving, tmp_path):
    """Addresses are as Twisted has them; it is started once; an error harms no other, and is counted."""
    path, mine = str(tmp_path / "server"), str(tmp_path / "mine")
    running = serving(
        Plain, "--listen", "udp:0:interface=127.0.0.1", "--listen", f"unixgram:{path}"
    )
    udp = ("127.0.0.1", running.port)
    answer = await deferToThread(ask, socket.AF_INET, ("127.0.0.1", 0), udp, b"boom", b"\xff\0")
    begun, host, _ = answer.split(b" ", 2)
    assert (begun, host) == (b"1", b"IPv4Address(type='UDP',")
    assert b"('127.0.0.1', " in answer and answer.endswith(b" \xff\0")
    answer = await deferToThread(ask, socket.AF_UNIX, mine, path, b"x")
    assert answer.endswith(f" {mine} x".encode())
    assert running.service.metrics.value("datagrams_failed_total") == 1


def test_a_plain_datagram_protocol_may_answer_without_a_limit():
    """A file that goes out in datagrams would be slow at ten a second."""
    sender = MemoryService(Plain, "--listen", "udp:1").sender()
    sender.send(*[b"x"] * 500)
    assert len(sender.received()) == 500


def test_a_write_without_an_address_is_an_error():
    class Lost(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            assert self.transport is not None
            with pytest.raises(ValueError, match="write needs the address to send to"):
                self.transport.write(datagram)  # type: ignore[call-arg]
            self.transport.write(b"refused", addr)

    sender = MemoryService(Lost, "--listen", "udp:1").sender()
    sender.send(b"x")
    assert sender.received() == [b"refused"]


def test_datagrams_as_bytes_have_the_limits_of_the_kit():
    class Echo(Datagrams):
        def datagram_received(self, data: bytes, peer: Sender) -> None:
            self.send(data, peer)

    service = MemoryService(Echo, "--listen", "udp:1")
    sender = service.sender()
    sender.send(b"\xff\n\0", b"")
    assert sender.received() == [b"\xff\n\0", b""]
    sender.send(*[b"x"] * 500)
    assert len(sender.received()) < 200
    assert service.metric("answers_withheld_total", reason="rate") > 300
