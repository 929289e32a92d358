"""TLS that begins in the middle of a connection (STARTTLS), put between a transport and its protocol.

The transport's own `startTLS` is not used: the transport would stay in its place, and our code that sends,
keeps open and closes would take the connection for one in plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory

from logsrv.kit.connections.guarded_connection import guarded_connection_of
from logsrv.kit.connections.proxy_protocol import ProxiedTransport
from logsrv.kit.connections.tls import GatheringTLS, HandshakeStandIn
from logsrv.kit.connections.transports import undo_close_delay

# The certificate to show or, for a link, the name to expect at its other end. Type checkers cannot use a
# zope.interface as a type, so the union has classes that they know.
Certificate: TypeAlias = (
    CertificateOptions | IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator
)


def tls_factory(
    certificate: Any, factory: IProtocolFactory, clock: IReactorTime, *, client: bool
) -> TLSMemoryBIOFactory:
    """Return the factory that makes TLS on connections of `factory`.

    certificate: a RenewableCertificate, or a context factory that Twisted's `listenSSL` takes, such as
        CertificateOptions; for a client, the result of Twisted's `optionsForClientTLS`. Raises TypeError
        for anything else.
    """
    if client:
        if not IOpenSSLClientConnectionCreator.providedBy(certificate):
            raise TypeError(
                "start_tls of a client takes what Twisted's optionsForClientTLS gives, not "
                f"{certificate!r:.60}"
            )
    elif not (
        IOpenSSLServerConnectionCreator.providedBy(certificate)
        or IOpenSSLContextFactory.providedBy(certificate)
        or callable(getattr(certificate, "getContext", None))
    ):
        raise TypeError(
            f"start_tls takes a certificate as Twisted's CertificateOptions, not {certificate!r:.60}"
        )
    return TLSMemoryBIOFactory(certificate, client, factory, clock)


def can_put_tls_under(protocol: Any) -> bool:
    """Return true if TLS can be put between a protocol and its transport."""
    transport = protocol.transport
    return isinstance(transport, ProxiedTransport) or hasattr(transport, "protocol")


def put_tls_under(
    protocol: Any, factory: TLSMemoryBIOFactory, done: Callable[[], None], producer: object | None
) -> None:
    """Put TLS under a connected protocol; `done` is called after the handshake.

    Bytes that were written before go out in plain text; all bytes that come from now on are for TLS.
    producer: the protocol's producer, which is registered with TLS instead. A handshake that fails ends the
    connection.
    """
    admitted = guarded_connection_of(protocol)
    under = protocol.transport
    proxied = isinstance(under, ProxiedTransport)
    # The protocol, or the wrapper that Twisted's endpoints have put around it.
    outermost = under.wrappedProtocol if proxied else under.protocol
    handshake = HandshakeStandIn(outermost, done)
    # Twisted would not connect it: the protocol is connected already.
    handshake.transport = tls = GatheringTLS(factory, handshake, False)
    if producer is not None:
        under.unregisterProducer()
        undo_close_delay(under)
    if proxied:
        under.deliver_to(tls)
    else:
        under.protocol = tls
    protocol.transport = tls
    tls.makeConnection(under)
    if producer is not None:
        tls.registerProducer(producer, True)
    if admitted is not None:
        admitted.transport = tls
        admitted.apply_rate_limits()
