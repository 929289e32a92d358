"""Connections to servers, and the errors for a server that cannot be reached."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.client_tls import tls_connection_creator
from logsrv.kit.connections.transports import with_no_delay
from logsrv.kit.observe.peer_log import UNTRUSTED, failure_sentence
from logsrv.linelog.ship.target import Unavailable
from logsrv.linelog.ship.target_plugin import TargetSettings


async def connect(settings: TargetSettings, reactor: Any, factory: IProtocolFactory) -> Any:
    """Return the protocol of a new connection to a server; reads the certificate files now.

    Raises ConfigurationError, and the errors of Twisted's endpoints.
    """
    url = settings.url
    endpoint: Any = HostnameEndpoint(reactor, url.host, url.port)
    if url.tls:
        endpoint = wrapClientTLS(tls_connection_creator(settings.tls, url.host), endpoint)
    return with_no_delay(await endpoint.connect(factory))


def unreachable_error(who: str, *failures: Failure) -> Unavailable:
    """Return the error for a server that cannot be reached. who: the server, as subject of a sentence."""
    if failures[0].check(ConnectionDone):
        return Unavailable(f"{who} closed the connection")
    why = failure_sentence(failures[0])
    if why == UNTRUSTED:
        why += ": name that authority with ship-ca"
    return Unavailable(f"{who} cannot be reached: {why}", settled=any(map(_is_permanent, failures)))


def _is_permanent(failure: Failure) -> bool:
    """Return whether a failure is about certificates or settings, which waiting does not change."""
    error: Any = failure.value
    if isinstance(error, VerificationError | ConfigurationError):
        return True
    # Only an error with a list of reasons: OpenSSL's error for a broken connection has none.
    return isinstance(error, SSL.Error) and bool(error.args) and isinstance(error.args[0], list)
