"""Connections that a plugin makes once, by `service.dial`: counted and closed like accepted ones.

`relay` copies between two connections, as proxies do.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress, IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit._protocol_plugin.factory import PluginFactory, PluginProtocols
from logsrv.kit._protocol_plugin.links import dial_policy
from logsrv.kit.connections._guarded_connection import GuardedConnection
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections._tls import note_certificate
from logsrv.kit.connections.guard import GuardPolicy, Refusal
from logsrv.kit.connections.transports import with_no_delay
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols._awaiting import CANCELLED, start_coroutine, working
from logsrv.kit.protocols._deadline import with_time_limit
from logsrv.kit.protocols._stream import Connection
from logsrv.kit.protocols.faults import PeerGone

LABEL = "dial"
"""The `listener` of dialled connections in the metrics; each address would make a series of its own."""


class DialError(ConnectionError):
    """A dial that failed: refused, not found, too late, or with a certificate that does not fit."""


@implementer(IHandshakeListener)
class DialledConnection(Connection):
    """A dialled connection.

    ready: fires with it after a TLS handshake if there is one; or with why there is none.
    """

    def __init__(self) -> None:
        super().__init__(self._hold_open)
        self.ready: Deferred[Connection] = Deferred()
        # The coroutine that has dialled works on it, so there is no `handle` whose end would close it.
        self._held_open: Deferred[None] = Deferred()

    def _hold_open(self, connection: Connection) -> Deferred[None]:
        if not isinstance(self.transport, TLSMemoryBIOProtocol):
            self.ready.callback(connection)
        return self._held_open

    def handshakeCompleted(self) -> None:
        note_certificate(self.transport)
        self.ready.callback(self)


class DialFactory(GuardedFactory):
    """The guard of dialled connections: without rules, it counts them and knows the open ones."""

    def note_connection_end(self, connection: GuardedConnection, reason: Failure) -> None:
        super().note_connection_end(connection, reason)
        ready: Deferred[Connection] = connection.protocol.ready
        if not ready.called:
            ready.errback(reason)

    def count_refusal(self, refusal: Refusal, host: str | None) -> None:
        """Do nothing about a failed handshake: the one who dials is told."""


class DialAttempt(Factory[Any]):
    """A try to connect. dialled: the connection, once there is one."""

    noisy = False
    dialled: Any = None

    def __init__(self, guarded: DialFactory) -> None:
        self._guarded = guarded

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self.dialled = self._guarded.buildProtocol(addr)
        return self.dialled


class DialledConnections:
    """The dialled connections of one service."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._guarded: DialFactory | None = None

    async def dial(self, name: str, client: IStreamClientEndpoint, timeout: float) -> Connection:
        """Connect once. Raises DialError."""
        one = DialAttempt(self._guarded_factory())

        def connect() -> Deferred[Any]:
            connecting: Deferred[Any] = client.connect(one)
            # The endpoint may give something around the protocol, such as TLS.
            return connecting.addCallback(with_no_delay).addCallback(lambda _: one.dialled.ready)

        try:
            # A cancelled endpoint of Twisted's fails with other errors; this does not.
            connection: Connection = await with_time_limit(connect, timeout, self._service.clock)
        except BaseException as error:
            if one.dialled is not None and one.dialled.transport is not None:
                one.dialled.abort()
            if isinstance(error, CANCELLED) or not isinstance(error, Exception):
                raise
            late = isinstance(error, DeferredTimeout | ConnectTimeout)
            why = f"no answer in {timeout:g} s" if late else _dial_failure_text(error)
            raise DialError(f"cannot connect to {name}: {why}") from error
        work = working.get()
        if work is not None:
            # It is closed when the coroutine that has dialled it ends.
            work.opened = [*(each for each in work.opened if not each.closed), connection]
        return connection

    def _guarded_factory(self) -> DialFactory:
        service = self._service
        if self._guarded is None:
            # Lines have no limit but the operator's.
            served = PluginProtocols(DialledConnection, None, LineFormat)
            factory = PluginFactory(service, LABEL, served)
            factory.connects = True
            factory.apply_limits(service.settings)
            how = {"label": LABEL, "clock": service.clock, "metrics": service.metrics}
            self._guarded = DialFactory(factory, policy=dial_policy(service.settings), **how)
        return self._guarded

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules for all connections."""
        if self._guarded is not None:
            self._guarded.apply(policy)

    async def drain_all(self, seconds: float) -> int:
        """Close all connections after their output. Return how many were cut off."""
        if self._guarded is None:
            return 0
        for connection in list(self._guarded.connections):
            connection.close()
        return await self._guarded.drain(seconds)


def _dial_failure_text(error: Exception) -> str:
    if isinstance(error, DNSLookupError):
        return "there is no host of that name"
    return end_sentence(Failure(error)).rstrip(".")


async def relay(one: Connection, other: Connection) -> tuple[int, int]:
    """Copy what each of two connections sends to the other, until both have ended; then close both.

    Return the numbers of bytes that were copied, from `one` and from `other`. A side is read no faster than
    the other takes it, and read even while it takes nothing itself: else two servers that send before they
    read would wait for each other. The end of one direction is passed on alone; if it cannot be, as over
    TLS, that side is closed when the other direction has ended, too. A side that is gone ends both, after
    what had come from it is sent.
    """
    counts = [0, 0]
    one.read_always()
    other.read_always()
    copies = [
        start_coroutine(_copy(one, other, counts, 0)),
        start_coroutine(_copy(other, one, counts, 1)),
    ]
    try:
        await gatherResults(copies, consumeErrors=True)
    except FirstError as first:
        failure = first.subFailure
        if failure.check(*CANCELLED):
            raise CancelledError from None
        if not failure.check(PeerGone):
            failure.raiseException()
    finally:
        for at, (source, target) in enumerate(((one, other), (other, one))):
            if source.closed and (rest := source.take_rest()):
                counts[at] += len(rest)
                target.write(rest)
        one.close()
        other.close()
    return counts[0], counts[1]


async def _copy(source: Connection, target: Connection, counts: list[int], at: int) -> None:
    while data := await source.read_some():
        counts[at] += len(data)
        target.write(data)
        await target.drain()
        if target.closed:
            raise PeerGone(f"{target.peer} has gone")
    await target.end_output()
