"""A request and its answer: the state machine that all ways to fetch use. Bytes in, bytes out.

    connecting ──► proxying ──► handshaking ──► answering ──► done
                   a proxy      TLS             the request is sent, the answer arrives

A driver connects to `connect_address`, calls a method for each event (`on_connected`, `on_received` …;
`expire` at the `deadline`), sends the bytes in `outgoing`, and passes on the parts of the body that these
methods return. They raise nothing: a transfer that failed is `done` and has an `error`.
"""

from __future__ import annotations

import math
from errno import ECONNREFUSED
from socket import gaierror
from typing import TYPE_CHECKING

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.connection_options import TLS_CUT, ConnectionOptions
from logsrv.gopher.fetch.proxy import SocksHandshake
from logsrv.gopher.wire.errors import (
    GopherError,
    Phase,
    ProxyError,
    Refused,
    TimedOut,
    TLSError,
    UnknownHost,
)
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

if TYPE_CHECKING:
    from logsrv.gopher.fetch.tls import TLSLayer


MINUTE = 60.0


class Transfer:
    """A request and its answer.

    phase: the event that it waits for. deadline: the end of that wait, by the clock of `now`. request: the
    bytes for the server. cut: whether TLS ended without its close, and that was accepted.
    """

    # Defaults of the class: setting them for each of ten thousand transfers takes time.
    phase: Phase = "connect"
    deadline = math.inf
    outgoing = b""
    done = False
    cut = False
    error: Exception | None = None
    # The time of the next check of the speed, and the bytes received by the last one.
    _judged_at = -math.inf
    _came_before = 0
    # Handshake with a proxy that has not yet connected to the server; TLS with the server.
    _talk: SocksHandshake | None = None
    _encryption: TLSLayer | None = None

    def __init__(
        self,
        url: GopherURL,
        options: ConnectionOptions,
        now: float,
        kind: AnswerKind | None = None,
    ) -> None:
        """kind: whose limits the answer has; None is a stream or a download."""
        self.url = url
        self._options = options
        self._limits = limits = options.limits
        self.reader = ResponseReader(url, limits.most_bytes(kind), options.charset)
        self.request = url.request()
        self._end = now + limits.most_seconds(kind)
        self._set_phase("connect", now, limits.connect)
        if options.proxy is None and url.host.endswith((".onion", ".onion.")):
            # RFC 7686: a .onion name must never be looked up in the DNS.
            hint = "it is reached through Tor: --proxy socks5://127.0.0.1:9050"
            self._fail(UnknownHost(url.host, hint))

    @property
    def connect_address(self) -> tuple[str, int]:
        """Return the host and the port to connect to: the proxy's, or the server's."""
        proxy = self._options.proxy
        return (self.url.host, self.url.port) if proxy is None else (proxy.host, proxy.port)

    def on_connected(self, now: float) -> None:
        """Go on: there is a connection to `connect_address`."""
        if self._options.proxy is not None:
            self._talk = SocksHandshake(self._options.proxy, self.url.host, self.url.port)
            self.outgoing = self._talk.outgoing
            return
        try:
            self._begin_tls_or_send(now)
        except LogsrvError as error:
            self._fail(error)

    def on_connect_failed(self, error: Exception) -> None:
        """Fail: there is no connection to `connect_address`."""
        proxy = self._options.proxy
        if not isinstance(error, OSError):
            self._fail(error)
        elif proxy is not None:
            self._fail(ProxyError(str(proxy), _socket_reason(error)))
        elif isinstance(error, gaierror):
            self._fail(UnknownHost(self.url.host))
        else:
            self._fail(Refused(self.url.address, _socket_reason(error)))

    def on_received(self, data: bytes, now: float) -> bytes:
        """Take `data` from the other side; return the part of the body that is certain now."""
        try:
            if self._talk is not None:
                data = self._continue_proxy_handshake(self._talk, data, now)
            if self._encryption is not None:
                data = self._decrypt_or_handshake(self._encryption, data, now)
            body = self.reader.feed(data) if data else b""
        except (LogsrvError, OSError) as error:
            self._fail(error)
            return b""
        if self.reader.complete:
            self.done = True
            return body
        if self.reader.received:
            self._extend_deadline(now)
        if self._encryption is not None and self._encryption.closed:
            body += self.on_ended()
        return body

    def on_ended(self, error: OSError | None = None) -> bytes:
        """End: the other side closed, or the connection broke with `error`. Return the rest of the body."""
        if self.done:
            return b""
        if self.phase == "connect":
            self._fail(self._handshake_error(error))
            return b""
        try:
            body = self.reader.finish()
        except GopherError as found:
            self._fail(found)
            return b""
        self.done = True
        if self._encryption is not None and not self._encryption.closed:
            self.cut = bool(self._options.trust.accept_cut and self.reader.received)
            self.error = None if self.cut else self.reader.broken_error(TLS_CUT)
        elif error is not None:
            self.error = self.reader.broken_error(error.strerror or str(error))
        return body

    def restart_timeout(self, now: float) -> None:
        """Restart the time-out after a pause: the reader was slow, not the server."""
        self._judged_at = -math.inf
        self._set_phase("next byte", now, self._limits.between)

    def expire(self, now: float) -> None:
        """Fail with a time-out: the `deadline` has passed."""
        limits = self._limits
        if now >= self._end:
            self._fail(TimedOut(self.url.address, "whole", limits.whole))
            return
        silence = {"connect": limits.connect, "first byte": limits.first_byte}
        seconds = silence.get(self.phase, limits.between)
        if self._waits_for_proxy:
            silence_of_proxy = f"it did not answer within {seconds:g} seconds"
            self._fail(ProxyError(str(self._options.proxy), silence_of_proxy))
        else:
            self._fail(TimedOut(self.url.address, self.phase, seconds))

    # Between the connection and the request.

    @property
    def _waits_for_proxy(self) -> bool:
        """Return true if the proxy has not yet answered our hello; a time-out is then the proxy's fault."""
        if self._options.proxy is None or self.phase != "connect" or self._encryption is not None:
            return False
        return self._talk is None or not self._talk.welcomed

    def _continue_proxy_handshake(self, talk: SocksHandshake, data: bytes, now: float) -> bytes:
        """Continue the SOCKS handshake; return the bytes after its end."""
        data = talk.feed(data)
        self.outgoing += talk.outgoing
        if talk.done:
            self._talk = None
            self._begin_tls_or_send(now)
        return data

    def _begin_tls_or_send(self, now: float) -> None:
        """Begin TLS or send the request: the server is at the other end now. Raises LogsrvError."""
        if not self.url.tls:
            self._queue_request(now)
            return
        from logsrv.gopher.fetch.tls import TLSLayer

        options = self._options
        self._encryption = TLSLayer(options.tls_context, options.trust, self.url)
        self._decrypt_or_handshake(self._encryption, b"", now)

    def _decrypt_or_handshake(self, encryption: TLSLayer, data: bytes, now: float) -> bytes:
        data = encryption.decrypt(data)
        if encryption.ready and self.phase == "connect":
            self._queue_request(now)
        self.outgoing += encryption.take_outgoing()
        return data

    def _queue_request(self, now: float) -> None:
        if self._encryption is None:
            self.outgoing += self.request
        else:
            self._encryption.queue_encrypted(self.request)
        self._set_phase("first byte", now, self._limits.first_byte)

    def _handshake_error(self, error: OSError | None) -> GopherError:
        if self._talk is not None:
            return self._talk.make_error(
                "it closed the connection" if error is None else _socket_reason(error)
            )
        reason = "it closed the connection during the handshake; does it speak TLS on this port?"
        return TLSError(self.url.address, reason)

    # Times and errors.

    def _extend_deadline(self, now: float) -> None:
        """Set the deadline for the next bytes after some were received; fail if they arrive too slowly."""
        if now >= self._judged_at:
            self._fail_if_too_slow(now)
        if not self.done:
            self._set_phase("next byte", now, self._limits.between)

    def _fail_if_too_slow(self, now: float) -> None:
        """Fail if fewer bytes than `Limits.least` were received in the last minute."""
        came = self.reader.received
        if self._judged_at > -math.inf and came - self._came_before < self._limits.least:
            self._fail(TimedOut(self.url.address, "progress", MINUTE))
        self._judged_at = now + MINUTE
        self._came_before = came

    def _set_phase(self, phase: Phase, now: float, seconds: float) -> None:
        self.phase = phase
        deadline = now + seconds
        self.deadline = deadline if deadline < self._end else self._end

    def _fail(self, error: Exception) -> None:
        self.done = True
        self.error = error


def _socket_reason(error: OSError) -> str:
    if error.errno == ECONNREFUSED:
        return "it refused the connection"
    return error.strerror or str(error)
