"""TLS of our clients: the authorities that they trust, and the certificate that they show."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import attrs
from OpenSSL import SSL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.text.words import shown

PEM_END = b"-----END CERTIFICATE-----"


@attrs.frozen
class TLSOptions:
    """A person's options for TLS.

    cafile: the authorities to trust instead of the system's. insecure: whether to accept any certificate.
    certificate, key: PEM files of our own certificate. server_name: the name that the server's certificate
    must have, if not the host.
    """

    cafile: Path | None = None
    insecure: bool = False
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    @property
    def any_given(self) -> bool:
        return self != TLSOptions()


def tls_connection_creator(options: TLSOptions, host: str) -> IOpenSSLClientConnectionCreator:
    """Return the maker of TLS connections to `host`; reads the files. Raises ConfigurationError."""
    own = _load_own_certificate(options)
    name = options.server_name or host
    roots = _load_authorities(options.cafile) if options.cafile else None
    try:
        if options.insecure:
            return _UnverifiedTLS(own, name)
        return optionsForClientTLS(name, roots, own)
    except (UnicodeError, ValueError):
        raise ConfigurationError(f"{shown(name)} is no name that a certificate can have") from None


def tls_context(options: TLSOptions) -> ssl.SSLContext:
    """Return a context for Python's own sockets; reads the files. Raises ConfigurationError.

    It ignores `insecure` and `server_name`.
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


@implementer(IOpenSSLClientConnectionCreator)
class _UnverifiedTLS:
    """Encrypts, but accepts any certificate: `--insecure`."""

    def __init__(self, own: PrivateCertificate | None, name: str) -> None:
        shows = {"privateKey": own.privateKey.original, "certificate": own.original} if own else {}
        self._context = CertificateOptions(verify=False, **shows).getContext()
        # RFC 6066 section 3 allows no addresses.
        is_address = isIPAddress(name) or isIPv6Address(name)
        self._sent_name = None if is_address else name.encode("idna")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._sent_name is not None:
            connection.set_tlsext_host_name(self._sent_name)
        return connection


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
            raise ConfigurationError("--key is the key of a --certificate, which is missing")
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
            f"{where}: not a certificate with its key in PEM format (a key of its own: --key FILE)"
        ) from None
