"""The other end as those who type see it: a connection, or a socket of datagrams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import error, protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IReactorTime,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.cli.client.display import Display
from logsrv.cli.client.failures import ConnectionFailed, connection_failed
from logsrv.cli.client.target import Target
from logsrv.kit.net.backpressure import Backpressure

Show = Callable[[bytes], None]
RETRY_SECONDS = 0.01


class Peer:
    """The other end, as those who type see it.

    ended: fires when the conversation is over, however; it never fails.
    failure: why it broke, then; None when the peer, or `close`, closed it.
    """

    def __init__(self, target: Target, display: Display, show: Show) -> None:
        self.ended: Deferred[None] = Deferred()
        self.failure: ConnectionFailed | None = None
        self._target = target
        self._display = display
        self._show = show
        self._room = Backpressure()

    def send(self, data: bytes) -> None:
        self._show(self._display.sent(data))
        self._write(data)

    def _write(self, data: bytes) -> None:
        raise NotImplementedError

    async def room(self) -> None:
        """Wait until the peer has taken enough of what was sent that more may be sent."""
        await self._room.wait()

    def end_input(self) -> bool:
        """Say that no more comes. Whether the peer can notice, and so may be expected to close."""
        return False

    def close(self) -> None:
        raise NotImplementedError


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class StreamPeer(Peer, protocol.Protocol):
    """A connection."""

    transport: Any

    def __init__(self, target: Target, display: Display, show: Show, timeout: float) -> None:
        super().__init__(target, display, show)
        self.established: Deferred[StreamPeer] = Deferred()
        self._timeout = timeout

    def connectionMade(self) -> None:
        self.transport.registerProducer(self._room, True)
        if self._target.scheme != "tls":
            self.established.callback(self)

    def handshakeCompleted(self) -> None:
        if not self.established.called:
            self.established.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self._show(self._display.received(data))
        answers = self._display.answers()
        if answers:
            self.send(answers)

    def _write(self, data: bytes) -> None:
        self.transport.write(data)

    def end_input(self) -> bool:
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
        self._show(self._display.finish())
        if not self.established.called:
            self.established.errback(reason)
        else:
            if not reason.check(error.ConnectionDone):
                self.failure = connection_failed(reason.value, self._target, self._timeout)
            self.ended.callback(None)


class DatagramPeer(Peer, protocol.ConnectedDatagramProtocol):
    """A socket whose datagrams all go to, and come from, one peer."""

    transport: Any

    def __init__(self, target: Target, display: Display, show: Show, clock: IReactorTime) -> None:
        super().__init__(target, display, show)
        self.path: Path | None = None
        self._clock = clock
        self._unsent: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any = None) -> None:
        self._show(self._display.received(datagram))

    def _write(self, data: bytes) -> None:
        self._unsent.append(data)
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._unsent and not self.ended.called:
            try:
                taken = self.transport.write(self._unsent[0])
            except BlockingIOError:
                taken = None
            except (OSError, error.MessageLengthError) as failed:
                self._fail(failed)
                return
            if taken is None:
                # A UNIX socket's receiver is slower than we are, and there is no event for that.
                self._room.pauseProducing()
                self._clock.callLater(RETRY_SECONDS, self._flush)
                return
            self._unsent.pop(0)
        self._room.resumeProducing()

    def close(self) -> None:
        if self.ended.called:
            return
        self.ended.callback(None)
        self._room.resumeProducing()
        if self.transport is not None:
            self.transport.stopListening()
        if self.path:
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def connectionRefused(self) -> None:
        self._fail(error.ConnectionRefusedError())

    def connectionFailed(self, failure: Failure) -> None:
        self._fail(failure.value)

    def stopProtocol(self) -> None:
        # An answer "port unreachable" (ICMP) makes epoll report an error, on which Twisted closes.
        self._fail(error.ConnectionRefusedError())

    def _fail(self, reason: BaseException | None) -> None:
        if not self.ended.called:
            self.failure = connection_failed(reason, self._target, 0)
            self.close()
