"""TLS that begins in the middle of a connection (STARTTLS): it is put between a transport and its protocol.

Not by the transport's own `startTLS`: that leaves the transport where it was, so that what sends, keeps
open and closes takes the connection for one in plain text.
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

from logsrv.kit.net.guard.guarded_connection import admitted_of
from logsrv.kit.net.guard.proxied_transport import ProxiedTransport
from logsrv.kit.net.twisted.transports import stop_keeping
from logsrv.kit.net.twisted.twisted_tls import AwaitedHandshake, GatheringTLS

# An author gives a certificate to show or, for a link, whom to expect at its other end. Type checkers
# do not take a zope.interface for a type: the union says what they can check.
Certificate: TypeAlias = (
    CertificateOptions | IOpenSSLServerConnectionCreator | IOpenSSLClientConnectionCreator
)


def tls_factory(
    certificate: Any, factory: IProtocolFactory, clock: IReactorTime, *, client: bool
) -> TLSMemoryBIOFactory:
    """Return what TLS is made by, on connections of `factory`.

    certificate: a RenewableCertificate, or whatever Twisted's `listenSSL` takes, such as
        CertificateOptions; for a client, what its `optionsForClientTLS` gives. Raises TypeError for
        anything else.
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


def can_be_put_under(protocol: Any) -> bool:
    """Return true if TLS can be put between a protocol and its transport."""
    transport = protocol.transport
    return isinstance(transport, ProxiedTransport) or hasattr(transport, "protocol")


def put_tls_under(
    protocol: Any, factory: TLSMemoryBIOFactory, done: Callable[[], None], producer: object | None
) -> None:
    """Let TLS be what a connected protocol is connected by; `done` is called after the handshake.

    What the transport was given before goes out in plain text, and all that it receives from now on is
    TLS's. `producer`: the protocol's, which becomes one of TLS. A handshake that fails ends the connection.
    """
    admitted = admitted_of(protocol)
    under = protocol.transport
    proxied = isinstance(under, ProxiedTransport)
    # The protocol, or what Twisted's endpoints have put around it.
    outermost = under.wrappedProtocol if proxied else under.protocol
    handshake = AwaitedHandshake(outermost, done)
    # Twisted would not connect it: the protocol is connected already.
    handshake.transport = tls = GatheringTLS(factory, handshake, False)
    if producer is not None:
        under.unregisterProducer()
        stop_keeping(under)
    if proxied:
        under.let_in(tls)
    else:
        under.protocol = tls
    protocol.transport = tls
    tls.makeConnection(under)
    if producer is not None:
        tls.registerProducer(producer, True)
    if admitted is not None:
        admitted.transport = tls
        admitted.follow_limits()
