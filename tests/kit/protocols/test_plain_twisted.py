"""Plain Twisted protocols under the kit, of streams and datagrams: themselves, but for their errors."""

import socket
from typing import Any

import pytest
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import DatagramProtocol, Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from logsrv.kit import ConfigurationError
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.patience import PATIENCE


class Plain(Protocol):
    """A protocol of somebody who has never heard of the kit."""

    def __init__(self) -> None:
        if trouble == "constructor":
            raise RuntimeError("a bug")

    def connectionMade(self) -> None:
        if trouble == "connectionMade":
            raise RuntimeError("a bug")

    def dataReceived(self, data: bytes) -> None:
        if data == b"boom":
            raise RuntimeError("a bug")
        assert self.transport is not None
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if trouble == "connectionLost":
            raise RuntimeError("a bug")


trouble = ""


def test_a_plain_protocol_is_called_by_the_transport_itself():
    """It is a subclass, called by the transport itself: no layer in between."""
    peer = MemoryService(Plain).connect()
    assert isinstance(peer.protocol, Plain)
    assert verifyObject(IProtocol, peer.protocol)
    peer.feed(b"raw \xff bytes")
    assert peer.received() == b"raw \xff bytes"


@pytest.mark.parametrize(
    "where", ["constructor", "connectionMade", "dataReceived", "connectionLost"]
)
def test_errors_of_a_plain_protocol_close_only_its_connection(where):
    """Each closes its own connection only, is logged with its traceback once, and is counted."""
    global trouble
    service = MemoryService(Plain)
    other = service.connect()
    trouble = where
    try:
        with capturedLogs() as events:
            for _ in range(3):
                peer = service.connect()
                if where == "dataReceived":
                    peer.feed(b"boom")
                if where == "connectionLost":
                    peer.disconnect()
                assert peer.closed
    finally:
        trouble = ""
    assert len([event for event in events if "log_failure" in event]) == 1
    assert service.metric("connections_failed_total") == 3
    other.feed(b"still here")
    assert other.received() == b"still here"


def test_an_async_method_of_a_plain_protocol_is_refused():
    """Nobody does: that is told before anybody connects, or where it is given back."""

    class Wanting(Protocol):
        async def dataReceived(self, data: bytes) -> None:  # type: ignore[override]
            raise AssertionError("nobody calls this")

    with pytest.raises(
        (ConfigurationError, SystemExit), match=r"Wanting\.dataReceived is `async def`"
    ):
        MemoryService(Wanting)

    class Giving(LineReceiver):
        delimiter = b"\n"

        async def lineReceived(self, line: bytes) -> None:  # type: ignore[override]
            raise AssertionError("nobody awaits this")

    with capturedLogs() as events:
        peer = MemoryService(Giving).connect()
        peer.feed(b"line\n")
        assert peer.closed
    [failure] = [event["log_failure"] for event in events if "log_failure" in event]
    assert "Giving.lineReceived: `await` it first" in str(failure.value)


class Download(Protocol):
    """Gives a piece whenever it is asked for one, and has ten."""

    left = 10

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        transport: Any = self.transport
        if self.left:
            self.left -= 1
            transport.write(b"x" * 100_000)
        else:
            transport.unregisterProducer()

    def pauseProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


def test_a_stop_waits_for_a_registered_producer():
    """One that is registered has more to write; the connection is closed behind that."""
    service = MemoryService(Download)
    peer = service.connect(reads=False)
    stopping = service.service.stopService()
    service.clock.advance(1)
    assert not peer.closed
    peer.start_reading()
    service.clock.advance(1)
    assert len(peer.received()) == 1_000_000
    assert peer.closed
    assert stopping.called
    assert service.service.served.cut == 0


def test_a_peer_with_unsent_output_is_cut_off_at_the_stop_and_counted():
    class Whole(Protocol):
        def connectionMade(self) -> None:
            assert self.transport is not None
            self.transport.write(b"x" * 1_000_000)

    service = MemoryService(Whole)
    service.connect(reads=False)
    reader = service.connect()
    assert service.stop() == 1
    assert len(reader.received()) == 1_000_000


def test_a_transport_that_is_its_own_producer_is_not_waited_for():
    """As in an echo that reads no more than its peer does."""

    class Echo(Protocol):
        def connectionMade(self) -> None:
            transport: Any = self.transport
            transport.registerProducer(transport, True)

    service = MemoryService(Echo)
    service.connect()
    stopping = service.service.stopService()
    service.clock.advance(1)
    assert stopping.called
    assert service.service.served.cut == 0


pytest_plugins = ["logsrv.kit.testing.fixtures"]


class PlainDatagrams(DatagramProtocol):
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
        PlainDatagrams, "--listen", "udp:0:interface=127.0.0.1", "--listen", f"unixgram:{path}"
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
    sender = MemoryService(PlainDatagrams, "--listen", "udp:1").sender()
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
