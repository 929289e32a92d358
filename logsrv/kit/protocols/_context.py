"""The parts of a connection: the service, the context of its listener, its author and its reader."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from typing_extensions import TypeVar

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._drain import GonePeerWatch
from logsrv.kit.connections._tls import PeerCertificate
from logsrv.kit.framing._line_format import LineFormat
from logsrv.kit.framing._own_framing import DEFAULT_MAX_FRAME
from logsrv.kit.observe.metrics import Counts, Metrics
from logsrv.kit.observe.peer_log import ConnectionLog, connection_log
from logsrv.kit.observe.rate_limited_log import Failures

# The options class of a protocol and the class of its state, for type checkers.
Settings = TypeVar("Settings", default=Any)
State = TypeVar("State", default=Any)


if TYPE_CHECKING:
    from twisted.internet.base import DelayedCall
    from twisted.internet.interfaces import IReactorTime

    from logsrv.kit.protocols._dialled import Connection

    class Clock(IReactorTime):
        """The reactor's clock, for every function that takes an IReactorTime.

        Methods of a zope interface have no self, so type checkers without mypy-zope refuse calls of them.
        """

        def seconds(self) -> float:  # type: ignore[misc]
            """Return the time, in seconds since 1970."""

        def callLater(  # type: ignore[misc]
            self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
        ) -> DelayedCall:
            """Call a function after `delay` seconds."""


class RunningService(Protocol[Settings, State]):
    """A running service: `self.service` of a protocol, `connection.service`, and the argument of `state`.

    settings: the current options, the author's and the kit's. state: the result of the author's
    `state`, for as long as the service lasts. metrics: counters; `metrics.declare` adds the
    author's own. clock: seconds and timers. peers: the protocols, or Connections, of the connected
    peers. log: for messages that belong to no peer.
    """

    settings: Settings
    state: State
    metrics: Metrics
    clock: Clock
    log: Logger
    failures: Failures

    @property
    def peers(self) -> Collection[Any]: ...

    def broadcast(
        self,
        text: Any,
        but: object = None,
        *,
        to: Iterable[Any] | None = None,
        drop_above: int | None = None,
    ) -> None:
        """Send a line, bytes or a frame to all peers of listeners without a name, or to those in `to`.

        `but`, and peers that have gone, get nothing. drop_above: nor does a peer for which more bytes wait;
        it is counted (`broadcasts_skipped_total`), and nobody waits for it. Without drop_above, up to
        `max_unsent` bytes wait for a peer that reads slowly; with more, the connection whose handler
        broadcasts gets no further input until that peer has read.
        """

    def spawn(self, coroutine: Awaitable[Any], name: str = "") -> Task:
        """Run a coroutine in the background, from now on or from the start of the reactor.

        An error in it is logged and counted. At the stop, after `stopping` of the state and the last
        peer, it is cancelled and awaited, for 8 seconds at most. name: for the log and the metrics, by
        default the function's. Raises TypeError for anything but a coroutine.
        """

    def every(
        self, seconds: float | Callable[[], float], function: Callable[..., Any], *args: Any
    ) -> Task:
        """Call `function(*args)`, plain or async, at once and then every `seconds`.

        seconds: a number, or a function that is asked after each call, so that a reload can change it.
        It runs in the background, as with `spawn`. Two calls never overlap, and an error ends only that
        call. Raises TypeError for anything but a function, ValueError for an impossible interval.
        """

    def connect(self, endpoint: Any, protocol: Any) -> Link:
        """Connect to another server, and reconnect after each end, at growing intervals up to a minute.

        endpoint: `tcp:HOST:PORT`, `ssl:HOST:PORT`, `unix:PATH`, or a Twisted endpoint. protocol: as
        `protocol_plugin` takes it for connections; each connection gets a new object. The first try
        comes when the reactor runs; the stop drains the link after the last peer and the tasks.

        Raises ConfigurationError for text that is no endpoint, or an object that is no protocol;
        RuntimeError after the stop.
        """

    async def dial(self, endpoint: Any, timeout: float = 30.0) -> Connection[Settings, State]:
        """Connect to another server once; return the Connection, which lasts as long as this coroutine.

        endpoint: as for `connect`. timeout: seconds for all of it, with a TLS handshake. The stop closes it
        after the last peer and the tasks. Raises DialError with one sentence, also for text that is no
        endpoint; RuntimeError after the stop.
        """

    def datagrams(self, endpoint: str, protocol: Any) -> Any:
        """Open a socket for datagrams, such as `udp:0` for any free port; return the DatagramSocket.

        protocol: a Datagrams or DatagramProtocol class; its one object is `protocol` of the result, and
        gets what comes. `send(data, (host, port))` sends to an IP address, `close()` closes; the stop
        closes it after the tasks. Raises ConfigurationError for text that is no such address, ListenError
        for one that is taken; RuntimeError after the stop.
        """


class Link(Protocol):
    """A connection to another server, which reconnects; the result of `connect`.

    protocol: the connected protocol, or Connection; None while it is not connected.
    """

    @property
    def protocol(self) -> Any: ...

    async def when_connected(self) -> Any:
        """Wait until the link is connected; return its protocol, or Connection.

        Raises CancelledError when the link is closed.
        """

    def close(self) -> Deferred[None]:
        """Close the connection after its output is sent, and do not reconnect; fires when it is closed."""


class Task(Protocol):
    """A background task: the result of `spawn` and `every`. done: fires when it has ended."""

    name: str
    done: Deferred[None]

    def cancel(self) -> None:
        """Raise CancelledError where the task awaits something; no effect on one that has ended."""


class ListenerContext:
    """The context of the connections of one listener; each connection has it as `factory`.

    service: the running service. label: the listener's name in the metrics. line_format: the limits and
    the ending of a line, for new connections; max_frame: the most bytes of a frame. connection_log: None
    unless the operator wants it.
    departures: watches connections whose reading is paused. connects: true if we have connected to the
    peer, and not the peer to us. listener_name: as the plugin calls the listener, or "".
    """

    connects = False
    listener_name = ""
    max_frame = DEFAULT_MAX_FRAME

    def __init__(
        self,
        service: RunningService,
        label: str,
        metrics: Counts | None = None,
        make_line_format: Callable[[Any], LineFormat] = lambda settings: LineFormat(),
    ) -> None:
        """`metrics`: its counters; by default the service's. `make_line_format`: for some settings."""
        self.service = service
        self.label = label
        self.received_bytes = 0
        self.oversize_lines = 0
        self.dropped_bytes = 0
        self.connection_log: ConnectionLog | None = None
        self.line_format = LineFormat()
        self._make_line_format = make_line_format
        self.departures = GonePeerWatch(service.clock)
        self._tls: tuple[TLSMemoryBIOFactory | None, object] = None, None
        metrics = metrics or service.metrics
        metrics.watch("received_bytes_total", lambda: self.received_bytes, listener=label)
        metrics.watch("oversize_lines_total", lambda: self.oversize_lines, listener=label)
        metrics.watch(
            "dropped_bytes_total", lambda: self.dropped_bytes, listener=label, reason="unusable"
        )

    @property
    def certificate(self) -> object | None:
        """The certificate with which `start_tls` begins TLS; None if there is none."""
        return None

    def tls_factory(self, certificate: object | None) -> TLSMemoryBIOFactory:
        """Return the TLS factory for a certificate as `start_tls` takes it, or for the listener's own.

        certificate: a RenewableCertificate, or a context factory that Twisted's `listenSSL` takes, such as
        CertificateOptions; for a link, the result of Twisted's `optionsForClientTLS`. Raises
        ConfigurationError when there is neither, TypeError for an object that is no certificate.
        """
        wanted = self.certificate if certificate is None else certificate
        if wanted is None:
            raise ConfigurationError(self.no_certificate)
        made, before = self._tls
        if made is None or before is not wanted:
            # All connections of a listener share one, unless the protocol gives other certificates.
            factory: Any = self
            self._check_certificate(wanted)
            made = TLSMemoryBIOFactory(wanted, self.connects, factory, self.service.clock)  # type: ignore[arg-type]
            self._tls = made, wanted
        return made

    def _check_certificate(self, certificate: object) -> None:
        if self.connects:
            if not IOpenSSLClientConnectionCreator.providedBy(certificate):
                raise TypeError(
                    "start_tls of a client takes what Twisted's optionsForClientTLS gives, not "
                    f"{certificate!r:.60}"
                )
        elif not (
            IOpenSSLServerConnectionCreator.providedBy(certificate)
            or IOpenSSLContextFactory.providedBy(certificate)
            or callable(getattr(certificate, "getContext", None))
        ):
            raise TypeError(
                f"start_tls takes a certificate as Twisted's CertificateOptions, not {certificate!r:.60}"
            )

    @property
    def no_certificate(self) -> str:
        """The sentence that tells the author how to give a certificate."""
        return f"{self.label} has no certificate, so start_tls needs one: start_tls(certificate)"

    def apply(self, settings: Any) -> None:
        """Use these settings for new connections."""
        self.connection_log = connection_log(settings, self.label, self.service.clock)
        self.apply_limits(settings)

    def apply_limits(self, settings: Any) -> None:
        """Use the limits in these settings for new connections."""
        self.line_format = self._make_line_format(settings)

    def log_failure(
        self, doing: str, peer: str, failure: Failure, counter: str = "connections_failed_total"
    ) -> None:
        """Log that the plugin failed for a peer, and count it in `counter`."""
        self.service.metrics.count(counter, listener=self.label)
        self.service.failures.report_failure(doing, peer, failure)

    def count_cut(self, reason: str) -> None:
        self.service.metrics.count("connections_cut_total", listener=self.label, reason=reason)

    def close(self) -> None:
        """Stop watching connections: the listener closes."""
        self.departures.close()
        if self.connection_log is not None:
            self.connection_log.flush()


