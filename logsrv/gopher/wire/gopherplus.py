"""Gopher+ (Anklesaria et al., 1993): the header before an answer, and its errors. Sans-IO.

A server answers a request with `+`, `!` or `$` after its selector (`GopherURL.plus`) with a header line:

    +N     N bytes follow            with - in place of +, an error follows, with the same three endings
    +-1    a stuffed text follows, up to a line `.`
    +-2    all bytes follow until the server closes

A server without Gopher+ sends its plain answer, without a header.
"""

from __future__ import annotations

import re

from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.errors import ServerError
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
