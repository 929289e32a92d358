"""Sites that any service may have beside those of its protocols: --metrics and --inspect."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.inspect._view import Service
from logsrv.kit.inspect.inspect_settings import InspectPlace, OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.kit.web.access import web_guard_policy

T = TypeVar("T")
log = Logger()

# Connections at a place of --metrics, more are refused. Each Prometheus server keeps one open, and a person
# with curl needs one more.
MOST_SCRAPES = 100
# Operators at a place of --inspect at a time; more are refused.
MOST_SESSIONS = 32
NO_CONCH = "--inspect ssh: needs Twisted Conch: pip install 'logsrv[inspect]'"
NO_PYTHON_THERE = (
    "--inspect-python goes with unix: and ssh: only: whoever is on this machine, and a page in its "
    "browser, can connect to {}"
)


def operator_sites(service: Service, settings: object) -> list[SiteSpec]:
    """Return the sites that `settings` ask for. Raises ConfigurationError."""
    if not isinstance(settings, OperatorSettings):
        return []
    metrics = _places_of_kind(settings.metrics, Endpoint)
    inspect = _places_of_kind(settings.inspect, InspectPlace)
    return [
        *_metrics_sites(service, settings, metrics),
        *(_inspect_site(service, settings, place) for place in inspect),
    ]


def _places_of_kind(places: object, kind: type[T]) -> tuple[T, ...]:
    """Return the places of an option; none if the author's own option of that name means something else."""
    if not isinstance(places, tuple):
        return ()
    return tuple(place for place in places if isinstance(place, kind))


def _metrics_sites(
    service: Service, settings: OperatorSettings, places: tuple[Endpoint, ...]
) -> list[SiteSpec]:
    def make(wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        # A service without --metrics needs no web server, and starts sooner without it.
        from logsrv.kit.web import channel, monitor

        answers = monitor.Monitor(
            service.metrics, unhealthy=service.unhealthy, unready=service.unready_reasons
        )
        return channel.WebFactory(answers.handle, service.clock, wanted.label, wanted.settings)

    rules = web_guard_policy(settings, MOST_SCRAPES)
    return [
        SiteSpec(
            f"metrics {one}", one, f"metrics {one.label}", rules, make, "metrics at {url}/metrics"
        )
        for one in places
    ]


def _inspect_site(service: Service, settings: OperatorSettings, place: InspectPlace) -> SiteSpec:
    # A service without --inspect starts sooner without it.
    from logsrv.kit.inspect._session import SessionSettings, SocketServer

    if settings.inspect_python and place.keys is None and place.endpoint.scheme != "unix":
        raise ConfigurationError(NO_PYTHON_THERE.format(place))
    rules = SessionSettings(
        keys=_public_keys(place),
        allow=settings.allow,
        deny=settings.deny,
        max_connections=MOST_SESSIONS,
        log_connections=True,
        python=settings.inspect_python,
    )

    def make(wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
        if wanted.settings.python:
            log.warn(
                "--inspect-python: anyone who connects to {place} can do whatever the service can",
                place=str(place),
            )
        if place.host_key is not None:
            ssh = _ssh()
            key = ssh.host_key(place.host_key)
            server: SiteServer = ssh.SSHServer(service, wanted.label, wanted.settings, key)
            return server
        return SocketServer(service, wanted.label, wanted.settings, metrics)

    sentence = f"listening for operators{' by ssh' if place.host_key else ''} on {{place}}"
    return SiteSpec(
        f"inspect {place.key}", place.endpoint, f"inspect {place.label}", rules, make, sentence
    )


def _public_keys(place: InspectPlace) -> tuple[Any, ...]:
    """Return the public keys that may log in; none if the place is not SSH."""
    if place.keys is None:
        return ()
    keys: tuple[Any, ...] = _ssh().authorized_keys(place.keys)
    return keys


def _ssh() -> Any:
    """Return the module for SSH. Raises ConfigurationError without Conch, which few services need."""
    try:
        from logsrv.kit.inspect import _ssh as ssh
    except ImportError:
        raise ConfigurationError(NO_CONCH) from None
    return ssh
