"""The certificate of a TLS listener: tried before anything is opened, and renewed on a reload."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.options.files import read_file
from logsrv.kit.text.words import shown

# The arguments of `ssl:` that name files, all of which Twisted opens: it would wait for a pipe.
FILES = ("privateKey", "certKey", "extraCertChain", "dhParameters")
# A chain has some ten certificates of some KiB each.
LARGEST_FILE = 1024 * 1024


def check_certificate(endpoint: Endpoint) -> None:
    """Try the key and the certificate of an `ssl:` endpoint, which Twisted does at its first peer.

    Raises ListenError.
    """
    tls = endpoint.inner or endpoint
    if tls.scheme != "ssl":
        return
    for name in FILES:
        path = tls.argument(name)
        if path is not None:
            _check_file(endpoint, name, path)
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


def _check_file(endpoint: Endpoint, name: str, path: str) -> None:
    try:
        read_file(Path(path), LARGEST_FILE)
    except ValueError as error:
        raise ListenError(f"{shown(str(endpoint))}: {name} {shown(path)}: {error}") from error


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
