"""The certificates of a TLS listener: checked before anything is opened, and reloaded when they are saved.

Also the certificates that its clients must show.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolNegotiationFactory
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from zope.interface import implementer

from logsrv.kit.net.bind import ListenError, listen_error
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.files import FileFingerprint, file_fingerprint, read_file
from logsrv.kit.text.words import shown
from logsrv.reactor import Timer

log = Logger()

# The arguments of `ssl:` that name files, and the kind of PEM block in each.
FILES = {
    "privateKey": "PRIVATE KEY",
    "certKey": "CERTIFICATE",
    "extraCertChain": "CERTIFICATE",
    "dhParameters": "DH PARAMETERS",
    "clientca": "CERTIFICATE",
}
# The most bytes of a file: a chain has some ten certificates of some KiB each.
LARGEST_FILE = 1024 * 1024
# Seconds between two looks at the files; a saved file is used once it has not changed for as long.
LOOK_SECONDS = 10.0


def check_certificate(endpoint: Endpoint) -> None:
    """Check the key and the certificate of an `ssl:` endpoint; Twisted would do so at the first peer.

    Raises ListenError.
    """
    if not endpoint.has_certificate:
        return
    for name, holds in FILES.items():
        path = endpoint.argument(name)
        if path is None and name == "certKey":
            name, path = "privateKey", endpoint.argument("privateKey")
        if path is not None:
            _read_pem(endpoint, name, Path(path), holds)
    client_authorities(endpoint)
    key = endpoint.argument("privateKey") or ""
    certificate = endpoint.argument("certKey") or key
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


def client_authorities(endpoint: Endpoint) -> list[crypto.X509]:
    """Return the authorities that may have signed the certificates of an `ssl:` endpoint's clients.

    Empty if clients are not asked for certificates. Raises ListenError.
    """
    found: list[crypto.X509] = []
    for path in _authority_files(endpoint):
        blocks = _read_pem(endpoint, "the authority", path, "CERTIFICATE")
        found += [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks]
    if not found and endpoint.asks_for_certificates:
        raise ListenError(
            f"{shown(str(endpoint))}: there is no authority in "
            f"{shown(endpoint.argument('caCertsDir') or '')}: no file whose name ends in .pem"
        )
    return found


def _authority_files(endpoint: Endpoint) -> list[Path]:
    """Return the files of authorities; from a directory the `*.pem`, as Twisted's clients do."""
    file, directory = endpoint.argument("clientca"), endpoint.argument("caCertsDir")
    files = [Path(file)] if file else []
    if directory:
        try:
            files += sorted(
                path for path in Path(directory).iterdir() if path.suffix.lower() == ".pem"
            )
        except OSError as error:
            raise ListenError(
                f"{shown(str(endpoint))}: caCertsDir {shown(directory)}: {error.strerror}"
            ) from error
    return files


def file_marks_of(endpoint: Endpoint) -> dict[str, FileFingerprint | None]:
    """Return the marks of an `ssl:` endpoint's files, by path; None for a file that cannot be found."""
    files = {path for name in FILES if (path := endpoint.argument(name)) is not None}
    # A directory that is gone counts as empty, and is read when it is there again.
    with suppress(ListenError):
        files |= set(map(str, _authority_files(endpoint)))
    return {file: file_fingerprint(file) for file in files}


def ask_for_certificates(
    context: SSL.Context, authorities: Sequence[crypto.X509], *, required: bool
) -> None:
    """Ask clients for a certificate that one of `authorities` has signed. required: whether to refuse
    others.
    """
    store = context.get_cert_store()
    assert store is not None
    for authority in authorities:
        store.add_cert(authority)
        # Clients get the list of authorities to choose a certificate.
        context.add_client_ca(authority)
    # No resumed sessions: these are not verified again, even if the certificate has expired since.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if required else 0)
    context.set_verify(mode, _note_certificate_fault)


def _note_certificate_fault(
    connection: SSL.Connection, shown: crypto.X509, fault: int, depth: int, fine: int
) -> bool:
    """Note the fault of a certificate: the error that OpenSSL raises in the end does not tell it."""
    if not fine:
        tls = connection.get_app_data()
        tls.faults = [*(tls.faults or []), (fault, shown.to_cryptography())]
    return bool(fine)


