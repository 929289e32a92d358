"""The options of web listeners: where every service tells its figures, and who may connect there."""

from __future__ import annotations

import attrs

from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.guard.guard import ConnectionSettings
from logsrv.kit.options.declare import option
from logsrv.kit.web.endpoints import web_endpoint


@attrs.frozen(kw_only=True, slots=False)
class MonitorSettings(ConnectionSettings):
    """The options about connections, and where it tells how it is."""

    metrics: tuple[Endpoint, ...] = option(
        (), web_endpoint(9100, "Prometheus connects"),
        "where to serve /metrics for Prometheus, /healthz and /readyz, such as "
        "tcp:9100:interface=127.0.0.1",
        repeatable=True,
    )  # fmt: skip


def web_rules(settings: ConnectionSettings, most: int) -> ConnectionSettings:
    """Return the rules for web listeners, of at most so many connections each.

    Who may connect is said once for all listeners; the numbers are for peers of the service itself.
    An idle time-out would end what waits, and web connections have time limits of their own.
    """
    return ConnectionSettings(
        allow=settings.allow,
        deny=settings.deny,
        max_connections=most,
        log_connections=settings.log_connections,
    )
