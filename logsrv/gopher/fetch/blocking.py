"""Gopher for scripts without a reactor: `urlopen` and `urlretrieve`.

Built on the same `Transfer` as `GopherClient`, without Twisted: importing and fetching takes a few
milliseconds.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterator

from logsrv.gopher.fetch.connection_options import ConnectionOptions, Trust
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.stream import AnswerStream
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.fetch.wholefile import unstuff_file, whole_file
from logsrv.gopher.wire.errors import (
    GopherError,
    NeedsTLS,
    ProxyError,
    Refused,
    TimedOut,
    TLSError,
    Truncated,
    UnknownHost,
)
from logsrv.gopher.wire.itemtypes import AnswerKind, item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.text import TextParser
from logsrv.gopher.wire.url import GopherURL

TIMEOUT = 30.0
# Seconds for each step of the question whether a silent server speaks TLS.
_ASK_TLS = 5.0
_MENU_LINE = rb"(?m)^[^\t\n]+\t[^\t\n]*\t[^\t\n]*\t\d*[\t\r\n]"
_CHUNK = 64 * 1024
_LONG = 3600.0


class _AnswerBody(AnswerStream, io.RawIOBase):
    """The content of one answer as a raw file, which `GopherFile` buffers."""

    def __init__(
        self,
        url: GopherURL,
        options: ConnectionOptions,
        kind: AnswerKind | None,
        *,
        as_text: bool,
    ) -> None:
        """kind: see `Transfer`. as_text: whether to remove the last line `.` and doubled dots.

        Raises the server's error, and the one for an answer that is not Gopher, before anything is read.
        """
        self._unread = memoryview(b"")
        super().__init__(Transfers(options, time.monotonic), url, kind)
        try:
            while not self.certain_or_raise():
                self._transfers.run_round(_LONG)
        except BaseException:
            self.close()
            raise
        self.parser = TextParser() if as_text and not self.has_header else None

    def readable(self) -> bool:
        return True

    def wait_for_piece(self) -> bytes:
        """Return the next piece, b"" at the end."""
        if self._unread:
            unread, self._unread = bytes(self._unread), memoryview(b"")
            return unread
        while (data := self.take_received()) != b"":
            if data is None:
                self._transfers.run_round(_LONG)
            elif content := self.parser.feed(data) if self.parser else data:
                return content
        parser, self.parser = self.parser, None
        return parser.finish() if parser else b""

    def peek(self) -> memoryview:
        """Return the next piece, which stays to be read."""
        self._unread = self._unread or memoryview(self.wait_for_piece())
        return self._unread

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self.peek()
        size = min(len(buffer), len(self._unread))
        buffer[:size] = self._unread[:size]
        self._unread = self._unread[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._transfers.close()
        io.RawIOBase.close(self)


class GopherFile(io.BufferedReader):
    """An answer as a file of bytes: `read`, `readline`, iteration, `close`, `with`.

    url: the request. length: bytes of the whole answer if Gopher+ announced it, else None. has_header:
    whether a Gopher+ header came before it; then a text has no terminator.
    """

    def __init__(self, body: _AnswerBody, url: GopherURL) -> None:
        self.url = url
        self.length = body.length
        self.has_header = body.has_header
        self._body = body
        super().__init__(body, _CHUNK)

    @property
    def is_empty(self) -> bool:
        """Return true if the server sent nothing. Waits for the first byte. Raises GopherError."""
        return not self._body.peek() and not self._body.received

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole answer in pieces as they arrive, faster than `read`. Raises GopherError."""
        while piece := self._body.wait_for_piece():
            yield piece

    def begins_with_menu(self) -> bool:
        """Return true if a line at the beginning has the fields of a menu: for URLs of uncertain type."""
        return re.search(_MENU_LINE, self._body.peek()) is not None


def raise_if_needs_tls(url: GopherURL, options: ConnectionOptions) -> None:
    """Raise NeedsTLS if the server of `url`, which sent nothing, speaks TLS on this port.

    An empty answer alone does not tell: OpenSSL closes without an alert, and waits for more after an empty
    selector, while an empty text may end without a byte, too. So the request is sent again inside TLS.
    Any certificate will do: the selector has been sent without TLS already.
    """
    if url.tls or not _speaks_tls(url.replace(tls=True), options):
        return
    raise NeedsTLS(url.address, str(url.replace(tls=True)))


def sent_nothing(error: GopherError) -> bool:
    """Return true if a request failed because the server did not send a single byte."""
    if isinstance(error, Truncated):
        return not error.received
    return isinstance(error, TimedOut) and error.phase == "first byte"


def _speaks_tls(url: GopherURL, options: ConnectionOptions) -> bool:
    limits = options.limits.replace(connect=_ASK_TLS, first_byte=_ASK_TLS, whole=3 * _ASK_TLS)
    options = options.replace(limits=limits, trust=Trust(insecure=True, accept_cut=True))
    try:
        with open_answer(url, options, "text"):
            return True
    except (TLSError, Refused, ProxyError, UnknownHost):
        return False
    except TimedOut as error:
        return error.phase != "connect"
    except GopherError:
        # Its handshake succeeded.
        return True


def open_answer(
    url: GopherURL,
    options: ConnectionOptions,
    kind: AnswerKind | None = None,
    *,
    as_sent: bool = False,
) -> GopherFile:
    """Request `url` and return the answer as a file; a text has neither terminator nor stuffed dots.

    kind: see `Transfer`. as_sent: whether to keep the terminator and the dots of a text. Raises GopherError
    as `urlopen` does.
    """
    as_text = item_type(url.item_type).transfer == "text" and not as_sent
    return GopherFile(_AnswerBody(url, options, kind, as_text=as_text), url)


def urlopen(
    url: str | GopherURL,
    timeout: float = TIMEOUT,
    data: str | bytes | None = None,
    *,
    trust: Trust | None = None,
    most_bytes: int | None = None,
    proxy: Proxy | None = None,
    as_sent: bool = False,
) -> GopherFile:
    """Request `url` and return the answer as a file; a text has neither terminator nor stuffed dots.

    timeout: seconds, for connecting and for each silence of the server. data: the words of a search.
    most_bytes: a longer answer raises TooBig. as_sent: see `open_answer`.

    Raises GopherError: here for the beginning of the answer, while reading for the rest.
    """
    target = url if isinstance(url, GopherURL) else GopherURL.parse(url)
    if data is not None:
        target = target.searching(data)
    limits = Limits(download=most_bytes, connect=timeout, first_byte=timeout, between=timeout)
    options = ConnectionOptions(limits, trust or Trust(), proxy)
    return open_answer(target, options, as_sent=as_sent)


def urlretrieve(
    url: str | GopherURL,
    filename: str | os.PathLike[str],
    reporthook: Callable[[int, int | None], None] | None = None,
    *,
    timeout: float = TIMEOUT,
    trust: Trust | None = None,
    most_bytes: int | None = None,
    proxy: Proxy | None = None,
) -> int:
    """Save the answer to `url` as `filename`, which appears (or changes) only when it is complete.

    `reporthook(bytes so far, bytes in all or None)` is called for each piece. Returns the size of
    the file in bytes. Raises GopherError, OSError.
    """
    answer = urlopen(url, timeout, trust=trust, most_bytes=most_bytes, proxy=proxy, as_sent=True)
    with answer, whole_file(filename) as file:
        size = 0
        for piece in answer.pieces():
            size += file.write(piece)
            if reporthook is not None:
                reporthook(size, answer.length)
        if item_type(answer.url.item_type).transfer == "text" and not answer.has_header:
            unstuff_file(file)
        return file.seek(0, os.SEEK_END)
