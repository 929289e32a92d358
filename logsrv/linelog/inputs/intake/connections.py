"""The base of our inputs: a protocol for each connection, a receiver for the datagrams of a listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.linelog.inputs.intake.intake import IInput, Intake

P = TypeVar("P", bound=Protocol)


class Connections(Factory[P]):
    """The factory of a listener; `make` returns the protocol of a new connection."""

    noisy = False

    def __init__(self, make: Callable[[], P]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> P:
        protocol = self._make()
        protocol.factory = self
        return protocol


@implementer(IInput)
class Input:
    """An input; its subclass says what it is made of. Both kinds are made with the intake of a listener.

    name: what stands before the endpoint in `--listen NAME:ENDPOINT`. connection: the protocol of a
    connection. receiver: what takes datagrams (IDatagramReceiver). no_datagrams: if there is none, what an
    operator can do instead.
    """

    name = ""
    connection: ClassVar[type[Any]]
    receiver: ClassVar[type[Any]]
    no_datagrams = ""

    def stream(self, intake: Intake) -> Any:
        """Return the factory of a listener."""
        return Connections(lambda: self.connection(intake))

    def datagrams(self, intake: Intake) -> Any:
        """Return a receiver of datagrams. Raises ConfigurationError if there is none."""
        if self.no_datagrams:
            raise ConfigurationError(f"{intake.label}: {self.no_datagrams}")
        return self.receiver(intake)
