"""Responses: from the bytes that a server sends to the body of the answer, or an error. Sans-IO.

    opening ──► until close                     no Gopher+ header, or +-2
       │  └───► counted, until dot              +N, +-1
       └──────► error ──► ServerError           --N

The opening buffers the bytes it needs to distinguish content from an error or another protocol: for most
answers none, and at most 4 KiB. Bytes that a real answer may begin with always count as content. So an
error in plain words, which gophernicus sends for a missing file, counts as a text.

A server answers a request with `+`, `!` or `$` after its selector (`GopherURL.plus`) with a header line of
Gopher+ (Anklesaria et al., 1993); one without Gopher+ sends its plain answer, without a header:

    +N     N bytes follow            with - in place of +, an error follows, with the same three endings
    +-1    a stuffed text follows, up to a line `.`
    +-2    all bytes follow until the server closes
"""

from __future__ import annotations

import re
from collections.abc import Callable

from logsrv.gopher.wire.errors import NotGopher, ServerError, TooBig, Truncated
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.text import DotEndedParser, decode_text
from logsrv.gopher.wire.url import GopherURL
from logsrv.value import Value

UNTIL_DOT = -1
UNTIL_CLOSE = -2

# Compiled when first used: that takes half a millisecond, and most answers never need them.
_HEADER = rb"([+-])(-1|-2|\d{1,15})\r?\n"
_HEADER_BEGUN = rb"[+-](?:-?[12]?|\d{1,15})\r?"
_ERROR_NUMBER = rb"(\d{1,3})\b[ \t]*(.*)"


class PlusHeader(Value):
    """A Gopher+ header. length: the number of bytes of the answer, or UNTIL_DOT or UNTIL_CLOSE."""

    is_error: bool
    length: int


def parse_header(start: bytes) -> tuple[PlusHeader, int] | None:
    """Return the header that `start` begins with, and its length in bytes; None if there is none."""
    found = re.match(_HEADER, start)
    if found is None:
        return None
    return PlusHeader(found[1] == b"-", int(found[2])), found.end()


def may_become_header(start: bytes) -> bool:
    """Return true if `start` is the incomplete beginning of a header."""
    return not start or re.fullmatch(_HEADER_BEGUN, start) is not None


def parse_error(body: bytes, charset: str | None = None) -> ServerError:
    """Parse the body of an error answer: a line `NUMBER ADMIN`, then sentences."""
    first, _, message = body.partition(b"\n")
    found = re.match(_ERROR_NUMBER, first)
    number = int(found[1]) if found else None
    if not message.strip(b". \t\r\n"):
        message = found[2] if found else first
    return ServerError(decode_text(message, charset).strip(), number)


# Bytes. A longer answer is content: an error is shorter.
LONGEST_ERROR = 4096

_SIGNS = (b"HTTP/", b"SSH-", b"\x15\x03")
# Other protocols: how an answer begins, the name, a hint for the user.
_OTHERS = (
    (rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]", "HTTP", "try the address in a web browser"),
    (rb"SSH-\d\.\d+-", "SSH", "look at the port"),
    (rb"\x15\x03[\0-\x04]\0\x02", "TLS", "try gophers:// instead of gopher://"),
)
_LONGEST_SIGN = 14


def other_protocol_error(start: bytes) -> NotGopher | None:
    """Return the error for an answer in another protocol (HTTP, SSH, TLS) by its beginning, else None."""
    if not start.startswith(_SIGNS):
        return None
    found = (NotGopher(name, hint) for sign, name, hint in _OTHERS if re.match(sign, start))
    return next(found, None)


