"""The service of a protocol class: `self.service` of its protocols.

A plugin file imports only `plugin.py` beside this, which loads this when the plugin is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit._protocol_plugin.datagram_sockets import DatagramSocket, DatagramSockets
from logsrv.kit._protocol_plugin.factory import PluginFactory, PluginProtocols, protocols_of
from logsrv.kit._protocol_plugin.life import StateLife, call_if_defined
from logsrv.kit._protocol_plugin.links import Links, dial_policy
from logsrv.kit._protocol_plugin.peers import Peers
from logsrv.kit._protocol_plugin.service_settings import check_limits, listeners_of
from logsrv.kit._protocol_plugin.tasks import ServiceTasks
from logsrv.kit.net.endpoint import LISTENING, Endpoint
from logsrv.kit.net.parse import CONNECT_SECONDS
from logsrv.kit.observe.metrics import Counts, Metrics, MetricsPart
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.protocols._datagrams import DatagramContext, Datagrams
from logsrv.kit.protocols._stream import Connection
from logsrv.kit.service._stop import DRAIN_SECONDS
from logsrv.kit.service.plugin_metrics import PLUGIN_METRICS
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.lazy_names import later_module
from logsrv.reactor import call_when_running

if TYPE_CHECKING:
    from logsrv.kit._protocol_plugin import dials, endpoints
    from logsrv.kit._protocol_plugin.dials import DialledConnections
    from logsrv.kit._protocol_plugin.reconnecting import ReconnectingLink
    from logsrv.kit.net.remote import RemoteAddress
else:
    dials = later_module("logsrv.kit._protocol_plugin.dials")
    endpoints = later_module("logsrv.kit._protocol_plugin.endpoints")

log = Logger()


class ServiceSettings(Protocol):
    """The settings of a plugin that this module reads; there are more."""

    @property
    def listen(self) -> tuple[Endpoint, ...]: ...


Settings = TypeVar("Settings", bound=ServiceSettings)
PluginState = TypeVar("PluginState")


class ProtocolService(ListeningService[Settings], Generic[Settings, PluginState]):
    """The running service of a plugin; protocols have it as `self.service`, a `RunningService`."""

    state: PluginState
    # The tasks have ended, and what the service has opened is closed.
    _stopped = False

    def __init__(
        self,
        name: str,
        settings: Settings,
        served: Mapping[str, PluginProtocols],
        *,
        state: Callable[[Any], PluginState],
        load: Callable[[], Settings],
        reactor: Any,
        check_state: Callable[[Any], None] = lambda state: None,
    ) -> None:
        """`served`: by the name of the listener, "" for those without one.

        `state` is called with this service when it starts, and `check_state` with its result; a
        ConfigurationError of either stops the start.
        """
        metrics = Metrics(PLUGIN_METRICS, name=name)
        super().__init__(name, settings, load=load, reactor=reactor, metrics=metrics)
        self.failures = Failures(name, reactor.seconds)
        # A client of --metrics is no peer of the plugin.
        self.peers = Peers(
            lambda: [
                protocol
                for site in self.sites
                if isinstance(site.server, PluginFactory)
                for protocol in site.protocols
            ],
            self._count_skipped,
        )
        self.broadcast = self.peers.broadcast
        self._served = served
        self.tasks = ServiceTasks(clock=self.clock, metrics=metrics, failures=self.failures)
        self.spawn, self.every = self.tasks.spawn, self.tasks.every
        self.log = Logger(namespace=name)
        self.links = Links(reactor, metrics, lambda: dial_policy(self.settings))
        self._dials: DialledConnections | None = None
        self.sockets = DatagramSockets(self)
        # A test may replace it.
        self.client_endpoint: Callable[..., tuple[str, IStreamClientEndpoint, str]] = (
            lambda *about: endpoints.client_endpoint(*about)
        )
        self._life = StateLife(state, check_state)
        # Raises now if a listener could not be served.
        self.wanted_sites(settings)

    def _count_skipped(self, peer: Any) -> None:
        self.metrics.count("broadcasts_skipped_total", listener=peer.factory.label)

    def make_factory(
        self,
        label: str,
        settings: Settings | None = None,
        metrics: Counts | None = None,
        listener: str = "",
    ) -> PluginFactory:
        """Return a factory of protocols for the listener `label`. settings: by default the present ones."""
        factory = PluginFactory(self, label, self._served[listener], metrics)
        factory.listener_name = listener
        factory.apply(settings or self.settings)
        return factory

    def _datagrams_builder(
        self, label: str, served: PluginProtocols, name: str = ""
    ) -> Callable[[], Datagrams]:
        if served.datagrams is None:
            who = name or self.name
            raise ConfigurationError(f"{label}: {who} takes connections only, no datagrams")
        return served.datagrams

    def wanted_sites(self, settings: Settings) -> Sequence[SiteSpec]:
        named = self._served.keys() > {""}
        who = "the protocol of listeners without a name" if named else "this protocol"
        check_limits(self._served[""].limits, settings, who=who)
        self._served[""].line_format(settings)
        found = []
        for one, rules in listeners_of(settings):
            label, served = one.label, self._served[one.name]
            check_limits(served.limits, rules, f"{label}: ", settings)
            served.line_format(rules)
            if one.kind == "datagram":
                self._datagrams_builder(label, served, one.name)
            elif served.resource is None and served.stream is None:
                udp = f"{one.name}:udp:PORT" if one.name else "udp:PORT"
                raise ConfigurationError(
                    f"{label}: {one.name or self.name} takes datagrams only; use {udp}"
                )
            sentence = f"{one.name}: {LISTENING}" if one.name else LISTENING
            found.append(SiteSpec(str(one), one, label, rules, sentence=sentence))
        return found

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        name = wanted.endpoint.name
        served = self._served[name]
        if wanted.endpoint.kind != "datagram":
            if served.resource is not None:
                # Most plugins need no web server, and start sooner without it.
                from logsrv.kit.web._resource_factory import ResourceFactory

                return ResourceFactory(self, served.resource, wanted.label, wanted.settings)
            return self.make_factory(wanted.label, wanted.settings, metrics, name)
        return self.make_datagram_server(
            self._datagrams_builder(wanted.label, served), wanted, metrics
        )

    def make_datagram_server(
        self, build: Callable[[], Datagrams], wanted: SiteSpec, metrics: MetricsPart
    ) -> SiteServer:
        name = wanted.endpoint.name
        make_line_format = self._served[name].line_format
        context = DatagramContext(self, wanted.label, build(), metrics, make_line_format)
        context.listener_name = name
        context.apply(wanted.settings)
        return context

    def unhealthy(self) -> list[str]:
        try:
            sentence = getattr(getattr(self, "state", None), "unhealthy", lambda: None)()
            if iscoroutine(sentence):
                sentence.close()
                sentence = "unhealthy of its state is async, and nothing awaits it"
        except Exception:
            log.failure("{name}: unhealthy of its state failed", name=self.name)
            sentence = "its health is not known, as a check of it failed; the log says why"
        return [] if not sentence else [str(sentence)]

    def connect(
        self, endpoint: str | RemoteAddress | IStreamClientEndpoint, protocol: Any
    ) -> ReconnectingLink:
        name, client, host = self.client_endpoint(endpoint, self._reactor)
        self._check_not_stopped(name)
        protocols = protocols_of(protocol, None)
        if protocols.stream is None:
            raise ConfigurationError(
                f"{protocol!r:.80} takes datagrams; it cannot connect to {name}"
            )
        factory = PluginFactory(self, f"to {name}", protocols)
        factory.apply_limits(self.settings)
        factory.connects, factory.server_name = True, host
        return self.links.add_link(factory.label, client, factory)

    async def dial(
        self,
        endpoint: str | RemoteAddress | IStreamClientEndpoint,
        timeout: float = CONNECT_SECONDS,
    ) -> Connection[Settings, PluginState]:
        try:
            name, client, _ = self.client_endpoint(endpoint, self._reactor, timeout)
        except ConfigurationError as error:
            raise dials.DialError(str(error)) from error
        self._check_not_stopped(name)
        if self._dials is None:
            self._dials = dials.DialledConnections(self)
        return await self._dials.dial(name, client, timeout)

    def datagrams(self, endpoint: str, protocol: Any) -> DatagramSocket:
        self._check_not_stopped(endpoint)
        return self.sockets.open(
            endpoint, self._datagrams_builder(endpoint, protocols_of(protocol, None))
        )

    def _check_not_stopped(self, address: str) -> None:
        """Raise RuntimeError after the stop: nothing would close a connection or socket made now."""
        if self._stopped:
            raise RuntimeError(f"{address} cannot be used: the service has stopped")

    def open(self) -> Callable[[], Any] | None:
        self._stopped = False
        start = self._life.make_state(self)
        call_when_running(self._reactor, self._begin_tasks)
        return start

    def _begin_tasks(self) -> None:
        if self.running:
            self.tasks.begin_waiting()
            self.links.connect_all()

    async def end_background_work(self) -> None:
        await self.tasks.cancel_all()
        self._stopped = True
        self.sockets.close_all()
        if self._dials is not None:
            self.served.cut += await self._dials.drain_all(DRAIN_SECONDS)
        self.served.cut += await self.links.drain_all(DRAIN_SECONDS)

    def apply(self, settings: Settings) -> object:
        rules = dial_policy(settings)
        self.links.apply(rules)
        if self._dials is not None:
            self._dials.apply(rules)
        return call_if_defined(self.state, "apply", settings)

    def stopping(self) -> object:
        return self._life.call_stopping(self.state)

    def close(self) -> object:
        return self._life.close_state(getattr(self, "state", None))
