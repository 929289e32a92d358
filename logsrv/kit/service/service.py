"""The service of every plugin: sites that start, reload, drain and stop together."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit.observe.metrics import Metrics, Part
from logsrv.kit.observe.watchdog import Watchdog
from logsrv.kit.service.signals import Signals
from logsrv.kit.service.sites import Served, Site, Wanted, check_place

Settings = TypeVar("Settings")

log = Logger()

# How long stopping may take: what has arrived is taken in, a peer that goes on sending is cut off.
DRAIN_SECONDS = 5.0
# How long the rest of a stop may take: the store writes what it has, on a disk that may be slow.
CLOSE_SECONDS = 20.0
STOP_SECONDS = 3 * DRAIN_SECONDS + CLOSE_SECONDS


class ListeningService(Service, Generic[Settings]):
    """Starts the sites of its settings; SIGHUP loads the settings again; stopping loses nothing.

    metrics: its counters; what they came to is logged at the end.

    A plugin says in `wanted` and `serve` where it listens and what serves there. What it has beside
    that it opens, changes and closes in `open`, `apply`, `stopping` and `close`.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        reactor: Any,
        metrics: Metrics | None = None,
    ) -> None:
        """`load` reads the settings again; it raises ConfigurationError when they are wrong.

        metrics: for a plugin with counters beside those of the catalogue.
        """
        self.setName(name)
        self.settings = settings
        self.metrics = metrics or Metrics()
        self.signals = Signals(reactor)
        self._load = load
        self._reactor = reactor
        self._sites: dict[str, Site] = {}
        self._leaving: dict[Site, Deferred[None]] = {}
        self._cut = 0
        self._bound = False
        self._reloading = False
        self._again = False
        self._watchdog = Watchdog(reactor)

    def wanted(self, settings: Settings) -> Sequence[Wanted]:
        """The sites that `settings` ask for. Raises ConfigurationError."""
        raise NotImplementedError

    def serve(self, wanted: Wanted, metrics: Part) -> Served:
        """Return what serves at a new site. Raises ConfigurationError if it can't be served."""
        raise NotImplementedError

    def open(self) -> None:
        """Open what the sites deliver to. Raises LogsrvError with a sentence when it can't."""

    def apply(self, settings: Settings) -> object:
        """Give changed settings to what `open` opened. Whatever it raises refuses them.

        May be `async def`; then it gets at most CLOSE_SECONDS.

        It may be called with the old ones again, when a port turns out to be taken after all.
        """

    def stopping(self) -> Deferred[None]:
        """Finish what is under way; peers are still there. Gets at most DRAIN_SECONDS."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Close what `open` opened, after the last site has delivered. Gets at most CLOSE_SECONDS."""
        return succeed(None)

    @property
    def addresses(self) -> list[str]:
        """The places where it listens, as bound: `127.0.0.1:1234`, a path; in the order of the settings."""
        return [site.address for site in self._sites.values()]

    def privilegedStartService(self) -> None:
        """Bind, as root if need be: twistd gives up its privileges only after this."""
        if not self._bound:
            self._bound = True
            try:
                for key, wanted in self._wanted(self.settings).items():
                    self._sites[key] = self._make(wanted)
                    self._sites[key].bind()
            except Exception as error:
                self._cannot_start(error)

    def _wanted(self, settings: Settings) -> dict[str, Wanted]:
        found: dict[str, Wanted] = {}
        for wanted in self.wanted(settings):
            if wanted.key in found:
                raise ConfigurationError(f"--listen {wanted.key} is asked for twice")
            found[wanted.key] = wanted
        return found

    def _make(self, wanted: Wanted) -> Site:
        return Site(wanted, self.serve, self._reactor, self.metrics)

    def _cannot_start(self, error: Exception) -> None:
        for site in self._sites.values():
            self._leave(site, 0)
        self._turn_once()
        self.signals.release()
        if not isinstance(error, LogsrvError):
            raise error
        log.critical("{name} cannot start: {error}", name=self.name, error=str(error))
        raise StartError(f"{self.name}: {error}") from error

    def _turn_once(self) -> None:
        """Close what Twisted closes in the next turn of a reactor, which after a failed start never comes.

        Without it the file of a UNIX socket would be left behind.
        """
        if not self._reactor.running:
            self._reactor.iterate()

    def startService(self) -> None:
        # `twist` knows no privileged start.
        self.privilegedStartService()
        super().startService()
        _raise_file_limit()
        try:
            self.open()
            for site in self._sites.values():
                site.open()
        except Exception as error:
            self._cannot_start(error)
        self._watchdog.start()
        self.signals.ready(self.reload)
        log.info("{name} is ready", name=self.name)

    def reload(self) -> Deferred[None]:
        """Read the settings again and change to them, or say what is wrong and stay as it is.

        Fires when it is done. A call while one is under way fires at once, and has that one done
        once more.
        """
        self._again = True
        return succeed(None) if self._reloading else Deferred.fromCoroutine(self._reload_all())

    async def _reload_all(self) -> None:
        self._reloading = True
        while self._again and self.running:
            self._again = False
            try:
                await self._reload()
            except LogsrvError as error:
                self._refuse(str(error))
            except (Exception, SystemExit) as error:
                log.failure("{name}: the reload failed", name=self.name)
                self._refuse(f"{type(error).__name__}: {error}")
        self._reloading = False

    def _refuse(self, why: str) -> None:
        log.error("{name}: reload refused, all stays as it was: {error}", name=self.name, error=why)

    async def _reload(self) -> None:
        settings = self._load()
        wanted = self._wanted(settings)
        # What an earlier reload took away may still have its place, and may be wanted there again.
        for site in list(self._leaving):
            await site.vacated()
        if not self.running:
            return
        added: dict[str, Site] = {}
        try:
            for key in [key for key in wanted if key not in self._sites]:
                check_place(wanted[key], (*self._sites.values(), *added.values()))
                added[key] = self._make(wanted[key])
            for site in (*self._sites.values(), *added.values()):
                if site.key in wanted:
                    site.check()
            await self._limited(CLOSE_SECONDS, lambda: self.apply(settings))
            if not self.running:
                raise ConfigurationError("the service is stopping")
            await self._bind(added.values())
        except (Exception, SystemExit):
            for site in added.values():
                self._leave(site, 0)
            raise
        gone = self._change(settings, wanted, added)
        log.info(
            "{name}: reloaded, {added} listeners added, {gone} removed",
            name=self.name,
            added=len(added),
            gone=gone,
        )

    async def _bind(self, sites: Any) -> None:
        """Take the places of new sites, the last thing in a reload that can fail."""
        try:
            for site in sites:
                site.bind()
        except Exception:
            await self._limited(CLOSE_SECONDS, lambda: self.apply(self.settings))
            raise

    def _change(self, settings: Settings, wanted: dict[str, Wanted], added: dict[str, Site]) -> int:
        """Do what was checked. Gives how many sites are gone."""
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
        return len(gone)

    def _leave(self, site: Site, seconds: float) -> Deferred[None]:
        left = Deferred.fromCoroutine(site.close(seconds)).addCallback(self._left, site)
        if not left.called:
            self._leaving[site] = left
        return left

    def _left(self, cut: int, site: Site) -> None:
        self._leaving.pop(site, None)
        self._cut += cut
        if cut and self.running:
            log.warn(
                "{listener} was taken out: {cut} connections cut off", listener=site.label, cut=cut
            )

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self.signals.stopping(STOP_SECONDS, self._stopping_already)
        log.info("{name}: stopping", name=self.name)
        return Deferred.fromCoroutine(self._stop())

    def _stopping_already(self) -> None:
        log.info(
            "{name}: is stopping already, which takes at most {seconds:g} s",
            name=self.name,
            seconds=STOP_SECONDS,
        )

    async def _stop(self) -> None:
        await self._within(DRAIN_SECONDS, self.stopping, "finishing what is under way")
        await self._within(2 * DRAIN_SECONDS, self._close_sites, "closing the listeners")
        await self._within(CLOSE_SECONDS, self.close, "closing")
        self._watchdog.stop()
        totals = self.metrics.totals()
        counted = ", ".join(f"{name} {value:.0f}" for name, value in totals.items() if value)
        log.info("{name} counted: {counted}", name=self.name, counted=counted or "nothing")
        log.info("{name}: stopped, {cut} connections cut off", name=self.name, cut=self._cut)
        self.signals.release()

    async def _close_sites(self) -> None:
        leaving = list(self._leaving.values())
        leaving += [self._leave(site, DRAIN_SECONDS) for site in self._sites.values()]
        self._sites = {}
        await gatherResults(leaving)

    async def _within(self, seconds: float, step: Callable[[], Any], doing: str) -> None:
        """Await a step of a stop; if it fails or takes too long, say so and go on."""
        try:
            await self._limited(seconds, step)
        except DeferredTimeout:
            log.error(
                "{name}: {doing} has taken {seconds:g} s and is given up",
                name=self.name,
                doing=doing,
                seconds=seconds,
            )
        except LogsrvError as error:
            log.error("{name}: {error}", name=self.name, error=str(error))
        except (Exception, SystemExit):
            log.failure("{name}: {doing} failed", Failure(), name=self.name, doing=doing)

    def _limited(self, seconds: float, step: Callable[[], Any]) -> Deferred[Any]:
        """The result of a step, which may be a coroutine.

        Fails with TimeoutError after so many seconds, also if the step takes no notice of being
        cancelled.
        """
        waiting: Deferred[Any] = Deferred()
        done = maybeDeferred(step)
        done.addBoth(lambda result: None if waiting.called else waiting.callback(result))
        waiting.addTimeout(seconds, self._reactor)
        waiting.addErrback(_give_up, done)
        return waiting


def _give_up(failure: Failure, step: Deferred[Any]) -> Failure:
    step.cancel()
    return failure


def _raise_file_limit() -> None:
    """Let this process have as many connections as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.info("the limit of open files stays at {soft}: {error}", soft=soft, error=error)
