"""The service of a protocol class: what each listener's connections share, and who counts.

`logsrv.kit.service.plugin` is the part of this that a plugin file needs; it loads the rest when the plugin
is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.framing.lines import LineFormat
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.net.listen import Listener
from logsrv.kit.net.source import inet_source, source_of
from logsrv.kit.observe.failures import Failures
from logsrv.kit.observe.metrics import Counts, Metric, Metrics, Part
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols.context import DEFAULT_MAX_LINE, ListenerContext
from logsrv.kit.protocols.datagrams import DatagramContext, DatagramLines
from logsrv.kit.protocols.lines import LineProtocol
from logsrv.kit.protocols.stream import Connection, StreamProtocol
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import Served, Wanted

PLUGIN_METRICS = (
    Metric(
        "connections_cut_total",
        "counter",
        "Connections closed because the peer broke a rule.",
        ("listener", "reason"),
    ),
    Metric(
        "requests_failed_total", "counter", "Requests the plugin failed to answer.", ("listener",)
    ),
    Metric(
        "datagrams_failed_total",
        "counter",
        "Lines in datagrams the plugin failed on.",
        ("listener",),
    ),
    Metric("datagrams_unsent_total", "counter", "Answers the system did not take.", ("listener",)),
    Metric(
        "answers_withheld_total",
        "counter",
        "Datagrams that were not answered, so that no two servers answer each other for ever.",
        ("listener", "reason"),
    ),
)


class ServiceSettings(Protocol):
    """The settings that the kit reads of a plugin; the author's own options are beside these."""

    @property
    def listen(self) -> tuple[Endpoint, ...]: ...

    @property
    def log_connections(self) -> bool: ...


Settings = TypeVar("Settings", bound=ServiceSettings)
PluginState = TypeVar("PluginState")


class PluginFactory(ListenerContext, Factory):
    """Builds the protocols of one stream listener."""

    noisy = False

    def __init__(
        self,
        service: ProtocolService[Any, Any],
        label: str,
        build: Callable[[], TwistedProtocol],
        metrics: Counts | None = None,
    ) -> None:
        super().__init__(service, label, metrics)
        self._build = build
        # Whether the address alone tells who the peer is, without asking its transport.
        self.addressed = False

    @property
    def takes(self) -> PluginFactory:
        return self

    def listening(self, listener: Listener) -> None:
        self.addressed = listener.endpoint.scheme == "tcp"

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        try:
            protocol = self._build()
        except Exception:
            self.failed("the constructor", str(addr), Failure())
            return None
        protocol.factory = self
        if self.addressed and self.connection_log is not None and isinstance(addr, IPv4Address):
            protocol.known_peer = inet_source("tcp", addr.host, addr.port)  # type: ignore[attr-defined]
        return protocol


@attrs.frozen
class Serves:
    """The protocols of a plugin.

    stream: gives a protocol for each connection; None if it takes none.
    datagrams: the class for datagrams; None if it takes none.
    line_format: what a line is for connections, with the operator's --max-line.
    """

    stream: Callable[[], TwistedProtocol] | None
    datagrams: type[DatagramLines] | None
    line_format: Callable[[int], LineFormat]


def served(stream: object, datagrams: object) -> Serves:
    """`stream`: a Protocol class, a function that takes a Connection, a DatagramLines class, or None.
    `datagrams`: a DatagramLines class or None.

    Raises ConfigurationError for anything else.
    """
    if isinstance(stream, type) and issubclass(stream, DatagramLines):
        stream, datagrams = None, datagrams or stream
    if datagrams is not None and not (
        isinstance(datagrams, type) and issubclass(datagrams, DatagramLines)
    ):
        raise ConfigurationError(f"{datagrams!r:.80} is no subclass of DatagramLines")
    line_format: Callable[[int], LineFormat] = LineFormat
    build: Callable[[], TwistedProtocol] | None = None
    if isinstance(stream, type) and issubclass(stream, TwistedProtocol):
        build = stream if hasattr(stream, "send_line") else watched(stream)
        if issubclass(stream, LineProtocol):
            line_format = stream.line_format
    elif callable(stream) and not isinstance(stream, type):
        handle: Callable[[Connection], object] = stream
        build = lambda: StreamProtocol(handle)  # noqa: E731
    elif stream is not None:
        raise ConfigurationError(
            f"{stream!r:.80} is neither a Protocol class nor a function that takes a connection"
        )
    return Serves(build, datagrams, line_format)


