"""Plain Twisted protocols, as they are, whose errors are those of a plugin."""

from __future__ import annotations

from inspect import iscoroutine, iscoroutinefunction
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.net.guard.guarded_connection import Foreign
from logsrv.kit.net.source import source_of
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols.connection.faults import mistaken


def check_awaited(protocol_class: type[Protocol]) -> None:
    """Raise ConfigurationError for an `async def` where Twisted calls, which awaits nothing."""
    for name in ("connectionMade", "dataReceived", "connectionLost"):
        if iscoroutinefunction(getattr(protocol_class, name)):
            raise ConfigurationError(
                f"{protocol_class.__name__}.{name} is `async def`, and Twisted awaits nothing: write "
                "`async def handle(connection)`, or a LineProtocol with `async def line_received`"
            )


def watched(protocol_class: type[Protocol]) -> type[Protocol]:
    """A plain Twisted protocol class whose errors close their own connection, and are counted.

    A subclass and no wrapper: the transport calls the protocol itself, and a chunk costs one more
    Python call.
    """
    connection_made = protocol_class.connectionMade
    data_received = protocol_class.dataReceived
    connection_lost = protocol_class.connectionLost

    def failed(protocol: Any, doing: str) -> None:
        protocol.factory.failed(doing, source_of(protocol.transport), Failure())
        protocol.transport.loseConnection()

    class Watched(protocol_class, Foreign):  # type: ignore[valid-type,misc]
        def connectionMade(self) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.connected(source_of(self.transport))
            try:
                connection_made(self)
            except Exception:
                failed(self, "connectionMade")

        def dataReceived(self, data: bytes) -> None:
            try:
                result = data_received(self, data)
                if result is not None and iscoroutine(result):
                    raise TypeError(f"Twisted awaits nothing, but was given {mistaken(result)}")
            except Exception:
                failed(self, "dataReceived")

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.disconnected(
                    source_of(self.transport), end_sentence(reason)
                )
            try:
                connection_lost(self, reason)
            except Exception:
                self.factory.failed("connectionLost", source_of(self.transport), Failure())

    Watched.__name__ = protocol_class.__name__
    Watched.__qualname__ = protocol_class.__qualname__
    Watched.__module__ = protocol_class.__module__
    return Watched
