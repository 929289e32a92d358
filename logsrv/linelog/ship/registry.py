"""The kinds of target: the scheme of a URL names the module that makes the target, loaded when needed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import listed, shown
from logsrv.kit.web.access import is_loopback
from logsrv.linelog.ship.address import SCHEMES, ShipURL
from logsrv.linelog.ship.target import BlockTarget, LineTarget, SegmentTarget

_PACKAGES = {"archive": "obstore", "kafka": "confluent_kafka", "nats": "nats"}
"""The package that each extra of logsrv installs."""


@attrs.frozen(kw_only=True)
class TargetSettings:
    """The settings of one target.

    name: its name in logs, counters and files. store: the identity of the store whose lines it gets.
    tls: for TLS: the authorities to trust, and our certificate. token: the secret for the login,
    printable ASCII or the text of NATS credentials; None for no login.
    """

    name: str
    url: ShipURL
    store: str
    tls: TLSOptions = attrs.field(factory=TLSOptions)
    token: str | None = attrs.field(default=None, repr=False)


Target: TypeAlias = BlockTarget | LineTarget | SegmentTarget


def check_encrypted(settings: TargetSettings) -> None:
    """Raise ConfigurationError if blocks over HTTP, or a secret, would leave this machine unencrypted.

    NATS credentials may: they sign a text of the server, and the key stays on this machine.
    """
    url, token = settings.url, settings.token
    if url.tls or all(host == "localhost" or is_loopback(host) for host, _ in url.servers):
        return
    if url.is_nats_stream and token and "BEGIN NATS USER JWT" not in token:
        what = "the token"
        take = "nats+tls://, or a credentials file, whose key stays here"
    elif url.scheme == "kafka" and token:
        what, take = "the password", "kafka+tls://"
    elif url.scheme.endswith("http") and (token or url.takes == "blocks"):
        what = "lines and the token"
        take = f"{url.scheme}s://, for {url.scheme}:// is for this machine only"
    else:
        return
    raise ConfigurationError(
        f"{one_line(url.loggable_url)} would carry {what} in the clear: take {take}"
    )


def check_package_installed(url: ShipURL) -> None:
    """Raise ConfigurationError if the package for a target is missing; does not import the package."""
    extra = SCHEMES[url.scheme].extra
    package = _PACKAGES.get(extra)
    if package is not None and find_spec(package) is None:
        raise ConfigurationError(
            f"{url.scheme}: needs the package {package}; install it with pip install 'logsrv[{extra}]'"
        )


def make_target(settings: TargetSettings, reactor: Any) -> Target:
    """Make the target with these settings; opens nothing.

    Raises ConfigurationError, also if a package is missing.
    """
    check_encrypted(settings)
    check_package_installed(settings.url)
    module, _, name = SCHEMES[settings.url.scheme].maker.rpartition(".")
    made: Target = getattr(import_module(f"logsrv.linelog.ship.{module}"), name)(settings, reactor)
    return made


MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def kafka_login_options(url: ShipURL, token: str | None) -> dict[str, str]:
    """Return the settings of librdkafka for a login. Raises ConfigurationError.

    token: NAME:PASSWORD; None for no login.
    """
    unknown = sorted(set(url.query_parameters) - {"mechanism"})
    mechanism = url.query_parameters.get("mechanism", MECHANISMS[0]).upper()
    if unknown or mechanism not in MECHANISMS:
        raise ConfigurationError(
            f"{one_line(url.loggable_url)}: after its ? only mechanism= may stand, with"
            f" {listed(MECHANISMS)}; not {shown(unknown[0] if unknown else mechanism)}"
        )
    if token is None:
        return {}
    user, colon, password = token.partition(":")
    if not (user and colon and password):
        raise ConfigurationError(
            f"the --ship-token-file of {one_line(url.loggable_url)} has no name and password in it, as in"
            " NAME:PASSWORD"
        )
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