class AuthorProtocol(Protocol):
    """The protocol object whose code the connection calls, with its settings for sent text."""

    transport: Any
    factory: ListenerContext
    max_unsent: int
    patience: float
    encoding: str
    ending: str
    half_close: bool
    tell_errors: bool

    @property
    def peer(self) -> str: ...

    @property
    def certificate(self) -> PeerCertificate | None: ...

    @property
    def encrypted(self) -> bool: ...

    @property
    def can_start_tls(self) -> bool: ...

    def _forget_peer_name(self) -> None: ...

    @property
    def working(self) -> bool: ...

    def _close_as_idle(self) -> bool: ...

    def connection_made(self) -> object: ...

    def connection_lost(self, reason: str) -> object: ...


class InputReader(Protocol):
    """A reader: turns the peer's bytes into lines, frames or a stream for the protocol.

    waits_by_itself: true if the author's code asks for input, false if it is called with it.
    """

    waits_by_itself: bool

    @property
    def waiting(self) -> bool:
        """Return true if the author's code waits for more from the peer."""

    @property
    def exhausted(self) -> bool:
        """Return true if the author's code was called with all complete input, or asks for it by itself."""

    @property
    def discard_early_input(self) -> bool:
        """Return true if some of the peer's input has not reached the author's code.

        Only for a reader that is replaced: some find this out by taking the input.
        """

    def received(self, data: bytes) -> None:
        """Take bytes from the peer, while the connection is open."""

    def advance(self) -> None:
        """Give the protocol its input, until nothing is left or the connection is `held`."""

    def lost(self) -> None:
        """Drop the input that is left: the connection is gone."""
