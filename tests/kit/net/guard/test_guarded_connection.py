"""One admitted connection: what its protocol hears, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.kit.net.guard.guard import Refusal
from logsrv.kit.net.guard.guarded_connection import Admitted
from logsrv.kit.net.guard.throttle import Throttle
from tests.kit.net.network import Noted, NotingFactory


class Keeper:
    """Lets connections in, or not, and notes their ends."""

    def __init__(self, idle_timeout: float | None = None, lets_in: bool = True) -> None:
        self.idle_timeout = idle_timeout
        self.ended: list[Admitted] = []
        self._lets_in = lets_in

    limited = False

    def throttle(self, connection: Admitted, deliver: Callable[[bytes], None]) -> Throttle:
        raise AssertionError("nobody is limited")

    def begin(self, connection: Admitted) -> bool:
        return self._lets_in

    def identify(self, connection: Admitted, host: str | None) -> bool:
        return True

    def drop(self, connection: Admitted, refusal: Refusal, host: str | None) -> None: ...

    def refuse(self, refusal: Refusal, host: str | None) -> None: ...

    def end(self, connection: Admitted, reason: Failure) -> None:
        self.ended.append(connection)


def admitted(keeper: Keeper) -> tuple[Admitted, Noted, NotingFactory]:
    factory = NotingFactory()
    protocol: Any = factory.buildProtocol(None)
    connection = Admitted(keeper, protocol, "10.0.0.1")
    protocol.makeConnection(StringTransport())
    return connection, protocol, factory


def test_the_protocol_hears_the_beginning_the_bytes_and_the_end_once() -> None:
    keeper = Keeper()
    connection, protocol, factory = admitted(keeper)
    protocol.dataReceived(b"hello")
    protocol.connectionLost(Failure(ConnectionDone()))
    assert (factory.made, factory.data, factory.lost) == ([protocol], b"hello", [protocol])
    assert keeper.ended == [connection]


def test_without_an_idle_time_out_nothing_stands_before_a_chunk() -> None:
    _, protocol, _ = admitted(Keeper())
    assert "dataReceived" not in vars(protocol)


def test_with_one_each_chunk_is_noted_as_activity() -> None:
    connection, protocol, factory = admitted(Keeper(idle_timeout=8.0))
    connection.quiet = 3
    protocol.dataReceived(b"hello")
    assert (connection.quiet, factory.data) == (0, b"hello")
    protocol.connectionLost(Failure(ConnectionDone()))
    assert "dataReceived" not in vars(protocol)


def test_a_protocol_that_is_not_let_in_hears_nothing() -> None:
    _, _, factory = admitted(Keeper(lets_in=False))
    assert factory.made == []
