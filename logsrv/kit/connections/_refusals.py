"""Refusals: the line in the log, the sentence for the peer, and the reason of a failed TLS handshake."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet import tcp
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger

from logsrv.kit.connections._tls import PeerCertificate, escaped_name
from logsrv.kit.connections.guard import Refusal
from logsrv.kit.observe.peer_log import NO_CERTIFICATE, UNTRUSTED, tls_sentence
from logsrv.kit.observe.rate_limited_log import RateLimitedLog

log = Logger()

# X509_V_ERR_… of <openssl/x509_vfy.h>.
UNKNOWN_ISSUER = (2, 18, 19, 20, 21, 27)
NOT_YET_VALID = 9
EXPIRED = 10
BAD_SIGNATURE = 7
WRONG_PURPOSE = 26


def log_refusal(refusals: RateLimitedLog, label: str, peer: str, refusal: Refusal) -> None:
    """Log a refusal, unless `refusals` has logged one of this peer within the last minute."""
    refusals.log_unless_recent(
        log.warn,
        peer,
        "{listener} refused {subject}: {reason}",
        counted="refused",
        listener=label,
        reason=refusal.sentence,
    )


class AbortingProtocol(Protocol):
    """A protocol that ends its connection at once, for endpoints that need a protocol."""

    def makeConnection(self, transport: Any) -> None:
        transport.abortConnection()


class RefusalProtocol(Protocol):
    """A protocol that sends the words for a refused peer, and ends the connection at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makeConnection(self, transport: Any) -> None:
        if not isinstance(transport, tcp.Connection):
            # In memory, or standard input.
            transport.write(self._data)
            transport.loseConnection()
            return
        # In this turn: otherwise many at once would use up the descriptors.
        with suppress(OSError):
            transport.socket.send(self._data)
        transport.connectionLost(connectionDone)


def tls_refusal(
    error: BaseException, faults: Sequence[tuple[int, x509.Certificate]] = ()
) -> Refusal:
    """Return the refusal of a client whose handshake ended in `error`.

    faults: OpenSSL's error numbers for the certificates that it has shown, with the certificates.
    """
    if faults:
        return Refusal("certificate", _certificate_fault(*faults[0]))
    said = _openssl_reasons(error)
    sentence = tls_sentence(said) or f"the TLS handshake failed ({said or 'no reason given'})"
    return Refusal("certificate" if sentence in (NO_CERTIFICATE, UNTRUSTED) else "tls", sentence)


def _openssl_reasons(error: BaseException) -> str:
    """Return OpenSSL's reasons, in its own words."""
    if not isinstance(error, SSL.Error) or not error.args or not isinstance(error.args[0], list):
        return ""
    return ", ".join(str(entry[-1]) for entry in error.args[0])


def _certificate_fault(fault: int, shown: x509.Certificate) -> str:
    whose = f"its certificate ({PeerCertificate.of(shown)})"
    if fault == EXPIRED:
        return f"{whose} expired on {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if fault == NOT_YET_VALID:
        return f"{whose} is not valid before {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if fault in UNKNOWN_ISSUER:
        issuer = escaped_name(shown.issuer.rfc4514_string()[:100])
        return f"{whose} is signed by an authority that is not trusted here ({issuer})"
    if fault == BAD_SIGNATURE:
        return f"{whose} has a signature that is not its issuer's"
    if fault == WRONG_PURPOSE:
        return f"{whose} is not made for clients (extended key usage)"
    return f"{whose} cannot be verified (OpenSSL's error {fault})"
