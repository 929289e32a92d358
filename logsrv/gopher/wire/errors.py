"""Errors of Gopher requests: a class for each kind that a person reacts to in a different way.

`str()` of each is one sentence that is safe to show; `code` is its name in `gopher --json`, `exit_status`
the status of the command `gopher`. Status 1 is, as everywhere in logsrv, a request that could not be sent.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line

Phase = Literal["connect", "first byte", "next byte", "progress", "whole"]

_WAITED_FOR: dict[Phase, str] = {
    "connect": "took no connection",
    "first byte": "took the request but sent no answer",
    "next byte": "stopped in the middle of its answer and sent nothing more",
    "progress": "sent too few bytes to wait for the rest",
    "whole": "had not ended its answer",
}


class GopherError(LogsrvError):
    """The base class of the Gopher client's errors.

    partial: the part received, if a whole `Menu` or `Text` was requested.
    """

    partial: object | None = None
    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init_subclass__(cls, *, code: str = "", exit_status: int = 0) -> None:
        cls.code = code or cls.code
        cls.exit_status = exit_status or cls.exit_status


class BadURL(GopherError, ValueError, code="bad-url"):
    """A URL that cannot be followed, or a selector that cannot be sent."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"“{one_line(url, 200)}” is not a Gopher URL that can be followed: {reason}"
        )
        self.url = url
        self.reason = reason


class ServerError(GopherError, code="server-error", exit_status=3):
    """The server answered with an error: a menu line of type 3, or one of Gopher+."""

    def __init__(self, message: str) -> None:
        """message: the server's own text, not yet escaped."""
        said = one_line(" ".join(message.split()), 500)
        super().__init__(f"the server answers with an error: {said or '(it does not say which)'}")
        self.message = message


class UnknownHost(GopherError, code="unknown-host", exit_status=4):
    """The name of the host has no address."""

    def __init__(self, host: str, hint: str = "look for a misspelling, or try again later") -> None:
        super().__init__(f"no address is known for the host {one_line(host, 253)}: {hint}")
        self.host = host
        self.hint = hint


class Refused(GopherError, code="refused", exit_status=5):
    """No connection to the server: refused, no route, unreachable."""

    def __init__(self, address: str, reason: str = "it refused the connection") -> None:
        super().__init__(f"no connection to {one_line(address)}: {one_line(reason)}")


class TimedOut(GopherError, code="time-out", exit_status=6):
    """The server was silent or too slow. phase: what it waited for. seconds: the limit."""

    def __init__(self, address: str, phase: Phase, seconds: float) -> None:
        what = _WAITED_FOR[phase]
        super().__init__(f"{one_line(address)} {what} within {seconds:g} seconds")
        self.phase = phase
        self.seconds = seconds


class Truncated(GopherError, code="truncated", exit_status=7):
    """The connection ended before the answer did."""

    def __init__(self, address: str, received: int, reason: str) -> None:
        """received: bytes of the answer before the end."""
        super().__init__(
            f"the answer of {one_line(address)} is not complete, it broke off after {received} "
            f"bytes: {one_line(reason)}"
        )
        self.received = received


class TooBig(GopherError, code="too-big", exit_status=8):
    """The answer is larger than the limit of the request."""

    def __init__(self, what: str, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"{what} is larger than the limit of {limit} {unit}")
        self.limit = limit


class NotGopher(GopherError, code="not-gopher", exit_status=9):
    """The answer is in another protocol."""

    def __init__(self, protocol: str, hint: str) -> None:
        super().__init__(f"this is not a Gopher server: it answers in {protocol}; {hint}")
        self.protocol = protocol


class NeedsTLS(NotGopher):
    """The server sends nothing without TLS, and speaks TLS on this port."""

    def __init__(self, address: str, tls_url: str) -> None:
        """tls_url: the same item inside TLS."""
        GopherError.__init__(
            self,
            f"{one_line(address)} sends nothing without TLS: write {one_line(tls_url, 500)}",
        )
        self.protocol = "TLS"


class TLSError(GopherError, code="tls", exit_status=10):
    """TLS failed, or the server is not trusted: the certificate, the pin or the handshake."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"no trusted TLS connection to {one_line(address)}: {one_line(reason)}")


class ProxyError(GopherError, code="proxy", exit_status=11):
    """The SOCKS proxy did not answer, or refused to connect."""

    def __init__(self, proxy: str, reason: str) -> None:
        super().__init__(f"the proxy {one_line(proxy)} makes no connection: {one_line(reason)}")
