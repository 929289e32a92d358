"""Peers in memory, the other ends of connections and datagrams, and the listeners that they meet.

The listeners are the real ones with their guards, but without sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.kit.connections._guarded_connection import GuardedConnection
from logsrv.kit.connections.source import Sender
from logsrv.kit.net._kernel_datagrams import Group
from logsrv.kit.net._stream_listener import StreamListener
from logsrv.kit.net.datagrams import DatagramListener, DatagramReceiver
from logsrv.kit.net.endpoint import Endpoint

# The producer is paused when more than this is unread, the same as in Twisted's transports.
TRANSPORT_BUFFER = 64 * 1024


class MemoryPeer:
    """The other end of a connection.

    protocol: the plugin's protocol; None when the guard refused the connection or the constructor failed.
    """

    def __init__(
        self, protocol: Protocol | GuardedConnection | None, address: IAddress, reads: bool = True
    ) -> None:
        self.protocol: Protocol | None = (
            protocol.protocol if isinstance(protocol, GuardedConnection) else protocol
        )
        # A transport calls the guard's connection, which calls the protocol.
        self._called = protocol
        self._closed = protocol is None
        self.transport = MemoryTransport(self, address)
        self._received = bytearray()
        self._waiting = bytearray()
        self._peer_reads = reads
        self._half_closing = False
        # Called when what this peer has sent was handled, as that may have ended others or be told to them.
        self.when_handled: Callable[[], None] = _nothing
        if protocol is not None:
            protocol.makeConnection(self.transport)
            self.look()

    @property
    def closed(self) -> bool:
        """Return true if the connection has ended."""
        self.look()
        return self._closed

    @property
    def ended(self) -> bool:
        """Return true if the plugin sends nothing more: it has closed the connection, or its half of it."""
        return self.closed or self.transport.half_closed

    @property
    def reading(self) -> bool:
        """Return true if the plugin reads its input; false while it has paused the transport."""
        self.look()
        return self._plugin_reads

    @property
    def _plugin_reads(self) -> bool:
        return not (
            self.transport.producerState == "paused" or self.transport.disconnecting or self._closed
        )

    @property
    def unread(self) -> int:
        """Return how many bytes wait for a plugin that does not read."""
        return len(self._waiting)

    def feed(self, data: bytes) -> None:
        """Send bytes to the plugin as one chunk. While it does not read, they wait, as in a kernel."""
        self._waiting += data
        self.look()
        self.when_handled()

    def received(self) -> bytes:
        """Return the bytes that the plugin has sent since the last call."""
        self.look()
        data = bytes(self._received)
        self._received.clear()
        return data

    def stop_reading(self) -> None:
        """Stop reading: the plugin's output waits in its transport."""
        self._peer_reads = False

    def start_reading(self) -> None:
        """Read the output that waits, and go on reading."""
        self._peer_reads = True
        self.look()

    def half_close(self) -> None:
        """Send nothing more, but go on reading."""
        self._half_closing = self.transport.peer_has_half_closed = True
        self.look()

    def disconnect(self, reason: Exception | None = None) -> None:
        """End the connection. reason: an error such as ConnectionLost; by default it ends cleanly."""
        if not self._closed:
            self._closed = True
            self.transport.producer = None
            assert self._called is not None
            called, self._called = self._called, None
            called.connectionLost(Failure(reason or ConnectionDone()))

    def look(self) -> None:
        """Do the work of a reactor: deliver, resume, close."""
        transport = self.transport
        while not self._closed:
            if self.take_output():
                continue
            if self._peer_reads and transport.producer is not None and transport.producer_paused:
                transport.producer_paused = False
                transport.producer.resumeProducing()
            elif self._waiting and self._plugin_reads:
                chunk = bytes(self._waiting)
                self._waiting.clear()
                assert self._called is not None
                self._called.dataReceived(chunk)
            elif self._half_closing and self._plugin_reads:
                self._half_closing = False
                self._deliver_end_of_input()
            elif transport.disconnected:
                self.disconnect(ConnectionAborted())
            elif transport.disconnecting and not transport.buffer:
                self.disconnect()
            else:
                return

    def take_output(self) -> bool:
        """Read the plugin's output. Return whether there was any to read."""
        transport = self.transport
        if not self._peer_reads or not transport.buffer:
            return False
        self._received += transport.buffer
        transport.taken_bytes += len(transport.buffer)
        transport.buffer.clear()
        return True

    @property
    def has_to_act(self) -> bool:
        """Return true if another peer, or the plugin, has given this one something to do."""
        transport = self.transport
        return transport.disconnected or (self._peer_reads and bool(transport.buffer))

    def _deliver_end_of_input(self) -> None:
        if IHalfCloseableProtocol.providedBy(self._called):
            self._called.readConnectionLost()
        else:
            self.disconnect()


def _nothing() -> None:
    """Do nothing: there are no others."""


