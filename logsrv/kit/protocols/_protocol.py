"""The base of all the kit's stream protocols: passes Twisted's calls on to the connection."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from math import inf
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.connections._streams import PromptMixin
from logsrv.kit.connections._tls import PeerCertificate, certificate_of, is_encrypted
from logsrv.kit.connections.source import host_of, port_of, source_of
from logsrv.kit.connections.transports import bytes_to_slow_peer
from logsrv.kit.observe.peer_log import PeerLogger
from logsrv.kit.protocols._connection import SENT_FIRST, PeerConnection
from logsrv.kit.protocols._context import (
    InputReader,
    ListenerContext,
    RunningService,
    Settings,
    State,
)
from logsrv.kit.protocols._states import END, LOST, OPEN
from logsrv.kit.protocols.faults import check_text
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall

    from logsrv.kit.protocols import _starting_tls
    from logsrv.kit.protocols._context import Clock
    from logsrv.kit.protocols._starting_tls import Certificate
else:
    _starting_tls = later_module("logsrv.kit.protocols._starting_tls")

P = ParamSpec("P")


@implementer(IHalfCloseableProtocol)
class PeerProtocol(Protocol, Generic[Settings, State]):
    """A Twisted protocol that owns a `PeerConnection`; base classes for authors build on it.

    encoding: of sent text. ending: of sent lines.
    max_unsent: bytes that may wait for a peer once its transport is full. A connection whose handler
        writes more gets no further input until the peer has taken them. If other code writes more,
        such as a timer, the peer is cut off.
    patience: seconds that senders wait for a peer that takes nothing; then it is cut off.
    half_close: whether a peer that sends nothing more may still read. If not, an `async` handler that
        still runs for it is cancelled, and output that it does not take is dropped.
    tell_errors: whether a dismissed peer is told the reason, in a line. If not, only the log has it.
    """

    __slots__ = ("_connection",)

    encoding = "utf-8"
    ending = "\r\n"
    max_unsent = 1024 * 1024
    patience = 10.0
    half_close = True
    tell_errors = True
    # The name of the peer, once somebody has asked for it.
    _known_peer: str | None = None

    factory: ListenerContext  # type: ignore[assignment]
    # Any: Twisted declares fewer methods than the transports of all endpoints have.
    transport: Any
    _connection: PeerConnection | None
    _make_connection: type[PeerConnection] = PeerConnection

    def connection_made(self) -> object:
        """Called when the peer is connected. May be `async def`: the peer's input waits for its end."""

    def connection_lost(self, reason: str) -> object:
        """Called when the connection is gone; `reason` is a sentence."""

    @classmethod
    def refusal_words(cls, reason: str) -> Any:
        """Return the words for a peer that the guard refuses; None sends none. Not called over TLS.

        reason: `max_connections`, `max_connections_per_peer`, `descriptors`, `denied` or `not_allowed`.
        """

    def idle_words(self) -> Any:
        """Return the last words for a peer that `--idle-timeout` closes; None sends none."""

    @classmethod
    def encoded_words(cls, words: Any) -> bytes:
        """Return words as they are sent: as a line."""
        check_text(words, "refusal_words")
        return f"{words}{cls.ending}".encode(cls.encoding, "replace")

    def _close_as_idle(self) -> bool:
        """Close with the last words for an idle peer; return False, and do nothing, if there are none."""
        if self.working:
            return False
        try:
            said = self._words_when_idle()
            if said is not None:
                (self._connection or self._ensure_connection()).close(self._last_words(said))
        except Exception:
            self.factory.log_failure("idle_words", self.peer, Failure())
            return False
        return said is not None

    def _words_when_idle(self) -> Any:
        return self.idle_words()

    def _last_words(self, words: Any) -> Any:
        """Return words in the form that the connection's `close` takes."""
        check_text(words, "idle_words")
        return words

    @property
    def peer(self) -> str:
        """The peer's name: `tcp:127.0.0.1:51234`, `unix:uid=0,pid=77`; printable ASCII without spaces."""
        if self._known_peer is None:
            self._known_peer = source_of(self.transport)
        return self._known_peer

    @property
    def peer_host(self) -> str | None:
        """The peer's IP address; behind a proxy the client's. None for a UNIX socket."""
        return host_of(self.transport.getPeer())

    @property
    def peer_port(self) -> int | None:
        """The peer's port; None for a UNIX socket."""
        return port_of(self.transport.getPeer())

    @property
    def certificate(self) -> PeerCertificate | None:
        """The verified certificate that the peer has shown (`ssl:…:clientca=FILE`); None without one."""
        return certificate_of(self.transport)

    @property
    def encrypted(self) -> bool:
        """Return true if input and output go over TLS, or will after the handshake."""
        return is_encrypted(self.transport)

    @property
    def can_start_tls(self) -> bool:
        """Return true if `start_tls` is possible: there is a certificate, and no TLS yet."""
        return self.factory.certificate is not None and not self.encrypted

    async def start_tls(
        self, certificate: Certificate | None = None, timeout: float | None = None
    ) -> None:
        """Begin TLS, after the peer was told to; all later input and output goes over it.

        Await it last in the handler, before more input. certificate: for instance Twisted's
        CertificateOptions; by default the listener's. Raises PeerGone, which needs no handling, when the
        handshake fails, or the peer went on in plain text; with `timeout`, PeerTimeout after so many
        seconds; ConfigurationError without a certificate, RuntimeError with TLS already.
        """
        connection = self._connection or self._ensure_connection()
        make_reader = partial(self._new_reader, connection)
        await _starting_tls.start_tls(connection, make_reader, certificate, timeout)

    def _new_reader(self, connection: PeerConnection) -> InputReader:
        """Return a new reader for the protocol."""
        raise NotImplementedError

    def _forget_peer_name(self) -> None:
        """Forget the peer's name, and the log that has it: the next use asks the transport."""
        self._known_peer = None
        vars(self).pop("log", None)

    @property
    def working(self) -> bool:
        """Return true if the author's code is busy for this peer, and may still answer it."""
        return self._connection is not None and self._connection.working

    @property
    def service(self) -> RunningService[Settings, State]:
        """The running service: `settings`, `state`, `metrics`, `clock`."""
        if not self.factory:
            raise RuntimeError("`service` can be used from connection_made on, not in __init__")
        return self.factory.service

    @property
    def listener(self) -> str:
        """The name of the listener through which the peer came, as in `listeners`; "" without one."""
        return self.factory.listener_name

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @cached_property
    def log(self) -> Logger:
        """A Logger whose every message begins with the peer."""
        return PeerLogger(type(self).__module__, self.peer)

    def write(self, data: bytes) -> None:
        """Send bytes unchanged."""
        (self._connection or self._ensure_connection()).write(data)

    def drain(self) -> Deferred[None]:
        """Wait until this peer, and each other that the handler wrote to, has room for more.

        Fails with PeerGone, which needs no handling, if the peer goes away instead.
        """
        return (self._connection or self._ensure_connection()).drain()

    @property
    def unsent_bytes(self) -> int:
        """The bytes that wait to be sent to the peer, those of this handler included; 0 after the end.

        A fast sender skips a slow peer by it: `if peer.unsent_bytes < 65536: peer.send_line(news)`.
        """
        connection = self._connection
        if connection is not None:
            return connection.unsent_bytes
        return bytes_to_slow_peer(self.transport, SENT_FIRST) if self.connected else 0

    def abort(self) -> None:
        """End the connection now: nothing more is sent or received, and unsent output is dropped.

        `connection_lost` is called in the next turn of the reactor. A connection that has ended stays so.
        """
        (self._connection or self._ensure_connection()).end_now()

    @property
    def idle_timeout(self) -> float | None:
        """The seconds after which this peer is closed if it sends nothing; None, the default, for no limit.

        Set it at any time from `connection_made` on; it is counted from then. `--idle-timeout` holds as
        well. Setting raises ValueError for anything but None and a number above 0.
        """
        return None if self._connection is None else self._connection.idle_timeout

    @idle_timeout.setter
    def idle_timeout(self, seconds: float | None) -> None:
        if seconds is not None and not (isinstance(seconds, int | float) and 0 < seconds < inf):
            raise ValueError(
                f"idle_timeout is {seconds!r:.80}; it has to be a number above 0, or None"
            )
        (self._connection or self._ensure_connection()).idle_timeout = seconds

    def _call_when_answered(self, function: Callable[[], object]) -> None:
        """Call `function` each time the author's code has returned, or waits for the peer."""
        (self._connection or self._ensure_connection()).when_answered = function

    def later(
        self, seconds: float, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> DelayedCall:
        """Call `function(…)` after `seconds`, unless the connection ends before; `cancel()` the result."""
        return (self._connection or self._ensure_connection()).later(
            seconds, function, *args, **kwargs
        )

    def _ensure_connection(self) -> PeerConnection:
        """Return a connection while `_connection` is None: a new one, or one in the state GONE.

        Thousands of silent peers need none. A reference that is kept after the end would be a cycle for
        the garbage collector.
        """
        connection = self._make_connection(self)
        if self.connected:
            self._connection = connection
        else:
            connection.change_state(LOST)
        return connection

    def connectionMade(self) -> None:
        self._connection = None
        if isinstance(self.transport, PromptMixin):
            self.transport.needs_log_context = False
        connections = self.factory.connection_log
        if connections is not None:
            connections.log_connect(self.peer)
        if getattr(self.connection_made, "__func__", None) is not PeerProtocol.connection_made:
            self._connection = connection = self._make_connection(self)
            connection.call_author(connection.call_connection_made, "connection_made")

    def dataReceived(self, data: bytes) -> None:
        connection = self._connection or self._ensure_connection()
        reader = connection.reader
        if reader is None:
            reader = connection.reader = self._new_reader(connection)
        self.factory.received_bytes += len(data)
        connection.heard = True
        if connection.state.sending is OPEN:
            reader.received(data)
        else:
            self.factory.dropped_bytes += len(data)

    def readConnectionLost(self) -> None:
        """Note that the peer sends nothing more; it may still read (RFC 9293 section 3.6)."""
        (self._connection or self._ensure_connection()).change_state(END)

    def writeConnectionLost(self) -> None:
        """Note that our last words have gone out; only the peer's close is still to come."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection = self._connection or self._ensure_connection()
        self.connected = 0
        self._connection = None
        connection.lost(reason)
