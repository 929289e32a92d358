"""`twistd logsrv`: the one module where options, listeners, inputs and the store meet."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import attrs
from twisted.application.service import IService
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv import __version__
from logsrv.clock import Clock
from logsrv.errors import ConfigurationError
from logsrv.kit.children.pool import ProcessPool
from logsrv.kit.net.bind import ListenError, check_can_bind
from logsrv.kit.net.datagrams import DatagramListener
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.net.listen import Listener
from logsrv.kit.observe.metrics import Metrics, MetricsPart
from logsrv.kit.options.declare import options_of
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.findings import error
from logsrv.kit.service.launch import launched
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.linelog.columns.maker_thread import ColumnMaker
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.intake.connections import DatagramProducer
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.options import InputOptions, with_secrets
from logsrv.linelog.intake.unfinished import UnfinishedData
from logsrv.linelog.parts.work import PartContext
from logsrv.linelog.plugin.findings import check_logger
from logsrv.linelog.plugin.logger_settings import (
    PARTS_FOUND,
    PORTS,
    InputEndpoint,
    ListenerSettings,
    LoggerSettings,
    listeners_without_plugin,
    parse_listen,
)
from logsrv.linelog.plugin.monitoring import (
    METRICS,
    PATIENCE,
    HangLog,
    log_interpreter_fault,
    unhealthy_reasons,
)
from logsrv.linelog.plugin.rule_stores import RuleStores
from logsrv.linelog.plugin.running_parts import RunningParts
from logsrv.linelog.read.totals import StoresTotals
from logsrv.linelog.store.lock import owning_process
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.store import Store
from logsrv.linelog.store.valve import Valve
from logsrv.memory import keep_freed_memory

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

log = Logger()

# An endpoint of --classic-syslog only if no other program has it.
DEV_LOG = "syslog:unixgram:/dev/log:mode=666"

_DESCRIPTION = """\
Every line that anything sends to one of the listeners is written to DIR/current.log.

Examples:

  twistd -n logsrv --listen tcp:1234 --directory /var/lib/logsrv/lines
  twistd -n logsrv --listen syslog:udp:5514 --http tcp:8080:interface=127.0.0.1
  twistd -n logsrv --config /etc/logsrv.toml