class MemoryTransport(StringTransport):
    """A transport with the methods of TCP's, over the buffers of a MemoryPeer."""

    def __init__(self, peer: MemoryPeer, address: IAddress) -> None:
        super().__init__(IPv4Address("TCP", "127.0.0.1", 7000), address, lenient=True)
        self._peer = peer
        self.buffer = bytearray()
        self.producer_paused = False
        # True when the plugin, and when the peer, has said that it sends nothing more.
        self.half_closed = self.peer_has_half_closed = False
        self._options: dict[str, bool] = {}
        self.taken_bytes = 0

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"Data must be bytes, not {type(data).__name__}")
        if self._peer._closed or self.half_closed:
            return
        self.buffer += data
        if self.producer is not None and len(self.buffer) > TRANSPORT_BUFFER:
            self.producer_paused = True
            self.producer.pauseProducing()

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        self.write(b"".join(pieces))

    def unregisterProducer(self) -> None:
        # Unlike StringTransport, TCP's transport allows this without a producer.
        self.producer = None

    def stopProducing(self) -> None:
        self.loseConnection()

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def getTcpNoDelay(self) -> bool:
        return self._options.get("no delay", False)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self._options["no delay"] = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        return self._options.get("keep alive", False)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self._options["keep alive"] = bool(enabled)

    def getHandle(self) -> None:
        """Return None: there is no socket."""

    def unread(self) -> int:
        """Return how many bytes wait for the plugin, as in a kernel."""
        return self._peer.unread

    def send_waiting(self) -> None:
        """Let a peer that reads take what waits, as TCP's transport does before it calls a peer slow."""
        self._peer.take_output()

    def unsent(self) -> int:
        """Return how many bytes wait for the peer."""
        return len(self.buffer)


class MemorySender:
    """A sender of datagrams, which collects the answers.

    name: its name for the plugin, `peer.source`.
    """

    def __init__(self, sender: Sender, deliver: Callable[[bytes], None]) -> None:
        self._sender = sender
        self._deliver = deliver
        self._received: list[bytes] = []

    @property
    def name(self) -> str:
        return self._sender.source

    def send(self, *datagrams: bytes) -> None:
        """Send datagrams to the plugin, one after the other."""
        for datagram in datagrams:
            self._deliver(datagram)

    def received(self) -> list[bytes]:
        """Return the datagrams that came from the plugin since the last call."""
        came, self._received = self._received, []
        return came

    def take(self, datagram: bytes) -> None:
        """Take a datagram from the plugin."""
        self._received.append(datagram)


class MemoryListener:
    """The common part of listeners in memory. Nobody else can take their place."""

    endpoint: Endpoint
    opened = False

    @property
    def address(self) -> str:
        return f"memory:{self.endpoint}"

    def check_and_reload(self) -> None:
        """Do nothing: an address in memory is always free."""

    def open(self) -> None:
        self.opened = True


class MemoryStreams(MemoryListener, StreamListener):
    """A listener for connections that a test makes; its guard may refuse them."""

    def bind(self) -> None:
        self._guarded.doStart()

    async def stop_listening(self) -> None:
        self.opened = False

    def build(self, address: IAddress) -> Protocol | GuardedConnection | None:
        """Return the protocol for a new connection; None if it is refused."""
        protocol: Protocol | GuardedConnection | None = self._guarded.buildProtocol(address)
        return protocol


class ArrivedDatagrams:
    """Datagrams that have arrived and were not read yet, as in the kernel's buffer of a socket."""

    cut_bytes = 0

    def __init__(self) -> None:
        self._waiting: list[Group] = []

    def add(self, datagram: bytes, address: Hashable) -> None:
        self._waiting.append(([datagram], address))

    def read(self) -> tuple[list[Group], bool]:
        waiting, self._waiting = self._waiting, []
        return waiting, False

    def address(self, key: Hashable) -> Any:
        return key


class MemoryDatagrams(MemoryListener, DatagramListener):
    """A listener for datagrams of senders in memory, which also get its answers."""

    def __init__(self, endpoint: Any, receiver: DatagramReceiver, **how: Any) -> None:
        super().__init__(endpoint, receiver, **how)
        self._arrived = self._receive = ArrivedDatagrams()
        # No kernel counts drops here, so nobody has to ask for the count.
        self._losses.known = False
        self._memory_senders: dict[Sender, MemorySender] = {}

    def bind(self) -> None:
        # Answers go through this object instead of a socket.
        context: Any = getattr(self._receiver, "context", self._receiver)
        context.answers = self

    async def drain(self, seconds: float) -> int:
        self.opened = False
        self._deliver_kept(self._reactor.seconds())
        return int(bool(self._kept))

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if not self._paused:
            self._receive_some()

    def sender(self, address: Hashable) -> MemorySender:
        """Return the sender at an address, which has the form of the socket module."""

        def deliver(datagram: bytes) -> None:
            self._arrived.add(datagram, address)
            if self.opened and not self._paused:
                self._receive_some()

        sender = self._senders.known_sender(address, self._arrived.address)
        if sender not in self._memory_senders:
            self._memory_senders[sender] = MemorySender(sender, deliver)
        return self._memory_senders[sender]

    def send(self, data: bytes, peer: Sender) -> bool:
        """Answer a sender, as an AnswerSocket does."""
        if peer not in self._memory_senders:
            return False
        self._memory_senders[peer].take(bytes(memoryview(data)))
        return True

    def close(self) -> None:
        """Do nothing: there is no socket to close."""
