"""`twistd logsrv`: the only place where options, listeners, inputs and the store meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv import __version__
from logsrv.errors import ConfigurationError
from logsrv.kit.net.datagrams import DatagramListener
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.service import ListeningService, Plan
from logsrv.linelog.inputs.intake import Intake
from logsrv.linelog.inputs.registry import inputs
from logsrv.linelog.memory import keep_freed_memory
from logsrv.linelog.settings import ListenerSettings, LoggerSettings
from logsrv.linelog.store.store import Store

log = Logger()

Options = usage_options(
    LoggerSettings,
    name="logsrv",
    version=__version__,
    description="Every line that anything sends to one of the listeners is written to DIR/current.log.",
)


class LoggerService(ListeningService[LoggerSettings]):
    """The store, and the listeners that deliver to it."""

    def __init__(
        self, settings: LoggerSettings, *, load: Callable[[], LoggerSettings], reactor: Any
    ) -> None:
        super().__init__("logsrv", settings, self._plans, load=load, reactor=reactor)
        self._clock = reactor
        self._intakes: dict[str, Intake] = {}
        self.store = Store(
            settings.directory, settings.store_policy, reactor=reactor, metrics=self.metrics
        )

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

    def removed(self, key: str, listener: Listener) -> None:
        if isinstance(listener, DatagramListener):
            self.store.valve.remove(listener)
        self.metrics.forget(listener=self._intakes.pop(key).label)

    def _plans(self, settings: LoggerSettings) -> list[Plan]:
        return [
            Plan(
                key,
                make=partial(self._listener, key, listener),
                apply=partial(self._change, key, listener),
            )
            for key, listener in _by_endpoint(settings.listener).items()
        ]

    def _listener(self, key: str, settings: ListenerSettings) -> Listener:
        input_ = inputs()[settings.listen.input]
        intake = Intake(
            label=settings.label,
            name=settings.name or "",
            rules=settings.line_rules,
            sink=self.store,
            clock=self._clock,
            metrics=self.metrics,
            log_connections=settings.log_connections,
        )
        self._intakes[key] = intake
        endpoint = settings.listen.endpoint
        listener = listener_for(
            endpoint,
            factory=None if endpoint.kind == "datagram" else input_.stream(intake),
            receiver=input_.datagrams(intake) if endpoint.kind == "datagram" else None,
            label=settings.label,
            policy=settings.guard_policy,
            reactor=self._clock,
            metrics=self.metrics,
        )
        if isinstance(listener, DatagramListener):
            self.store.valve.add(listener)
        return listener

    def _change(self, key: str, settings: ListenerSettings, listener: Listener) -> None:
        self._intakes[key].apply(
            name=settings.name or "",
            rules=settings.line_rules,
            log_connections=settings.log_connections,
        )
        listener.apply(settings.guard_policy)


def _by_endpoint(listeners: Sequence[ListenerSettings]) -> dict[str, ListenerSettings]:
    """What is known under one key before and after a reload is the same listener, renamed or not.

    Raises ConfigurationError when two listeners want the same place.
    """
    found: dict[str, ListenerSettings] = {}
    for listener in listeners:
        # Port 0 is a different one each time; there the name has to tell them apart.
        key = listener.label if listener.listen.endpoint.port == 0 else str(listener.listen)
        if key in found:
            raise ConfigurationError(f"--listen {key} is asked for twice")
        found[key] = listener
    return found


def makeService(options: SettingsOptions[LoggerSettings]) -> IService:
    """What twistd runs."""
    from twisted.internet import reactor

    for warning in options.loaded.warnings:
        log.warn("{warning}", warning=warning)
    return LoggerService(options.settings, load=options.reload, reactor=reactor)
