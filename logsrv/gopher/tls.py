"""`Trust` for Twisted: what makes a TLS connection, and why one failed as a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL, crypto
from service_identity import VerificationError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ISSLTransport
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.gopher.errors import TLSError
from logsrv.gopher.trust import Trust
from logsrv.gopher.wire.url import GopherURL

if TYPE_CHECKING:
    from twisted.protocols.tls import TLSMemoryBIOProtocol

_END = "-----END CERTIFICATE-----"


@implementer(IOpenSSLClientConnectionCreator)
class _AnyCertificate:
    """Encrypted, and the certificate is left to whoever looks at it after the handshake."""

    def __init__(self, host: str) -> None:
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(CertificateOptions(verify=False).getContext(), None)
        # RFC 6066, section 3: names only, no addresses.
        if ":" not in self._host and not self._host.replace(".", "").isdigit():
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection


def connection_creator(trust: Trust, host: str) -> IOpenSSLClientConnectionCreator:
    """What Twisted needs to open TLS to `host`. Raises ConfigurationError for a wrong CA file."""
    if not trust.by_authority:
        return _AnyCertificate(host)
    if trust.cafile is None:
        return optionsForClientTLS(host)
    try:
        blocks = trust.cafile.read_text("ascii").split(_END)[:-1]
        authorities = [Certificate.loadPEM((block + _END).encode()) for block in blocks]
    except (OSError, ValueError, crypto.Error) as error:
        raise ConfigurationError(f"the CA file {trust.cafile} cannot be read: {error}") from error
    if not authorities:
        raise ConfigurationError(f"the CA file {trust.cafile} has no certificate in PEM form")
    return optionsForClientTLS(host, trustRootFromCertificates(authorities))


def check_peer(trust: Trust, url: GopherURL, transport: ISSLTransport) -> None:
    """After the handshake, before the request: compare the pin. Raises TLSError."""
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
