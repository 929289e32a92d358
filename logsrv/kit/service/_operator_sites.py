"""Sites that any service may have beside those of its protocols: --metrics and --inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.installation import how_to_install
from logsrv.kit.inspect.inspect_settings import InspectEndpoint, OperatorSettings
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.peer_user import tells_users, user_of_peer
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.service.sites import SiteServer, SiteSpec
from logsrv.kit.web.access import web_guard_policy

if TYPE_CHECKING:
    from logsrv.kit.inspect._view import Service

T = TypeVar("T")
log = Logger()

# Connections at an address of --metrics, more are refused. Each Prometheus server keeps one open, and a
# person with curl needs one more.
MOST_SCRAPES = 100
# Operators at an address of --inspect at a time; more are refused.
MOST_SESSIONS = 32
NO_PYTHON_THERE = (
    "--inspect-python goes with unix: and ssh: only: whoever is on this machine, and a page in its "
    "browser, can connect to {}"
)
EVERYBODY_LOOKS = (
    "this system does not tell whose a connection is: every user of this machine can look inside at "
    "{place}; unix:PATH is for one user"
)


def operator_sites(service: Service, settings: object) -> list[SiteSpec]:
    """Return the sites that `settings` ask for. Raises ConfigurationError."""
    if not isinstance(settings, OperatorSettings):
        return []
    metrics = _endpoints_of_kind(settings.metrics, Endpoint)
    inspect = _endpoints_of_kind(settings.inspect, InspectEndpoint)
    return [
        *_metrics_sites(service, settings, metrics),
        *(_inspect_site(service, settings, address) for address in inspect),
    ]


def _endpoints_of_kind(addresses: object, kind: type[T]) -> tuple[T, ...]:
    """Return the addresses of an option; none if the author's own option of that name is another."""
    if not isinstance(addresses, tuple):
        return ()
    return tuple(address for address in addresses if isinstance(address, kind))


def _metrics_sites(
    service: Service, settings: OperatorSettings, addresses: tuple[Endpoint, ...]
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
        for one in addresses
    ]


def _inspect_site(
    service: Service, settings: OperatorSettings, address: InspectEndpoint
) -> SiteSpec:
    # A service without --inspect starts sooner without it.
    from logsrv.kit.inspect._session import SessionSettings, SocketServer

    if settings.inspect_python and address.keys is None and address.endpoint.scheme != "unix":
        raise ConfigurationError(NO_PYTHON_THERE.format(address))
    rules = SessionSettings(
        keys=_public_keys(address),
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
                place=str(address),
            )
        if address.host_key is not None:
            ssh = _ssh()
            key = ssh.host_key(address.host_key)
            server: SiteServer = ssh.SSHServer(service, wanted.label, wanted.settings, key)
            return server
        if address.endpoint.port is None:
            return SocketServer(service, wanted.label, wanted.settings, metrics)
        if not tells_users():
            log.warn(EVERYBODY_LOOKS, place=str(address))
        user_of = user_of_peer if tells_users() else None
        return SocketServer(service, wanted.label, wanted.settings, metrics, user_of)

    sentence = f"listening for operators{' by ssh' if address.host_key else ''} on {{place}}"
    return SiteSpec(
        f"inspect {address.key}",
        address.endpoint,
        f"inspect {address.label}",
        rules,
        make,
        sentence,
    )


def _public_keys(address: InspectEndpoint) -> tuple[Any, ...]:
    """Return the public keys that may log in; none if the address is not SSH."""
    if address.keys is None:
        return ()
    keys: tuple[Any, ...] = _ssh().authorized_keys(address.keys)
    return keys


def _ssh() -> Any:
    """Return the module for SSH. Raises ConfigurationError without Conch, which few services need."""
    try:
        from logsrv.kit.inspect import _ssh as ssh
    except ImportError:
        raise ConfigurationError(
            f"--inspect ssh: needs Twisted Conch; this installs it: {how_to_install('inspect')}"
        ) from None
    return ssh
