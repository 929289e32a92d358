"""Gopher for scripts without a reactor: `urlopen` and `urlretrieve` on a plain socket.

The same sans-IO core as `GopherClient`, no Twisted: importing and fetching takes a few milliseconds.
"""

from __future__ import annotations

import io
import math
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.trust import TLS_CUT, Trust
from logsrv.gopher.fetch.wholefile import end_text, whole_file
from logsrv.gopher.wire.errors import GopherError, Refused, TimedOut, TLSError, UnknownHost
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.text import TextParser
from logsrv.gopher.wire.url import GopherURL

if TYPE_CHECKING:
    import ssl

    from logsrv.gopher.wire.errors import Phase

Received = TypeVar("Received", bytes, int)

TIMEOUT = 30.0
_CHUNK = 64 * 1024
_TRUST = Trust()
# What OpenSSL calls it when something else than TLS answers.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


class _Body(io.RawIOBase):
    """The bytes of one answer as a raw file: what `GopherFile` reads from."""

    def __init__(
        self,
        url: GopherURL,
        timeout: float,
        trust: Trust,
        most_bytes: int | None,
        *,
        most_seconds: float = math.inf,
        proxy: Proxy | None = None,
    ) -> None:
        super().__init__()
        self._url = url
        self._timeout = timeout
        self._most_seconds = most_seconds
        self._end = time.monotonic() + most_seconds
        self._accept_cut = trust.accept_cut
        self._waiting_for: Phase = "first byte"
        self._ready = memoryview(b"")
        self._ended = False
        self.reader = ResponseReader(url, most_bytes)
        self._socket = _connected(url, timeout, trust, proxy)
        try:
            self._socket.sendall(url.request())
            # Errors that the server tells, and answers of others, are raised before anything is read.
            while not (self.reader.opened or self._ended):
                self._ready = memoryview(self._receive())
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise self.reader.broken(str(error)) from error
            raise

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._ready and not self._ended and len(buffer) >= _CHUNK and self.reader.verbatim:
            # Straight to where it is wanted: a third less time for large files.
            if size := self._wait_for(lambda sock: sock.recv_into(buffer)):
                self.reader.skip(size)
                return size
            self._ended = True
            self._ready = memoryview(self.reader.finish())
        while not self._ready and not self._ended:
            self._ready = memoryview(self._receive())
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            sock: socket.socket | None = getattr(self, "_socket", None)
            if sock is not None:
                sock.close()
        super().close()

    def _receive(self) -> bytes:
        data = self._wait_for(lambda sock: sock.recv(_CHUNK))
        if not data:
            self._ended = True
            return self.reader.finish()
        body = self.reader.feed(data)
        self._ended = self.reader.complete
        return body

    def _wait_for(self, receive: Callable[[socket.socket], Received]) -> Received | None:
        """Return what `receive` does; None at an end that TLS calls a broken one, if that is accepted."""
        if self._most_seconds != math.inf:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimedOut(self._url.address, "whole", self._most_seconds)
            self._socket.settimeout(min(self._timeout, left))
        try:
            received = receive(self._socket)
        except TimeoutError:
            if time.monotonic() >= self._end:
                raise TimedOut(self._url.address, "whole", self._most_seconds) from None
            raise TimedOut(self._url.address, self._waiting_for, self._timeout) from None
        except OSError as error:
            if not (self._url.tls and is_tls_cut(error)):
                raise self.reader.broken(error.strerror or str(error)) from error
            if not (self._accept_cut and self.reader.received):
                raise self.reader.broken(TLS_CUT) from error
            return None
        self._waiting_for = "next byte"
        return received


class _Text(io.RawIOBase):
    """A text without terminator and stuffed dots, over the bytes of its answer."""

    def __init__(self, body: _Body) -> None:
        super().__init__()
        self._body = body
        self._parser = TextParser()
        self._ready = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            data = self._body.read(_CHUNK)
            self._ended = not data
            self._ready = memoryview(self._parser.feed(data) if data else self._parser.finish())
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        self._body.close()
        super().close()


class GopherFile(io.BufferedReader):
    """An answer as a file of bytes: `read`, `readline`, iteration, `close`, `with`.

    url: what was asked for. length: how many bytes it will have, where Gopher+ told, else None.
    has_header: whether a Gopher+ header came before it; then a text has no terminator.
    """

    def __init__(self, body: _Body, url: GopherURL, *, as_text: bool) -> None:
        self.url = url
        self.length = body.reader.length
        self.has_header = body.reader.header is not None
        super().__init__(_Text(body) if as_text and not self.has_header else body, _CHUNK)

    def geturl(self) -> str:
        """The URL as text, as files of `urllib.request` have it."""
        return str(self.url)


