"""Connections that a plugin makes once, by `service.dial`: counted and closed like accepted ones."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from logsrv.kit.framing.line_format import LineFormat
from logsrv.kit.net.guard.guard import GuardPolicy, Refusal
from logsrv.kit.net.guard.guarded_connection import GuardedConnection
from logsrv.kit.net.guard.guarded_factory import GuardedFactory
from logsrv.kit.net.twisted.transports import undelayed
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols.awaiting import CANCELLED, RunningCoroutine, working
from logsrv.kit.protocols.stream import Connection, StreamProtocol
from logsrv.kit.service.factory import PluginFactory, PluginProtocols

LABEL = "dial"
"""The `listener` of dialled connections in the metrics; each place would make a series of its own."""


class DialError(ConnectionError):
    """A dial that failed: refused, not found, too late, or with a certificate that does not fit."""


class DialledProtocol(StreamProtocol):
    """The protocol of a dialled connection. ready: fires with its Connection, or with why there is none."""

    admitted: GuardedConnection | None = None

    def __init__(self) -> None:
        super().__init__(self._keep)
        self.ready: Deferred[Connection] = Deferred()
        # The coroutine that has dialled works on it, so there is no `handle` whose end would close it.
        self._kept: Deferred[None] = Deferred()

    def _keep(self, connection: Connection) -> Deferred[None]:
        self.ready.callback(connection)
        return self._kept


# Lines over dialled connections have no limit but the operator's.
DIALLED = PluginProtocols(DialledProtocol, None, LineFormat)


class DialFactory(GuardedFactory):
    """The guard of dialled connections: without rules, it counts them and knows the open ones."""

    def begin(self, connection: GuardedConnection) -> bool:
        connection.protocol.admitted = connection
        return super().begin(connection)

    def end(self, connection: GuardedConnection, reason: Failure) -> None:
        super().end(connection, reason)
        ready: Deferred[Connection] = connection.protocol.ready
        if not ready.called:
            ready.errback(reason)

    def refuse(self, refusal: Refusal, host: str | None) -> None:
        """Do nothing about a failed handshake: the one who dials is told."""


class Dial(Factory[Any]):
    """A try to connect. dialled: its protocol, once there is a connection."""

    noisy = False
    dialled: DialledProtocol | None = None

    def __init__(self, guarded: DialFactory) -> None:
        self._guarded = guarded

    def buildProtocol(self, addr: IAddress | None) -> Any:
        built = self._guarded.buildProtocol(addr)
        connection = getattr(built, "_protocol", built)
        self.dialled = connection.protocol
        return built


class Dials:
    """The dialled connections of one service."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._factories: dict[bool, DialFactory] = {}

    async def dial(
        self, name: str, client: IStreamClientEndpoint, timeout: float, *, tls: bool
    ) -> Connection:
        """Connect once. Raises DialError."""
        one = Dial(self._factory(tls))

        def made(protocol: Any) -> Deferred[Connection]:
            undelayed(protocol)
            assert one.dialled is not None
            return one.dialled.ready

        connecting = _cancellable(client.connect(one).addCallback(made))
        connecting.addTimeout(timeout, self._service.clock)
        try:
            connection: Connection = await connecting
        except BaseException as error:
            if one.dialled is not None and one.dialled.admitted is not None:
                one.dialled.admitted.abort()
            if isinstance(error, CANCELLED) or not isinstance(error, Exception):
                raise
            late = isinstance(error, DeferredTimeout | ConnectTimeout)
            why = f"no answer in {timeout:g} s" if late else _why(error)
            raise DialError(f"cannot connect to {name}: {why}") from error
        work = working.get()
        if work is not None:
            _close_after(work, connection)
        return connection

    def _factory(self, tls: bool) -> DialFactory:
        """Return the factory of connections that are there when the TLS handshake is done, or of others."""
        if tls not in self._factories:
            served = PluginFactory(self._service, LABEL, DialledProtocol)
            served.connects = True
            served.line_format = DIALLED.line_format(self._service.settings)
            self._factories[tls] = DialFactory(
                served,
                label=LABEL,
                policy=GuardPolicy(),
                clock=self._service.clock,
                metrics=self._service.metrics,
                certified=tls,
            )
        return self._factories[tls]

    async def stop(self, seconds: float) -> int:
        """Close all connections after their output. Return how many were cut off."""
        cut = 0
        for guarded in self._factories.values():
            for connection in list(guarded.connections):
                connection.close()
            cut += await guarded.drain(seconds)
        return cut


def _close_after(work: RunningCoroutine[Any], connection: Connection) -> None:
    """Close a connection when the coroutine that has dialled it ends."""
    work.opened = [one for one in work.opened if not one.closed]
    work.opened.append(connection)


def _cancellable(connecting: Deferred[Any]) -> Deferred[Any]:
    """Return a Deferred of the same result; a cancelled endpoint of Twisted's fails with other errors."""

    def cancel(waiting: Deferred[Any]) -> None:
        waiting.errback(CancelledError())
        connecting.cancel()

    def fire(result: object) -> None:
        if not waiting.called:
            waiting.callback(result)

    waiting: Deferred[Any] = Deferred(cancel)
    connecting.addBoth(fire)
    return waiting


def _why(error: Exception) -> str:
    if isinstance(error, DNSLookupError):
        return "there is no host of that name"
    return end_sentence(Failure(error)).rstrip(".")
