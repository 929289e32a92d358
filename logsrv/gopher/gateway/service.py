"""The service of the gateway: apart, so that `twistd gopher URL` does without listeners and TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.gopher.gateway.gateway import METRICS, Gateway
from logsrv.gopher.gateway.settings import GopherSettings, check_wanted
from logsrv.kit.observe.metrics import Metrics, Part
from logsrv.kit.service.service import ListeningService
from logsrv.kit.service.sites import SiteServer, Wanted
from logsrv.kit.web.channel import WebFactory


class GatewayService(ListeningService[GopherSettings]):
    """The gateway, and the listeners that browsers connect to."""

    def __init__(
        self, settings: GopherSettings, *, load: Callable[[], GopherSettings], reactor: Any
    ) -> None:
        metrics = Metrics(METRICS)
        super().__init__("gopher", settings, load=load, reactor=reactor, metrics=metrics)
        self.gateway = Gateway(settings, reactor=reactor, metrics=self.metrics)

    def wanted(self, settings: GopherSettings) -> list[Wanted]:
        check_wanted(settings)
        return [Wanted(str(one), one, str(one), settings) for one in settings.gateway]

    def make_server(self, wanted: Wanted, metrics: Part) -> SiteServer:
        return WebFactory(self.gateway, self.clock, wanted.label, wanted.settings)

    def apply(self, settings: GopherSettings) -> None:
        self.gateway.apply(settings)

    def stopping(self) -> Deferred[None]:
        # The kit closes connections that are silent, and one that waits for its answer is.
        return self.gateway.stop()
