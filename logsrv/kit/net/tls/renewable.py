"""Certificates of `ssl:` endpoints: those asked for of clients, and our own, which can be renewed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolNegotiationFactory,
)
from twisted.protocols.policies import WrappingFactory
from zope.interface import implementer


def ask_for_certificates(
    context: SSL.Context, authorities: Sequence[crypto.X509], *, required: bool
) -> None:
    """Let clients show a certificate that one of `authorities` has signed."""
    store = context.get_cert_store()
    assert store is not None
    for authority in authorities:
        store.add_cert(authority)
        # The clients are told whose certificates they may choose from.
        context.add_client_ca(authority)
    # A resumed session is not verified again: one that began before its certificate expired, say.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if required else 0)
    context.set_verify(mode, _verified)


def _verified(
    connection: SSL.Connection, shown: crypto.X509, fault: int, depth: int, fine: int
) -> bool:
    """Note what is wrong with a certificate: what OpenSSL raises in the end does not say."""
    if not fine:
        tls = connection.get_app_data()
        tls.faults = [*(tls.faults or []), (fault, shown.to_cryptography())]
    return bool(fine)


@implementer(IOpenSSLServerConnectionCreator)
class RenewableCertificate:
    """Begins each TLS connection of an `ssl:` endpoint with the certificate that was loaded last.

    It serves clients whatever protocols they offer (ALPN, RFC 7301): Twisted ends the handshake of
    every client that offers protocols where none of them is wanted, with an "internal error", and
    most of what we serve has no registered name.
    """

    def __init__(self, parse: Callable[[], Any], prepare: Callable[[SSL.Context], object]) -> None:
        """`parse` makes such an endpoint anew, which reads the files of key and certificate; `prepare`
        is called with what comes of it."""
        self._parse = parse
        self._prepare = prepare
        self.load()
        self.renew()

    def load(self) -> None:
        """Read the files again, for `renew`. Raises what reading them raises."""
        loaded: SSL.Context = self._parse()._sslContextFactory.getContext()
        loaded.set_alpn_select_callback(select)
        self._prepare(loaded)
        self._loaded = loaded

    def renew(self) -> None:
        """Go by what was loaded last, for the connections to come."""
        self._context = self._loaded

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def certified(
    endpoint: Any, parse: Callable[[], Any], prepare: Callable[[SSL.Context], object]
) -> RenewableCertificate | None:
    """Let an `ssl:` endpoint, made by `parse`, go by a certificate that can be renewed; else None."""
    if not hasattr(endpoint, "_sslContextFactory"):
        return None
    endpoint._sslContextFactory = certificate = RenewableCertificate(parse, prepare)
    return certificate


def select(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """The first protocol that the listener's factory wants and the client offers, if there is one."""
    factory = connection.get_app_data().factory
    while isinstance(factory, WrappingFactory):
        factory = factory.wrappedFactory
    negotiation = IProtocolNegotiationFactory(factory, None)
    for wanted in negotiation.acceptableProtocols() if negotiation is not None else ():
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS
