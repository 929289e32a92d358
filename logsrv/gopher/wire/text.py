"""Texts: their character set, their terminator and stuffed dots (RFC 1436, section 3.8, "TextFile Entity").
Sans-IO.

Gopher names no character set, and servers mix several in one menu. So each line is decoded by itself: as
UTF-8 if it is valid UTF-8, else as Latin-1. The user may name a character set.

By the RFC a text ends with a line `.`, and every line of the text that begins with a dot gets another dot
in front. But most servers send the file unchanged. Only the last line distinguishes the two: so dots are
removed if, and only if, the very last line is `.`.

That is known only at the end. Until then, the part before the first line that begins with a dot can be
passed on, and the rest must wait.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

_ASCII = bytes(range(0x20, 0x7F)) + b"\t\n"


def checked_charset(name: str) -> str:
    """Return the canonical name of a character set that can decode lines, such as `cp437`.

    Raises ConfigurationError for a name Python does not know, or for a character set that does not contain
    ASCII (UTF-16, EBCDIC).
    """
    try:
        codec = codecs.lookup(name)
        # `unicode_escape` and similar codecs would change ASCII text.
        decoded = "" if "escape" in codec.name else _ASCII.decode(name)
        # `idna` and similar codecs raise even with "replace".
        bytes(range(0x80, 0x100)).decode(name, "replace")
    except (LookupError, UnicodeError, ValueError):
        decoded = ""
    if decoded != _ASCII.decode("ascii"):
        raise ConfigurationError(
            f"“{one_line(name, 60)}” is not a character set for Gopher; take one that contains "
            "ASCII, such as utf-8, latin-1, cp437 or koi8-r"
        )
    return codec.name


def decode_line(line: bytes, charset: str | None = None) -> str:
    """Decode a line (or field); never fails. charset: a result of `checked_charset`."""
    if charset is not None:
        return line.decode(charset, "replace")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def decode_text(text: bytes, charset: str | None = None) -> str:
    """Decode lines that end with LF or CRLF to text with LF; without `charset`, each line by itself.

    A byte order mark in front is left out.
    """
    text = text.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
    if charset is not None:
        return text.decode(charset, "replace")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return "\n".join(map(decode_line, text.split(b"\n")))


class PieceDecoder:
    """Decodes a text that comes in pieces, as `decode_text` does.

    With a charset, a piece may end within a character; without one, it ends with a line or a character.
    CR LF is not divided.
    """

    def __init__(self, charset: str | None) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        if charset is not None:
            self._decoder = codecs.getincrementaldecoder(charset)("replace")
        self._begins = True

    def decode(self, piece: bytes, *, last: bool) -> str:
        if self._decoder is None:
            return decode_text(piece)
        if self._begins:
            piece = piece.removeprefix(codecs.BOM_UTF8)
            self._begins = False
        return self._decoder.decode(piece.replace(b"\r\n", b"\n"), last)


MOST_HELD = 64 * 1024 * 1024
# Bytes at the end of a text that are enough to find its terminator, even with a few extra CRs.
TAIL = 16


class Text(NamedTuple):
    """A text. content: with the server's line endings, without terminator and stuffed dots."""

    url: GopherURL
    content: bytes
    terminated: bool

    def decoded(self, charset: str | None = None) -> str:
        """Return the text with LF as line ending, not yet escaped."""
        return decode_text(self.content, charset)


def terminator_length(tail: bytes) -> int:
    """Return the length of the terminator at the end of a text in bytes; 0 if there is none.

    tail: the whole text, or its last TAIL bytes.
    """
    before = tail.removesuffix(b"\n").rstrip(b"\r")
    return len(tail) - len(before) + 1 if before == b"." or before.endswith(b"\n.") else 0


def unstuffed(text: bytes) -> tuple[bytes, bool]:
    """Return a text without terminator and stuffed dots, and true if it had a terminator."""
    last_line = text.rfind(b"\n", 0, len(text) - 1) + 1
    if length := terminator_length(text[last_line:]):
        return without_stuffed_dots(text[: len(text) - length]), True
    return text, False


def without_stuffed_dots(lines: bytes) -> bytes:
    """Remove one dot from every line that begins with two."""
    if b"\n.." not in lines and not lines.startswith(b".."):
        return lines
    return (b"\n" + lines).replace(b"\n..", b"\n.")[1:]


class Stuffer:
    """Converts lines with LF or CRLF to a text by the RFC: CRLF, doubled dots, a line `.` at the end."""

    def __init__(self) -> None:
        self._pending = b""
        self._starts = True

    def feed(self, data: bytes) -> bytes:
        data = self._pending + data
        # The LF of a CRLF may be in the next piece.
        self._pending = b"\r" if data.endswith(b"\r") else b""
        lines = data[: len(data) - len(self._pending)].replace(b"\r\n", b"\n")
        if not lines:
            return b""
        if self._starts and lines.startswith(b"."):
            lines = b"." + lines
        self._starts = lines.endswith(b"\n")
        return lines.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """Return the end of the text, with its terminator."""
        ended = self._starts and not self._pending
        return self._pending + (b"" if ended else b"\r\n") + b".\r\n"


class TextParser:
    """Takes the bytes of a text in pieces of any size, returns its content as soon as it is certain."""

    def __init__(self, most_held: int = MOST_HELD) -> None:
        """most_held: the most bytes that may wait for the end of the text; more raise TooBig."""
        self._most_held = most_held
        self._pending: bytearray | None = None
        self._last = b"\n"
        self.terminated = False

    def feed(self, data: bytes) -> bytes:
        """Return the content that is certain now.

        Raises TooBig if more than `most_held` bytes must wait.
        """
        if self._pending is not None:
            self._pending += data
            if len(self._pending) > self._most_held:
                raise TooBig("the part of the text that begins with a dot", self._most_held)
            return b""
        dot = data.find(b"\n.") + 1
        if self._last == b"\n" and data.startswith(b"."):
            dot = 0
        elif not dot:
            self._last = data[-1:] or self._last
            return data
        self._pending = bytearray()
        self.feed(data[dot:])
        return data[:dot]

    def finish(self) -> bytes:
        """Return the rest: the server has closed. With a terminator, that and stuffed dots are removed."""
        content, self.terminated = unstuffed(bytes(self._pending or b""))
        return content
