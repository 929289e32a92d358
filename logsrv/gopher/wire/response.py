"""Responses: from the bytes that a server sends to the body of the answer, or an error. Sans-IO.

The opening is buffered until it is certain that it is content, not an error or another protocol: for most
answers no byte, and at most 4 KiB. Bytes that a real answer may begin with always count as content. So an
error in plain words, which gophernicus sends for a missing file, counts as a text.

A server answers a request with `+` after its selector (`GopherURL.plus`) with a header line of Gopher+
(Anklesaria et al., 1993), `+N` for N bytes; one without Gopher+ sends its plain answer, without a header.
Only that length is used here: `+-1` and `+-2` end by close like any answer, behind a `-` stands an error.
Attributes and answers that end by a dot are not read any more: hardly a server is left that has them.
"""

from __future__ import annotations

import re

from logsrv.gopher.wire.errors import NotGopher, ServerError, TooBig, Truncated
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.text import decode_text
from logsrv.gopher.wire.url import GopherURL

# Compiled when first used: that takes half a millisecond, and most answers never need them.
_HEADER = rb"([+-])(-1|-2|\d{1,15})\r?\n"
_HEADER_BEGUN = rb"(?:[+-](?:-?[12]?|\d{1,15})\r?)?"
_ERROR_NUMBER = rb"\d{1,3}\b[ \t]*(.*)"


def parse_error(body: bytes, charset: str | None = None) -> ServerError:
    """Parse the body of an error answer: a line `NUMBER ADMIN`, then sentences."""
    first, _, message = body.partition(b"\n")
    if not message.strip(b". \t\r\n"):
        found = re.match(_ERROR_NUMBER, first)
        message = found[1] if found else first
    return ServerError(decode_text(message, charset).strip())


# Bytes. A longer answer is content: an error is shorter.
LONGEST_ERROR = 4096

# Other protocols: how an answer begins, as bytes and as a pattern, the name, a hint for the user.
_OTHERS = (
    (b"HTTP/", rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]", "HTTP", "try the address in a web browser"),
    (b"SSH-", rb"SSH-\d\.\d+-", "SSH", "look at the port"),
    (b"\x15\x03", rb"\x15\x03[\0-\x04]\0\x02", "TLS", "try gophers:// instead of gopher://"),
)
_LONGEST_SIGN = 14


def may_be_other_protocol(start: bytes) -> bool:
    """Return true if `start` is too short to tell whether it is another protocol: HTTP, SSH or TLS.

    Raises NotGopher if it is one.
    """
    for sign, pattern, name, hint in _OTHERS:
        if start.startswith(sign) and re.match(pattern, start):
            raise NotGopher(name, hint)
    return len(start) < _LONGEST_SIGN and any(
        start[: len(sign)] == sign[: len(start)] for sign, *_ in _OTHERS
    )


def error_line(start: bytes, *, menu: bool, closed: bool) -> bytes | None:
    """Return the first line of an answer that is an error: a line of type 3, with only lines of type i and
    3 after it. b"" if more bytes are needed to decide, None if it is content.

    A menu with a link in it is a menu, whatever its first line is. If no menu was requested, the line must
    have all of its fields: a table of numbers may begin with a 3, too.
    """
    *lines, begun = [line.rstrip(b"\r") for line in start.split(b"\n")]
    if closed and begun:
        # After close, an incomplete line is complete.
        lines, begun = [*lines, begun], b""
    ended = closed or b"." in lines
    if b"." in lines:
        lines, begun = lines[: lines.index(b".")], b""
    if not lines:
        return b"" if begun[:1] == b"3" and len(start) <= LONGEST_ERROR else None
    possible = (
        len(start) <= LONGEST_ERROR
        and _is_error_line(lines[0], menu)
        and all(line[:1] in (b"i", b"3", b"") for line in lines)
        and begun[:1] in (b"i", b"3", b".", b"")
    )
    return None if not possible else lines[0] if ended else b""


def _is_error_line(line: bytes, menu: bool) -> bool:
    fields = line.split(b"\t")
    if line[:1] != b"3" or len(fields) < 2:
        return False
    if menu or len(fields) < 4:
        return menu
    port = fields[3].strip(b" ")
    return port.isdigit() and len(port) <= 5


