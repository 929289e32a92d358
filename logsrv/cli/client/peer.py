"""The peer of a conversation: a connection, or a datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from twisted.internet import error, protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IReadDescriptor,
)
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.backpressure import Backpressure

OnReceived = Callable[[bytes], bytes]
OnEnd = Callable[[BaseException], None]
LONGEST = 256 * 1024
"""Bytes of a datagram. A UNIX socket's datagrams may be longer than UDP's."""
RETRY_SECONDS = 0.01


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class StreamPeer(protocol.Protocol):
    """A connection to the peer. established: fires when data may be sent; with TLS, after the handshake.

    heard: called with the peer's bytes; returns bytes to send at once. over: called with the reason of the
    end.
    """

    transport: Any

    def __init__(self, heard: OnReceived, over: OnEnd, *, encrypted: bool) -> None:
        self.established: Deferred[None] = Deferred()
        self._heard = heard
        self._over = over
        self._encrypted = encrypted
        self._room = Backpressure()

    def connectionMade(self) -> None:
        self.transport.registerProducer(self._room, True)
        if not self._encrypted:
            self.established.callback(None)

    def handshakeCompleted(self) -> None:
        if not self.established.called:
            self.established.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self._heard(data))

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""
        self.transport.write(data)
        await self._room.wait_for_room()

    def end_input(self) -> bool:
        """End our side, and return True: the peer can notice that, and may be expected to close.

        Over TLS do nothing, and return False.
        """
        # Twisted's TLS cannot close one side of the connection only.
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            return False
        self._unregister_producer()
        self.transport.loseWriteConnection()
        return True

    def _unregister_producer(self) -> None:
        # While a producer is registered, the transport would not close.
        self.transport.unregisterProducer()
        self._room.resumeProducing()

    def readConnectionLost(self) -> None:
        self.close()

    def writeConnectionLost(self) -> None:
        """Do nothing: our input has ended, and the peer may go on."""

    def close(self) -> None:
        self._unregister_producer()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._room.resumeProducing()
        if not self.established.called:
            self.established.errback(reason)
        else:
            assert reason.value is not None
            self._over(reason.value)


@implementer(IReadDescriptor)
class DatagramPeer:
    """A connected datagram socket, for one peer."""

    def __init__(
        self, made: socket.socket, place: ExitStack, heard: OnReceived, over: OnEnd, reactor: Any
    ) -> None:
        """place: closes the socket, and removes its directory if it has one."""
        self._socket = made
        self._place = place
        self._heard = heard
        self._over = over
        self._reactor = reactor
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "datagrams"

    def doRead(self) -> None:
        try:
            self._heard(self._socket.recv(LONGEST))
        except BlockingIOError:
            pass
        except OSError as failed:
            self._end(failed)

    async def send(self, data: bytes) -> None:
        """Send a datagram as soon as the peer has room for it."""
        while self.fileno() >= 0:
            try:
                self._socket.send(data)
                return
            except BlockingIOError:
                # The receiver of a UNIX socket reads more slowly than we send.
                await deferLater(self._reactor, RETRY_SECONDS)
            except OSError as failed:
                self._end(failed)

    def end_input(self) -> bool:
        """Return False: with datagrams, the peer cannot notice the end."""
        return False

    def close(self) -> None:
        self._end(error.ConnectionDone())

    def connectionLost(self, reason: Failure) -> None:
        # An answer "port unreachable" (ICMP) makes epoll report an error, on which Twisted calls this.
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        assert reason.value is not None
        self._end(OSError(number, "") if number else reason.value)

    def _end(self, reason: BaseException) -> None:
        if self.fileno() >= 0:
            self._reactor.removeReader(self)
            self._place.close()
            self._over(reason)
