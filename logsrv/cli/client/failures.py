"""Sentences that say why a connection failed or broke."""

from __future__ import annotations

import errno
from socket import gaierror

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet import defer, error

from logsrv.cli.client.target import Target
from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import shown


class ConnectionFailed(LogsrvError):
    """Raised when a connection fails or breaks."""


def connection_failed(
    reason: BaseException | None, target: Target, timeout: float
) -> ConnectionFailed:
    """Return the error for an exception of Twisted or OpenSSL. timeout: seconds allowed for connecting."""
    return ConnectionFailed(_failure_sentence(reason, target, timeout))


def _failure_sentence(reason: BaseException | None, target: Target, timeout: float) -> str:
    match reason:
        case error.DNSLookupError() | error.UnknownHostError() | gaierror():
            return f"there is no host named {shown(target.host or target.text)}"
        case error.ConnectionRefusedError() | ConnectionRefusedError():
            return f"{target} refused the connection: nothing listens there"
        case error.TimeoutError() | defer.TimeoutError() | defer.CancelledError():
            return f"no answer from {target} within {timeout:g} s"
        case error.NoRouteError():
            return f"there is no way to {target}: {reason.args[-1]}"
        case error.ConnectError():
            return _system_error_sentence(reason.osError, str(reason), target)
        case VerificationError():
            return (
                f"the certificate of {target} names somebody else; --server-name says whom it should "
                "name, --insecure takes any"
            )
        case SSL.Error():
            return _tls_error_sentence(reason, target)
        case error.ConnectionLost() if target.scheme == "tls":
            return f"{target} ended without closing TLS: something may be missing"
        case error.ConnectionLost():
            return f"{target} broke the connection off without closing it"
        case OSError():
            return _system_error_sentence(reason.errno, reason.strerror or str(reason), target)
    return f"{target}: {one_line(str(reason) or type(reason).__name__)}"


def _system_error_sentence(number: int | None, said: str, target: Target) -> str:
    match number:
        case errno.ENOENT:
            return f"there is no socket {target}"
        case errno.EACCES | errno.EPERM:
            return f"no permission to connect to {target}"
        case errno.EPROTOTYPE:
            other = "unixgram" if target.scheme == "unix" else "unix"
            return f"{target} is a socket of the other kind; write {other}:{target}"
        case errno.ENOTSOCK | errno.ENOTDIR:
            return f"{target} is no socket"
        case errno.EMSGSIZE:
            return f"{target}: too long for a datagram"
    return f"{target}: {one_line(said)}"


def _tls_error_sentence(reason: SSL.Error, target: Target) -> str:
    reasons = [part[-1] for part in reason.args[0]] if reason.args else []
    said = one_line(", ".join(reasons) or "no reason given")
    if "certificate verify failed" in reasons:
        return (
            f"the certificate of {target} is not to be trusted: self-signed, expired or by an "
            "authority unknown here; --cafile FILE names its authority, --insecure takes any"
        )
    if any(known in said for known in ("wrong version number", "packet length too long")):
        return f"{target} does not speak TLS; write tcp:{target}"
    return f"TLS with {target} failed: {said}"
