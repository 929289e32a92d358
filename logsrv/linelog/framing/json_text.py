"""JSON that was received becomes a line, by its text: order, digits and duplicates stay (sans-IO)."""

from __future__ import annotations

import re

import orjson

from logsrv.linelog.framing.clean import escaped, is_plain
from logsrv.linelog.framing.oversize import next_oversize

_SPACE = b" \t\r\n"
# What is escaped in any line of the store, and may stand in a JSON string as it is.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


def one_line(text: bytes) -> bytes:
    """Return valid JSON as a line that nothing needs to be escaped in.

    It stays as it is, byte for byte, if it is that already. Else there is no white space between its
    tokens, and DEL, C1 and U+2028/9 in its strings are written `\\uNNNN`.
    """
    text = text.strip(_SPACE)
    if b"\n" not in text and escaped(text) == text:
        return text
    compact = _compact(text)
    if escaped(compact) == compact:
        return compact
    return harmless(compact.decode()).encode()


def _compact(text: bytes) -> bytes:
    """Return JSON without the white space between its tokens."""
    pieces = text.split(b'"')
    in_string = False
    for place, piece in enumerate(pieces):
        if not in_string:
            pieces[place] = piece.translate(None, _SPACE)
            in_string = True
        else:
            # Behind an odd number of backslashes a quotation mark is a part of the string.
            in_string = (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1
    return b'"'.join(pieces)


def harmless(text: str) -> str:
    """Return JSON with DEL, C1 and U+2028/9 as `\\uNNNN`."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def objects_as_they_stand(lines: bytes, most: int) -> int:
    """Return how many lines there are if each is an object that can be stored as it stands; else 0.

    Objects that are broken over lines so that their number comes out right are taken for such; what is
    stored is the same.
    """
    if not (lines.startswith(b"{") and lines.endswith(b"}")):
        return 0
    number = lines.count(b"\n") + 1
    if lines.count(b"}\n{") != number - 1 or not can_stay(lines, number, most):
        return 0
    try:
        found = orjson.loads(b"[%b]" % lines.replace(b"\n", b","))
    except ValueError:
        return 0
    return number if len(found) == number else 0


def can_stay(lines: bytes, number: int, most: int) -> bool:
    """Return whether so many texts of JSON, of `most` bytes at most, can be stored as these lines."""
    if lines.count(b"\n") != number - 1 or next_oversize(lines, 0, most) >= 0:
        return False
    return is_plain(lines) or escaped(lines) == lines
