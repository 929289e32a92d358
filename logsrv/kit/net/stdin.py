"""Standard input as a connection: `program | twistd -n logsrv --listen stdin:`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.guard.guarded_factory import GuardedFactory
from logsrv.kit.net.listening import LISTENING, log_listening
from logsrv.kit.net.source import STANDARD_INPUT, Sender
from logsrv.kit.observe.metrics import Counts

CHUNK = 256 * 1024


class StdinTransport(FileDescriptor):
    """Reads a descriptor until its end. What is written to it goes nowhere: nobody listens there.

    The descriptor stays blocking, since O_NONBLOCK would be set for everyone who shares it (the
    shell's terminal): it is read once each time it is readable. A regular file is always so; where
    epoll refuses one, the reactor polls it, and only while it is being read.
    """

    reactor: Any

    def __init__(self, descriptor: int, protocol: Any, reactor: Any) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor
        self._protocol = protocol

    def start(self) -> None:
        self.connected = 1
        self._protocol.makeConnection(self)
        self.resumeProducing()

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "stdin"

    def doRead(self) -> Any:
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            # A terminal that was hung up.
            return ConnectionLost(str(error))
        if not data:
            return ConnectionDone()
        self._protocol.dataReceived(data)
        return None

    def connectionLost(self, reason: Failure) -> None:
        """Called by the reactor when `doRead` returned the reason, and by ourselves."""
        if self._descriptor < 0:
            return
        super().connectionLost(reason)
        os.close(self._descriptor)
        self._descriptor = -1
        self._protocol.connectionLost(reason)

    def loseConnection(self) -> None:
        self._end(ConnectionDone())

    def abortConnection(self) -> None:
        self._end(ConnectionAborted())

    def _end(self, reason: Exception) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.stopReading()
            self.reactor.callLater(0, self.connectionLost, Failure(reason))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: nothing is ever sent, so nobody has to wait for it."""

    def write(self, data: Any) -> None:
        """Do nothing: nobody listens there."""

    writeSequence = write  # type: ignore[assignment]

    def getPeer(self) -> Sender:
        return STANDARD_INPUT

    getHost = getPeer


class StdinListener:
    """Standard input as the one connection of a factory, until its end or until we stop."""

    sentence = LISTENING

    def __init__(
        self,
        endpoint: Endpoint,
        factory: IProtocolFactory,
        *,
        label: str,
        policy: GuardPolicy,
        reactor: Any,
        metrics: Counts,
        descriptor: int = 0,
    ) -> None:
        self.endpoint = endpoint
        self.address = ""
        self._descriptor = descriptor
        self._reactor = reactor
        self._guarded = GuardedFactory(
            factory, label=label, policy=policy, clock=reactor, metrics=metrics
        )
        # Bound and not opened yet.
        self._bound: int | None = None

    @property
    def protocols(self) -> Sequence[Any]:
        return self._guarded.protocols

    def check(self) -> None:
        """Do nothing: all that can be in the way is found by `bind`."""

    def apply(self, policy: GuardPolicy) -> None:
        self._guarded.apply(policy)

    def bind(self) -> None:
        try:
            # Our own descriptor: closing it must not free number 0 for the next file opened.
            self._bound = os.dup(self._descriptor)
        except OSError as error:
            raise ListenError(f"{self.endpoint}: no standard input: {error.strerror}") from None
        log_listening(self.sentence, self.endpoint, "")

    def open(self) -> None:
        bound, self._bound = self._bound, None
        assert bound is not None
        self._guarded.doStart()
        protocol = self._guarded.buildProtocol(STANDARD_INPUT)
        if protocol is None:
            os.close(bound)
        else:
            StdinTransport(bound, protocol, self._reactor).start()

    async def stop_listening(self) -> None:
        """Do nothing: nobody has to be accepted here, and `drain` does it all."""

    async def drain(self, seconds: float) -> int:
        """Take in what waits in the pipe, then end. Gives 1 if it was cut off after `seconds`."""
        if self._bound is not None:
            os.close(self._bound)
            self._bound = None
        return await self._guarded.drain(seconds)
