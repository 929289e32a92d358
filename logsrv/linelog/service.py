"""`twistd logsrv`: the only place where options, listeners, inputs and the store meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv import __version__
from logsrv.errors import ConfigurationError
from logsrv.kit.net.datagrams import DatagramListener
from logsrv.kit.net.listen import Listener
from logsrv.kit.observe.metrics import Metrics, Part
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import Served, Wanted
from logsrv.linelog.inputs.intake import Intake
from logsrv.linelog.inputs.registry import inputs
from logsrv.linelog.memory import keep_freed_memory
from logsrv.linelog.metrics import METRICS
from logsrv.linelog.settings import ListenerSettings, LoggerSettings
from logsrv.linelog.store.store import Store
from logsrv.linelog.store.valve import Valve

log = Logger()

Options = usage_options(
    LoggerSettings,
    name="logsrv",
    version=__version__,
    description="Every line that anything sends to one of the listeners is written to DIR/current.log.",
)


@attrs.define
class InputSite:
    """An input at one listener; a sender of datagrams is paused by pausing its listener."""

    intake: Intake
    takes: Any
    valve: Valve
    _paused_by_valve: DatagramListener | None = None

    def listening(self, listener: Listener) -> None:
        if isinstance(listener, DatagramListener):
            self._paused_by_valve = listener
            self.valve.add(listener)

    def apply(self, settings: ListenerSettings) -> None:
        self.intake.apply(settings)

    def close(self) -> None:
        self.intake.flush()
        if self._paused_by_valve is not None:
            self.valve.remove(self._paused_by_valve)


class LoggerService(ListeningService[LoggerSettings]):
    """The store, and the listeners that deliver to it."""

    def __init__(
        self, settings: LoggerSettings, *, load: Callable[[], LoggerSettings], reactor: Any
    ) -> None:
        super().__init__("logsrv", settings, load=load, reactor=reactor, metrics=Metrics(METRICS))
        self._clock = reactor
        self.store = Store(
            settings.directory, settings.store_policy, reactor=reactor, metrics=self.metrics
        )

    def wanted(self, settings: LoggerSettings) -> list[Wanted]:
        return [
            Wanted(_key(listener), listener.listen.endpoint, listener.label, listener)
            for listener in settings.listener
        ]

    def serve(self, wanted: Wanted, metrics: Part) -> Served:
        settings: ListenerSettings = wanted.settings
        intake = Intake(wanted.label, settings, sink=self.store, clock=self._clock, metrics=metrics)
        input_ = inputs()[settings.listen.input]
        make = input_.datagrams if wanted.endpoint.kind == "datagram" else input_.stream
        return InputSite(intake, make(intake), self.store.valve)

    def open(self) -> None:
        keep_freed_memory()
        self.store.open()

    def apply(self, settings: LoggerSettings) -> None:
        if settings.directory != self.settings.directory:
            raise ConfigurationError(
                f"--directory cannot change from {self.settings.directory} to {settings.directory}"
                " while the service runs; stop and start it"
            )
        self.store.apply(settings.store_policy)
        self.store.reopen()

    def close(self) -> Deferred[None]:
        return self.store.close()


def _key(listener: ListenerSettings) -> str:
    """Return what makes it the same listener after a reload: its place, not its name.

    Port 0 is a different one each time; there the name has to tell them apart.
    """
    return listener.label if listener.listen.endpoint.port == 0 else str(listener.listen)


def makeService(options: SettingsOptions[LoggerSettings]) -> IService:
    """Make the service that twistd runs."""
    from twisted.internet import reactor

    for warning in options.loaded.warnings:
        log.warn("{warning}", warning=warning)
    service = LoggerService(options.settings, load=options.reload, reactor=reactor)
    service.signals.hold()
    return service
