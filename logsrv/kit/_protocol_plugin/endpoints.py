"""The endpoint of a place to connect to, for links and dialled connections; imported with the first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from logsrv.errors import ConfigurationError
from logsrv.kit.net.parse import CONNECT_SECONDS
from logsrv.kit.net.remote import RemotePlace, located_remote, parse_remote, remote_endpoint
from logsrv.kit.protocols.faults import wrong_value_text


def client_endpoint(
    place: str | RemotePlace | IStreamClientEndpoint, reactor: Any, seconds: float = CONNECT_SECONDS
) -> tuple[str, IStreamClientEndpoint, str]:
    """Return the name of a place to connect to, its endpoint, and the host that its certificate must name.

    seconds: the time-out of one attempt.

    The host is "" for a place without one, such as a path. Raises ConfigurationError with one sentence for
    text that names no place, TypeError for an object that cannot connect.
    """
    if isinstance(place, str):
        try:
            place = located_remote(parse_remote(place), Path())
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
    if isinstance(place, RemotePlace):
        return place.label, remote_endpoint(place, reactor, seconds), place.host
    if not hasattr(place, "connect"):
        raise TypeError(
            f"connect takes an endpoint such as tcp:HOST:PORT, not {wrong_value_text(place)}"
        )
    return type(place).__name__, place, ""
