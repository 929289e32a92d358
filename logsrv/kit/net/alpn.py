"""Application-layer protocol negotiation (RFC 7301) for listeners with TLS.

Twisted ends the handshake of every client that offers protocols where none of them is wanted, with an
"internal error". Most of what we serve has no registered name, so such an offer is ignored instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IProtocolNegotiationFactory


def ignore_unknown_protocols(endpoint: Any) -> None:
    """Let an `ssl:` endpoint of Twisted serve clients whatever they offer."""
    options = getattr(endpoint, "_sslContextFactory", None)
    if options is not None:
        options.getContext().set_alpn_select_callback(select)


def select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """The first protocol that the listener's factory wants and the client offers, if there is one."""
    factory = connection.get_app_data().factory.wrappedFactory
    negotiation = IProtocolNegotiationFactory(factory, None)
    for wanted in negotiation.acceptableProtocols() if negotiation is not None else ():
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS
