"""The service of every plugin: sites that start, reload, drain and stop together."""

from __future__ import annotations

import os
import resource
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit.manager.manager import ServiceManager
from logsrv.kit.net.endpoints.endpoint import TakenPlaces
from logsrv.kit.net.guard.open_files import FileLimit, most_connections, too_many
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.net.twisted.ports import inherited_descriptors
from logsrv.kit.net.twisted.twistd import log_has_begun
from logsrv.kit.observe.failures import needs_asyncio
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.observe.watchdog import Watchdog
from logsrv.kit.options.given import given_files
from logsrv.kit.options.secrets import exposed
from logsrv.kit.protocols.connection.awaiting import attempt
from logsrv.kit.service.process.garbage import LongLived
from logsrv.kit.service.process.launch import Launch
from logsrv.kit.service.process.signals import Signals
from logsrv.kit.service.process.steps import limited, when_running, within
from logsrv.kit.service.sites.own_sites import own_sites
from logsrv.kit.service.sites.sites import Site, SiteServer, SiteSpec, check_place
from logsrv.kit.text.words import counted, error_text

if TYPE_CHECKING:
    from logsrv.kit.protocols.connection.context import Clock
    from logsrv.kit.service.checks.findings import Asked, Finding

Settings = TypeVar("Settings")

log = Logger()

# The longest that a stop takes in what has arrived; then a peer that goes on sending is cut off. With the
# last steps behind it a stop takes less than 5 s.
DRAIN_SECONDS = 4.0
# The longest that the rest of a stop takes: the store writes what it has, on a disk that may be slow.
CLOSE_SECONDS = 20.0
STOP_SECONDS = 5 * DRAIN_SECONDS + CLOSE_SECONDS