def urlopen(
    url: str | GopherURL,
    timeout: float = TIMEOUT,
    data: str | bytes | None = None,
    *,
    trust: Trust = _TRUST,
    most_bytes: int | None = None,
    most_seconds: float = math.inf,
    proxy: Proxy | None = None,
    as_sent: bool = False,
) -> GopherFile:
    """Ask for `url` and return the answer as a file; a text comes without terminator and stuffed dots.

    timeout: seconds, for connecting and for each time the server is waited for. data: what to search
    for. most_bytes: TooBig past that. most_seconds: for the whole answer, so that a server that sends
    a byte now and then ends too. as_sent: keep the terminator and the dots of a text.

    Raises GopherError, here for what the server answers at once, and while reading for the rest.
    """
    asked = url if isinstance(url, GopherURL) else GopherURL.parse(url)
    if data is not None:
        asked = asked.searching(data)
    body = _Body(asked, timeout, trust, most_bytes, most_seconds=most_seconds, proxy=proxy)
    is_text = item_type(asked.item_type).transfer == "text"
    return GopherFile(body, asked, as_text=is_text and not as_sent)


def urlretrieve(
    url: str | GopherURL,
    filename: str | os.PathLike[str],
    reporthook: Callable[[int, int | None], None] | None = None,
    *,
    timeout: float = TIMEOUT,
    trust: Trust = _TRUST,
    most_bytes: int | None = None,
) -> int:
    """Save what `url` has as `filename`, which appears (or changes) only when it is whole.

    `reporthook(bytes so far, bytes in all or None)` is called for each piece. Returns the size of
    the file. Raises GopherError, OSError.
    """
    asked = url if isinstance(url, GopherURL) else GopherURL.parse(url)
    with _Body(asked, timeout, trust, most_bytes) as body, whole_file(Path(filename)) as file:
        size = 0
        while chunk := body.read(_CHUNK):
            size += file.write(chunk)
            if reporthook is not None:
                reporthook(size, body.reader.length)
        if item_type(asked.item_type).transfer == "text" and body.reader.header is None:
            end_text(file)
        return file.seek(0, os.SEEK_END)


def _connected(url: GopherURL, timeout: float, trust: Trust, proxy: Proxy | None) -> socket.socket:
    context = tls_context(trust) if url.tls else None
    plain = proxy.connect(url, timeout) if proxy is not None else _direct(url, timeout)
    plain.settimeout(timeout)
    if context is None:
        return plain
    try:
        encrypted = _encrypted(plain, url, timeout, context)
    except BaseException:
        plain.close()
        raise
    try:
        if trust.pins is not None:
            trust.pins.check(url.address, encrypted.getpeercert(binary_form=True) or b"")
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def _direct(url: GopherURL, timeout: float) -> socket.socket:
    if url.host.rstrip(".").endswith(".onion"):
        # RFC 7686: such a name must never be asked for in the DNS.
        raise UnknownHost(url.host, "it is reached through Tor, such as socks5://127.0.0.1:9050")
    try:
        return socket.create_connection((url.host, url.port), timeout)
    except OSError as error:
        raise connect_error(url, error, timeout) from error


def connect_error(url: GopherURL, error: OSError, timeout: float) -> GopherError:
    """Return the error that stands for an OSError of looking the host up or connecting to it."""
    if isinstance(error, TimeoutError):
        return TimedOut(url.address, "connect", timeout)
    if isinstance(error, socket.gaierror):
        return UnknownHost(url.host)
    if isinstance(error, ConnectionRefusedError):
        return Refused(url.address)
    return Refused(url.address, error.strerror or str(error))


def tls_context(trust: Trust) -> ssl.SSLContext:
    """Return `trust` as the `ssl` module has it. Raises ConfigurationError for a wrong CA file."""
    import ssl  # 10 ms that plain requests need not wait for

    try:
        context = ssl.create_default_context(cafile=trust.cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"the CA file {trust.cafile} cannot be read: {error}") from error
    # Python before 3.11.4 asks OpenSSL to pass off a connection that was cut as one that was closed.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if not trust.by_authority:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _encrypted(
    plain: socket.socket, url: GopherURL, timeout: float, context: ssl.SSLContext
) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(plain, server_hostname=url.host, suppress_ragged_eofs=False)
    except OSError as error:
        raise tls_error(url, error, timeout) from error


def tls_error(url: GopherURL, error: OSError, timeout: float) -> GopherError:
    """Return the error that stands for an OSError of the TLS handshake."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return TLSError(url.address, error.verify_message)
    if isinstance(error, TimeoutError):
        return TimedOut(url.address, "connect", timeout)
    reason = "it does not speak TLS on this port; try gopher:// instead of gophers://"
    if not (isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS):
        reason = error.strerror or str(error)
    return TLSError(url.address, reason)


def is_tls_cut(error: OSError) -> bool:
    """Return true if TLS ended without its close."""
    import ssl

    # The class is what Python has for it since 3.11.4; before, only the reason tells.
    reason = getattr(error, "reason", None)
    return isinstance(error, ssl.SSLEOFError) or reason == "UNEXPECTED_EOF_WHILE_READING"
