"""`Trust` for Twisted: what makes a TLS connection, and why one failed as a sentence."""

from __future__ import annotations

from OpenSSL import crypto
from service_identity import VerificationError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ISSLTransport

from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.errors import TLSError
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.net.client_tls import TLSOptions, tls_creator


def connection_creator(trust: Trust, host: str) -> IOpenSSLClientConnectionCreator:
    """Return what Twisted needs to open TLS to `host`. Raises ConfigurationError for a wrong CA file."""
    return tls_creator(TLSOptions(cafile=trust.cafile, insecure=not trust.by_authority), host)


def check_peer(trust: Trust, url: GopherURL, transport: ISSLTransport) -> None:
    """Compare the pin after the handshake, before the request. Raises TLSError."""
    if trust.pins is None:
        return
    certificate = transport.getPeerCertificate()
    if certificate is None:
        raise TLSError(url.address, "it shows no certificate")
    assert isinstance(certificate, crypto.X509)
    trust.pins.check(url.address, crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))


def handshake_error(url: GopherURL, error: BaseException) -> TLSError:
    """The sentence for a TLS connection that ended before its handshake did."""
    if isinstance(error, VerificationError):
        reason = f"its certificate is for other names than {url.host}"
    elif isinstance(error, ConnectionClosed):
        reason = "it closed the connection during the handshake; does it speak TLS on this port?"
    else:
        said = "; ".join(part[-1] for part in error.args[0]) if _is_list(error) else str(error)
        reason = said or "the handshake failed"
        if "verify failed" in said:
            reason = "no authority that is trusted here vouches for its certificate"
        elif "wrong version" in said or "record" in said:
            reason = "it does not speak TLS on this port; try gopher:// instead of gophers://"
    return TLSError(url.address, reason)


def _is_list(error: BaseException) -> bool:
    return bool(error.args) and isinstance(error.args[0], list) and bool(error.args[0])
