"""Logs connects and disconnects, logs messages about a peer, and says why a connection failed."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.text.escape import one_line

log = Logger()
NO_CERTIFICATE = "it shows no certificate"
OTHER_NAME = "its certificate is for another name"
"""The reason for refusing the certificate of a server, if the certificate is for another name."""
UNTRUSTED = "its certificate has expired, is self-signed, or comes from an authority unknown here"
"""The reason for refusing a certificate that is not trusted. It names three causes: OpenSSL does not tell
them apart.
"""
_NO_TLS = "it does not speak TLS"
_UNTRUSTED_THERE = "it does not trust our certificate"
# Parts of OpenSSL's reasons.
_SENTENCES = {
    "certificate verify failed": UNTRUSTED,
    "did not return a certificate": NO_CERTIFICATE,
    "http request": "it speaks HTTP without TLS",
    "wrong version number": _NO_TLS,
    "packet length too long": _NO_TLS,
    "bad record type": _NO_TLS,
    "record layer failure": _NO_TLS,
    "unknown ca": _UNTRUSTED_THERE,
    "alert bad certificate": _UNTRUSTED_THERE,
    "alert certificate unknown": _UNTRUSTED_THERE,
    "alert certificate expired": "it finds our certificate expired",
    "unsupported protocol": "it knows only versions of TLS that are too old",
    "no shared cipher": "it knows no cipher that is good enough",
}
_LONGEST = 300
# By its name, because the module is loaded only where certificates of servers are verified.
_VERIFICATION_ERROR = "service_identity.exceptions.VerificationError"


def end_sentence(reason: Failure) -> str:
    """Return the reason why a connection ended, as a phrase; errors of OpenSSL, which are lists of triples,
    become text.
    """
    error: Any = reason.value
    if type(error).__module__.startswith("OpenSSL") and error.args and error.args[0]:
        # An error of a system call, which TLS met, has a number and a text instead of such a list.
        said = error.args[0] if isinstance(error.args[0], list) else [error.args]
        return "TLS: " + "; ".join(str(part[-1]) for part in said)
    return reason.getErrorMessage()


class PeerLogger(Logger):
    """A Logger for one peer: every message begins with the name of the peer, which is also the field
    `peer`.
    """

    def __init__(self, namespace: str, peer: str) -> None:
        super().__init__(namespace)
        self._peer = peer

    def emit(self, level: Any, format: str | None = None, **fields: object) -> None:
        fields.setdefault("peer", self._peer)
        super().emit(level, None if format is None else "{peer}: " + format, **fields)


def connection_log(settings: Any, label: str, clock: IReactorTime) -> ConnectionLog | None:
    """Return a log of connects if `settings` ask for one, else None."""
    return ConnectionLog(label, clock) if settings.log_connections else None


class ConnectionLog:
    """Logs a line for each connect, for each disconnect, and for datagrams that arrive together.

    All lines of one turn of the reactor are one log event: an event costs as much as serving a short
    connection, and under load a turn has many.
    """

    def __init__(self, label: str, clock: IReactorTime) -> None:
        """`label` names the listener."""
        self._label = label
        self._clock = clock
        self._lines: list[str] = []

    def log_connect(self, peer: str) -> None:
        self._add_line(f"Got connection from {peer} on {self._label}")

    def log_disconnect(self, peer: str, reason: str) -> None:
        self._add_line(f"Lost connection from {peer} on {self._label}: {reason}")

    def log_datagrams(self, peer: str, number: int) -> None:
        self._add_line(
            f"Got {number} datagram{'s' if number > 1 else ''} from {peer} on {self._label}"
        )

    def _add_line(self, line: str) -> None:
        if not self._lines:
            self._clock.callLater(0, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Log the lines that wait."""
        if self._lines:
            lines, self._lines = self._lines, []
            # JSON has an object for each of `lines`.
            log.info(
                "{connections}",
                connections="\n".join(lines),
                lines=lines,
                listener=self._label,
            )


def tls_sentence(said: str) -> str:
    """Return a sentence that explains an error text of OpenSSL; "" for an unknown error."""
    return next((sentence for part, sentence in _SENTENCES.items() if part in said), "")


def failure_sentence(failure: Failure) -> str:
    """Return why a connection failed, as text that is safe to print and does not end with a full stop."""
    if failure.check(_VERIFICATION_ERROR):
        return OTHER_NAME
    why = end_sentence(failure)
    known = tls_sentence(why) if why.startswith("TLS: ") else ""
    return known or one_line(why, _LONGEST).rstrip(".")
