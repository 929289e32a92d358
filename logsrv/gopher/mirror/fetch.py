"""Many requests at once on plain sockets, in one thread: for mirrors, which are thousands of small ones.

    connecting ──► handshaking (TLS) ──► sending ──► receiving ──► finished

The request is tried to be sent as soon as the connection is on its way; to hosts nearby that saves a
round through the selector.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.blocking import connect_error, is_tls_cut, tls_context, tls_error
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.trust import TLS_CUT
from logsrv.gopher.mirror.sinks import Sink
from logsrv.gopher.wire.errors import TimedOut, UnknownHost
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

if TYPE_CHECKING:
    import ssl

    from logsrv.gopher.wire.errors import Phase

_CHUNK = 64 * 1024
# How many chunks of one answer before the others have their turn.
_IN_A_ROW = 16
_LOOK_AT_CLOCKS = 0.25
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Address = tuple[socket.AddressFamily, Any]


@attrs.define(frozen=True, slots=True)
class Finished:
    """An answer that has ended, well or with an error: a LogsrvError, or an OSError of the disk."""

    sink: Sink
    error: Exception | None


class _Transfer:
    """A request and what has become of it."""

    __slots__ = (
        "addresses", "deadline", "end", "events", "most_seconds", "phase", "reader", "request", "sink",
        "socket", "step", "url",
    )  # fmt: skip

    def __init__(
        self, url: GopherURL, sink: Sink, most_bytes: int | None, most_seconds: float, end: float
    ) -> None:
        self.url = url
        self.sink = sink
        self.request = url.request()
        self.reader = ResponseReader(url, most_bytes)
        self.phase: Phase = "connect"
        self.socket: socket.socket | None = None
        self.addresses: Iterator[Address] = iter(())
        self.step: Callable[[_Transfer], None] | None = None
        # What the selector looks out for; 0: it does not know the socket.
        self.events = 0
        self.most_seconds = most_seconds
        self.deadline = self.end = end


class Fetcher:
    """Starts requests, and hands back those that have ended. received: bytes of all answers."""

    def __init__(self, connection: ConnectionOptions, clock: Callable[[], float]) -> None:
        """`clock`: seconds that only grow."""
        self._connection = connection
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._active: set[_Transfer] = set()
        self._finished: list[Finished] = []
        self._known: dict[tuple[str, int], list[Address]] = {}
        self._context: ssl.SSLContext | None = None
        self._next_look = 0.0
        self.received = 0

    @property
    def active(self) -> int:
        """The number of requests that are under way, or waiting to be handed back."""
        return len(self._active) + len(self._finished)

    def addresses(self, url: GopherURL) -> list[Address]:
        """Return the addresses of the host of `url`, looked up once in the life of this; that blocks.

        Raises UnknownHost.
        """
        known = self._known.get((url.host, url.port))
        if known is None:
            if url.host.rstrip(".").endswith(".onion"):
                raise UnknownHost(
                    url.host, "it is reached through Tor, such as socks5://127.0.0.1:9050"
                )
            try:
                found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise connect_error(url, error, self._connection.timeouts.between) from error
            known = [(family, address) for family, _, _, _, address in found]
            self._known[url.host, url.port] = known
        return known

    def start(
        self, url: GopherURL, sink: Sink, *, most_bytes: int | None, most_seconds: float
    ) -> None:
        """Ask for `url`. most_bytes: TooBig past that; most_seconds: for all of the answer."""
        end = self._clock() + most_seconds
        transfer = _Transfer(url, sink, most_bytes, most_seconds, end)
        self._active.add(transfer)
        self._expect(transfer, "connect")
        try:
            if self._connection.proxy is not None:
                transfer.socket = self._connection.proxy.connect(
                    url, self._connection.timeouts.between
                )
                transfer.socket.setblocking(False)
                self._connected(transfer)
            else:
                transfer.addresses = iter(self.addresses(url))
                self._try_next(transfer, None)
        except (LogsrvError, OSError) as error:
            self._end(transfer, error)

    def wait(self, seconds: float) -> list[Finished]:
        """Return what has ended, after at most `seconds`, and sooner if something ends."""
        if not self._finished:
            for key, _ in self._selector.select(min(seconds, _LOOK_AT_CLOCKS)):
                transfer: _Transfer = key.data
                assert transfer.step is not None
                try:
                    transfer.step(transfer)
                except (LogsrvError, OSError) as error:
                    self._end(transfer, error)
            now = self._clock()
            if now >= self._next_look:
                self._next_look = now + _LOOK_AT_CLOCKS
                self._look_at_clocks(now)
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Give up what is under way; no file is left of it."""
        for transfer in list(self._active):
            transfer.sink.abort()
            self._forget(transfer)
        self._selector.close()

    # From the first address to the request.

    def _try_next(self, transfer: _Transfer, error: OSError | None) -> None:
        for family, address in transfer.addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            transfer.socket = sock
            number = sock.connect_ex(address)
            if number in (0, errno.EINPROGRESS):
                transfer.step = self._connecting
                if transfer.url.tls:
                    self._listen(transfer, _WRITE)
                else:
                    self._send_early(transfer, sock)
                return
            self._close(transfer)
            error = OSError(number, os.strerror(number))
        assert error is not None, "getaddrinfo returns one address or more"
        raise connect_error(transfer.url, error, self._connection.timeouts.between) from error

    def _send_early(self, transfer: _Transfer, sock: socket.socket) -> None:
        try:
            sent = sock.send(transfer.request)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOTCONN):
                self._listen(transfer, _WRITE)
            else:
                # This took what SO_ERROR would have told.
                self._close(transfer)
                self._try_next(transfer, error)
            return
        transfer.request = transfer.request[sent:]
        if transfer.request:
            transfer.step = self._sending
            self._listen(transfer, _WRITE)
            return
        self._listen(transfer, _READ)
        transfer.step = self._receiving
        self._expect(transfer, "first byte")

    def _connecting(self, transfer: _Transfer) -> None:
        assert transfer.socket is not None
        number = transfer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._close(transfer)
            self._try_next(transfer, OSError(number, os.strerror(number)))
        else:
            self._connected(transfer)

    def _connected(self, transfer: _Transfer) -> None:
        if not transfer.url.tls:
            self._sending(transfer)
            return
        assert transfer.socket is not None
        if self._context is None:
            self._context = tls_context(self._connection.trust)
        if transfer.events:
            # The socket of TLS is another object with the same descriptor.
            self._selector.unregister(transfer.socket)
            transfer.events = 0
        transfer.socket = self._context.wrap_socket(
            transfer.socket,
            server_hostname=transfer.url.host,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        transfer.step = self._handshaking
        self._handshaking(transfer)

    def _handshaking(self, transfer: _Transfer) -> None:
        sock: ssl.SSLSocket = transfer.socket  # type: ignore[assignment]
        try:
            sock.do_handshake()
        except OSError as error:
            if not self._waits(transfer, error):
                raise tls_error(transfer.url, error, self._connection.timeouts.between) from error
            return
        pins = self._connection.trust.pins
        if pins is not None:
            pins.check(transfer.url.address, sock.getpeercert(binary_form=True) or b"")
        self._sending(transfer)

    def _sending(self, transfer: _Transfer) -> None:
        assert transfer.socket is not None
        try:
            sent = transfer.socket.send(transfer.request)
        except OSError as error:
            if not self._waits(transfer, error, otherwise=_WRITE):
                raise transfer.reader.broken(_said(error)) from error
            transfer.step = self._sending
            return
        transfer.request = transfer.request[sent:]
        if transfer.request:
            self._listen(transfer, _WRITE)
            transfer.step = self._sending
        else:
            self._listen(transfer, _READ)
            transfer.step = self._receiving
            self._expect(transfer, "first byte")

    # The answer.

    def _receiving(self, transfer: _Transfer) -> None:
        sock = transfer.socket
        assert sock is not None
        row = 0
        while row < _IN_A_ROW or _has_decrypted(sock):
            try:
                data = sock.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError as error:
                if transfer.url.tls and self._waits(transfer, error, otherwise=_READ):
                    break
                data = self._broken(transfer, error)
            if not data:
                self._take(transfer, transfer.reader.finish())
                self._end(transfer, None)
                return
            row += 1
            self.received += len(data)
            if self._take(transfer, transfer.reader.feed(data)) or transfer.reader.complete:
                self._end(transfer, None)
                return
        if row:
            self._expect(transfer, "next byte")

    def _take(self, transfer: _Transfer, body: bytes) -> bool:
        return bool(body) and transfer.sink.feed(body)

    def _broken(self, transfer: _Transfer, error: OSError) -> bytes:
        """b"" if this is an end that is accepted; raises Truncated."""
        if not (transfer.url.tls and is_tls_cut(error)):
            raise transfer.reader.broken(_said(error)) from error
        if not (self._connection.trust.accept_cut and transfer.reader.received):
            raise transfer.reader.broken(TLS_CUT) from error
        return b""

    # What they have in common.

    def _waits(self, transfer: _Transfer, error: OSError, otherwise: int | None = None) -> bool:
        """Return true if `error` only says that the socket is not ready; then wait until it is."""
        import ssl

        if isinstance(error, ssl.SSLWantReadError):
            self._listen(transfer, _READ)
        elif isinstance(error, ssl.SSLWantWriteError):
            self._listen(transfer, _WRITE)
        elif isinstance(error, BlockingIOError) and otherwise is not None:
            self._listen(transfer, otherwise)
        else:
            return False
        return True

    def _listen(self, transfer: _Transfer, events: int) -> None:
        assert transfer.socket is not None
        if not transfer.events:
            self._selector.register(transfer.socket, events, transfer)
        elif transfer.events != events:
            self._selector.modify(transfer.socket, events, transfer)
        transfer.events = events

    def _expect(self, transfer: _Transfer, phase: Phase) -> None:
        transfer.phase = phase
        transfer.deadline = min(self._clock() + self._connection.timeouts.between, transfer.end)

    def _look_at_clocks(self, now: float) -> None:
        for transfer in [each for each in self._active if each.deadline <= now]:
            if transfer.end <= now:
                error = TimedOut(transfer.url.address, "whole", transfer.most_seconds)
                self._end(transfer, error)
            else:
                timeout = self._connection.timeouts.between
                self._end(transfer, TimedOut(transfer.url.address, transfer.phase, timeout))

    def _end(self, transfer: _Transfer, error: Exception | None) -> None:
        self._forget(transfer)
        try:
            if error is None:
                transfer.sink.finish(transfer.reader.header is not None)
        except OSError as local:
            error = local
        if error is not None:
            transfer.sink.abort()
        self._finished.append(Finished(transfer.sink, error))

    def _forget(self, transfer: _Transfer) -> None:
        self._active.discard(transfer)
        self._close(transfer)

    def _close(self, transfer: _Transfer) -> None:
        if transfer.socket is not None:
            if transfer.events:
                self._selector.unregister(transfer.socket)
                transfer.events = 0
            transfer.socket.close()
            transfer.socket = None


def _has_decrypted(sock: socket.socket) -> bool:
    """Return true if there are bytes that no selector tells about, as they have been read already."""
    pending: Callable[[], int] | None = getattr(sock, "pending", None)
    return pending is not None and pending() > 0


def _said(error: OSError) -> str:
    return error.strerror or str(error)
