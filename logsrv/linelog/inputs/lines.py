"""The `lines` input: lines ended by LF or CR LF, over a stream or in datagrams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.backpressure import Backpressure
from logsrv.kit.net.drain import unread
from logsrv.kit.net.source import source_of
from logsrv.linelog.framing.datagrams import frame_datagrams
from logsrv.linelog.framing.lines import LineFramer
from logsrv.linelog.inputs.intake import IDatagramReceiver, IInput, Intake

log = Logger()

# Who holds a connection back from being read.
BY_STORE = 1
BY_ANSWERS = 2


@implementer(IPushProducer)
class LineReceiver(Protocol):
    """A connection: bytes to the framer, blocks to the intake, Telnet answers back to the peer.

    As a producer it is what the store pauses; it stops reading as well from a peer that does not
    read our answers, and goes on when neither holds it back.
    """

    source = ""
    # ITCPTransport, or what does as much for UNIX sockets, TLS and standard input.
    transport: Any

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._framer = LineFramer(intake.rules, intake.counts)
        self._held = 0
        self._answering = False

    def connectionMade(self) -> None:
        self.source = self._intake.source(source_of(self.transport))
        self._intake.valve.add(self)
        if self._intake.log_connections:
            log.info(
                "{source} connected to {listener}", source=self.source, listener=self._intake.label
            )

    def dataReceived(self, data: bytes) -> None:
        intake, framer = self._intake, self._framer
        intake.received_bytes += len(data)
        if framer.closing:
            # TLS goes on delivering until the peer has closed as well: only counted.
            framer.receive(data)
            return
        block = framer.receive(data)
        if block is not None:
            intake.take(block, self.source)
        if framer.answering:
            self._answer()
        if framer.closing:
            self._close(framer.closing)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._intake.valve.remove(self)
        block = self._framer.finish()
        if block is not None:
            self._intake.take(block, self.source)
        if self._intake.log_connections:
            log.info(
                "{source} disconnected from {listener}: {reason}",
                source=self.source,
                listener=self._intake.label,
                reason=reason.getErrorMessage(),
            )

    def _answer(self) -> None:
        # A peer that has closed resets the connection when something is written to it, and Twisted
        # then drops what it has not read yet. So the peer's own bytes come first.
        if unread(self.transport):
            return
        if not self._answering:
            self._answering = True
            self.transport.registerProducer(_UnreadAnswers(self), True)
        self.transport.write(self._framer.take_answers())

    def _close(self, reason: str) -> None:
        log.warn("{source}: closing the connection: {reason}", source=self.source, reason=reason)
        self.transport.write(f"logsrv: {reason}\r\n".encode())
        if self._answering:
            self.transport.unregisterProducer()
        self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self.hold(BY_STORE)

    def resumeProducing(self) -> None:
        self.release(BY_STORE)

    def stopProducing(self) -> None:
        self.transport.abortConnection()

    def hold(self, who: int) -> None:
        """Read nothing more until everyone who said so has released the connection."""
        self._held |= who
        self.transport.pauseProducing()

    def release(self, who: int) -> None:
        self._held &= ~who
        if not self._held:
            self.transport.resumeProducing()


class _UnreadAnswers(Backpressure):
    """Holds a connection back while the peer lets our answers lie."""

    def __init__(self, receiver: LineReceiver) -> None:
        super().__init__()
        self._receiver = receiver

    def changed(self) -> None:
        (self._receiver.hold if self.full else self._receiver.release)(BY_ANSWERS)


class LineFactory(Factory):
    noisy = False

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def buildProtocol(self, addr: IAddress | None) -> LineReceiver:
        receiver = LineReceiver(self._intake)
        receiver.factory = self
        return receiver


@implementer(IDatagramReceiver)
class LineDatagrams:
    """Datagrams, each of one or more lines."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        intake = self._intake
        intake.received_bytes += sum(map(len, payloads))
        block = frame_datagrams(payloads, intake.rules, intake.counts)
        if block is not None:
            intake.take(block, intake.source(source_of(source)))


@implementer(IInput)
class Lines:
    """The input itself."""

    name = "lines"

    def stream(self, intake: Intake) -> LineFactory:
        return LineFactory(intake)

    def datagrams(self, intake: Intake) -> LineDatagrams:
        return LineDatagrams(intake)
