"""The parts of a connection: the service, the context of its listener, its author and its reader."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from typing_extensions import TypeVar

from logsrv.errors import ConfigurationError
from logsrv.kit.framing.lines import LineFormat
from logsrv.kit.net.departures import Departures
from logsrv.kit.net.guard.start_tls import tls_factory
from logsrv.kit.net.twisted.peer_certificate import PeerCertificate
from logsrv.kit.observe.failures import Failures
from logsrv.kit.observe.metrics import Counts, Metrics
from logsrv.kit.observe.peer_log import ConnectionLog

# The options class of a protocol and the class of its state, for type checkers.
Settings = TypeVar("Settings", default=Any)
State = TypeVar("State", default=Any)


if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall
    from twisted.internet.interfaces import IReactorTime

    class Clock(IReactorTime):
        """The reactor's clock: what takes an IReactorTime takes it.

        Methods of an interface have no self, so that without mypy-zope no checker lets them be called.
        """

        def seconds(self) -> float:  # type: ignore[misc]
            """Return the time, in seconds since 1970."""

        def callLater(  # type: ignore[misc]
            self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
        ) -> DelayedCall:
            """Call a function in so many seconds."""


class RunningService(Protocol[Settings, State]):
    """A running service: `self.service` of a protocol, `connection.service`, and what `state` is given.

    settings: the options as they are now, the author's and the kit's. state: what the author's
    `state` gave, for as long as the service lasts. metrics: counters; `metrics.declare` adds the
    author's own. clock: seconds and timers. peers: the protocols, or Connections, of those who are
    connected now. log: for what belongs to none of them.
    """

    settings: Settings
    state: State
    metrics: Metrics
    clock: Clock
    log: Logger
    failures: Failures

    @property
    def peers(self) -> Collection[Any]: ...

    def broadcast(self, text: str | bytes, but: object = None) -> None:
        """Send a line, or bytes, to all peers but one.

        It waits for who reads slowly, within its `max_unsent`, and so does the connection that is handled.
        """

    def spawn(self, coroutine: Awaitable[Any], name: str = "") -> Task:
        """Run a coroutine beside all else, at once or, before the reactor runs, when it does.

        An error in it is logged and counted. At the stop, after `stopping` of the state and the last
        peer, it is cancelled and awaited, for 10 seconds at most. name: in the log and the metrics, by
        default the function's. Raises TypeError for what is no coroutine.
        """

    def every(self, seconds: float, function: Callable[..., Any], *args: Any) -> Task:
        """Call `function(*args)`, plain or async, at once and then every so many seconds.

        As `spawn`; never two at once, and an error ends only that one call. Raises TypeError and
        ValueError for what cannot be.
        """

    def connect(self, endpoint: Any, protocol: Any) -> Link:
        """Connect to another server, and again whenever that ends, at growing intervals up to a minute.

        endpoint: `tcp:HOST:PORT`, `ssl:HOST:PORT`, `unix:PATH`, or one of Twisted's. protocol: as
        `protocol_plugin` takes it for connections; one object for each. It begins when the reactor
        runs, and is drained at the stop, after the last peer and the tasks.

        Raises ConfigurationError for text that is no endpoint, or what is no protocol.
        """

    def line_format(self, settings: Any) -> LineFormat: ...


class Link(Protocol):
    """A connection to another server, as `connect` gives it.

    protocol: the connected protocol, or Connection; None when there is none now.
    """

    @property
    def protocol(self) -> Any: ...

    async def when_connected(self) -> Any:
        """Return the protocol, or Connection, as soon as there is one; waits for the first, or the next.

        Raises CancelledError when the link is closed.
        """

    def close(self) -> Deferred[None]: ...


class Task(Protocol):
    """A task, as `spawn` and `every` give it. done: fires when it has ended, however it did."""

    name: str
    done: Deferred[None]

    def cancel(self) -> None: ...


class ListenerContext:
    """The context of the connections of one listener, as `factory` of each; plain integers count for it.

    service: the running service. label: the listener's name in the metrics. line_format: what a
    line is for connections to come. connection_log: None unless the operator wants it.
    departures: where connections from which nothing is read are watched. connects: whether we have
    connected to the peer, and not it to us.
    """

    connects = False

    def __init__(self, service: RunningService, label: str, metrics: Counts | None = None) -> None:
        """`metrics`: where it counts, those of the service if left out."""
        self.service = service
        self.label = label
        self.received_bytes = 0
        self.oversize_lines = 0
        self.dropped_bytes = 0
        self.connection_log: ConnectionLog | None = None
        self.line_format = LineFormat()
        self.departures = Departures(service.clock)
        self._tls: tuple[TLSMemoryBIOFactory | None, object] = None, None
        metrics = metrics or service.metrics
        metrics.watch("received_bytes_total", lambda: self.received_bytes, listener=label)
        metrics.watch("oversize_lines_total", lambda: self.oversize_lines, listener=label)
        metrics.watch(
            "dropped_bytes_total", lambda: self.dropped_bytes, listener=label, reason="unusable"
        )

    @property
    def certificate(self) -> object | None:
        """The certificate by which TLS is begun on connections; None where there is none."""
        return None

    def tls_factory(self, certificate: object | None) -> TLSMemoryBIOFactory:
        """Return what TLS is made by: with a certificate as `start_tls` takes it, or that which is here.

        Raises ConfigurationError when there is neither, TypeError for what is none.
        """
        wanted = self.certificate if certificate is None else certificate
        if wanted is None:
            raise ConfigurationError(self.no_certificate)
        made, before = self._tls
        if made is None or before is not wanted:
            # All connections of a listener share one, but for an author who brings others.
            factory: Any = self
            made = tls_factory(wanted, factory, self.service.clock, client=self.connects)
            self._tls = made, wanted
        return made

    @property
    def no_certificate(self) -> str:
        """A sentence on what has to be done to have a certificate."""
        return f"{self.label} has no certificate, so start_tls needs one: start_tls(certificate)"

    def apply(self, settings: Any) -> None:
        """Go by these settings for connections to come."""
        wanted = settings.log_connections
        if wanted and self.connection_log is None:
            self.connection_log = ConnectionLog(self.label, self.service.clock)
        elif not wanted:
            self.connection_log = None
        self.line_format = self.service.line_format(settings)

    def failed(
        self, doing: str, peer: str, failure: Failure, counter: str = "connections_failed_total"
    ) -> None:
        """The plugin failed, which `counter` counts."""
        self.service.metrics.count(counter, listener=self.label)
        self.service.failures.note(doing, peer, failure)

    def count_cut(self, reason: str) -> None:
        self.service.metrics.count("connections_cut_total", listener=self.label, reason=reason)

    def close(self) -> None:
        """The listener has gone, or is going."""
        self.departures.close()
        if self.connection_log is not None:
            self.connection_log.flush()


class Author(Protocol):
    """The protocol object whose code the connection calls, and how it wants text to be sent."""

    transport: Any
    factory: ListenerContext
    max_unsent: int
    patience: float
    encoding: str
    ending: str
    half_close: bool

    @property
    def peer(self) -> str: ...

    @property
    def certificate(self) -> PeerCertificate | None: ...

    @property
    def encrypted(self) -> bool: ...

    @property
    def can_start_tls(self) -> bool: ...

    def know_peer(self) -> None: ...

    def connection_made(self) -> object: ...

    def connection_lost(self, reason: str) -> object: ...


class Reader(Protocol):
    """A reader: makes something for the author of what the peer sends.

    spent: nothing of it is left here or was dropped, and that it ends is nothing to the author.
    waits_by_itself: the author's code is not given anything, but asks for it.
    """

    waits_by_itself: bool

    @property
    def spent(self) -> bool: ...

    @property
    def waiting(self) -> bool:
        """Return true if the author's code waits for more from the peer."""

    @property
    def exhausted(self) -> bool:
        """Return true if the author's code has got all that it is to get one after another."""

    @property
    def ahead(self) -> bool:
        """Return true if the peer has sent more than the author's code has got."""

    def received(self, data: bytes) -> None:
        """Take what the peer sent, while the connection is open."""

    def advance(self) -> None:
        """Give the author what there is, until there is nothing left or the connection is `held`."""

    def lost(self) -> None:
        """Let go of what the peer sent: the connection is gone."""
