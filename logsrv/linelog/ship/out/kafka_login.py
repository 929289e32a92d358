"""Logging in at brokers of Kafka, as far as that is known before there is a connection (no I/O)."""

from __future__ import annotations

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import listed, shown
from logsrv.linelog.ship.address import ShipURL

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def kafka_login(url: ShipURL, token: str | None) -> dict[str, str]:
    """Return the settings of librdkafka for a login. Raises ConfigurationError.

    token: name and password, with a colon between; None for none.
    """
    unknown = sorted(set(url.parameters) - {"mechanism"})
    mechanism = url.parameters.get("mechanism", MECHANISMS[0]).upper()
    if unknown or mechanism not in MECHANISMS:
        raise ConfigurationError(
            f"{one_line(url.place)}: behind its ? may be mechanism= and one of {listed(MECHANISMS)};"
            f" not {shown(unknown[0] if unknown else mechanism)}"
        )
    if token is None:
        return {}
    user, colon, password = token.partition(":")
    if not (user and colon and password):
        raise ConfigurationError(
            f"the --ship-token-file of {one_line(url.place)} has no name and password in it, as in"
            " NAME:PASSWORD"
        )
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}
