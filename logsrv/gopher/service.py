"""`twistd gopher URL` prints what is there; `twistd gopher --gateway ENDPOINT` shows it to browsers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TextIO, cast

import attrs
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv import __version__
from logsrv.errors import ConfigurationError, StartError
from logsrv.gopher.gateway.settings import GatewaySettings
from logsrv.kit.inspect.settings import OperatorSettings
from logsrv.kit.observe.metrics import Metrics, Part
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import TEXT, integer
from logsrv.kit.options.usage import SettingsOptions, usage_options
from logsrv.kit.service.launch import end_process
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, Wanted

log = Logger()


@attrs.frozen(kw_only=True, slots=False)
class BrowserSettings(OperatorSettings):
    """The rules for browsers; one opens six connections, and some leave theirs open."""

    max_connections: int | None = option(
        1000, integer(1), "how many connections a listener has at a time", off=True
    )
    max_connections_per_peer: int | None = option(
        64, integer(1), "how many connections one address has at a time", off=True
    )


@attrs.frozen(kw_only=True, slots=False)
class GopherSettings(GatewaySettings, BrowserSettings):
    """The settings of `twistd gopher`, all of them."""

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
        from logsrv.gopher.gateway.gateway import METRICS, Gateway

        metrics = Metrics(METRICS)
        super().__init__("gopher", settings, load=load, reactor=reactor, metrics=metrics)
        self.gateway = Gateway(settings, reactor=reactor, metrics=self.metrics)

    def wanted(self, settings: GopherSettings) -> list[Wanted]:
        _check(settings)
        return [Wanted(str(one), one, str(one), settings) for one in settings.gateway]

    def make_server(self, wanted: Wanted, metrics: Part) -> SiteServer:
        from logsrv.kit.web.channel import WebFactory

        return WebFactory(self.gateway, self.clock, wanted.label, wanted.settings)

    def apply(self, settings: GopherSettings) -> None:
        self.gateway.apply(settings)

    def stopping(self) -> Deferred[None]:
        # The kit closes connections that are silent, and one that waits for its answer is.
        return self.gateway.stop()


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
        end_process(status, self._reactor)


def _check(settings: GopherSettings) -> None:
    """Raise ConfigurationError when it is not clear what is wanted."""
    if (settings.url is None) == (not settings.gateway):
        what = "both are" if settings.gateway else "neither is"
        raise ConfigurationError(
            f"gopher: give either a URL to print or --gateway ENDPOINT; {what} there"
        )


def makeService(options: SettingsOptions[GopherSettings]) -> IService:
    """Make the service that twistd runs. Raises StartError when it is not clear what is wanted."""
    from twisted.internet import reactor

    settings = options.settings
    try:
        _check(settings)
    except ConfigurationError as error:
        raise StartError(str(error)) from None
    for warning in options.loaded.warnings:
        log.warn("{warning}", warning=warning)
    if settings.gateway:
        service = GatewayService(settings, load=options.reload, reactor=reactor)
        service.signals.hold()
        return service
    from logsrv.gopher.command.main import run

    assert settings.url is not None
    words = [] if settings.words is None else [settings.words]
    # After -- no URL is taken for an option, or for a command such as mirror.
    return PrintService(["--", settings.url, *words], run, reactor=reactor)
