"""The login at brokers of Kafka, as a URL and a token file tell it."""

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import listed, shown
from logsrv.linelog.ship.targets.target_plugin import ShipURL

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
