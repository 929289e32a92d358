"""Sessions at a socket that only the right people reach: one for each connection."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from logsrv.kit.inspect.session import Inspected, Session, SessionSettings
from logsrv.kit.inspect.view import Service, ServiceView
from logsrv.kit.net.listen import OwnReceiver
from logsrv.kit.observe.failures import Failures
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.protocols.connection.context import ListenerContext


class SocketServer(OwnReceiver, ListenerContext, Factory):
    """Builds the sessions of one listener, and serves its site."""

    noisy = False

    def __init__(
        self, service: Service, label: str, rules: SessionSettings, metrics: MetricsPart
    ) -> None:
        clock = service.clock
        failures = Failures(label, clock.seconds)
        self._inspected = Inspected(rules, ServiceView(service), service.metrics, clock, failures)
        # No session has peers, tasks or links.
        super().__init__(cast(Any, self._inspected), label, metrics)
        self.apply(rules)

    def apply(self, settings: SessionSettings) -> None:
        super().apply(settings)
        self._inspected.settings = settings

    def session(self) -> Session:
        """Return a new session, not connected yet."""
        session = Session()
        session.factory = self
        return session

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self.session()
