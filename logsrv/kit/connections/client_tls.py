"""TLS of logsrv's clients: which authorities they trust, and which certificate they show."""

from __future__ import annotations

import ssl
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL
from service_identity import VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import shown

PEM_END = b"-----END CERTIFICATE-----"


@attrs.frozen
class TLSOptions:
    """The TLS options that an operator gives for connections to a server.

    cafile: the authorities to trust instead of the system's. certificate, key: PEM files of our own
    certificate. server_name: the name that the server's certificate must have, if not the host.
    """

    cafile: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


def tls_connection_creator(options: TLSOptions, host: str) -> IOpenSSLClientConnectionCreator:
    """Return an object that makes TLS connections to `host`. The function reads the files that `options`
    names. Raises ConfigurationError.
    """
    own = _load_own_certificate(options)
    name = options.server_name or host
    roots = _load_authorities(options.cafile) if options.cafile else None
    is_address = isIPAddress(name) or isIPv6Address(name)
    try:
        wanted = IPAddress_ID(name) if is_address else DNS_ID(name)
        return NameCheckingCreator(optionsForClientTLS(name, roots, own), wanted)
    except (UnicodeError, ValueError):
        raise ConfigurationError(f"{shown(name)} is no name that a certificate can have") from None


@implementer(IOpenSSLClientConnectionCreator)
class NameCheckingCreator:
    """Makes TLS connections, and accepts a server only if its certificate is for the wanted name.

    Twisted 26.10 accepts a trusted certificate without any subjectAltName for every name: it takes the
    error that service_identity raises then for a fault of its own.
    """

    def __init__(self, creator: IOpenSSLClientConnectionCreator, wanted: ServiceID) -> None:
        self._creator = creator
        self._wanted = wanted

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection: SSL.Connection = self._creator.clientConnectionForTLS(protocol)
        check = partial(_is_trusted, weakref.ref(protocol), self._wanted)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, check)
        return connection


def _is_trusted(
    protocol: weakref.ref[Any], wanted: ServiceID,
    connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int,
) -> bool:  # fmt: skip
    """Return whether OpenSSL trusts a certificate, and whether the server's own has the wanted name."""
    if depth or not ok:
        return bool(ok)
    try:
        verify_service_identity(extract_patterns(certificate), [wanted], [])
        return True
    except Exception as refused:
        # An exception would be lost in OpenSSL. Other errors say as well that the name is not there.
        named = refused if isinstance(refused, VerificationError) else VerificationError([])
        if (tls := protocol()) is not None:
            tls.failVerification(Failure(named))
        return False


def tls_context(options: TLSOptions) -> ssl.SSLContext:
    """Return an SSL context for Python's own sockets. The function reads the files that `options`
    names. Raises ConfigurationError.

    It ignores `server_name`.
    """
    try:
        context = ssl.create_default_context(cafile=options.cafile)
        if options.certificate is not None:
            context.load_cert_chain(options.certificate, options.key)
    except OSError as error:
        files = ", ".join(
            str(one)
            for one in (options.cafile, options.certificate, options.key)
            if one is not None
        )
        raise ConfigurationError(f"{files}: {error.strerror or error}") from None
    return context


def _read_tls_file(path: Path, what: str = "") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what}{shown(str(path))}: {error.strerror}") from None


def _load_authorities(path: Path) -> Any:
    certificates = []
    for part in _read_tls_file(path, "the CA file ").split(PEM_END)[:-1]:
        try:
            certificates.append(Certificate.loadPEM(part + PEM_END + b"\n"))
        except Exception:
            raise ConfigurationError(
                f"the CA file {shown(str(path))}: not a certificate in PEM format"
            ) from None
    if not certificates:
        raise ConfigurationError(
            f"the CA file {shown(str(path))}: has no certificate in PEM format"
        )
    return trustRootFromCertificates(certificates)


def _load_own_certificate(options: TLSOptions) -> PrivateCertificate | None:
    if options.certificate is None:
        if options.key:
            raise ConfigurationError(
                f"the key {shown(str(options.key))} is given without a certificate"
            )
        return None
    text = _read_tls_file(options.certificate)
    if options.key:
        text += b"\n" + _read_tls_file(options.key)
    try:
        own: PrivateCertificate = PrivateCertificate.loadPEM(text)
        return own
    except Exception:
        where = shown(str(options.certificate))
        raise ConfigurationError(
            f"{where}: not a certificate with its key in PEM format (or give the key in a file of its own)"
        ) from None