def may_be_other_protocol(start: bytes) -> bool:
    """Return true if `start` is too short for `other_protocol_error` to decide."""
    return len(start) < _LONGEST_SIGN and any(
        start[: len(sign)] == sign[: len(start)] for sign in _SIGNS
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

    received: bytes from the server. passed_on: bytes of the body that were returned or skipped.
    is_certain: it is certain that this is content, not an error.
    complete: the body is complete before the server has closed; further bytes are ignored.
    header: the Gopher+ header, if there was one. Then a text has neither terminator nor stuffed dots, and
        needs no `TextParser`.
    """

    # Defaults of the class: setting them for each of ten thousand answers takes time.
    received = 0
    passed_on = 0
    is_certain = False
    complete = False
    header: PlusHeader | None = None
    _pending = b""
    _missing: int

    def __init__(
        self, url: GopherURL, most_bytes: int | None = None, charset: str | None = None
    ) -> None:
        """most_bytes: a longer body is TooBig. charset: of error messages."""
        self._url = url
        self._most_bytes = most_bytes
        self._charset = charset
        self._take: Callable[[ResponseReader, bytes], bytes] = ResponseReader._decide_opening

    @property
    def length(self) -> int | None:
        """Return the length of the whole body in bytes if Gopher+ announced it, else None."""
        return self.header.length if self.header and self.header.length >= 0 else None

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the server; return the part of the body that is certain now, maybe b"".

        Raises ServerError, NotGopher, TooBig.
        """
        self.received += len(data)
        body = self._take(self, data)
        self._count_body(len(body))
        return body

    @property
    def rest_is_verbatim(self) -> bool:
        """Return true if all further bytes are body, unchanged: `count_skipped` may replace `feed`."""
        return self._take is ResponseReader._body_until_close

    def count_skipped(self, size: int) -> None:
        """Count `size` bytes that the system moved without this object. Raises TooBig."""
        self.received += size
        self._count_body(size)

    def finish(self) -> bytes:
        """Return the buffered rest of the body: the server has closed.

        Raises Truncated, ServerError, TooBig.
        """
        if self._take is ResponseReader._decide_opening:
            self._raise_or_may_be_error(closed=True)
            held, self._pending = self._pending, b""
            self.is_certain = True
            self._count_body(len(held))
            return held
        if self.header is None:
            return b""
        if self._take is ResponseReader._collect_error:
            raise parse_error(self._pending, self._charset)
        if not self.complete:
            if self.header.length >= 0:
                raise self.broken_error(f"{self._missing} bytes are missing")
            if self.header.length == UNTIL_DOT:
                raise self.broken_error("the dot at its end is missing")
        return b""

    def broken_error(self, reason: str) -> Truncated:
        """Return the error for a connection that broke before the body was `complete`."""
        return Truncated(self._url.address, self.received, reason)

    def _raise_or_may_be_error(self, *, closed: bool) -> bool:
        """Return true if the buffer may be the beginning of an error. Raises ServerError if it is one."""
        is_menu = item_type(self._url.item_type).transfer == "menu"
        line = error_line(self._pending, menu=is_menu, closed=closed)
        if line:
            raise ServerError(parse_menu_line(line).text(self._charset))
        return line is not None

    def _count_body(self, size: int) -> None:
        self.passed_on += size
        if self._most_bytes is not None and self.passed_on > self._most_bytes:
            raise TooBig("the answer", self._most_bytes)

    def _decide_opening(self, data: bytes) -> bytes:
        if not self._pending and self._url.plus is None and data[:1] not in _SUSPECTS:
            self._take = ResponseReader._body_until_close
            self.is_certain = True
            return data
        self._pending += data
        if error := other_protocol_error(self._pending):
            raise error
        if may_be_other_protocol(self._pending):
            return b""
        if self._url.plus is not None:
            if found := parse_header(self._pending):
                self.header, length = found
                body, self._pending = self._pending[length:], b""
                return self._begin_body(self.header, body)
            if may_become_header(self._pending):
                return b""
        if self._raise_or_may_be_error(closed=False):
            return b""
        body, self._pending = self._pending, b""
        self._take = ResponseReader._body_until_close
        self.is_certain = True
        return body

    def _begin_body(self, header: PlusHeader, body: bytes) -> bytes:
        if header.is_error:
            self._take = ResponseReader._collect_error
        elif header.length == UNTIL_CLOSE:
            self._take = ResponseReader._body_until_close
        elif header.length == UNTIL_DOT:
            self._dot_ended = DotEndedParser()
            self._take = ResponseReader._body_until_dot
        else:
            if self._most_bytes is not None and header.length > self._most_bytes:
                raise TooBig("the answer", self._most_bytes)
            self._take = ResponseReader._body_by_length
            self._missing = header.length
        self.is_certain = not header.is_error
        return self._take(self, body)

    def _body_until_close(self, data: bytes) -> bytes:
        return data

    def _body_by_length(self, data: bytes) -> bytes:
        body = data[: self._missing]
        self._missing -= len(body)
        self.complete = self._missing == 0
        return body

    def _body_until_dot(self, data: bytes) -> bytes:
        body = self._dot_ended.feed(data)
        self.complete = self._dot_ended.ended
        return body

    def _collect_error(self, data: bytes) -> bytes:
        self._pending = (self._pending + data)[:LONGEST_ERROR_BODY]
        assert self.header is not None
        length = self.header.length
        ended = 0 <= length <= len(self._pending) or len(self._pending) == LONGEST_ERROR_BODY
        if ended or (length == UNTIL_DOT and self._pending.endswith(b"\n.\r\n")):
            raise parse_error(self._pending, self._charset)
        return b""
