"""Connections that a guard has admitted.

The transport's protocol is a `GuardedConnection`. It passes data on to the author's protocol, which has the
transport itself. A chunk of data costs one more Python call than without a guard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import providedBy

from logsrv.kit.connections._tls import GatheringTLS, tls_under
from logsrv.kit.connections.guard import Refusal
from logsrv.kit.connections.linger import stop_lingering
from logsrv.kit.connections.rates import Throttle
from logsrv.kit.connections.transports import (
    has_more_to_write,
    protocol_of,
    unregister_own_producer,
)

log = Logger()

TLS_HELLO = b"\x16\x03"
"""The first bytes of a peer that begins TLS: a handshake, and its version (RFC 8446 section 5.1)."""
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
"""A fatal alert, handshake_failure: it tells the peer at once that there is no TLS."""


class ConnectionOwner(Protocol):
    """The owner of connections: a `logsrv.kit.connections._guarded_factory.GuardedFactory`."""

    def add_or_drop(self, connection: GuardedConnection) -> bool:
        """Note that a connection has its transport. Return whether it may go on."""

    def admit_or_drop(self, connection: GuardedConnection, host: str | None) -> bool:
        """Note the real peer of a proxied connection. Return whether it may go on."""

    def refuse_and_close(
        self, connection: GuardedConnection, refusal: Refusal, host: str | None
    ) -> None:
        """Abort a connection that has begun, and count it as refused."""

    def count_refusal(self, refusal: Refusal, host: str | None) -> None:
        """Count a refusal, and log it once per peer and minute."""

    @property
    def refuses_tls(self) -> bool:
        """Return true if a peer that begins with TLS is closed: no message of this input begins so."""

    def refuse_tls_peer(self, connection: GuardedConnection, size: int) -> None:
        """Close a connection whose peer speaks TLS, and count its bytes as dropped."""

    @property
    def has_rate_limits(self) -> bool:
        """Return true if there are limits on the lines or bytes of a peer in a second."""

    def make_throttle(
        self, connection: GuardedConnection, deliver: Callable[[bytes], None]
    ) -> Throttle:
        """Return a throttle for a connection. deliver: takes its data."""

    def note_connection_end(self, connection: GuardedConnection, reason: Failure) -> None:
        """Note that a connection has ended."""


class ThirdPartyProtocol:
    """A mark for protocols of other packages, which do not know that the service may stop.

    Its producer tells whether such a protocol has more to write. The mark adds no names to the class.
    """

    __slots__ = ()


class GuardedConnection:
    """An admitted connection, from its transport's first call to `connectionLost`.

    The transport takes it for `protocol`: its interfaces, and the attributes that it lacks, are those of
    the protocol.
    connected: the protocol has been told of the connection, and not of its end. A connection that is
        refused late never is.
    quiet: how many times in a row the search for idle connections has found no new data from this one.
    taken: the bytes that the system had taken for the peer at the last of these. stuck: how many times in a
        row it had taken none of those that wait.
    """

    __slots__ = (
        "_opening", "_owner", "_throttle", "closing", "connected", "host", "protocol", "quiet",
        "stuck", "taken", "transport",
    )  # fmt: skip

    def __init__(self, owner: ConnectionOwner, protocol: Any, host: str | None) -> None:
        self._owner = owner
        self._throttle: Throttle | None = None
        # The peer's first bytes while they may still begin TLS; None once they cannot.
        self._opening: bytes | None = b"" if owner.refuses_tls else None
        self.protocol = protocol
        self.host = host
        self.transport: Any = None
        self.quiet = 0
        self.stuck = 0
        self.taken: int | None = None
        self.closing = False
        self.connected = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    @property
    def __providedBy__(self) -> Any:
        return providedBy(self.protocol)

    @property
    def has_throttled_data(self) -> bool:
        """Return true if data has come that the protocol may not have yet, because of the peer's limits."""
        return self._throttle is not None and bool(self._throttle.kept)

    @property
    def working(self) -> bool:
        """Return true if the protocol prepares an answer, or has more to write."""
        protocol = self.protocol
        if isinstance(protocol, ThirdPartyProtocol):
            return has_more_to_write(self.transport, protocol)
        return bool(getattr(protocol, "working", False))

    @property
    def peer_waits(self) -> bool:
        """Return true if the protocol says that its peer waits for an answer, so it may be silent."""
        return bool(getattr(self.protocol, "peer_waits", False))

    def makeConnection(self, transport: Any) -> None:
        if self.take_transport(transport):
            self.connect_protocol()

    def take_transport(self, transport: Any) -> bool:
        """Take the transport. Return whether the protocol may be connected."""
        self.transport = transport
        return self._owner.add_or_drop(self)

    def connect_protocol(self) -> None:
        """Connect the protocol to the transport."""
        self.connected = True
        if self._owner.has_rate_limits:
            self.apply_rate_limits()
        self.protocol.makeConnection(self.transport)

    def apply_rate_limits(self) -> None:
        """Use the owner's present rates on the present transport."""
        self.end_throttle()
        if self.connected and self._owner.has_rate_limits:
            self._throttle = self._owner.make_throttle(self, self.protocol.dataReceived)

    def end_throttle(self) -> None:
        """End the throttle: deliver the data it has kept. If the protocol raises, close the connection."""
        if self._throttle is None:
            return
        throttle, self._throttle = self._throttle, None
        try:
            throttle.deliver_all_and_detach()
        except Exception:
            log.failure("a protocol failed with data that had waited because of a rate limit")
            if self.connected:
                self.close()

    def dataReceived(self, data: bytes) -> None:
        self.quiet = 0
        if self._opening is not None:
            data = self._refuse_if_tls(self._opening, data)
            if not data:
                return
        if self._throttle is None:
            self.protocol.dataReceived(data)
        else:
            self._throttle.received(data)

    def _refuse_if_tls(self, before: bytes, data: bytes) -> bytes:
        """Return the bytes for the protocol, of `before` and `data`; none if they begin a TLS handshake."""
        if before == TLS_HELLO:
            # The connection is already closing.
            self._owner.refuse_tls_peer(self, len(data))
            return b""
        opening = before + data
        self._opening = opening[: len(TLS_HELLO)]
        if self._opening == TLS_HELLO:
            self._owner.refuse_tls_peer(self, len(opening))
            return b""
        if TLS_HELLO.startswith(opening):
            return b""
        self._opening = None
        return opening

    def connectionLost(self, reason: Failure) -> None:
        connected, self.connected = self.connected, False
        if self._throttle is not None:
            self.end_throttle()
        self._owner.note_connection_end(self, reason)
        if not connected:
            return
        if self._opening and self._opening != TLS_HELLO:
            self.protocol.dataReceived(self._opening)
        self.protocol.connectionLost(reason)

    def count_refusal(self, refusal: Refusal) -> None:
        """Count and log a refusal of this admitted peer."""
        self._owner.count_refusal(refusal, self.host)

    def close(self) -> None:
        """Close it after the bytes that were written to it, and after an answer that is in preparation."""
        self.closing = True
        if isinstance(self.protocol, ThirdPartyProtocol):
            unregister_own_producer(self.transport, self.protocol)
        # A protocol of the kit has no such method: its transport waits for its answer.
        getattr(self.protocol, "close_when_answered", self.transport.loseConnection)()

    def close_as_idle(self) -> None:
        """Close it as `close` does, with the last words of its protocol, if it has any."""
        say = getattr(self.protocol, "_close_as_idle", None)
        if say is not None and say():
            self.closing = True
        else:
            self.close()

    def stop_awaiting_goodbye(self) -> None:
        """Wait no longer for the peer's end or its goodbye of TLS, if ours has been sent."""
        stop_lingering(self.transport)
        tls = tls_under(self.transport)
        if isinstance(tls, GatheringTLS):
            tls.stop_awaiting_goodbye()

    def abort(self) -> None:
        self.closing = True
        self.transport.abortConnection()


def guarded_connection_of(protocol: Any) -> GuardedConnection | None:
    """Return the GuardedConnection of a connected protocol; None for one that no guard has admitted."""
    called = protocol_of(protocol.transport)
    return called if isinstance(called, GuardedConnection) else None
