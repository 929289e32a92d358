"""The first bytes of an answer, looked at: another protocol, or an error of the server? Sans-IO.

Only what no real answer looks like is taken for either. An error in plain words, as gophernicus
sends for a missing file, cannot be told from a text, so it is a text.
"""

from __future__ import annotations

import re

from logsrv.gopher.wire.errors import NotGopher

# More than an error needs, and little enough to wait for.
LONGEST_ERROR = 4096

_SIGNS = (b"HTTP/", b"SSH-", b"\x15\x03")
_HTTP = rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]"
_SSH = rb"SSH-\d\.\d+-"
_TLS_ALERT = rb"\x15\x03[\0-\x04]\0\x02"
_LONGEST_SIGN = 14


def other_protocol(start: bytes) -> NotGopher | None:
    """The error to raise if an answer that begins with `start` is none of Gopher's."""
    if not start.startswith(_SIGNS):
        return None
    if re.match(_HTTP, start):
        return NotGopher("HTTP", "try the address in a web browser")
    if re.match(_SSH, start):
        return NotGopher("SSH", "look at the port")
    if re.match(_TLS_ALERT, start):
        return NotGopher("TLS", "try gophers:// instead of gopher://")
    return None


def may_be_other_protocol(start: bytes) -> bool:
    """Return true if more bytes behind `start` could still tell."""
    return len(start) < _LONGEST_SIGN and any(
        start[: len(sign)] == sign[: len(start)] for sign in _SIGNS
    )


def error_line(start: bytes, *, menu: bool, closed: bool) -> bytes | None:
    """Return the line of type 3 that an answer is, with only `i` and 3 lines after it; b"" if more bytes
    have to tell, None if it is content.

    A menu with something to follow in it is a menu, whatever its first line says. Where no menu was
    asked for, the line must have all of its fields: a table of numbers may begin with a 3 as well.
    """
    *lines, begun = [line.rstrip(b"\r") for line in start.split(b"\n")]
    if closed and begun:
        # It does not go on: a line like the others.
        lines, begun = [*lines, begun], b""
    ended = closed or b"." in lines
    if b"." in lines:
        lines, begun = lines[: lines.index(b".")], b""
    if not lines:
        return b"" if begun[:1] == b"3" and not ended and len(start) <= LONGEST_ERROR else None
    possible = (
        len(start) <= LONGEST_ERROR
        and _is_error(lines[0], menu)
        and all(line[:1] in (b"i", b"3", b"") for line in lines[1:])
        and begun[:1] in (b"i", b"3", b".", b"")
    )
    return None if not possible else lines[0] if ended else b""


def _is_error(line: bytes, menu: bool) -> bool:
    fields = line.split(b"\t")
    if line[:1] != b"3" or len(fields) < 2:
        return False
    if menu or len(fields) < 4:
        return menu
    port = fields[3].strip(b" ")
    return port.isdigit() and len(port) <= 5
