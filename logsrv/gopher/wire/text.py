"""Texts, their terminator and stuffed dots (RFC 1436, section 3.8, "TextFile Entity"). Sans-IO.

By the RFC a text ends with a line `.`, and a line of its own that begins with a dot has one more in
front. Most servers send the file as it is, lone dots and all. Only the last line tells the two
apart: so dots are taken away if, and only if, the very last line is `.`.

That is known at the end. Until then everything before the first line that begins with a dot can be
passed on, and the rest has to wait.
"""

from __future__ import annotations

import re

from logsrv.gopher.wire.charset import decode_text
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.url import GopherURL
from logsrv.gopher.wire.value import Value

MOST_HELD = 64 * 1024 * 1024
_TERMINATOR_LINE = rb"\n\.\r?\n"
_TERMINATOR_BEGUN = rb"\n(?:\.\r?)?\Z"
# Enough of the end of a text to see its terminator, with a few CRs that do not belong there.
TAIL = 16


class Text(Value):
    """A whole text. `content` has the server's line endings, and no terminator and stuffed dots."""

    url: GopherURL
    content: bytes
    terminated: bool

    def decoded(self, charset: str | None = None) -> str:
        """The text with LF as line ending, not yet escaped."""
        return decode_text(self.content, charset)


def terminator_length(tail: bytes) -> int:
    """Return how many bytes at the end of a text are its terminator; 0 if there is none.

    `tail` is the whole text, or its last TAIL bytes.
    """
    before = tail.removesuffix(b"\n").rstrip(b"\r")
    return len(tail) - len(before) + 1 if before == b"." or before.endswith(b"\n.") else 0


def unstuffed(text: bytes) -> tuple[bytes, bool]:
    """Return a whole text without terminator and stuffed dots, and whether it had them."""
    if length := terminator_length(text):
        return (b"\n" + text[: len(text) - length]).replace(b"\n..", b"\n.")[1:], True
    return text, False


class Unstuffer:
    """Takes one dot off every line that begins with two; bytes at any split in, bytes out."""

    def __init__(self) -> None:
        # The start counts as the end of a line: then a stuffed line is just LF, dot, dot.
        self._held = b"\n"
        self._skip = 1

    def feed(self, data: bytes) -> bytes:
        held = self._held + data
        keep = 2 if held.endswith(b"\n.") else 1 if held.endswith(b"\n") else 0
        self._held = held[len(held) - keep :]
        return self._passed_on(held[: len(held) - keep])

    def finish(self) -> bytes:
        return self._passed_on(self._held)

    def _passed_on(self, lines: bytes) -> bytes:
        lines = lines.replace(b"\n..", b"\n.")
        if lines and self._skip:
            self._skip = 0
            return lines[1:]
        return lines


class Stuffer:
    """The other way: lines with LF or CRLF become a text as the RFC wants it, ended by a line `.`."""

    def __init__(self) -> None:
        self._held = b""
        self._starts = True

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        # A LF may follow.
        self._held = b"\r" if data.endswith(b"\r") else b""
        lines = data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")
        if not lines:
            return b""
        if self._starts and lines.startswith(b"."):
            lines = b"." + lines
        self._starts = lines.endswith(b"\n")
        return lines.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """The end of the text, and its terminator."""
        ended = self._starts and not self._held
        return self._held + (b"" if ended else b"\r\n") + b".\r\n"


class DotEnded(Unstuffer):
    """A stuffed text that does end with a line `.`, because its Gopher+ header says so."""

    ended = False

    def feed(self, data: bytes) -> bytes:
        """The text of these bytes; behind the terminator (`ended`) nothing counts."""
        if self.ended:
            return b""
        held = self._held + data
        if found := re.search(_TERMINATOR_LINE, held):
            self.ended = True
            # The LF before the terminator belongs to the text.
            stop = found.start() + 1
            self._held = b""
        else:
            begun = re.search(_TERMINATOR_BEGUN, held)
            stop = begun.start() if begun else len(held)
            self._held = held[stop:]
        return self._passed_on(held[:stop])


class TextParser:
    """Bytes of a text at any split in, its content out as soon as it is certain."""

    def __init__(self, most_held: int = MOST_HELD) -> None:
        """`most_held`: bytes that may wait for the end."""
        self._most_held = most_held
        self._held: bytearray | None = None
        self._last = b"\n"
        self.terminated = False

    def feed(self, data: bytes) -> bytes:
        """Return what is certain. Raises TooBig if more than `most_held` bytes would have to wait."""
        if self._held is not None:
            self._held += data
            if len(self._held) > self._most_held:
                raise TooBig("the part of the text that begins with a dot", self._most_held)
            return b""
        dot = data.find(b"\n.") + 1
        if self._last == b"\n" and data.startswith(b"."):
            dot = 0
        elif not dot:
            self._last = data[-1:] or self._last
            return data
        self._held = bytearray()
        self.feed(data[dot:])
        return data[:dot]

    def finish(self) -> bytes:
        """The server closed: the rest, without terminator and stuffed dots if there is one."""
        content, self.terminated = unstuffed(bytes(self._held or b""))
        return content
