"""The other end as a conversation sees it: a connection, or a socket of datagrams."""

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

Heard = Callable[[bytes], bytes]
Over = Callable[[BaseException], None]
LONGEST = 256 * 1024
"""Bytes of a datagram; a UNIX socket's may be longer than those of UDP."""
RETRY_SECONDS = 0.01


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class StreamPeer(protocol.Protocol):
    """A connection. established: fires when it may be talked to, with TLS after the handshake.

    heard: gets what the peer says, and gives what is to be sent at once. over: gets why it ended.
    """

    transport: Any

    def __init__(self, heard: Heard, over: Over, *, encrypted: bool) -> None:
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
        """Send it, and wait until the peer has taken enough that more may be sent."""
        self.transport.write(data)
        await self._room.wait()

    def end_input(self) -> bool:
        """Say that no more comes. Whether the peer can notice, and so may be expected to close."""
        # Twisted's TLS cannot close one side only.
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            return False
        self._unregister()
        self.transport.loseWriteConnection()
        return True

    def _unregister(self) -> None:
        # A transport does not close as long as it has a producer.
        self.transport.unregisterProducer()
        self._room.resumeProducing()

    def readConnectionLost(self) -> None:
        self.close()

    def writeConnectionLost(self) -> None:
        """Do nothing: we have said all; the peer may go on."""

    def close(self) -> None:
        self._unregister()
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
    """A connected socket, whose datagrams all go to, and come from, one peer."""

    def __init__(
        self, made: socket.socket, place: ExitStack, heard: Heard, over: Over, reactor: Any
    ) -> None:
        """place: closes the socket, and whatever was made for it."""
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
        """Send it, as soon as the peer has room for it."""
        while self.fileno() >= 0:
            try:
                self._socket.send(data)
                return
            except BlockingIOError:
                # A UNIX socket's receiver is slower than we are.
                await deferLater(self._reactor, RETRY_SECONDS)
            except OSError as failed:
                self._end(failed)

    def end_input(self) -> bool:
        """Return False: the peer cannot notice."""
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
