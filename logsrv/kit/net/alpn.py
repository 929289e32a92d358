"""Application-layer protocol negotiation (RFC 7301) for listeners with TLS.

Twisted ends the handshake of every client that offers protocols where none of them is wanted, with an
"internal error". Most of what we serve has no registered name, so such an offer is ignored instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IProtocolNegotiationFactory

from logsrv.kit.net.certificates import RenewableCertificate


def certified(endpoint: Any, parse: Callable[[], Any]) -> RenewableCertificate | None:
    """Let an `ssl:` endpoint of Twisted, inside of `haproxy:` too, go by a certificate that can be
    renewed, and serve clients whatever protocols they offer; None for any other endpoint.

    parse: makes such an endpoint anew, which reads the files of key and certificate.
    """
    tls = _tls_endpoint(endpoint)
    if tls is None:
        return None

    def load() -> SSL.Context:
        context: SSL.Context = _tls_endpoint(parse())._sslContextFactory.getContext()
        context.set_alpn_select_callback(select)
        return context

    certificate = RenewableCertificate(load)
    tls._sslContextFactory = certificate
    return certificate


def _tls_endpoint(endpoint: Any) -> Any:
    while endpoint is not None and not hasattr(endpoint, "_sslContextFactory"):
        endpoint = getattr(endpoint, "_wrappedEndpoint", None)
    return endpoint


def select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """The first protocol that the listener's factory wants and the client offers, if there is one."""
    factory = connection.get_app_data().factory.wrappedFactory
    negotiation = IProtocolNegotiationFactory(factory, None)
    for wanted in negotiation.acceptableProtocols() if negotiation is not None else ():
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS
