"""The service of every plugin: listeners that start, reload, drain and stop together."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Generic, TypeAlias, TypeVar

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from logsrv.errors import ConfigurationError, LogsrvError, StartError
from logsrv.kit.net.listen import Listener
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.watchdog import Watchdog

Settings = TypeVar("Settings")

log = Logger()

# How long stopping may take: what has arrived is taken in, a peer that goes on sending is cut off.
DRAIN_SECONDS = 5.0
STOPS = (signal.SIGINT, signal.SIGTERM)

Handler: TypeAlias = signal.Handlers | Callable[[int, FrameType | None], object] | int | None


@attrs.frozen
class Plan:
    """One listener as the settings want it.

    key: what makes it the same listener after a reload (its endpoint and its name).
    make: builds it; nothing is opened yet.
    apply: gives the new settings to the one that is running under `key`.
    """

    key: str
    make: Callable[[], Listener]
    apply: Callable[[Listener], None]


class ListeningService(Service, Generic[Settings]):
    """Starts the listeners of its settings; SIGHUP loads the settings again; stopping loses nothing.

    metrics: its counters; what they came to is logged at the end.

    What a plugin has beside its listeners it opens, changes and closes in `open`, `apply`, `close`.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        plan: Callable[[Settings], Sequence[Plan]],
        *,
        load: Callable[[], Settings],
        reactor: IReactorFromThreads,
        metrics: Metrics | None = None,
    ) -> None:
        """`load` reads the settings again; it raises ConfigurationError when they are wrong.

        metrics: for a plugin with counters beside those of the catalogue.
        """
        self.setName(name)
        self.settings = settings
        self._plan = plan
        self._load = load
        self._reactor = reactor
        self._listeners: dict[str, Listener] = {}
        self.metrics = metrics or Metrics()
        self._bound = False
        self._watchdog = Watchdog(reactor)
        self._old_handler: Handler

    def open(self) -> None:
        """Open what the listeners deliver to. Raises LogsrvError with a sentence when it can't."""

    def apply(self, settings: Settings) -> None:
        """Give changed settings to what `open` opened. Raises ConfigurationError to refuse them."""

    def _gone(self, key: str, listener: Listener, cut: int) -> None:
        self.removed(key, listener)

    def removed(self, key: str, listener: Listener) -> None:
        """A reload took a listener away, and its last connection has ended."""

    def close(self) -> Deferred[None]:
        """Close what `open` opened, after the last listener has delivered."""
        return succeed(None)

    def privilegedStartService(self) -> None:
        """Bind, as root if need be: twistd gives up its privileges only after this."""
        if not self._bound:
            self._bound = True
            try:
                self._bind()
            except LogsrvError as error:
                self._fail(error)

    def _bind(self) -> None:
        for plan in self._plan(self.settings):
            if plan.key in self._listeners:
                raise ConfigurationError(f"{plan.key} is asked for twice")
            listener = plan.make()
            self._listeners[plan.key] = listener
            listener.privilegedStartService()

    def _fail(self, error: LogsrvError) -> None:
        log.critical("{name} cannot start: {error}", name=self.name, error=str(error))
        for listener in self._listeners.values():
            listener.stopService()
        raise StartError(f"{self.name}: {error}") from error

    def startService(self) -> None:
        # `twist` knows no privileged start.
        self.privilegedStartService()
        super().startService()
        _raise_file_limit()
        try:
            self.open()
            for listener in self._listeners.values():
                listener.startService()
        except LogsrvError as error:
            self._fail(error)
        self._watchdog.start()
        self._old_handler = signal.signal(signal.SIGHUP, self._hung_up)
        log.info("{name} is ready", name=self.name)

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.reload)

    def reload(self) -> None:
        """Read the settings again and change to them, or say what is wrong and stay as it is."""
        try:
            settings = self._load()
            plans = {plan.key: plan for plan in self._plan(settings)}
            added = self._start_added(plans)
            try:
                self.apply(settings)
            except LogsrvError:
                for listener in added.values():
                    listener.stopService()
                raise
        except LogsrvError as error:
            log.error(
                "{name}: reload refused, all stays as it was: {error}",
                name=self.name,
                error=str(error),
            )
            return
        gone = [key for key in self._listeners if key not in plans]
        for key in gone:
            listener = self._listeners.pop(key)
            stopped = Deferred.fromCoroutine(_drain_and_stop(listener))
            stopped.addCallback(partial(self._gone, key, listener))
        for key, listener in self._listeners.items():
            plans[key].apply(listener)
        self._listeners.update(added)
        self.settings = settings
        log.info(
            "{name}: reloaded, {added} listeners added, {gone} removed",
            name=self.name,
            added=len(added),
            gone=len(gone),
        )

    def _start_added(self, plans: dict[str, Plan]) -> dict[str, Listener]:
        added: dict[str, Listener] = {}
        try:
            for key, plan in plans.items():
                if key not in self._listeners:
                    added[key] = plan.make()
                    added[key].privilegedStartService()
                    added[key].startService()
        except LogsrvError:
            for listener in added.values():
                listener.stopService()
            raise
        return added

    def stopService(self) -> Deferred[None]:
        super().stopService()
        signal.signal(signal.SIGHUP, self._old_handler)
        # A second Ctrl-C would make Twisted log a traceback: its reactor cannot be stopped twice.
        impatient = {number: signal.signal(number, self._stopping_already) for number in STOPS}
        log.info("{name}: stopping", name=self.name)
        return Deferred.fromCoroutine(self._drain_and_close(impatient))

    def _stopping_already(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(
            log.info,
            "{name}: is stopping already, which takes at most {seconds:g} s and what the disk needs",
            name=self.name,
            seconds=DRAIN_SECONDS,
        )

    async def _drain_and_close(self, handlers: dict[signal.Signals, Handler]) -> None:
        stopping = [_drain_and_stop(listener) for listener in self._listeners.values()]
        cut = await gatherResults(map(Deferred.fromCoroutine, stopping))
        await self.close()
        self._watchdog.stop()
        totals = self.metrics.totals()
        counted = ", ".join(f"{name} {value:.0f}" for name, value in totals.items() if value)
        log.info("{name} counted: {counted}", name=self.name, counted=counted or "nothing")
        log.info("{name}: stopped, {cut} connections cut off", name=self.name, cut=sum(cut))
        for number, handler in handlers.items():
            signal.signal(number, handler)


async def _drain_and_stop(listener: Listener) -> int:
    """Gives how many connections were cut off; a failure is logged and hinders no other listener."""
    cut = 0
    try:
        cut = await listener.drain(DRAIN_SECONDS)
        await maybeDeferred(listener.stopService)
    except Exception:
        log.failure("stopping a listener failed")
    return cut


def _raise_file_limit() -> None:
    """Let this process have as many connections as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.info("the limit of open files stays at {soft}: {error}", soft=soft, error=error)
