"""The text of a line, from its bytes. Gopher names no character set, and servers mix several in one
menu: so each line is UTF-8 if it can be, and Latin-1 otherwise, unless the user knows better.
"""

from __future__ import annotations

import codecs

from logsrv.errors import ConfigurationError
from logsrv.kit.text.escape import one_line

_ASCII = bytes(range(0x20, 0x7F)) + b"\t\n"


def checked_charset(name: str) -> str:
    """The canonical name of a character set that lines can be decoded with, such as `cp437`.

    Raises ConfigurationError for a name Python does not know, or one that lines of ASCII cannot be
    read in (UTF-16, EBCDIC).
    """
    try:
        codec = codecs.lookup(name)
        # `unicode_escape` and its like would make other characters out of ASCII.
        decoded = "" if "escape" in codec.name else _ASCII.decode(name)
        # `idna` and its like cannot be told to replace what they do not know.
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
    """Return a line (or field) as text; never fails. `charset` has passed `checked_charset`."""
    if charset is not None:
        return line.decode(charset, "replace")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def decode_text(text: bytes, charset: str | None = None) -> str:
    """Lines ended by LF or CRLF as text with LF; each line is decoded by itself."""
    text = text.replace(b"\r\n", b"\n")
    if charset is not None:
        return text.decode(charset, "replace")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return "\n".join(map(decode_line, text.split(b"\n")))
