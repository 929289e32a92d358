"""The `lines` input: lines ended by LF or CR LF, over a stream or in datagrams."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.drain import unread
from logsrv.kit.net.source import source_of
from logsrv.linelog.framing.datagrams import frame_datagrams
from logsrv.linelog.framing.lines import LineFramer
from logsrv.linelog.inputs.intake import IDatagramReceiver, IInput, Intake

log = Logger()


class Answering(enum.Enum):
    """State of our answers to a peer; beyond NOTHING, the transport has a producer for them.

    | now        | an answer  | end of the turn | transport is full | has room | has gone |
    | ---------- | ---------- | --------------- | ----------------- | -------- | -------- |
    | NOTHING    | ON_THE_WAY |                 |                   |          |          |
    | ON_THE_WAY |            | NOTHING         | UNREAD            |          | NOTHING  |
    | UNREAD     |            |                 |                   | NOTHING  | NOTHING  |

    The turn is that of the reactor: TLS gathers until its end what is written. And TLS closes only
    when there is no producer; so a connection that is to close does so in NOTHING.
    """

    NOTHING = enum.auto()
    ON_THE_WAY = enum.auto()
    UNREAD = enum.auto()


@implementer(IPushProducer)
class Answers:
    """The answers to one peer, which is not read from while it lets them lie."""

    def __init__(self, receiver: LineReceiver, clock: IReactorTime) -> None:
        self.state = Answering.NOTHING
        self._receiver = receiver
        self._clock = clock

    def write(self, data: bytes) -> None:
        transport = self._receiver.transport
        if self.state is Answering.NOTHING:
            self.state = Answering.ON_THE_WAY
            transport.registerProducer(self, True)
            self._clock.callLater(0, self._turn_ended)
        transport.write(data)

    def _turn_ended(self) -> None:
        if self.state is Answering.ON_THE_WAY:
            self._nothing()

    def _nothing(self) -> None:
        self.state = Answering.NOTHING
        self._receiver.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.state = Answering.UNREAD
        self._receiver.pauseProducing()

    def resumeProducing(self) -> None:
        self._nothing()
        self._receiver.resumeProducing()

    def stopProducing(self) -> None:
        self.state = Answering.NOTHING


@implementer(IPushProducer)
class LineReceiver(Protocol):
    """A connection: bytes to the framer, blocks to the intake, Telnet answers back to the peer.

    As a producer it is paused by the store, and by a peer that does not read our answers; it goes on
    when neither holds it back.
    """

    source = ""
    # ITCPTransport, or what does as much for UNIX sockets, TLS and standard input.
    transport: Any

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._framer = LineFramer(intake.rules, intake.counts)
        self._answers = Answers(self, intake.clock)

    def connectionMade(self) -> None:
        self.source = self._intake.source(source_of(self.transport))
        self._intake.valve.add(self)
        if self._intake.connection_log is not None:
            self._intake.connection_log.connected(self.source)

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
        if self._intake.connection_log is not None:
            self._intake.connection_log.disconnected(self.source, reason.getErrorMessage())

    def _answer(self) -> None:
        # A peer that has closed resets the connection when something is written to it, and Twisted
        # then drops what it has not read yet. So the peer's own bytes come first.
        if not unread(self.transport):
            self._answers.write(self._framer.take_answers())

    def _close(self, reason: str) -> None:
        log.warn("{source}: closing the connection: {reason}", source=self.source, reason=reason)
        self.transport.write(f"logsrv: {reason}\r\n".encode())
        self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        if not self._intake.valve.closed and self._answers.state is not Answering.UNREAD:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        self.transport.abortConnection()


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
