"""A request and its answer: the state machine that all ways to fetch use. Bytes in, bytes out.

    connecting ──► proxying ──► handshaking ──► answering ──► done
                   a proxy      TLS             the request is sent, the answer arrives

Between the socket and Gopher are layers, from below: the handshake with a proxy, and TLS. Each takes bytes
and returns those for the layer above; when the last one is ready, the request is sent.

A driver connects to `connect_address`, calls a method for each event (`on_connected`, `on_received` …;
`expire` at the `deadline`), sends the bytes in `outgoing`, and passes on the parts of the body that these
methods return. They raise nothing: a transfer that failed is `done` and has an `error`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    # The layers between the socket and Gopher, from below.
    _socks: SocksHandshake | None = None
    _tls: TLSLayer | None = None
    _layers: Sequence[SocksHandshake | TLSLayer] = ()

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
        options, url = self._options, self.url
        try:
            if options.proxy is not None:
                self._socks = SocksHandshake(options.proxy, url.host, url.port)
            if url.tls:
                # Imported here, because it loads `ssl`.
                from logsrv.gopher.fetch.tls import TLSLayer

                self._tls = TLSLayer(options.tls_context, options.trust, url)
            self._layers = [layer for layer in (self._socks, self._tls) if layer is not None]
            self._pass_up(b"", now)
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
            data = self._pass_up(data, now)
            body = self.reader.feed(data) if data else b""
        except (LogsrvError, OSError) as error:
            self._fail(error)
            return b""
        if self.reader.complete:
            self.done = True
            return body
        if self.reader.received:
            self._extend_deadline(now)
        if self._tls is not None and self._tls.closed:
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
        if self._tls is not None and not self._tls.closed:
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

    def _pass_up(self, data: bytes, now: float) -> bytes:
        """Pass bytes through the layers; return those of the answer. Sends the request when all are ready.

        Raises LogsrvError, OSError.
        """
        for layer in self._layers:
            data = layer.feed(data)
            self.outgoing += layer.take_outgoing()
            if not layer.ready:
                return b""
        if self.phase == "connect":
            if self._tls is None:
                self.outgoing += self.request
            else:
                self._tls.queue_encrypted(self.request)
                self.outgoing += self._tls.take_outgoing()
            self._set_phase("first byte", now, self._limits.first_byte)
        return data

    @property
    def _waits_for_proxy(self) -> bool:
        """Return true if the proxy has not yet answered our hello; a time-out is then the proxy's fault."""
        if self._options.proxy is None or self.phase != "connect":
            return False
        return self._socks is None or not self._socks.welcomed

    def _handshake_error(self, error: OSError | None) -> GopherError:
        if self._socks is not None and not self._socks.ready:
            return self._socks.make_error(
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