@implementer(IOpenSSLServerConnectionCreator)
class RenewableCertificate:
    """Begins each TLS connection of an endpoint with the certificate that was loaded last.

    It serves clients with any offer of protocols (ALPN, RFC 7301). Twisted would end the handshake with an
    "internal error" if it wants none of the offered protocols, and most of our protocols have no
    registered name.

    Between `watch_files` and `stop_watching` it uses saved files by itself. A pair is saved in two steps,
    and a file in several, so the files are used when nothing has changed for LOOK_SECONDS. If they cannot
    be used, the old certificate stays; that is logged once, until the files change again.
    """

    def __init__(self, endpoint: Endpoint, label: str, reactor: Any) -> None:
        """label: names the listener in the log. Raises ListenError if the certificate cannot be used."""
        self._endpoint = endpoint
        self._label = label
        self._reactor = reactor
        self._next = Timer(reactor)
        self.load_files()
        self.use_loaded()
        # The marks of the files: at the look before, and when they were refused.
        self._before = self._refused = self._taken

    def load_files(self) -> None:
        """Read the files again, for `use_loaded`. Raises ListenError; then the old certificate stays."""
        marks = file_marks_of(self._endpoint)
        check_certificate(self._endpoint)
        try:
            made: Any = serverFromString(self._reactor, self._endpoint.twisted_tls_description)
            context: SSL.Context = made._sslContextFactory.getContext()
        except Exception as error:
            raise listen_error(error, self._endpoint) from error
        context.set_alpn_select_callback(select_alpn_protocol)
        if found := client_authorities(self._endpoint):
            required = self._endpoint.argument("clientcert") != "optional"
            ask_for_certificates(context, found, required=required)
        self._loaded = context, marks

    def use_loaded(self) -> None:
        """Use the certificate that was loaded last, for new connections."""
        self._context, self._taken = self._loaded

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    def watch_files(self) -> None:
        """Watch the files."""
        self._next.start(LOOK_SECONDS, self._check_files)

    def stop_watching(self) -> None:
        """Stop watching the files."""
        self._next.stop()

    def _check_files(self) -> None:
        self.watch_files()
        now = file_marks_of(self._endpoint)
        is_calm = now == self._before
        self._before = now
        if now == self._taken:
            self._refused = now
        elif is_calm and now != self._refused:
            self._load_saved_files(now)

    def _load_saved_files(self, now: dict[str, FileFingerprint | None]) -> None:
        try:
            self.load_files()
        except ListenError as error:
            self._refused = now
            log.warn(
                "{listener} keeps its old certificate; the saved one cannot be used: {error}",
                listener=self._label,
                error=str(error),
            )
        else:
            self.use_loaded()
            log.info(
                "{listener} uses the saved certificate for new connections from now on",
                listener=self._label,
            )


def select_alpn_protocol(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Return the first protocol that the listener's factory wants and the client offers, if any."""
    factory = connection.get_app_data().factory
    while isinstance(factory, WrappingFactory):
        factory = factory.wrappedFactory
    negotiation = IProtocolNegotiationFactory(factory, None)
    for wanted in negotiation.acceptableProtocols() if negotiation is not None else ():
        if wanted in offered:
            return wanted
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _read_pem(endpoint: Endpoint, what: str, path: Path, holds: str) -> list[bytes]:
    """Return the PEM blocks of a file. what: its name in a sentence. Raises ListenError."""
    try:
        return _pem_blocks(read_file(path, LARGEST_FILE), holds)
    except ValueError as error:
        raise ListenError(
            f"{shown(str(endpoint))}: {what} {shown(str(path))} cannot be used: {error}"
        ) from error


def _pem_blocks(data: bytes, holds: str) -> list[bytes]:
    """Return the blocks in a file. Raises ValueError with a sentence that is clearer than OpenSSL's."""
    if not data.strip():
        raise ValueError("is empty")
    begin, end = (rf"-----{word} [A-Z0-9. ]*{holds}-----" for word in ("BEGIN", "END"))
    if not re.search(begin.encode(), data):
        raise ValueError(f"has no -----BEGIN {holds}----- in it, as PEM has")
    blocks = re.findall(f"{begin}.*?{end}".encode(), data, re.DOTALL)
    if not blocks:
        raise ValueError(f"breaks off before -----END {holds}-----")
    if holds == "PRIVATE KEY" and b"ENCRYPTED" in blocks[0]:
        raise ValueError("is encrypted, and the server cannot ask for the password")
    try:
        if holds == "PRIVATE KEY":
            crypto.load_privatekey(crypto.FILETYPE_PEM, blocks[0], b"")
        elif holds == "CERTIFICATE":
            for block in blocks:
                crypto.load_certificate(crypto.FILETYPE_PEM, block)
    except (crypto.Error, ValueError):
        raise ValueError(f"what follows -----BEGIN {holds}----- is damaged") from None
    return blocks