LONGEST_ERROR_BODY = 64 * 1024
# The first bytes of errors and of other protocols; an answer with another first byte is content.
_SUSPECTS = (b"", b"3", b"H", b"S", b"\x15")


class ResponseReader:
    """The parser of one answer: `feed` it received bytes, and `finish` it when the server closes.

    received: bytes from the server. passed_on: bytes of the body that were returned.
    is_certain: it is certain that this is content, not an error.
    complete: the body is complete before the server has closed; further bytes are ignored.
    length: bytes of the whole body if Gopher+ announced them, else None.
    has_header: a Gopher+ header told how the body ends. A text then has no terminator and no stuffed dots.
    """

    # Defaults of the class: setting them for each of ten thousand answers takes time.
    received = 0
    passed_on = 0
    is_certain = False
    complete = False
    has_header = False
    length: int | None = None
    _pending = b""
    _missing: int | None = None
    _is_plus_error = False

    def __init__(
        self, url: GopherURL, most_bytes: int | None = None, charset: str | None = None
    ) -> None:
        """most_bytes: a longer body is TooBig. charset: of error messages."""
        self._url = url
        self._most_bytes = most_bytes
        self._charset = charset

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the server; return the part of the body that is certain now, maybe b"".

        Raises ServerError, NotGopher, TooBig.
        """
        self.received += len(data)
        body = data if self.is_certain else self._read_opening(data)
        if self._missing is not None:
            body = body[: self._missing]
            self._missing -= len(body)
            self.complete = not self._missing
        return self._counted(body)

    def finish(self) -> bytes:
        """Return the buffered rest of the body: the server has closed.

        Raises Truncated, ServerError, TooBig.
        """
        if self._missing:
            raise self.broken_error(f"{self._missing} bytes are missing")
        if self._is_plus_error:
            raise parse_error(self._pending, self._charset)
        if not self.is_certain:
            self._raise_or_may_be_error(closed=True)
            self.is_certain = True
        held, self._pending = self._pending, b""
        return self._counted(held)

    def broken_error(self, reason: str) -> Truncated:
        """Return the error for a connection that broke before the body was `complete`."""
        return Truncated(self._url.address, self.received, reason)

    def _counted(self, body: bytes) -> bytes:
        self.passed_on += len(body)
        self._check_size(self.passed_on)
        return body

    def _check_size(self, size: int) -> None:
        if self._most_bytes is not None and size > self._most_bytes:
            raise TooBig("the answer", self._most_bytes)

    def _read_opening(self, data: bytes) -> bytes:
        """Return the beginning of the body when it is certain, b"" before. Raises GopherError."""
        plus = self._url.plus is not None
        if not self._pending and not plus and data[:1] not in _SUSPECTS:
            self.is_certain = True
            return data
        self._pending += data
        if self._is_plus_error or may_be_other_protocol(self._pending):
            if len(self._pending) >= LONGEST_ERROR_BODY:
                raise parse_error(self._pending, self._charset)
            return b""
        found = re.match(_HEADER, self._pending) if plus else None
        if found is not None:
            self._pending = self._pending[found.end() :]
            if found[1] == b"-":
                self._is_plus_error = True
                return b""
            self.has_header = found[2] != b"-1"
            if (length := int(found[2])) >= 0:
                self._check_size(length)
                self.length = self._missing = length
        elif (plus and re.fullmatch(_HEADER_BEGUN, self._pending)) or self._raise_or_may_be_error(
            closed=False
        ):
            return b""
        body, self._pending = self._pending, b""
        self.is_certain = True
        return body

    def _raise_or_may_be_error(self, *, closed: bool) -> bool:
        """Return true if the buffer may be the beginning of an error. Raises ServerError if it is one."""
        is_menu = item_type(self._url.item_type).transfer == "menu"
        line = error_line(self._pending, menu=is_menu, closed=closed)
        if line:
            raise ServerError(parse_menu_line(line).text(self._charset))
        return line is not None
