"""The endpoint of an address for links and dialled connections; imported with the first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from logsrv.errors import ConfigurationError
from logsrv.kit.net.parse import CONNECT_SECONDS
from logsrv.kit.net.remote import RemoteAddress, located_remote, parse_remote, remote_endpoint
from logsrv.kit.protocols.faults import wrong_value_text


def client_endpoint(
    address: str | RemoteAddress | IStreamClientEndpoint,
    reactor: Any,
    seconds: float = CONNECT_SECONDS,
) -> tuple[str, IStreamClientEndpoint, str]:
    """Return the name of an address to connect to, its endpoint, and the host that its certificate names.

    seconds: the time-out of one attempt.

    The host is "" for an address without one, such as a path. Raises ConfigurationError with one sentence
    for text that names no address, TypeError for an object that cannot connect.
    """
    if isinstance(address, str):
        try:
            address = located_remote(parse_remote(address), Path())
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
    if isinstance(address, RemoteAddress):
        return address.label, remote_endpoint(address, reactor, seconds), address.host
    if not hasattr(address, "connect"):
        raise TypeError(
            f"connect takes an endpoint such as tcp:HOST:PORT, not {wrong_value_text(address)}"
        )
    return type(address).__name__, address, ""
