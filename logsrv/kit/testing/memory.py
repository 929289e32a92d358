"""A plugin without sockets: the real service and protocols, peers in memory, a clock that waits.

service = MemoryService(shout)
peer = service.connect()
peer.feed(b"hello\\r\\n")
assert peer.received() == b"HELLO\\r\\n"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ITransport
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.service.make import make_service, usage_class
from logsrv.kit.service.plugin import Plugin, protocol_plugin
from logsrv.kit.service.protocol_service import ProtocolService

# As Twisted's transports: more than this unread, and the producer is paused.
TRANSPORT_BUFFER = 64 * 1024
LISTENER = "memory"


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """`data` whole, cut in two at every place, and byte by byte: len(data) + 1 ways."""
    yield [data]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]
    yield [data[at : at + 1] for at in range(len(data))]


def as_plugin(what: Any, **how: Any) -> Plugin:
    """A plugin as it is; a protocol class or a function as a plugin named `plugin`."""
    return what if isinstance(what, Plugin) else protocol_plugin("plugin", what, **how)


def service_of(
    plugin: Plugin, arguments: tuple[str, ...], reactor: Any
) -> ProtocolService[Any, Any]:
    """The service for a command line; nothing is taken from the environment."""
    options = usage_class(plugin)()
    options.environment = {}
    options.parseOptions(arguments)
    return make_service(plugin, options, reactor)


class MemoryService:
    """A plugin's service, never started; `what` is a Plugin, a protocol class or a function.

    service: as protocols see it. clock: `advance(seconds)` lets timers fire.
    """

    def __init__(self, what: Any, *arguments: str, **how: Any) -> None:
        """`arguments` as on the command line; `how` as `protocol_plugin` takes it.

        Raises ConfigurationError or SystemExit with one sentence, as twistd would end with it.
        """
        self.clock = MemoryReactorClock()
        self.service = service_of(as_plugin(what, **how), arguments, self.clock)
        self._factory: Any = None

    def connect(self, address: IAddress | None = None, *, reads: bool = True) -> MemoryPeer:
        """A new connection, from 127.0.0.1:50000 unless told otherwise.

        reads: whether the peer reads what it is sent, before it is told to `start_reading`.
        """
        if self._factory is None:
            self._factory = self.service.factory(LISTENER)
        address = address or IPv4Address("TCP", "127.0.0.1", 50000)
        protocol = self._factory.buildProtocol(address)
        return MemoryPeer(protocol, address, reads)

    def answer(self, data: bytes) -> bytes:
        """Return what a peer gets that connects and sends `data`, however the network cuts it.

        Raises AssertionError when it is not the same for every cut.
        """
        answers = {self._converse(pieces): pieces for pieces in every_split(data)}
        if len(answers) > 1:
            (one, cut), (other, otherwise) = list(answers.items())[:2]
            raise AssertionError(f"cut as {cut} the answer is {one!r}, as {otherwise} {other!r}")
        return next(iter(answers))

    def _converse(self, pieces: list[bytes]) -> bytes:
        peer = self.connect()
        for piece in pieces:
            peer.feed(piece)
        answer = peer.received()
        peer.disconnect()
        return answer

    def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, summed over the labels that are not given."""
        return self.service.metrics.value(name, **labels)


class MemoryPeer:
    """The other end of a connection.

    protocol: the plugin's, or None when its constructor failed and the connection was refused.
    """

    def __init__(self, protocol: Protocol | None, address: IAddress, reads: bool = True) -> None:
        self.protocol = protocol
        self._closed = protocol is None
        self.transport = MemoryTransport(self, address)
        self._received = bytearray()
        self._waiting = bytearray()
        self._reads = reads
        self._half_closing = False
        if protocol is not None:
            protocol.makeConnection(self.transport)
            self._look()

    @property
    def closed(self) -> bool:
        """Return true if the connection has ended."""
        self._look()
        return self._closed

    @property
    def reading(self) -> bool:
        """Return true if the plugin reads what is fed."""
        self._look()
        return self._is_read

    @property
    def _is_read(self) -> bool:
        return not (self.transport.paused or self.transport.disconnecting or self._closed)

    def feed(self, data: bytes) -> None:
        """Send bytes to the plugin, all as one chunk; while it reads nothing they wait, as in a kernel."""
        self._waiting += data
        self._look()

    def received(self) -> bytes:
        """Return what the plugin has sent since this was called last."""
        self._look()
        data = bytes(self._received)
        self._received.clear()
        return data

    def stop_reading(self) -> None:
        """Let what the plugin sends lie."""
        self._reads = False

    def start_reading(self) -> None:
        """Read what lies there, and go on reading."""
        self._reads = True
        self._look()

    def half_close(self) -> None:
        """Send nothing more, but go on reading."""
        self._half_closing = True
        self._look()

    def disconnect(self, reason: Exception | None = None) -> None:
        """End the connection, cleanly unless there is a `reason`."""
        if not self._closed:
            self._closed = True
            assert self.protocol is not None
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    def _look(self) -> None:
        """Do what a reactor would do now: deliver, resume, close."""
        transport = self.transport
        while not self._closed:
            if self._reads and transport.buffer:
                self._received += transport.buffer
                transport.buffer.clear()
            elif self._reads and transport.producer is not None and transport.producer_paused:
                transport.producer_paused = False
                transport.producer.resumeProducing()
            elif self._waiting and self._is_read:
                chunk = bytes(self._waiting)
                self._waiting.clear()
                assert self.protocol is not None
                self.protocol.dataReceived(chunk)
            elif self._half_closing and self._is_read:
                self._half_closing = False
                self._end_of_input()
            elif transport.aborted:
                self.disconnect(ConnectionAborted())
            elif transport.disconnecting and not transport.buffer:
                self.disconnect()
            else:
                return

    def _end_of_input(self) -> None:
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.disconnect()


@implementer(ITransport)
class MemoryTransport:
    """A transport with what TCP's offers, over the buffers of a MemoryPeer."""

    def __init__(self, peer: MemoryPeer, address: IAddress) -> None:
        self._peer = peer
        self._address = address
        self.buffer = bytearray()
        self.paused = False
        self.producer: Any = None
        self.producer_paused = False
        self.disconnecting = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"Data must be bytes, not {type(data).__name__}")
        if self._peer._closed:
            return
        self.buffer += data
        if self.producer is not None and len(self.buffer) > TRANSPORT_BUFFER:
            self.producer_paused = True
            self.producer.pauseProducing()

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.disconnecting = self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def getPeer(self) -> IAddress:
        return self._address

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", "127.0.0.1", 7000)