"""

_MOST_USED = (
    *("config", "listen", "classic_syslog", "directory", "sync", "keep_bytes", "keep_days"),
    *("http", "http_token_file", "metrics", "alert", "alert_command", "ship", "allow"),
)

Options = usage_options(
    LoggerSettings,
    name="logsrv",
    version=__version__,
    description=_DESCRIPTION,
    essential=[name for name in _MOST_USED if name in {"config", *options_of(LoggerSettings)}],
)


@attrs.define
class InputServer:
    """An input at one listener. Senders of datagrams are paused by pausing the listener."""

    intake: Intake
    receiver: Any
    valve: Valve
    # Sorts its lines into the stores of rules, again after each change.
    sort: Callable[[Intake], object] = lambda _: None

    def attach(self, listener: Listener) -> None:
        if isinstance(listener, DatagramListener):
            self.intake.datagrams = DatagramProducer(listener, self.intake)
            self.valve.add(self.intake.datagrams)
            if hasattr(self.receiver, "attach"):
                self.receiver.attach(listener)

    def apply(self, settings: ListenerSettings) -> None:
        self.intake.apply(settings)
        # The listener may have another name, and so another rule.
        self.sort(self.intake)

    def close(self) -> None:
        self.intake.flush()
        if self.intake.datagrams is not None:
            self.valve.remove(self.intake.datagrams)
        if hasattr(self.receiver, "close"):
            self.receiver.close()


class ClassicSyslogListeners:
    """The listeners of `--classic-syslog`.

    /dev/log is checked only once: later it may be in use by us.
    """

    def __init__(
        self, dev_log: str = DEV_LOG, kept: Callable[[], KeptSockets | None] = lambda: None
    ) -> None:
        """`kept`: returns the sockets that the process before this one has left."""
        self._dev_log = dev_log
        self._kept = kept

    def listener_settings(self, settings: LoggerSettings) -> list[ListenerSettings]:
        """Return the listeners, with the options that all listeners share; [] without --classic-syslog."""
        if not settings.classic_syslog:
            return []
        names = options_of(ListenerSettings).keys() & options_of(LoggerSettings).keys() - {"listen"}
        shared = {name: getattr(settings, name) for name in names}
        return [ListenerSettings(listen=endpoint, **shared) for endpoint in self._free_endpoints]

    @cached_property
    def _free_endpoints(self) -> list[InputEndpoint]:
        endpoints = [parse_listen(port) for port in PORTS]
        dev_log = parse_listen(self._dev_log)
        endpoint = dev_log.endpoint
        try:
            check_can_bind(endpoint, self._kept())
            endpoints.append(dev_log)
        except ListenError as error:
            why = str(error)
            log.info("--classic-syslog goes without {path}: {why}", path=endpoint.path, why=why)
        return endpoints


class LoggerService(ListeningService[LoggerSettings]):
    """The service of the line logger: the store, and the listeners that deliver to it."""

    def __init__(
        self, settings: LoggerSettings, *, load: Callable[[], LoggerSettings], reactor: Any
    ) -> None:
        super().__init__("logsrv", settings, load=load, reactor=reactor, metrics=Metrics(METRICS))
        clock = Clock()
        self.store = Store(
            settings.directory,
            settings.store_policy,
            reactor=reactor,
            clock=clock,
            metrics=self.metrics,
        )
        self.rule_stores = RuleStores(
            self.store, reactor=reactor, clock=clock, metrics=self.metrics
        )
        self._columns = ColumnMaker(self.store, clock=clock, tell=reactor.callFromThread)
        self.store.after_sealing = self._columns.look_soon
        self.metrics.time("columns_seconds", self._columns.seconds)
        self.metrics.watch("columns_waiting_segments", lambda: len(self._columns.left))
        self._hangs = HangLog(self.store, reactor)
        self._classic = ClassicSyslogListeners(kept=lambda: self.manager.kept)
        # The time of the last status, and the lines stored by then.
        self._last_status = (0.0, 0)
        self.workers = ProcessPool(
            "logsrv.linelog.intake.worker",
            reactor,
            name="a worker",
            without="large messages are refused for the moment",
            most=settings.workers,
        )
        self._unfinished = UnfinishedData(
            lambda: max(
                (one.input_options.max_body for one in self.settings.listener),
                default=InputOptions().max_body,
            )
        )
        self.metrics.watch("bodies_waiting", lambda: self.workers.waiting)
        self.metrics.watch("origins", lambda: len(self.store.origins))
        context = PartContext(
            directory=lambda: self.store.present_directory,
            identity=lambda: self.store.identity.store if self.store.identity else "",
            position=lambda: self.store.position,
            ends=self._ends,
            totals=StoresTotals(lambda: self._stores).count,
            hold=self.store.hold,
            unhealthy=self.unhealthy,
            unready=self.unready_reasons,
            clock=clock,
            reactor=reactor,
            metrics=self.metrics,
            endpoints=lambda: self.parts.endpoints(),
            rule_stores=lambda: self.rule_stores.contexts,
        )
        self.parts = RunningParts(PARTS_FOUND.usable, context, settings)

    @property
    def _stores(self) -> dict[int, Store]:
        """The open stores, by their numbers in positions."""
        return {0: self.store, **self.rule_stores.by_number}

    def _ends(self) -> dict[int, Position]:
        return {number: one.position.in_store(number) for number, one in self._stores.items()}

    def wanted_sites(self, settings: LoggerSettings) -> list[SiteSpec]:
        # Checked before anything listens: a half-written settings file may lack it, and give the default.
        if settings.directory != self.settings.directory:
            raise ConfigurationError(
                f"--directory cannot change from {self.settings.directory} to {settings.directory}"
                " while the service runs; stop and start it"
            )
        for listener in settings.listener:
            listener.check_for_input()
        if settings.retention:
            self.parts.require_no_rule_stores(settings)
        listeners = [
            # `with_secrets` reads the files of secrets now: none can be missing after the reload was
            # accepted.
            SiteSpec(
                _site_key(listener),
                listener.listen.endpoint,
                listener.label,
                with_secrets(listener),
                sentence=_listening_sentence(listener),
            )
            for listener in (*settings.listener, *self._classic.listener_settings(settings))
            if inputs().is_usable(listener.listen.input)
        ]
        return [*listeners, *self.parts.wanted_sites(settings)]

    def make_server(self, wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        if not isinstance(wanted.settings, ListenerSettings):
            return self.parts.make_server(wanted, metrics)
        settings = wanted.settings
        intake = Intake(
            wanted.label,
            settings,
            store=self.store,
            clock=self.clock,
            metrics=metrics,
            workers=self.workers,
            unfinished=self._unfinished,
        )
        input_ = inputs()[settings.listen.input]
        make = input_.datagrams if wanted.endpoint.kind == "datagram" else input_.stream
        self.rule_stores.sort(intake)
        return InputServer(intake, make(intake), self.store.valve, self.rule_stores.sort)

    def status(self) -> str:
        stored = sum(one.stored_lines for one in (self.store, *self.rule_stores.stores))
        (then, before), now = self._last_status, (self.clock.seconds(), stored)
        self._last_status = now
        rate = (now[1] - before) / (now[0] - then) if then < now[0] else 0.0
        lost = listeners_without_plugin(self.settings)
        lost += self.parts.left_out(self.settings)
        gone = [f"{part} is left out" for part in lost]
        gone += self.rule_stores.without_rule()
        return ", ".join([f"{rate:,.0f} lines/s", super().status(), *self.unhealthy(), *gone])

    def unhealthy(self) -> list[str]:
        return [*unhealthy_reasons(self.store), *self.rule_stores.unhealthy()]

    def unready_reasons(self) -> list[str]:
        store = self.store
        waits = (
            not store.accepts
            or any(one.stalled for one in (store, *self.rule_stores.stores))
            or store.valve.closed_for() > PATIENCE
        )
        return [*super().unready_reasons(), *(self.unhealthy() if waits else ())]

    def running_pid(self) -> int | None:
        return owning_process(self.settings.directory)

    def findings(self, asked: CheckRequest) -> Iterable[Finding]:
        now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
        yield from check_logger(self.settings, asked)
        if self.settings.retention:
            try:
                self.parts.require_no_rule_stores(self.settings)
            except ConfigurationError as refused:
                yield error("[[retention]]", str(refused).removeprefix("[[retention]] "), "")
        yield from self.parts.findings(self.settings, asked, now)

    def open(self) -> None:
        keep_freed_memory()
        log_listeners_without_plugin(self.settings)
        log_broken_parts({**PARTS_FOUND.broken, **self.parts.broken})
        self.parts.before_store_opens(self.settings)
        self.store.open()
        try:
            log_interpreter_fault(self.parts.processes(self.settings))
            self._apply_to_parts(self.settings)
        except BaseException:
            self._close_after_refusal()
            raise
        # A start that is refused before has nothing to stop.
        self._hangs.log_hangs_periodically()

    def _close_after_refusal(self) -> None:
        """Close all stores. Otherwise the next start takes this one for killed, and begins new segments."""
        closing = Deferred.fromCoroutine(self._close_stores()).addErrback(_log_close)
        reactor: Any = self.clock
        # The reactor of twistd never runs after a refused start. Timers of the stores bound this.
        while not closing.called and not reactor.running:
            reactor.iterate(0.01)

    def _apply_to_parts(self, settings: LoggerSettings) -> None:
        # First, as one may raise; then nothing has changed.
        self.rule_stores.open(settings, partial(self.parts.holds_of_rule_store, settings))
        self.parts.apply(settings)
        self.rule_stores.apply(settings)
        self._columns.apply(settings.store_policy)

    async def apply(self, settings: LoggerSettings) -> None:
        await self.rule_stores.wait_for_abandoned()
        log_listeners_without_plugin(settings)
        self._apply_to_parts(settings)
        self.workers.most = settings.workers
        self.store.apply(settings.store_policy)
        self.store.reopen()
        self.rule_stores.reopen()

    def stopping(self) -> Deferred[list[None]]:
        return self.parts.stopping()

    async def close(self) -> None:
        try:
            # Before the store gives its directory away.
            await gatherResults([self.workers.stop(), self._columns.stop(self.clock)])
            await self.rule_stores.stop_columns()
            await self._close_stores()
        finally:
            self._hangs.next.stop()
            # Parts such as alerts and shippers stop last, so that they see the last line.
            await self.parts.stop()

    async def _close_stores(self) -> None:
        closing = self.store.close()
        try:
            await self.rule_stores.close()
        finally:
            await closing


def _log_close(failure: Failure) -> None:
    log.failure("a store could not be closed", failure)


def _site_key(listener: ListenerSettings) -> str:
    """Return the identity of a listener across reloads: its endpoint, not its name.

    With port 0 the system picks another port each time, so there the label is the identity.
    """
    return listener.label if listener.listen.endpoint.port == 0 else str(listener.listen)


def _listening_sentence(listener: ListenerSettings) -> str:
    begin = f"{listener.name}: " if listener.name else ""
    return f"{begin}listening for {listener.listen.input} on {{place}}"


def log_listeners_without_plugin(settings: LoggerSettings) -> None:
    """Log the listeners that are left out because the plugin of their input cannot be loaded."""
    for endpoint in listeners_without_plugin(settings):
        log.error(
            "{place} is left out, as a plugin cannot be loaded; mend it, then restart: {why}",
            place=endpoint,
            why="; ".join(f"{where}: {why}" for where, why in inputs().broken.items()),
        )


def log_broken_parts(broken: Mapping[str, str]) -> None:
    """Log the parts that are left out, each with the reason."""
    for part, why in broken.items():
        log.error("{part} is left out; mend it, then restart: {why}", part=part, why=why)


def require_interpreter_lock(has_lock: bool) -> None:
    """Raise ConfigurationError for a Python whose threads run side by side: see store/writer.py."""
    if not has_lock:
        raise ConfigurationError(
            "this Python runs without its global interpreter lock (GIL), which the store needs: set"
            " PYTHON_GIL=1, or use a Python with it"
        )


def makeService(options: SettingsOptions[LoggerSettings]) -> IService:
    """Make the service that twistd runs. Raises ConfigurationError for a Python without the GIL."""
    # Pythons before 3.13 have no such function, and always the lock.
    require_interpreter_lock(getattr(sys, "_is_gil_enabled", lambda: True)())
    service: IService = launched(
        "logsrv",
        options,
        lambda reactor: LoggerService(options.settings, load=options.reload, reactor=reactor),
    )
    return service
