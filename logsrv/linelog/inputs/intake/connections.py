"""The base of our inputs: a protocol for each connection, a receiver for the datagrams of a listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import attrs
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.net.source import source_of
from logsrv.linelog.inputs.intake.intake import IDatagramReceiver, IInput, Intake
from logsrv.linelog.store.valve import Producer

P = TypeVar("P", bound=Protocol)


class Connections(Factory[P]):
    """The factory of a listener; `make` returns the protocol of a new connection.

    refuses_tls: whether bytes that begin TLS can be nothing else to it, and close the connection.
    """

    noisy = False

    def __init__(self, make: Callable[[], P], *, refuses_tls: bool = False) -> None:
        self.protocol = make
        self.refuses_tls = refuses_tls


@implementer(IPushProducer)
class InputProtocol(Protocol):
    """A connection to a listener; as a producer it is paused by the store."""

    source = ""
    # ITCPTransport, or what does as much for UNIX sockets, TLS and standard input.
    transport: Any

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    def connectionMade(self) -> None:
        self.source = self.intake.source(source_of(self.transport))
        self.intake.valve.add(self)
        if self.intake.connection_log is not None:
            self.intake.connection_log.connected(self.source)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.intake.valve.remove(self)
        if self.intake.connection_log is not None:
            self.intake.connection_log.disconnected(self.source, reason.getErrorMessage())

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on, unless something else than the store holds it back."""
        raise NotImplementedError(f"{type(self).__name__} has no resumeProducing")

    def stopProducing(self) -> None:
        self.transport.abortConnection()


@attrs.frozen(eq=False)
class DatagramProducer:
    """A listener of datagrams as a producer: it reads on when nothing holds it back any more."""

    _listener: Producer
    _intake: Intake

    def pauseProducing(self) -> None:
        self._listener.pauseProducing()

    def resumeProducing(self) -> None:
        intake = self._intake
        # The valve opens for all. Without the others, bombs came faster than they were unpacked.
        if not (intake.valve.holds(self) or self in intake.costly_senders or intake.waits):
            self._listener.resumeProducing()


@implementer(IDatagramReceiver)
class InputDatagrams:
    """The datagrams of a listener, counted; a subclass takes them in."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    def datagrams_received(self, payloads: Sequence[bytes], source: IAddress) -> None:
        self.intake.received_bytes += sum(map(len, payloads))
        self.take_in(payloads, self.intake.source(source_of(source)))

    def take_in(self, payloads: Sequence[bytes], source: str) -> None:
        """Store what is in datagrams of one source."""
        raise NotImplementedError(f"{type(self).__name__} has no take_in")


@implementer(IInput)
class Input:
    """An input; its subclass says what it is made of. Both kinds are made with the intake of a listener.

    name: what stands before the endpoint in `--listen NAME:ENDPOINT`. connection: the protocol of a
    connection. receiver: what takes datagrams (IDatagramReceiver). no_datagrams: if there is none, what an
    operator can do instead. refuses_tls: whether a connection without TLS is closed that begins with the
    bytes 16 03, since no message begins so.
    """

    name = ""
    refuses_tls = True
    connection: ClassVar[type[Any]]
    receiver: ClassVar[type[Any]]
    no_datagrams = ""

    def stream(self, intake: Intake) -> Any:
        """Return the factory of a listener."""
        return Connections(lambda: self.connection(intake), refuses_tls=self.refuses_tls)

    def datagrams(self, intake: Intake) -> Any:
        """Return a receiver of datagrams. Raises ConfigurationError if there is none."""
        if self.no_datagrams:
            raise ConfigurationError(f"{intake.label}: {self.no_datagrams}")
        return self.receiver(intake)
