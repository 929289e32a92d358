"""The protocol under all of the kit's: passes on to the connection what Twisted calls."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.source import source_of
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.context import ListenerContext
from logsrv.kit.protocols.states import END, LOST


@implementer(IHalfCloseableProtocol)
class PeerProtocol(Protocol):
    """A Twisted protocol that owns a `PeerConnection`; base classes for authors build on it.

    encoding: of the text that is sent. ending: what is put behind a line.
    max_unsent: a peer that does not read is cut off when more than this many bytes are written to
        it after its transport was full.
    known_peer: who it is, if whoever built the protocol knows.
    """

    __slots__ = ("_connection",)

    encoding = "utf-8"
    ending = "\r\n"
    max_unsent = 1024 * 1024
    known_peer: str | None = None

    factory: ListenerContext  # type: ignore[assignment]
    # Whatever the endpoint has; Twisted declares less than all of them offer.
    transport: Any
    _connection: PeerConnection | None

    def connection_made(self) -> object:
        """The peer is connected. May be `async def`: what the peer sends waits for it."""

    def connection_lost(self, reason: str) -> object:
        """The connection is gone; `reason` is a sentence."""

    @property
    def peer(self) -> str:
        """The peer's name: `tcp:127.0.0.1:51234`, `unix:uid=0,pid=77`; printable ASCII without spaces."""
        if self.known_peer is None:
            self.known_peer = source_of(self.transport)
        return self.known_peer

    def _connected(self) -> PeerConnection:
        """The connection, where `_connection` is None: one that is needed now, or one that is gone.

        Silent ones need none, and may be thousands; one that has gone would be a cycle for the
        garbage collector if it were kept.
        """
        connection = PeerConnection(self)
        if self.connected:
            self._connection = connection
        else:
            connection.tell(LOST)
        return connection

    def connectionMade(self) -> None:
        self._connection = None
        connections = self.factory.connection_log
        if connections is not None:
            connections.connected(self.peer)
        if getattr(self.connection_made, "__func__", None) is not PeerProtocol.connection_made:
            self._connection = PeerConnection(self)
            self._connection.begin()

    def dataReceived(self, data: bytes) -> None:
        (self._connection or self._connected()).received(data)

    def readConnectionLost(self) -> None:
        """The peer sends nothing more, but may still read (RFC 9293 section 3.6)."""
        (self._connection or self._connected()).tell(END)

    def writeConnectionLost(self) -> None:
        """Our last words have gone out; what remains is to wait for the peer to close."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection = self._connection or self._connected()
        self.connected = 0
        self._connection = None
        connection.lost(reason)
