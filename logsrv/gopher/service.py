"""`twistd gopher URL` prints what is there; `twistd gopher --gateway ENDPOINT` shows it to browsers."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO, TextIO, cast

import attrs
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv import __version__
from logsrv.errors import StartError
from logsrv.gopher.gateway.settings import GatewaySettings
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.net.listen import Listener, listener_for
from logsrv.kit.net.settings import ConnectionSettings
from logsrv.kit.observe.peer_log import ConnectionLog
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import TEXT, integer
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.service import DRAIN_SECONDS, ListeningService, Plan

log = Logger()


@attrs.frozen(kw_only=True, slots=False)
class BrowserSettings(ConnectionSettings):
    """Who may connect; a browser opens six connections, and some leave theirs open."""

    max_connections: int | None = option(
        1000, integer(1), "how many connections a listener has at a time", off=True
    )
    max_connections_per_peer: int | None = option(
        64, integer(1), "how many connections one address has at a time", off=True
    )


@attrs.frozen(kw_only=True, slots=False)
class GopherSettings(GatewaySettings, BrowserSettings):
    """All of it."""

    url: str | None = option(None, TEXT, "what to fetch and print")
    words: str | None = option(None, TEXT, "what to look for there")


Options = usage_options(
    GopherSettings,
    name="gopher",
    version=__version__,
    description="Either prints what is at URL, as the command gopher does, and ends; or is a web "
    "gateway to Gopher at the endpoint of --gateway.",
    positional=("url", "words"),
)


class GatewayService(ListeningService[GopherSettings]):
    """The gateway, and the listeners that browsers connect to."""

    def __init__(
        self, settings: GopherSettings, *, load: Callable[[], GopherSettings], reactor: Any
    ) -> None:
        # A one-shot `twistd gopher URL` needs no web server, and starts sooner without one.
        from logsrv.gopher.gateway.gateway import Gateway

        super().__init__("gopher", settings, self._plans, load=load, reactor=reactor)
        self._clock = reactor
        self._factories: dict[str, Any] = {}
        self.gateway = Gateway(settings, reactor=reactor, metrics=self.metrics)

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as bound."""
        return [listener.address for listener in self._listeners.values()]

    def apply(self, settings: GopherSettings) -> None:
        self.gateway.apply(settings)

    def removed(self, key: str, listener: Listener) -> None:
        del self._factories[key]
        self.metrics.forget(listener=key)

    def stopService(self) -> Deferred[None]:
        # The kit closes connections that are silent, and one that waits for its answer is.
        answered = self.gateway.stop()
        answered.addTimeout(DRAIN_SECONDS, self._clock)
        answered.addErrback(lambda failure: failure.trap(DeferredTimeout) and None)
        return answered.addCallback(lambda _: super(GatewayService, self).stopService())

    def _plans(self, settings: GopherSettings) -> Sequence[Plan]:
        return [
            Plan(
                str(endpoint),
                make=partial(self._listener, endpoint, settings),
                apply=partial(self._change, str(endpoint), settings),
            )
            for endpoint in settings.gateway
        ]

    def _listener(self, endpoint: Endpoint, settings: GopherSettings) -> Listener:
        from logsrv.gopher.gateway.channel import GatewayFactory

        label = str(endpoint)
        factory = GatewayFactory(self.gateway, self._clock, self._connection_log(label, settings))
        self._factories[label] = factory
        return listener_for(
            endpoint,
            factory=factory,
            receiver=None,
            label=label,
            policy=settings.guard_policy,
            reactor=self._clock,
            metrics=self.metrics,
        )

    def _change(self, label: str, settings: GopherSettings, listener: Listener) -> None:
        self._factories[label].connection_log = self._connection_log(label, settings)
        listener.apply(settings.guard_policy)

    def _connection_log(self, label: str, settings: GopherSettings) -> ConnectionLog | None:
        return ConnectionLog(label, self._clock) if settings.log_connections else None


class PrintService(Service):
    """Does what the command `gopher` does with `arguments`, and ends the process with its status.

    run: takes the arguments, standard output and standard error, and gives the status.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        run: Callable[[Sequence[str], BinaryIO, TextIO], int],
        *,
        reactor: Any,
    ) -> None:
        self.setName("gopher")
        self._arguments = arguments
        self._run = run
        self._reactor = reactor

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        # Once logging runs, sys.stdout is the log.
        assert sys.__stdout__ is not None and sys.__stderr__ is not None
        out, err = cast(BinaryIO, sys.__stdout__.buffer), sys.__stderr__
        work = deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), self._run, self._arguments, out, err
        )
        work.addErrback(self._failed)
        work.addCallback(self._end)

    def _failed(self, failure: Failure) -> int:
        log.failure("gopher failed", failure)
        return 1

    def _end(self, status: int) -> None:
        # A reactor has no exit status to give; the last exit handler has.
        atexit.register(_exit, status)
        self._reactor.stop()


def _exit(status: int) -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                status = status or 1
    os._exit(status)


def makeService(options: SettingsOptions[GopherSettings]) -> IService:
    """What twistd runs. Raises StartError when it is not clear what is wanted."""
    from twisted.internet import reactor

    settings = options.settings
    if (settings.url is None) == (not settings.gateway):
        what = "both are" if settings.gateway else "neither is"
        raise StartError(f"gopher: give either a URL to print or --gateway ENDPOINT; {what} there")
    for warning in options.loaded.warnings:
        log.warn("{warning}", warning=warning)
    if settings.gateway:
        return GatewayService(settings, load=options.reload, reactor=reactor)
    from logsrv.gopher.command import run

    assert settings.url is not None
    words = [] if settings.words is None else [settings.words]
    # After -- no URL is taken for an option, or for a command such as mirror.
    return PrintService(["--", settings.url, *words], run, reactor=reactor)
