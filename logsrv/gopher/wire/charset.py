"""Decoding the bytes of lines: as UTF-8 if they are valid UTF-8, else as Latin-1.

Gopher names no character set, and servers mix several in one menu, so each line is decoded by itself. The
user may name a character set.
"""

from __future__ import annotations

import codecs

from logsrv.errors import ConfigurationError
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
