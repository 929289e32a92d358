"""The certificate of a TLS listener: tried before anything is opened, and renewed on a reload."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.options.files import read_file
from logsrv.kit.text.words import shown

# The arguments of `ssl:` that name files, all of which Twisted opens, and what is in each, in PEM.
FILES = {
    "privateKey": "PRIVATE KEY",
    "certKey": "CERTIFICATE",
    "extraCertChain": "CERTIFICATE",
    "dhParameters": "DH PARAMETERS",
}
# A chain has some ten certificates of some KiB each.
LARGEST_FILE = 1024 * 1024


def check_certificate(endpoint: Endpoint) -> None:
    """Try the key and the certificate of an `ssl:` endpoint, which Twisted does at its first peer.

    Raises ListenError.
    """
    tls = endpoint.inner or endpoint
    if tls.scheme != "ssl":
        return
    for name, holds in FILES.items():
        path = tls.argument(name)
        if path is None and name == "certKey":
            name, path = "privateKey", tls.argument("privateKey")
        if path is not None:
            try:
                _check_pem(read_file(Path(path), LARGEST_FILE), holds)
            except ValueError as error:
                raise ListenError(
                    f"{shown(str(endpoint))}: {name} {shown(path)} cannot be used: {error}"
                ) from error
    key = tls.argument("privateKey") or ""
    certificate = tls.argument("certKey") or key
    try:
        # Without a password for an encrypted key OpenSSL would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        if why == "KEY_VALUES_MISMATCH":
            why = "the certificate belongs to another key"
        raise ListenError(
            f"{shown(str(endpoint))}: the key in {shown(key)} and the certificate in "
            f"{shown(certificate)} cannot be used: {why.lower().replace('_', ' ')}"
        ) from error


def _check_pem(data: bytes, holds: str) -> None:
    """Raise ValueError with what is wrong with a file, in place of OpenSSL's words for it."""
    if not data.strip():
        raise ValueError("is empty")
    begin, end = (rf"-----{word} [A-Z0-9. ]*{holds}-----" for word in ("BEGIN", "END"))
    if not re.search(begin.encode(), data):
        raise ValueError(f"has no -----BEGIN {holds}----- in it, as PEM has")
    blocks = re.findall(f"{begin}.*?{end}".encode(), data, re.DOTALL)
    if not blocks:
        raise ValueError(f"breaks off before -----END {holds}-----")
    if holds == "PRIVATE KEY" and b"ENCRYPTED" in blocks[0]:
        raise ValueError("is encrypted, and nobody is there to be asked for the password")
    try:
        if holds == "PRIVATE KEY":
            crypto.load_privatekey(crypto.FILETYPE_PEM, blocks[0], b"")
        elif holds == "CERTIFICATE":
            for block in blocks:
                crypto.load_certificate(crypto.FILETYPE_PEM, block)
    except (crypto.Error, ValueError):
        raise ValueError(f"what follows -----BEGIN {holds}----- is damaged") from None


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
