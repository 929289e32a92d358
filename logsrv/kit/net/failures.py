"""Reasons why a connection failed, each in a sentence about the peer."""

from __future__ import annotations

from twisted.python.failure import Failure

from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.text.escape import one_line

NO_CERTIFICATE = "it shows no certificate"
OTHER_NAME = "its certificate is for another name"
# Three reasons in one sentence, because OpenSSL does not say which it is.
UNTRUSTED = "its certificate has expired, is self-signed, or comes from an authority unknown here"
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


def tls_sentence(said: str) -> str:
    """Return the meaning of OpenSSL's reasons; "" if none of them is known."""
    return next((sentence for part, sentence in _SENTENCES.items() if part in said), "")


def failure_sentence(failure: Failure) -> str:
    """Return why a connection failed, without a full stop, and safe to print."""
    if failure.check(_VERIFICATION_ERROR):
        return OTHER_NAME
    why = end_sentence(failure)
    known = tls_sentence(why) if why.startswith("TLS: ") else ""
    return known or one_line(why, _LONGEST).rstrip(".")
