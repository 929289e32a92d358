"""A factory behind a guard: refuses and counts peers, closes idle ones, and knows the open connections."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from logsrv.kit.connections._drain import drain
from logsrv.kit.connections._guarded_connection import TLS_ALERT, GuardedConnection
from logsrv.kit.connections._refusals import (
    AbortingProtocol,
    RefusalProtocol,
    log_refusal,
    tls_refusal,
)
from logsrv.kit.connections._tls import HandshakeStandIn, tls_of_failed_handshake
from logsrv.kit.connections.guard import (
    NO_DESCRIPTORS,
    REFUSAL_SENTENCES,
    SPEAKS_TLS,
    FileLimit,
    Guard,
    GuardPolicy,
    Refusal,
)
from logsrv.kit.connections.keepalive import (
    NOT_INHERITED,
    keep_alive,
    longest_unheard,
    seconds_unheard,
)
from logsrv.kit.connections.rates import PeerRateLimits, Throttle
from logsrv.kit.connections.source import host_of
from logsrv.kit.connections.transports import descriptor, takes_nothing, unread_bytes
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.words import counted
from logsrv.lazy_names import later_module
from logsrv.reactor import Timer

if TYPE_CHECKING:
    from logsrv.kit.connections import _proxy_protocol
else:
    _proxy_protocol = later_module("logsrv.kit.connections._proxy_protocol")

log = Logger()

# Searches for idle connections in one time-out: a connection is closed an eighth of the time-out late at
# most.
SWEEPS_PER_TIMEOUT = 8

# Ends of a connection that are no fault of the server.
USUAL_ENDS = (ConnectionDone, ConnectionLost, ConnectionAborted, OSError)


class GuardedFactory(Factory):
    """The factory of a listener: builds protocols of `factory` for the peers that the guard admits.

    It is the `ConnectionOwner` of their connections. connections: the open ones, in no order.
    """

    noisy = False

    def __init__(
        self,
        factory: IProtocolFactory,
        *,
        label: str,
        policy: GuardPolicy,
        clock: IReactorTime,
        metrics: Counts,
        layered: bool = False,
        proxied: bool = False,
        certified: bool = False,
        plain: bool = False,
        refuses_tls: bool = False,
    ) -> None:
        """`label` names the listener. `layered`: the endpoint wraps protocols, and cannot wrap None.
        `certified`: clients are asked for certificates. `plain`: a refused peer can be sent bytes, because
        no layer is under its protocol. `refuses_tls`: a peer that begins with TLS is
        closed.
        """
        self.guard = Guard(policy)
        self.connections: set[GuardedConnection] = set()
        self.accepted = 0
        self.idle_closed = 0
        self._factory = factory
        self._label = label
        self._clock = clock
        self._metrics = metrics
        self._layered = layered
        self._proxied = proxied
        self._plain = plain
        self.refuses_tls = refuses_tls
        self._rates = PeerRateLimits(clock.seconds)
        self._slowed = RateLimitedLog(clock.seconds)
        self._apply_rates(policy)
        # Makes the stand-in for a connection until its peer is known.
        self._front: Callable[[GuardedConnection], Any] | None = None
        if proxied:
            self._front = partial(_proxy_protocol.ProxiedTransport, self)
        elif certified:
            self._front = lambda admitted: HandshakeStandIn(
                admitted, admitted.connect_protocol, admitted.take_transport
            )
        self._refusals = RateLimitedLog(clock.seconds)
        self._sweep = Timer(clock)
        # Runs while there are connections, and once more.
        self._gone = Timer(clock)
        self._scarce = False
        self._bound, self._looked_at_limit = 0, -math.inf
        if IProtocolNegotiationFactory.providedBy(factory):
            alsoProvides(self, IProtocolNegotiationFactory)
            self.acceptableProtocols = factory.acceptableProtocols
        metrics.watch("connections_total", lambda: self.accepted, listener=label)
        metrics.watch("connections_open", lambda: self.guard.open, listener=label)
        metrics.watch("connections_idle_total", lambda: self.idle_closed, listener=label)
        # An alert sees the first increase only if the counter was there before it, at 0.
        metrics.count("connections_failed_total", 0, listener=label)

    @property
    def protocols(self) -> list[Any]:
        """The protocols of connected peers; a proxied one counts once its client is known."""
        return [each.protocol for each in self.connections if each.connected]

    def doStart(self) -> None:
        self._factory.doStart()
        self._restart_idle_timer()

    def doStop(self) -> None:
        self._factory.doStop()

    def logPrefix(self) -> str:
        return self._label

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules for new connections; the idle time-out, keepalive and rates are for all."""
        changed = policy.keepalive != self.guard.policy.keepalive
        self.guard.apply(policy)
        self._looked_at_limit = -math.inf
        self._apply_rates(policy)
        # Over a copy: this delivers data that was held back, which may end this connection or others.
        for connection in list(self.connections):
            connection.apply_rate_limits()
            if changed:
                keep_alive(connection.transport, policy.keepalive)
        if changed and self.connections:
            self._gone.stop()
            self._watch_for_gone()
        self._restart_idle_timer()

    def _apply_rates(self, policy: GuardPolicy) -> None:
        tells_in_text = self._plain and getattr(self._factory, "sends_text", True)
        self._tells = tells_in_text and getattr(policy, "tell_refused", False)
        self._rates.apply(policy)
        self.has_rate_limits = bool(self._rates)

    def make_throttle(
        self, connection: GuardedConnection, deliver: Callable[[bytes], None]
    ) -> Throttle:
        # The rates are for each address; a peer without one has its own.
        peer = connection.host or id(connection)
        slowed = partial(self._report_slowed, connection.host)
        timer = Timer(self._clock)
        return Throttle(self._rates, peer, connection.transport, timer, deliver, slowed)

    def _report_slowed(self, host: str | None) -> None:
        self._metrics.count("connections_slowed_total", listener=self._label)
        self._slowed.log_unless_recent(
            log.info,
            host or "a local peer",
            "{listener} slows down {subject}, which sends more than its limits allow",
            listener=self._label,
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        # Behind a proxy `addr` is the proxy's, but the rules are for the client, which is not known yet.
        host = None if self._proxied else host_of(addr)
        # If files are scarce, no protocol is built: then the connection is closed now, and not a turn
        # later.
        refusal = NO_DESCRIPTORS if self._scarce else self.guard.admit_connection(host)
        protocol = None
        if refusal is not None:
            self.count_refusal(refusal, host)
        else:
            try:
                protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
            finally:
                if protocol is None:
                    self.guard.release_connection(host)
        if protocol is None:
            if refusal is not None and (said := self._words_for(refusal)):
                return RefusalProtocol(said)
            return AbortingProtocol() if self._layered else None
        admitted = GuardedConnection(self, protocol, host)
        return admitted if self._front is None else self._front(admitted)

    def add_or_drop(self, connection: GuardedConnection) -> bool:
        self.accepted += 1
        self.connections.add(connection)
        if descriptor(connection.transport) >= self._first_reserved_descriptor():
            self._scarce = True
            self.refuse_and_close(connection, NO_DESCRIPTORS, connection.host)
            return False
        keepalive = self.guard.policy.keepalive
        port = getattr(connection.transport, "server", None)
        has_options = getattr(port, "inherited_keepalive", NOT_INHERITED) == keepalive
        has_socket = has_options or keep_alive(connection.transport, keepalive)
        if has_socket and not self._gone.running:
            self._watch_for_gone()
        return True

    def _first_reserved_descriptor(self) -> int:
        """Return the smallest descriptor number that peers may not have.

        The limit may change while we run, but to ask for it takes as long as to accept a peer; so not
        more than once a second.
        """
        now = self._clock.seconds()
        if not 0 <= now - self._looked_at_limit < 1:
            self._looked_at_limit = now
            limit = FileLimit.of_process()
            self._bound = limit.first_reserved_descriptor(oversees=self.guard.policy.oversees)
        return self._bound

    def admit_or_drop(self, connection: GuardedConnection, host: str | None) -> bool:
        refusal = self.guard.admit_host(host)
        if refusal is not None:
            self.refuse_and_close(connection, refusal, host)
            return False
        connection.host = host
        return True

    def refuse_and_close(
        self, connection: GuardedConnection, refusal: Refusal, host: str | None
    ) -> None:
        self.count_refusal(refusal, host)
        if said := self._words_for(refusal):
            connection.transport.write(said)
            connection.close()
        else:
            connection.abort()

    def _words_for(self, refusal: Refusal) -> bytes:
        """Return the bytes for a refused peer: the protocol's own, or a line of ours; b"" for none."""
        own = getattr(self._factory, "refusal_words", None)
        if self._plain and own is not None and (said := own(refusal.reason)):
            return bytes(said)
        if self._tells and refusal in REFUSAL_SENTENCES:
            return REFUSAL_SENTENCES[refusal].encode() + b"\r\n"
        return b""

    def refuse_tls_peer(self, connection: GuardedConnection, size: int) -> None:
        self._metrics.count("dropped_bytes_total", size, listener=self._label, reason="tls")
        if not connection.closing:
            self.count_refusal(SPEAKS_TLS, connection.host)
            connection.transport.write(TLS_ALERT)
            connection.close()

    def note_connection_end(self, connection: GuardedConnection, reason: Failure) -> None:
        self._scarce = False
        self.connections.discard(connection)
        self.guard.release_connection(connection.host)
        error = reason.value
        if isinstance(error, USUAL_ENDS):
            return
        if not type(error).__module__.startswith("OpenSSL"):
            self._metrics.count("connections_failed_total", listener=self._label)
            return
        tls = tls_of_failed_handshake(connection.transport)
        if tls is not None and error is not None:
            self.count_refusal(tls_refusal(error, tls.faults or ()), connection.host)

    def count_refusal(self, refusal: Refusal, host: str | None) -> None:
        self._metrics.count(
            "connections_refused_total", listener=self._label, reason=refusal.reason
        )
        peer = host or "a local peer"
        if refusal is NO_DESCRIPTORS:
            # All connections together are the cause, so the log line is about them, not about this peer.
            sentence = FileLimit.of_process().refusal_sentence
            peer, refusal = "connections", evolve(refusal, sentence=sentence)
        log_refusal(self._refusals, self._label, peer, refusal)

    def _watch_for_gone(self) -> None:
        keepalive = self.guard.policy.keepalive
        if keepalive is not None:
            self._gone.start(longest_unheard(keepalive) / SWEEPS_PER_TIMEOUT, self._abort_gone)

    def _abort_gone(self) -> None:
        """End the connections of peers that are gone with data that they have not acknowledged."""
        keepalive = self.guard.policy.keepalive
        if keepalive is not None:
            longest = longest_unheard(keepalive)
            for connection in list(self.connections):
                if seconds_unheard(connection.transport) > longest:
                    connection.abort()
        if self.connections:
            self._watch_for_gone()

    def _restart_idle_timer(self) -> None:
        self._sweep.stop()
        timeout = self.guard.policy.idle_timeout
        if timeout is not None:
            self._sweep.start(timeout / SWEEPS_PER_TIMEOUT, self._close_idle)

    async def drain(self, seconds: float) -> int:
        """Close all connections, as `drain.drain` does, and end the watch for idle ones."""
        for connection in list(self.connections):
            connection.end_throttle()
        cut = await drain(self.connections, seconds, self._clock)
        self._sweep.stop()
        self._gone.stop()
        return cut

    def _close_idle(self) -> None:
        closed = 0
        for connection in list(self.connections):
            if connection.has_throttled_data:
                # The peer sends more than it may: the time-out begins when all of its data is delivered.
                connection.quiet = 0
                continue
            takes_none, connection.taken = takes_nothing(connection.transport, connection.taken)
            connection.stuck = connection.stuck + 1 if takes_none else 0
            is_read = connection.stuck < SWEEPS_PER_TIMEOUT and not connection.closing
            if connection.peer_waits and is_read:
                # It is silent because we are: the time-out begins with our answer.
                connection.quiet = 0
                continue
            connection.quiet += 1
            if connection.quiet <= SWEEPS_PER_TIMEOUT:
                continue
            connection.quiet = 1
            if connection.closing:
                # The connection was closed one time-out ago, and the peer does not read our last bytes.
                connection.abort()
            # Bytes that wait while the store has paused the connection are no silence; but those of a peer
            # that reads nothing itself are not read either.
            elif connection.stuck >= SWEEPS_PER_TIMEOUT or not unread_bytes(connection.transport):
                connection.close_as_idle()
                closed += 1
        if closed:
            self.idle_closed += closed
            log.info(
                "{listener} closes {number}: nothing was received for {seconds:g} s",
                listener=self._label,
                number=counted(closed, "connection"),
                seconds=self.guard.policy.idle_timeout,
            )
        self._restart_idle_timer()