class ListeningService(Service, Generic[Settings]):
    """Starts the sites of its settings; SIGHUP loads the settings again; stopping loses nothing.

    metrics: its counters; what they came to is logged at the end. clock: seconds and timers. cut: peers
    that were cut off. launch: whoever started the process and waits for the service to be ready; None if
    nobody does.
    manager: the service manager that started the process, if one did.
    make_listener, signals, watchdog, long_lived: for tests to put others in their place before it starts.

    A plugin says in `wanted` and `make_server` where it listens and what serves there. What it has beside
    that it opens, changes and closes in `open`, `apply`, `stopping`, `settle` and `close`.
    """

    launch: Launch | None = None

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        reactor: Any,
        metrics: Metrics,
    ) -> None:
        """`load` reads the settings again; it raises ConfigurationError when they are wrong."""
        self.setName(name)
        self.settings = settings
        self.metrics = metrics
        self.clock: Clock = reactor
        self.signals = Signals(reactor)
        self._load = load
        self._reactor = reactor
        self._sites: dict[str, Site] = {}
        self._leaving: dict[Site, Deferred[None]] = {}
        self.cut = 0
        # A start that awaits something, for which the reactor has to run.
        self._starting: Deferred[None] | None = None
        self._ready = False
        self._failed: StartError | None = None
        self._waiting: list[Deferred[None]] = []
        self._exposed: set[Path] = set()
        # Under way, and asked for meanwhile: at most one of each.
        self._reloads = 0
        self.watchdog = Watchdog(reactor)
        self.long_lived = LongLived(reactor)
        self.manager = ServiceManager({}, reactor)
        self.make_listener: Callable[..., Listener] = listener_for

    def own_process(self) -> None:
        """Have the signals of this process, and its service manager: it serves nothing else.

        A SIGHUP is remembered from now on.
        """
        self.signals.hold()
        self.manager = ServiceManager(os.environ, self._reactor, inherited_descriptors())
        self.make_listener = partial(listener_for, kept=self.manager.kept)

    def wanted(self, settings: Settings) -> Sequence[SiteSpec]:
        """The sites that `settings` ask for. Raises ConfigurationError."""
        raise NotImplementedError

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        """Make the server of a new site. Raises ConfigurationError if it can't be served."""
        raise NotImplementedError

    def open(self) -> Callable[[], Any] | None:
        """Open what the sites deliver to. Raises LogsrvError with a sentence when it can't.

        What it gives is called when the reactor runs, and awaited before peers are let in; it raises
        the same.
        """

    def apply(self, settings: Settings) -> object:
        """Give changed settings to what `open` opened. Whatever it raises refuses them.

        May give a Deferred or be `async def`; then it gets at most CLOSE_SECONDS. New sites have their
        places by then, and let nobody in before it is done.
        """

    def stopping(self) -> object:
        """Finish what is under way; peers are still there. Gets at most DRAIN_SECONDS."""

    def settle(self) -> object:
        """End what works beside the sites, after the last peer. Gets at most twice DRAIN_SECONDS."""

    def close(self) -> object:
        """Close what `open` opened, also after a start that failed, when all else has ended.

        Gets at most CLOSE_SECONDS.
        """

    @property
    def addresses(self) -> list[str]:
        """The places where it listens, as bound: `127.0.0.1:1234`, a path; in the order of the settings,
        --metrics and --inspect last.
        """
        return [site.address for site in self._sites.values()]

    def connections(self) -> Iterator[tuple[str, Any]]:
        """Yield the protocol of each connection, whatever it is for, with the label of its listener."""
        for site in self.sites:
            for protocol in tuple(site.protocols):
                yield site.label, protocol

    def unhealthy(self) -> list[str]:
        """Return what is wrong with it, a sentence each; empty if all is well. Cheap, and never blocks."""
        return []

    def status(self) -> str:
        """Return how it is in a few words, for the service manager. Cheap, and never blocks."""
        connections = sum(len(site.protocols) for site in self.sites)
        return f"{counted(len(self._sites), 'listener')}, {counted(connections, 'connection')}"

    def at_work(self) -> int | None:
        """Return the id of the process that works with these settings already, if there is one."""
        return None

    def findings(self, asked: Asked) -> Iterable[Finding]:
        """Yield what `logsrv check` is to tell beside its places and files; opens and changes nothing."""
        return ()

    @property
    def sites(self) -> list[Site]:
        """The sites of its settings, and those that drain."""
        return [*self._sites.values(), *self._leaving]

    def unready(self) -> list[str]:
        """Return why peers are not let in at each place of the settings; empty if they are."""
        if not self.running:
            return [f"{self.name} is not running, or stopping"]
        if not self._ready:
            return [f"{self.name} is starting"]
        closed = [site for site in self._sites.values() if site.state != "OPEN"]
        return [f"{site.label} is not open" for site in closed]

    def when_ready(self) -> Deferred[None]:
        """Fires when peers are let in; fails with StartError when they never will be."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self._ready or self._failed is not None:
            self._answer_waiting(self._failed)
        return waiting

    def _answer_waiting(self, failed: StartError | None) -> None:
        """Tell those who wait that it is ready, or that it has failed and never will be."""
        self._failed = failed
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None) if failed is None else each.errback(failed)

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self.launch is not None:
            self.launch.join(parent)

    def privilegedStartService(self) -> None:
        """Bind, as root if need be: twistd gives up its privileges only after this."""
        if not self._sites:
            try:
                for key, wanted in self.all_wanted(self.settings).items():
                    self._sites[key] = self._make_site(wanted)
                    self._sites[key].bind()
            except Exception as error:
                self._cannot_start(error)

    def all_wanted(self, settings: Settings) -> dict[str, SiteSpec]:
        """The sites of `wanted`, and those that any service may have, by key. Raises ConfigurationError."""
        found: dict[str, SiteSpec] = {}
        taken = TakenPlaces()
        for wanted in (*self.wanted(settings), *own_sites(self, settings)):
            if wanted.key in found:
                place = f"listen {wanted.key}" if wanted.make is None else wanted.key
                raise ConfigurationError(f"--{place} is asked for twice")
            if (other := taken.in_the_way_of(wanted.endpoint)) is not None:
                raise ConfigurationError(
                    f"{wanted.label} and {other} are one place: only one can be there"
                )
            found[wanted.key] = wanted
            taken.take(wanted.endpoint)
        return found

    def _make_site(self, wanted: SiteSpec) -> Site:
        return Site(wanted, self.make_server, self._reactor, self.metrics, self.make_listener)

    def _cannot_start(self, error: Exception) -> NoReturn:
        self.manager.failed(f"cannot start: {error}")
        for site in self._sites.values():
            self._leave(site, 0)
        if not self._reactor.running:
            # Twisted closes some of it in the next turn of a reactor, which never comes after a failed
            # start: the file of a UNIX socket would be left behind.
            self._reactor.iterate()
        self.signals.release()
        if self.launch is None and not isinstance(error, LogsrvError):
            # A test of a plugin, or who else has called this, sees the traceback.
            self._answer_waiting(StartError(f"{self.name} cannot start: {error}"))
            raise error
        failed = self._start_error(error)
        self._answer_waiting(failed)
        if self.launch is not None:
            self.launch.refused(failed)
        raise failed from error

    def _start_error(self, error: BaseException) -> StartError:
        """Say in the log why it cannot start; what it gives says so elsewhere."""
        why = needs_asyncio(error, str(self.name))
        if why is not None:
            error = ConfigurationError(why)
        if isinstance(error, LogsrvError):
            sentence = str(error).removeprefix(f"{self.name}: ")
            # twist's log begins later, and the sentence is printed.
            if self.launch is None or log_has_begun():
                log.critical(
                    "{name} cannot start: {error}",
                    name=self.name,
                    error=sentence,
                    failed_start=True,
                )
        else:
            sentence = f"cannot start: {error_text(error)}"
            log.failure("{name} cannot start", Failure(error), name=self.name)
        return StartError(f"{self.name}: {sentence}")

    def startService(self) -> None:
        # `twist` knows no privileged start.
        self.privilegedStartService()
        super().startService()
        self.manager.starting()
        _raise_file_limit()
        self._warn_of_limit()
        self._warn_of_files(self.settings)
        self._failed = None
        try:
            start = self.open()
            # They tell how it is, so also that it is not ready yet.
            for site in self._sites.values():
                if site.is_own:
                    site.open()
        except Exception as error:
            self._cannot_start(error)
        if self.launch is not None:
            self.launch.wait()
        # Not before the reactor runs: until then a SIGTERM is the system's, and who was let in, lost.
        when_running(self._reactor, self._begin, start)

    def _warn_of_limit(self) -> None:
        """Say so if more connections may come than there can be open files."""
        policies = [each.policy for each in self._sites.values() if each.endpoint.kind == "stream"]
        sentence = too_many(most_connections(policies), FileLimit.now())
        if sentence is not None:
            log.warn("{name}: {sentence}", name=self.name, sentence=sentence)

    def _warn_of_files(self, settings: Settings) -> None:
        """Say so, once for each, if everybody on this machine may read a token or a key, or change it."""
        keys = [each.endpoint.argument("privateKey") for each in self._sites.values()]
        files = [one.path for one in given_files(settings) if one.secret]
        for path in [*files, *(Path(key) for key in keys if key)]:
            sentence = None if path in self._exposed else exposed(path)
            if sentence is not None:
                self._exposed.add(path)
                log.warn(
                    "{name}: {path}: {sentence}", name=self.name, path=str(path), sentence=sentence
                )

    def _begin(self, start: Callable[[], Any] | None) -> None:
        if self.running:
            self._starting = Deferred.fromCoroutine(self._start(start))

    async def _start(self, start: Callable[[], Any] | None) -> None:
        """Await what `open` gave, and let peers in; or take all back and say why."""
        try:
            if start is not None:
                await attempt(start)
            if self.running:
                self._let_in()
        except (Exception, SystemExit) as error:
            # A stop has it cancelled, which is no failure.
            if self.running:
                await self._give_up(error)

    def _let_in(self) -> None:
        for site in self._sites.values():
            if not site.is_own:
                site.open()
        self.watchdog.start()
        self.long_lived.start()
        self.signals.ready(self.reload)
        log.info("{name} is ready", name=self.name)
        self._ready = True
        self._answer_waiting(None)
        self.manager.ready(self.status)
        if self.launch is not None:
            self.launch.ready()

    async def _give_up(self, error: BaseException) -> None:
        failed = self._start_error(error)
        self.manager.failed(str(failed))
        super().stopService()
        await self._close_sites(0)
        await self._within(2 * DRAIN_SECONDS, self.settle, "ending its tasks")
        await self._within(CLOSE_SECONDS, self.close, "closing")
        self.signals.release()
        self._answer_waiting(failed)
        if self.launch is not None:
            self.launch.failed(str(failed))

    def reload(self) -> Deferred[None]:
        """Read the settings again and change to them, or say what is wrong and stay as it is.

        Fires when it is done. A call while one is under way fires at once, and has that one done
        once more.
        """
        self._reloads = min(self._reloads + 1, 2)
        return succeed(None) if self._reloads > 1 else Deferred.fromCoroutine(self._reload_all())

    async def _reload_all(self) -> None:
        while self._reloads:
            refused = ""
            try:
                if self._ready:
                    self.manager.reloading()
                    await self.try_reload()
            except (Exception, SystemExit) as error:
                why = str(error)
                if not isinstance(error, LogsrvError):
                    log.failure("{name}: the reload failed", name=self.name)
                    why = error_text(error)
                log.error(
                    "{name}: reload refused, all stays as it was: {error}",
                    name=self.name,
                    error=why,
                )
                refused = why
            if self._ready:
                self.manager.reloaded(refused)
            self._reloads -= 1

    async def try_reload(self) -> None:
        """Change to the settings as they are wanted now. Raises whatever refuses them."""
        settings = self._load()
        wanted = self.all_wanted(settings)
        # A site that an earlier reload took away may still have its place, and may be wanted again.
        for site in list(self._leaving):
            await site.vacated
        if not self.running:
            return
        added: dict[str, Site] = {}
        try:
            taken = TakenPlaces(site.endpoint for site in self._sites.values())
            for key in [key for key in wanted if key not in self._sites]:
                check_place(wanted[key], taken)
                added[key] = self._make_site(wanted[key])
            for site in (*self._sites.values(), *added.values()):
                if site.key in wanted:
                    site.check()
            # Before `apply`: what that ends cannot be taken back. Peers wait until `open`.
            for site in added.values():
                site.bind()
            # The last thing that can fail.
            await limited(lambda: self.apply(settings), CLOSE_SECONDS, self._reactor)
        except (Exception, SystemExit):
            for site in added.values():
                self._leave(site, 0)
            raise
        if self.running:
            self._change(settings, wanted, added)
        else:
            # A stop came meanwhile.
            for site in added.values():
                self._leave(site, 0)

    def _change(
        self, settings: Settings, wanted: dict[str, SiteSpec], added: dict[str, Site]
    ) -> None:
        """Do what was checked."""
        self.settings = settings
        gone = [site for key, site in self._sites.items() if key not in wanted]
        for site in gone:
            self._leave(site, DRAIN_SECONDS)
        for key, site in self._sites.items():
            if key in wanted:
                site.apply(wanted[key])
        self._sites = {key: added.get(key) or self._sites[key] for key in wanted}
        for site in added.values():
            site.open()
        if self.launch is not None:
            self.launch.warn()
        self._warn_of_limit()
        self._warn_of_files(settings)
        log.info(
            "{name}: reloaded, {added} listeners added, {gone} removed",
            name=self.name,
            added=len(added),
            gone=len(gone),
        )

    def _leave(self, site: Site, seconds: float) -> Deferred[None]:
        left = Deferred.fromCoroutine(site.close(seconds)).addCallback(self._left, site)
        if not left.called:
            self._leaving[site] = left
        return left

    def _left(self, cut: int, site: Site) -> None:
        self._leaving.pop(site, None)
        self.cut += cut
        if cut and self.running:
            log.warn(
                "{listener} was taken out: {cut} connections cut off", listener=site.label, cut=cut
            )

    def stopService(self) -> Deferred[None]:
        if self._failed is not None:
            # All was taken back.
            return succeed(None)
        super().stopService()
        was_ready, self._ready = self._ready, False
        impatient = partial(
            log.info,
            "{name}: is stopping already, which takes at most {seconds:g} s",
            name=self.name,
            seconds=STOP_SECONDS,
        )
        self.signals.stopping(STOP_SECONDS, impatient)
        self.manager.stopping(STOP_SECONDS)
        log.info("{name}: stopping", name=self.name)
        return Deferred.fromCoroutine(self._stop(was_ready))

    async def _stop(self, was_ready: bool) -> None:
        if was_ready:
            await self._within(DRAIN_SECONDS, self.stopping, "finishing what is under way")
        else:
            await self._within(DRAIN_SECONDS, self._stop_starting, "breaking off its start")
        await self._within(2 * DRAIN_SECONDS, self._close_sites, "closing the listeners")
        await self._within(2 * DRAIN_SECONDS, self.settle, "ending its tasks")
        await self._within(CLOSE_SECONDS, self.close, "closing")
        self.watchdog.stop()
        self.manager.stopped()
        self.long_lived.stop()
        totals = self.metrics.totals()
        counted = ", ".join(f"{name} {value:.0f}" for name, value in totals.items() if value)
        log.info("{name} counted: {counted}", name=self.name, counted=counted or "nothing")
        log.info("{name}: stopped, {cut} connections cut off", name=self.name, cut=self.cut)
        self.signals.release()

    async def _stop_starting(self) -> None:
        sentence = f"{self.name}: was stopped before it was ready"
        self._answer_waiting(StartError(sentence))
        if self.launch is not None:
            self.launch.stopped(sentence)
        if self._starting is not None:
            self._starting.cancel()
            await self._starting

    async def _close_sites(self, seconds: float | None = None) -> None:
        leaving = list(self._leaving.values())
        seconds = DRAIN_SECONDS if seconds is None else seconds
        leaving += [self._leave(site, seconds) for site in self._sites.values()]
        self._sites = {}
        await gatherResults(leaving)

    def _within(self, seconds: float, step: Callable[[], Any], doing: str) -> Awaitable[None]:
        return within(seconds, step, doing, name=str(self.name), clock=self._reactor)


def _raise_file_limit() -> None:
    """Let this process have as many connections as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.info("the limit of open files stays at {soft}: {error}", soft=soft, error=error)
