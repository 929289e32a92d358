"""The protocol under all of the kit's: passes on to the connection what Twisted calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.guard.start_tls import Certificate
from logsrv.kit.net.source import source_of
from logsrv.kit.net.twisted.peer_certificate import PeerCertificate
from logsrv.kit.net.twisted.transports import close_at_once
from logsrv.kit.net.twisted.twisted_tls import certificate_of, is_encrypted
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols.connection import PeerConnection
from logsrv.kit.protocols.context import (
    ListenerContext,
    Reader,
    RunningService,
    Settings,
    State,
)
from logsrv.kit.protocols.starting_tls import start_tls
from logsrv.kit.protocols.states import END, LOST

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

    from logsrv.kit.protocols.context import Clock

P = ParamSpec("P")


@implementer(IHalfCloseableProtocol)
class PeerProtocol(Protocol, Generic[Settings, State]):
    """A Twisted protocol that owns a `PeerConnection`; base classes for authors build on it.

    encoding: of the text that is sent. ending: what is put behind a line.
    max_unsent: bytes that may wait for a peer once its transport is full. A connection whose handler
        writes more is given no further input until the peer has taken them. Writing more from elsewhere,
        such as a timer, has the peer cut off.
    patience: seconds that others wait so for a peer that takes nothing; then it is cut off.
    half_close: whether a peer that sends nothing more may still read. If not, an `async` handler that
        is at work for it by then is cancelled.
    known_peer: the name of the peer, if it is known when the protocol is built.
    """

    __slots__ = ("_connection",)

    encoding = "utf-8"
    ending = "\r\n"
    max_unsent = 1024 * 1024
    patience = 10.0
    half_close = True
    known_peer: str | None = None

    factory: ListenerContext  # type: ignore[assignment]
    # That of the endpoint; Twisted declares less than all of them offer.
    transport: Any
    _connection: PeerConnection | None
    _make_connection: type[PeerConnection] = PeerConnection

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

    @property
    def certificate(self) -> PeerCertificate | None:
        """The verified certificate that the peer has shown (`ssl:…:clientca=FILE`); None without one."""
        return certificate_of(self.transport)

    @property
    def encrypted(self) -> bool:
        """Return true if what is read and sent goes over TLS, or will when its handshake is done."""
        return is_encrypted(self.transport)

    @property
    def can_start_tls(self) -> bool:
        """Return true if `start_tls` may be called: there is a certificate, and no TLS yet."""
        return self.factory.certificate is not None and not self.encrypted

    async def start_tls(
        self, certificate: Certificate | None = None, timeout: float | None = None
    ) -> None:
        """Begin TLS, when the peer was told to; all that is sent and received from now on goes over it.

        Await it as the last thing before more is to be received. certificate: Twisted's
        CertificateOptions, say; the listener's if left out. Raises PeerGone, which needs no handling,
        when the handshake fails, or the peer went on in plain text; with `timeout`, PeerTimeout after
        so many seconds. ConfigurationError without a certificate, RuntimeError with TLS already.
        """
        connection = self._connection or self._connected()
        make_reader = partial(self._new_reader, connection)
        await start_tls(connection, make_reader, certificate, timeout)

    def _new_reader(self, connection: PeerConnection) -> Reader:
        """Return what reads for the author."""
        raise NotImplementedError

    def know_peer(self) -> None:
        """Call the peer by what its transport says of it now."""
        self.known_peer = None
        vars(self).pop("log", None)

    @property
    def working(self) -> bool:
        """Return true if the author's code is busy for this peer, and may still answer it."""
        return self._connection is not None and self._connection.working

    @property
    def service(self) -> RunningService[Settings, State]:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        if not self.factory:
            raise RuntimeError("there is a service from connection_made on, not in __init__")
        return self.factory.service

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @cached_property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        return PeerLogger(type(self).__module__, self.peer)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        (self._connection or self._connected()).write(data)

    def drain(self) -> Deferred[None]:
        """Fires when the peer, and whom else you have written to, has read enough for more.

        Fails with PeerGone, which needs no handling, if it goes away instead.
        """
        return (self._connection or self._connected()).drain()

    def later(
        self, seconds: float, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> DelayedCall:
        """Call `function(…)` in so many seconds, if the connection lasts; gives what has `cancel()`."""
        return (self._connection or self._connected()).later(seconds, function, *args, **kwargs)

    def _connected(self) -> PeerConnection:
        """The connection, where `_connection` is None: one that is needed now, or one that is gone.

        Silent ones need none, and may be thousands; one that has gone would be a cycle for the
        garbage collector if it were kept.
        """
        connection = self._make_connection(self)
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
            self._connection = connection = self._make_connection(self)
            connection.call(connection.made, "connection_made")

    def dataReceived(self, data: bytes) -> None:
        connection = self._connection or self._connected()
        if connection.reader is None:
            connection.reader = self._new_reader(connection)
        connection.received(data)

    def readConnectionLost(self) -> None:
        """The peer sends nothing more, but may still read (RFC 9293 section 3.6)."""
        (self._connection or self._connected()).tell(END)

    def leave_at_once(self) -> bool:
        """Close at once if nothing is left to do for a peer at its end. Return whether it did."""
        connection = self._connection
        if connection is not None and not connection.finished:
            return False
        return close_at_once(self.transport, b"") is None

    def writeConnectionLost(self) -> None:
        """Our last words have gone out; what remains is to wait for the peer to close."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection = self._connection or self._connected()
        self.connected = 0
        self._connection = None
        connection.lost(reason)
