"""Base classes for inputs: the protocol of a connection, and the receiver of a listener's datagrams.

A peer that does not read its answers is not read from either: `AnswerWriter`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import attrs
from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import source_of
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.interfaces import IDatagramReceiver, IInput
from logsrv.linelog.store.valve import Producer

P = TypeVar("P", bound=Protocol)


class ConnectionFactory(Factory[P]):
    """The factory of a listener; `make` returns the protocol of a new connection.

    refuses_tls: close a connection without TLS whose first bytes are those of TLS.
    """

    noisy = False

    def __init__(self, make: Callable[[], P], *, refuses_tls: bool = False) -> None:
        self.protocol = make
        self.refuses_tls = refuses_tls


@implementer(IPushProducer)
class InputProtocol(Protocol):
    """A connection to a listener; as a producer it is paused by the store."""

    source = ""
    # ITCPTransport, or the same methods for UNIX sockets, TLS and standard input.
    transport: Any
    # Made for the first answer: most peers of lines never get one, and idle connections should be small.
    answers: AnswerWriter | None = None

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    def connectionMade(self) -> None:
        self.source = self.intake.source(source_of(self.transport))
        self.intake.valve.add(self)
        if self.intake.connection_log is not None:
            self.intake.connection_log.log_connect(self.source)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.intake.valve.remove(self)
        if self.intake.connection_log is not None:
            self.intake.connection_log.log_disconnect(self.source, reason.getErrorMessage())

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Resume reading, unless another cause than the store still pauses the connection."""
        raise NotImplementedError(f"{type(self).__name__} has no method resumeProducing")

    def stopProducing(self) -> None:
        self.transport.abortConnection()

    def write_answer(self, data: bytes) -> None:
        """Send data to the peer, which is not read from while it does not read that."""
        if self.answers is None:
            self.answers = AnswerWriter(self, self.intake.clock)
        self.answers.write(data)

    @property
    def is_held(self) -> bool:
        """Return whether the store, or answers that the peer does not read, forbid reading from it."""
        unread = self.answers is not None and self.answers.state is AnswerState.UNREAD
        return unread or self.intake.valve.holds(self)


@attrs.frozen(eq=False)
class DatagramProducer:
    """A producer for a datagram listener: it resumes when no cause is left to pause it."""

    _listener: Producer
    _intake: Intake

    def pauseProducing(self) -> None:
        self._listener.pauseProducing()

    def resumeProducing(self) -> None:
        intake = self._intake
        # The valve resumes every producer, so check the other causes too: otherwise compressed data would
        # arrive faster than it is unpacked.
        if not (intake.valve.holds(self) or self in intake.turns or intake.waits):
            self._listener.resumeProducing()

    take_turn = resumeProducing


@implementer(IDatagramReceiver)
class InputDatagrams:
    """The receiver of a listener's datagrams: it counts their bytes; a subclass stores them."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        self.intake.received_bytes += sum(map(len, payloads))
        self.take_in(payloads, self.intake.source(source_of(source)))

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        """Store the content of datagrams of one source."""
        raise NotImplementedError(f"{type(self).__name__} has no method take_in")


@implementer(IInput)
class Input:
    """The base class of an input. Both `connection` and `receiver` are called with a listener's Intake.

    name: the NAME in `--listen NAME:ENDPOINT`. connection: protocol class of a connection. joining: that of
    one with `--join`. receiver: class of the receiver of datagrams (IDatagramReceiver). no_datagrams,
    no_streams: if the input takes none, a sentence that says what to use instead. refuses_tls: close a
    connection without TLS that begins with the bytes 16 03 of TLS, because no message begins with them.
    stream_note: what `logsrv check` says about each listener for connections, "" for nothing.
    """

    name = ""
    refuses_tls = True
    connection: ClassVar[type[Any]]
    joining: ClassVar[type[Any] | None] = None
    receiver: ClassVar[type[Any]]
    no_datagrams = ""
    no_streams = ""
    stream_note = ""

    def stream(self, intake: Intake) -> Any:
        """Return the factory of a listener. Raises ConfigurationError if the input takes no connections."""
        if self.no_streams:
            raise ConfigurationError(f"{intake.label}: {self.no_streams}")
        self._require(intake, "connection", "connections", "no_streams")
        return ConnectionFactory(
            lambda: ((intake.rules.join and self.joining) or self.connection)(intake),
            refuses_tls=self.refuses_tls,
        )

    def datagrams(self, intake: Intake) -> Any:
        """Return a receiver of datagrams. Raises ConfigurationError if the input takes none."""
        if self.no_datagrams:
            raise ConfigurationError(f"{intake.label}: {self.no_datagrams}")
        self._require(intake, "receiver", "datagrams", "no_datagrams")
        return self.receiver(intake)

    def _require(self, intake: Intake, name: str, what: str, sentence: str) -> None:
        """Raise ConfigurationError if the author has given no class `name`, which takes `what`."""
        if not hasattr(self, name):
            raise ConfigurationError(
                f"{intake.label}: the input {self.name} takes no {what}; its class has no `{name}` (a "
                f"sentence in `{sentence}` would say here what to use)"
            )


class AnswerState(enum.Enum):
    """State of our answers to a peer. In all states but NOTHING, the transport has a producer for them.

    | now        | an answer  | end of the turn | transport is full | has room | is lost  |
    | ---------- | ---------- | --------------- | ----------------- | -------- | -------- |
    | NOTHING    | ON_THE_WAY |                 |                   |          |          |
    | ON_THE_WAY |            | NOTHING         | UNREAD            |          | NOTHING  |
    | UNREAD     |            |                 |                   | NOTHING  | NOTHING  |

    A turn is one of the reactor: TLS collects writes until it ends. TLS also closes only without a
    producer, so a connection must be in NOTHING to close.
    """

    NOTHING = enum.auto()
    ON_THE_WAY = enum.auto()
    UNREAD = enum.auto()


@implementer(IPushProducer)
class AnswerWriter:
    """A writer of answers to one peer; the peer is not read from while it does not read them."""

    __slots__ = ("_clock", "_receiver", "state")

    def __init__(self, receiver: InputProtocol, clock: IReactorTime) -> None:
        self.state = AnswerState.NOTHING
        self._receiver = receiver
        self._clock = clock

    def write(self, data: bytes) -> None:
        transport = self._receiver.transport
        if self.state is AnswerState.NOTHING:
            self.state = AnswerState.ON_THE_WAY
            transport.registerProducer(self, True)
            self._clock.callLater(0, self._turn_ended)
        transport.write(data)

    def _turn_ended(self) -> None:
        if self.state is AnswerState.ON_THE_WAY:
            self._unregister()

    def _unregister(self) -> None:
        self.state = AnswerState.NOTHING
        self._receiver.transport.unregisterProducer()

    def unregister_before_close(self) -> None:
        """Unregister from the transport, which is about to be closed."""
        if self.state is not AnswerState.NOTHING:
            self._unregister()

    def pauseProducing(self) -> None:
        self.state = AnswerState.UNREAD
        self._receiver.pauseProducing()

    def resumeProducing(self) -> None:
        self._unregister()
        self._receiver.resumeProducing()

    def stopProducing(self) -> None:
        self.state = AnswerState.NOTHING
