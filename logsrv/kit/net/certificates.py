"""The certificate of a TLS listener: tried before anything is opened, and renewed on a reload."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.text.words import shown


def check_certificate(endpoint: Endpoint) -> None:
    """Try the key and the certificate of an `ssl:` endpoint, which Twisted does at its first peer.

    Raises ListenError.
    """
    tls = endpoint.inner or endpoint
    if tls.scheme != "ssl":
        return
    key = tls.argument("privateKey") or ""
    certificate = tls.argument("certKey") or key
    try:
        # Without a password for an encrypted key OpenSSL would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise ListenError(
            f"{shown(str(endpoint))}: the key in {shown(key)} and the certificate in "
            f"{shown(certificate)} cannot be used: {why.lower().replace('_', ' ')}"
        ) from error


@implementer(IOpenSSLServerConnectionCreator)
class RenewableCertificate:
    """Begins each TLS connection with the certificate that was loaded last."""

    def __init__(self, load: Callable[[], SSL.Context]) -> None:
        """`load` reads the files. Raises what it raises."""
        self._load = load
        self._context = self._loaded = load()

    def load(self) -> None:
        """Read the files again, for `renew`. Raises what reading them raises."""
        self._loaded = self._load()

    def renew(self) -> None:
        """Go by what was loaded last, for the connections to come."""
        self._context = self._loaded

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)
