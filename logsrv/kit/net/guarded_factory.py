"""A factory behind a guard: refuses, counts, closes the idle, and knows who is connected."""

from __future__ import annotations

import resource
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from logsrv.kit.net.drain import descriptor, unread
from logsrv.kit.net.guard import NO_DESCRIPTORS, Guard, GuardPolicy, Refusal
from logsrv.kit.net.guarded_connection import Admitted
from logsrv.kit.net.proxied_connection import AdmittedByProxy, ProxiedTransport
from logsrv.kit.net.source import host_of
from logsrv.kit.observe.metrics import Counts
from logsrv.kit.observe.seldom import Seldom

log = Logger()

# A connection is closed at most this fraction of the time-out late.
SWEEPS_PER_TIMEOUT = 8
# Descriptors kept for the store, the log and what else opens files while connections flood in.
SPARE_DESCRIPTORS = 32


def log_refusal(refusals: Seldom, label: str, peer: str, refusal: Refusal) -> None:
    """Log a refusal, unless `refusals` has one of this peer within the minute."""
    noted = refusals.note(peer)
    if noted is not None:
        log.warn(
            "{listener} refused {peer}: {reason}; {number} refused since this was last logged",
            listener=label,
            peer=noted.subject,
            reason=refusal.sentence,
            number=noted.number,
        )


class Hangup(Protocol):
    """A protocol that ends its connection at once, for endpoints that cannot do with none."""

    def makeConnection(self, transport: Any) -> None:
        transport.abortConnection()


# What ends a connection that nobody made a mistake on.
USUAL_ENDS = (ConnectionDone, ConnectionLost, ConnectionAborted, OSError)


class GuardedFactory(Factory):
    """The factory of a listener: builds the protocols of `factory` for those whom the guard lets in.

    connections: those that are open, in no order.
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
    ) -> None:
        """`label` names the listener; `layered`: the endpoint wraps protocols, and cannot wrap None."""
        self.guard = Guard(policy)
        self.connections: set[Admitted] = set()
        self.accepted = 0
        self.idle_closed = 0
        self._factory = factory
        self._label = label
        self._clock = clock
        self._metrics = metrics
        self._layered = layered
        self._proxied = proxied
        self._refusals = Seldom(clock.seconds)
        self._sweep: IDelayedCall | None = None
        self._highest_descriptor = 0
        self._scarce = False
        if IProtocolNegotiationFactory.providedBy(factory):
            alsoProvides(self, IProtocolNegotiationFactory)
            self.acceptableProtocols = factory.acceptableProtocols
        metrics.watch("connections_total", lambda: self.accepted, listener=label)
        metrics.watch("connections_open", lambda: self.guard.open, listener=label)
        metrics.watch("connections_idle_total", lambda: self.idle_closed, listener=label)

    @property
    def idle_timeout(self) -> float | None:
        return self.guard.policy.idle_timeout

    def doStart(self) -> None:
        self._factory.doStart()
        self._read_descriptor_limit()
        self._arm()

    def doStop(self) -> None:
        self._factory.doStop()

    def logPrefix(self) -> str:
        return self._label

    def apply(self, policy: GuardPolicy) -> None:
        """Go by other rules for the connections to come; the idle time-out is for all of them."""
        self.guard.apply(policy)
        self._read_descriptor_limit()
        for connection in self.connections:
            connection.watch_activity()
        self.disarm()
        self._arm()

    def _read_descriptor_limit(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._highest_descriptor = soft - min(SPARE_DESCRIPTORS, soft // 4)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        # Behind a proxy the address is the proxy's, on which the rules for peers don't bear.
        host = None if self._proxied else host_of(addr)
        # One that is closed here, and not aborted for the next turn, frees its descriptor at once.
        refusal = NO_DESCRIPTORS if self._scarce else self.guard.admit(host)
        if refusal is not None:
            self.refuse(refusal, host)
            return Hangup() if self._layered else None
        protocol = None
        try:
            protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
        finally:
            if protocol is None:
                self.guard.release(host)
        if protocol is None:
            return Hangup() if self._layered else None
        if self._proxied:
            AdmittedByProxy(self, protocol, host)
            return ProxiedTransport(protocol)
        Admitted(self, protocol, host)
        return protocol

    def begin(self, connection: Admitted) -> bool:
        """Note that a connection has its transport. Return whether it may go on."""
        self.accepted += 1
        self.connections.add(connection)
        if descriptor(connection.transport) >= self._highest_descriptor:
            # The limit may have been raised since.
            self._read_descriptor_limit()
            if descriptor(connection.transport) >= self._highest_descriptor:
                self._scarce = True
                self._drop(connection, NO_DESCRIPTORS, connection.host)
                return False
        return True

    def identify(self, connection: Admitted, host: str | None) -> bool:
        """Note the real peer of a proxied connection. Return whether it may go on."""
        refusal = self.guard.identify(host)
        if refusal is not None:
            self._drop(connection, refusal, host)
            return False
        connection.host = host
        return True

    def drop_misled(self, connection: Admitted, sentence: str) -> None:
        """Abort a connection whose PROXY header is none; `sentence` says why."""
        self._drop(connection, Refusal("proxy_header", sentence), _proxy_of(connection))

    def note_misled(self, connection: Admitted, sentence: str) -> None:
        """Count a connection that ended within its PROXY header."""
        self.refuse(Refusal("proxy_header", sentence), _proxy_of(connection))

    def _drop(self, connection: Admitted, refusal: Refusal, host: str | None) -> None:
        self.refuse(refusal, host)
        connection.protocol.connectionLost = connection.forget
        connection.abort()

    def end(self, connection: Admitted, reason: Failure) -> None:
        """Note that a connection is over."""
        self._scarce = False
        self.connections.discard(connection)
        self.guard.release(connection.host)
        error = reason.value
        if not isinstance(error, USUAL_ENDS) and not type(error).__module__.startswith("OpenSSL"):
            self._metrics.count("connections_failed_total", listener=self._label)

    def refuse(self, refusal: Refusal, host: str | None) -> None:
        """Count a refusal, and log it once per peer and minute."""
        self._metrics.count(
            "connections_refused_total", listener=self._label, reason=refusal.reason
        )
        log_refusal(self._refusals, self._label, host or "a local peer", refusal)

    def _arm(self) -> None:
        timeout = self.idle_timeout
        if timeout is not None and self._sweep is None:
            self._sweep = self._clock.callLater(timeout / SWEEPS_PER_TIMEOUT, self._close_idle)

    def disarm(self) -> None:
        """End the watch for idle connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _close_idle(self) -> None:
        self._sweep = None
        closed = 0
        for connection in list(self.connections):
            if connection.active or unread(connection.transport):
                # Bytes that wait while the store holds the connection back are no silence.
                connection.active = 0
                connection.quiet = 0
                continue
            connection.quiet += 1
            if connection.quiet >= SWEEPS_PER_TIMEOUT:
                closed += self._end_idle(connection)
        if closed:
            self.idle_closed += closed
            log.info(
                "{listener} closed {number} connections that sent nothing for {seconds:g} s",
                listener=self._label,
                number=closed,
                seconds=self.idle_timeout,
            )
        self._arm()

    def _end_idle(self, connection: Admitted) -> bool:
        if not connection.closing:
            connection.quiet = 0
            connection.close()
            return True
        # It was asked to close one time-out ago: the peer does not read what we have for it.
        connection.abort()
        return False


def _proxy_of(connection: Admitted) -> str | None:
    return host_of(connection.transport.getPeer())
