"""The parts of a service that its start, reload and stop share, and the methods that a plugin overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.application.service import Service
from twisted.logger import Logger

from logsrv.kit.connections.guard import FileLimit, file_limit_warning, total_max_connections
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.observe._watchdog import Watchdog
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.options.files import exposure_warning, given_files
from logsrv.kit.service._garbage import LongLivedFreezer
from logsrv.kit.service._manager import ServiceManager
from logsrv.kit.service._operator_sites import operator_sites
from logsrv.kit.service._signals import Signals
from logsrv.kit.service.launch import Launch
from logsrv.kit.service.sites import ServedSites, Site, SiteServer, SiteSpec, specs_by_key
from logsrv.kit.text.words import counted

if TYPE_CHECKING:
    from logsrv.kit.protocols._context import Clock
    from logsrv.kit.service.findings import CheckRequest, Finding

Settings = TypeVar("Settings")
log = Logger()


class ServiceHooks(Service, Generic[Settings]):
    """The base of a service: its parts, and the methods that a plugin overrides.

    metrics: its counters; their sums are logged at the end. clock: seconds and timers. served: its sites.
    ready: whether peers are let in. launch: tells the process that waits for the start; None if none waits.
    manager: the service manager that started the process, if one did.
    make_listener, signals, watchdog, long_lived: a test may replace them before the start.

    A plugin overrides `wanted_sites` and `make_server`, which say where it listens and what serves there.
    Other parts of a plugin, such as a store, start, change and end in `open`, `apply`, `stopping`,
    `end_background_work` and `close`.
    """

    launch: Launch | None = None
    ready = False

    def __init__(self, name: str, settings: Settings, *, reactor: Any, metrics: Metrics) -> None:
        self.setName(name)
        self.settings = settings
        self.metrics = metrics
        self.clock: Clock = reactor
        self.signals = Signals(reactor)
        self._reactor = reactor
        self.served = ServedSites(self._make_site)
        # Files with secrets that a warning has named.
        self._exposed: set[Path] = set()
        self.watchdog = Watchdog(reactor)
        self.long_lived = LongLivedFreezer(reactor)
        self.manager = ServiceManager({}, reactor)
        self.make_listener: Callable[..., Listener] = listener_for

    def wanted_sites(self, settings: Settings) -> Sequence[SiteSpec]:
        """Return the sites that `settings` ask for. Raises ConfigurationError."""
        raise NotImplementedError

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        """Return the server of a new site. Raises ConfigurationError if the site cannot be served."""
        raise NotImplementedError

    def open(self) -> Callable[[], Any] | None:
        """Open the parts that get data from the sites, such as a store. Raises LogsrvError with a sentence.

        The returned function, if any, is called when the reactor runs, and awaited before peers are let in.
        It raises LogsrvError too.
        """

    def apply(self, settings: Settings) -> object:
        """Apply changed settings to the objects that `open` opened. Any error refuses the reload.

        It may return a Deferred or be `async def`; then it gets at most CLOSE_SECONDS. New sites are
        bound before it, and let nobody in until it is done.
        """

    def stopping(self) -> object:
        """Finish current work while peers are still connected. It gets at most DRAIN_SECONDS."""

    def end_background_work(self) -> object:
        """End background work, after the last peer has gone. It gets at most twice DRAIN_SECONDS."""

    def close(self) -> object:
        """Close everything that `open` opened, as the last step, also after a failed start.

        It gets at most CLOSE_SECONDS.
        """

    @property
    def addresses(self) -> list[str]:
        """Return the bound addresses, such as `127.0.0.1:1234` or a path.

        They are in the order of the settings; --metrics and --inspect come last.
        """
        return [site.address for site in self.served]

    def connections(self) -> Iterator[tuple[str, Any]]:
        """Yield a pair for each connection, also for those of --metrics: the label of the listener, and the
        protocol.
        """
        for site in self.sites:
            for protocol in tuple(site.protocols):
                yield site.label, protocol

    def unhealthy(self) -> list[str]:
        """Return the present faults, each as a sentence; empty if there is no fault. Cheap, and never
        blocks.
        """
        return []

    def status(self) -> str:
        """Return the status in a few words, for the service manager. Cheap, and never blocks."""
        connections = sum(len(site.protocols) for site in self.sites)
        return f"{counted(len(self.served), 'listener')}, {counted(connections, 'connection')}"

    def running_pid(self) -> int | None:
        """Return the id of another process that already serves with these settings; None if there is
        none.
        """
        return None

    def findings(self, asked: CheckRequest) -> Iterable[Finding]:
        """Return the plugin's own findings for `logsrv check`. It must open and change nothing."""
        return ()

    @property
    def sites(self) -> list[Site]:
        """Return the sites of the present settings, and the removed sites that still drain."""
        return self.served.all

    def unready_reasons(self) -> list[str]:
        """Return the reasons why some addresses do not let peers in; empty if all addresses let peers
        in.
        """
        if not self.running:
            return [f"{self.name} is not running, or stopping"]
        if not self.ready:
            return [f"{self.name} is starting"]
        closed = [site for site in self.served if site.state != "OPEN"]
        return [f"{site.label} is not open" for site in closed]

    def all_wanted_sites(self, settings: Settings) -> dict[str, SiteSpec]:
        """Return all wanted sites by their keys: those of `wanted_sites`, and those of --metrics and
        --inspect. Raises ConfigurationError.
        """
        return specs_by_key((*self.wanted_sites(settings), *operator_sites(self, settings)))

    def _make_site(self, wanted: SiteSpec) -> Site:
        return Site(wanted, self.make_server, self._reactor, self.metrics, self.make_listener)

    def log_settings_warnings(self, settings: Settings) -> None:
        """Log a warning if the settings allow more connections than the limit of open files, or if other
        users can read a secret.
        """
        policies = [each.policy for each in self.served if each.endpoint.kind == "stream"]
        sentence = file_limit_warning(total_max_connections(policies), FileLimit.of_process())
        if sentence is not None:
            log.warn("{name}: {sentence}", name=self.name, sentence=sentence)
        keys = [each.endpoint.argument("privateKey") for each in self.served]
        exposed = {one.path: one.exposure for one in given_files(settings) if one.secret}
        exposed |= {path: exposure_warning(path) for path in (Path(key) for key in keys if key)}
        for path, sentence in exposed.items():
            if sentence is not None and path not in self._exposed:
                self._exposed.add(path)
                said = f"{path}: {sentence}"
                log.warn("{name}: {sentence}", name=self.name, sentence=said)
