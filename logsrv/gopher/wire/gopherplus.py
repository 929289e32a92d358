"""Gopher+ (Anklesaria et al., 1993): the header before an answer, attribute blocks, forms. Sans-IO.

A server answers a request with `+`, `!` or `$` after its selector (`GopherURL.plus`) with a header line:

    +N     N bytes follow            with - in place of +, an error follows, with the same three endings
    +-1    a stuffed text follows, up to a line `.`
    +-2    all bytes follow until the server closes

A server without Gopher+ sends its plain answer, without a header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logsrv.gopher.wire.charset import decode_line, decode_text
from logsrv.gopher.wire.errors import BadURL, ServerError
from logsrv.gopher.wire.menu import MenuItem, parse_menu_line
from logsrv.gopher.wire.url import GopherURL
from logsrv.value import Value

UNTIL_DOT = -1
UNTIL_CLOSE = -2

# Compiled when first used: that takes half a millisecond, and most answers never need them.
_HEADER = rb"([+-])(-1|-2|\d{1,15})\r?\n"
_HEADER_BEGUN = rb"[+-](?:-?[12]?|\d{1,15})\r?"
_ERROR_NUMBER = rb"(\d{1,3})\b[ \t]*(.*)"
_BLOCK = rb"(?s)\+([^\s:]+):?[ \t]*(.*)"
_VIEW = rb"(?s)([^\s:]+)(?:[ \t]+([^\s:]+))?[ \t]*:[ \t]*(?:<([^<>]*)>)?.*"


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


class AlternateView(Value):
    """A form in which a server offers an item; `size` is the server's text, such as b"10k"."""

    media_type: bytes
    language: bytes = b""
    size: bytes = b""


class Attributes(Value):
    """The attributes of an item. blocks: (name in capitals, lines), in the server's order."""

    item: MenuItem | None
    blocks: tuple[tuple[str, tuple[bytes, ...]], ...]

    def block(self, name: str) -> tuple[bytes, ...]:
        """Return the lines of the first block of that name, or ()."""
        return next((lines for found, lines in self.blocks if found == name), ())

    @property
    def views(self) -> tuple[AlternateView, ...]:
        found = (re.fullmatch(_VIEW, line) for line in self.block("VIEWS"))
        return tuple(
            AlternateView(match[1], match[2] or b"", match[3] or b"") for match in found if match
        )


def parse_attributes(body: bytes) -> tuple[Attributes, ...]:
    """Parse the attributes of each item in an answer to `!` (one item) or `$` (all of a menu).

    A line that does not begin a block belongs to the current block, even without an indent.
    """
    items: list[tuple[MenuItem | None, list[tuple[str, tuple[bytes, ...]]]]] = []
    for name, lines in _split_blocks(body):
        if name == "INFO":
            items.append((parse_menu_line(lines[0] if lines else b""), []))
            continue
        if not items:
            items.append((None, []))
        items[-1][1].append((name, tuple(lines)))
    return tuple(Attributes(item, tuple(blocks)) for item, blocks in items)


def _split_blocks(body: bytes) -> list[tuple[str, list[bytes]]]:
    blocks: list[tuple[str, list[bytes]]] = []
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if found := re.fullmatch(_BLOCK, line):
            blocks.append((decode_line(found[1]).upper(), [found[2]] if found[2] else []))
        elif blocks and line.strip() and line != b".":
            blocks[-1][1].append(line.removeprefix(b" "))
    return blocks


def form_request(url: GopherURL, answers: Sequence[bytes]) -> bytes:
    """Return the request that sends a filled-in form (an +ASK block), one answer for each of its lines.

    An answer of several lines has LF between them. Raises BadURL for CR or NUL in an answer.
    """
    sent = []
    for answer in answers:
        if b"\r" in answer or b"\0" in answer:
            raise BadURL(str(url), "the answers of a form hold neither CR nor NUL")
        for line in answer.split(b"\n"):
            sent.append((b"." if line.startswith(b".") else b"") + line + b"\r\n")
    asked = url.replace(search=None, plus=url.plus or b"+").request().removesuffix(b"\r\n")
    return b"".join([asked, b"\t1\r\n+-1\r\n", *sent, b".\r\n"])