class ProtocolService(ListeningService[Settings], Generic[Settings, PluginState]):
    """The running service of a plugin; protocols have it as `self.service`.

    settings: the options as they are now, also after a reload.
    state: what the author's `state` gave: whatever lives as long as the service.
    metrics: counters; `metrics.declare` adds the author's own. clock: seconds and timers.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        serves: Serves,
        *,
        state: Callable[[Any], PluginState],
        load: Callable[[], Settings],
        reactor: Any,
    ) -> None:
        """`state` is called with this service; its ConfigurationError stops the start."""
        metrics = Metrics(PLUGIN_METRICS)
        super().__init__(name, settings, load=load, reactor=reactor, metrics=metrics)
        self.clock: IReactorTime = reactor
        self.failures = Failures(name, reactor.seconds)
        self._serves = serves
        self.wanted(settings)
        self.state: PluginState = state(self)

    def line_format(self, max_line: int) -> LineFormat:
        """Return what a line is for the connections of this plugin. Raises ConfigurationError."""
        try:
            return self._serves.line_format(max_line)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    def factory(self, label: str) -> PluginFactory:
        """The factory of protocols for a listener of that name, by the settings of now.

        Raises ConfigurationError if the plugin takes no connections.
        """
        return self._stream(label, self.settings, None)

    def receiver(self, label: str) -> DatagramLines:
        """The receiver of datagrams for a listener of that name.

        Raises ConfigurationError if the plugin takes none.
        """
        return self._datagrams(label, self.settings, None).takes

    def _stream(self, label: str, settings: Settings, metrics: Counts | None) -> PluginFactory:
        self._check(label, datagrams=False)
        assert self._serves.stream is not None
        factory = PluginFactory(self, label, self._serves.stream, metrics)
        factory.apply(settings)
        return factory

    def _datagrams(self, label: str, settings: Settings, metrics: Counts | None) -> DatagramContext:
        self._check(label, datagrams=True)
        assert self._serves.datagrams is not None
        side = DatagramContext(self, label, self._serves.datagrams(), metrics)
        side.apply(settings)
        return side

    def _check(self, label: str, *, datagrams: bool) -> None:
        if datagrams and self._serves.datagrams is None:
            raise ConfigurationError(f"{label}: {self.name} takes connections only, no datagrams")
        if not datagrams and self._serves.stream is None:
            raise ConfigurationError(f"{label}: {self.name} takes datagrams, such as udp:, only")

    def wanted(self, settings: Settings) -> Sequence[Wanted]:
        self.line_format(getattr(settings, "max_line", DEFAULT_MAX_LINE))
        for endpoint in settings.listen:
            self._check(str(endpoint), datagrams=endpoint.kind == "datagram")
        return [Wanted(str(one), one, str(one), settings) for one in settings.listen]

    def serve(self, wanted: Wanted, metrics: Part) -> Served:
        make = self._datagrams if wanted.endpoint.kind == "datagram" else self._stream
        return make(wanted.label, wanted.settings, metrics)

    def apply(self, settings: Settings) -> object:
        return getattr(self.state, "apply", lambda settings: None)(settings)

    def close(self) -> Deferred[None]:
        return maybeDeferred(getattr(self.state, "close", lambda: None))


def watched(protocol_class: type[TwistedProtocol]) -> type[TwistedProtocol]:
    """A plain Twisted protocol class whose errors close their own connection, and are counted.

    A subclass and no wrapper: the transport calls the protocol itself, and a chunk costs one more
    Python call.
    """
    connection_made = protocol_class.connectionMade
    data_received = protocol_class.dataReceived
    connection_lost = protocol_class.connectionLost

    def failed(protocol: Any, doing: str) -> None:
        protocol.factory.failed(doing, _peer(protocol), Failure())
        protocol.transport.loseConnection()

    class Watched(protocol_class):  # type: ignore[valid-type,misc]
        def connectionMade(self) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.connected(_peer(self))
            try:
                connection_made(self)
            except Exception:
                failed(self, "connectionMade")

        def dataReceived(self, data: bytes) -> None:
            try:
                data_received(self, data)
            except Exception:
                failed(self, "dataReceived")

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.disconnected(_peer(self), end_sentence(reason))
            try:
                connection_lost(self, reason)
            except Exception:
                self.factory.failed("connectionLost", _peer(self), Failure())

    Watched.__name__ = protocol_class.__name__
    Watched.__qualname__ = protocol_class.__qualname__
    Watched.__module__ = protocol_class.__module__
    return Watched


def _peer(protocol: Any) -> str:
    return source_of(protocol.transport)
