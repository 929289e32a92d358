"""One admitted connection: what its protocol hears, and what it costs."""

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ILoggingContext
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.guard.guard import Refusal
from logsrv.kit.net.guard.guarded_connection import GuardedConnection, guarded_connection_of
from logsrv.kit.net.guard.throttle import Throttle
from tests.parts.listening import Noted, NotingFactory


class ConnectionOwner:
    """Lets connections in, or not, and notes their ends."""

    def __init__(self, lets_in: bool = True) -> None:
        self.ended: list[GuardedConnection] = []
        self._lets_in = lets_in

    has_rate_limits = False
    refuses_tls = False

    def refuse_tls_peer(self, connection: GuardedConnection, size: int) -> None:
        raise AssertionError("nobody is refused for TLS")

    def make_throttle(
        self, connection: GuardedConnection, deliver: Callable[[bytes], None]
    ) -> Throttle:
        raise AssertionError("nobody is limited")

    def add_or_drop(self, connection: GuardedConnection) -> bool:
        return self._lets_in

    def admit_or_drop(self, connection: GuardedConnection, host: str | None) -> bool:
        return True

    def refuse_and_close(
        self, connection: GuardedConnection, refusal: Refusal, host: str | None
    ) -> None: ...

    def count_refusal(self, refusal: Refusal, host: str | None) -> None: ...

    def note_connection_end(self, connection: GuardedConnection, reason: Failure) -> None:
        self.ended.append(connection)


def admitted(owner: ConnectionOwner) -> tuple[GuardedConnection, Noted, NotingFactory]:
    factory = NotingFactory()
    protocol: Any = factory.buildProtocol(None)
    connection = GuardedConnection(owner, protocol, "10.0.0.1")
    connection.makeConnection(StringTransport())
    return connection, protocol, factory


def test_the_protocol_hears_the_beginning_the_bytes_and_the_end_once():
    owner = ConnectionOwner()
    connection, protocol, factory = admitted(owner)
    connection.dataReceived(b"hello")
    connection.connectionLost(Failure(ConnectionDone()))
    assert (factory.made, factory.data, factory.lost) == ([protocol], b"hello", [protocol])
    assert owner.ended == [connection]


def test_the_protocol_is_left_as_its_author_made_it():
    """Nothing is put into it but the transport, which is the real one."""
    plain: Any = NotingFactory().buildProtocol(None)
    plain.makeConnection(StringTransport())
    connection, protocol, _ = admitted(ConnectionOwner())
    assert vars(protocol).keys() == vars(plain).keys()
    assert protocol.transport is connection.transport
    assert type(protocol) is type(plain)


def test_a_chunk_is_noted_as_activity():
    connection, _, factory = admitted(ConnectionOwner())
    connection.quiet = 3
    connection.dataReceived(b"hello")
    assert (connection.quiet, factory.data) == (0, b"hello")


def test_a_protocol_that_is_not_let_in_hears_nothing():
    owner = ConnectionOwner(lets_in=False)
    connection, _, factory = admitted(owner)
    connection.connectionLost(Failure(ConnectionDone()))
    assert (factory.made, factory.lost) == ([], [])
    assert owner.ended == [connection]


def test_a_transport_finds_the_interfaces_and_the_names_of_the_protocol():
    """Twisted asks for some of them: for the half-closing of one, say, and for its name in the log."""

    @implementer(IHalfCloseableProtocol)
    class HalfCloseable(TwistedProtocol):
        def logPrefix(self) -> str:
            return "mine"

        def readConnectionLost(self) -> None: ...

        def writeConnectionLost(self) -> None: ...

    connection: Any = GuardedConnection(ConnectionOwner(), HalfCloseable(), None)
    assert IHalfCloseableProtocol(connection, None) is connection
    assert ILoggingContext.providedBy(connection)
    assert connection.logPrefix() == "mine"
    assert (
        IHalfCloseableProtocol(GuardedConnection(ConnectionOwner(), TwistedProtocol(), None), None)
        is None
    )


def test_the_admitted_connection_of_a_protocol_is_found():
    connection, protocol, _ = admitted(ConnectionOwner())
    connection.transport.protocol = connection
    assert guarded_connection_of(protocol) is connection
    connection.transport.protocol = protocol
    assert guarded_connection_of(protocol) is None
