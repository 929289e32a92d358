"""Standard input as a connection: `program | twistd -n logsrv --listen stdin:`."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from logsrv.kit.connections.source import STANDARD_INPUT, Sender

DESCRIPTOR = 0
CHUNK = 256 * 1024


class StdinTransport(FileDescriptor):
    """Reads a descriptor until its end. Bytes that are written to it are dropped.

    The descriptor stays blocking, because O_NONBLOCK would be set for everyone who shares it (the shell's
    terminal): it is read once each time it is readable. A regular file is always readable; epoll refuses
    it, so the reactor polls it, but only while it is read.
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
            # The terminal was hung up.
            return ConnectionLost(str(error))
        if not data:
            return ConnectionDone()
        self._protocol.dataReceived(data)
        return None

    def connectionLost(self, reason: Failure) -> None:
        """End the connection; called by the reactor with the reason that `doRead` returned, and by us."""
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
        """Do nothing: nothing is ever sent, so no producer has to wait."""

    def write(self, data: Any) -> None:
        """Drop the bytes: standard input has no reader."""

    writeSequence = write  # type: ignore[assignment]

    def getPeer(self) -> Sender:
        return STANDARD_INPUT

    getHost = getPeer


class StdinPort:
    """Standard input as a port: it has a descriptor that nobody reads yet, and then one connection."""

    def __init__(self, factory: IProtocolFactory, reactor: Any) -> None:
        """Raises OSError if there is no standard input."""
        self._factory = factory
        self._reactor = reactor
        try:
            # Our own descriptor: closing it must not free number 0 for the next file opened. None as soon
            # as a connection has it, or when the port has stopped.
            self._descriptor: int | None = os.dup(DESCRIPTOR)
        except OSError as error:
            raise OSError(error.errno, f"no standard input: {error.strerror}") from None
        factory.doStart()

    def startReading(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        protocol = self._factory.buildProtocol(STANDARD_INPUT)
        if protocol is None:
            os.close(descriptor)
        else:
            StdinTransport(descriptor, protocol, self._reactor).start()

    def stopListening(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._factory.doStop()

    def getHost(self) -> Sender:
        return STANDARD_INPUT
