"""JSON that was received becomes a line, by its text: order, digits and duplicates stay (sans-IO)."""

from __future__ import annotations

import re

from logsrv.linelog.framing.clean import escaped

# What stands between tokens, and what is to be left alone while it is looked for.
_STRING_OR_SPACE = re.compile(rb'("(?:[^"\\]++|\\.)*+")|[ \t\r\n]+', re.DOTALL)
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_OPENING_OR_CLOSING = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+([\[\]{},])", re.DOTALL)
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
    compact = _STRING_OR_SPACE.sub(rb"\1", text)
    if escaped(compact) == compact:
        return compact
    return harmless(compact.decode()).encode()


def harmless(text: str) -> str:
    """Return JSON with DEL, C1 and U+2028/9 as `\\uNNNN`."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def elements(array: bytes) -> list[bytes]:
    """Return the elements of a valid JSON array as they stand there, without white space around them."""
    found = []
    depth, start = 0, 0
    for match in _OPENING_OR_CLOSING.finditer(array):
        sign = match[1]
        if sign in b"[{":
            depth += 1
            if depth == 1:
                start = match.end()
        elif depth == 1:
            found.append(array[start : match.start(1)].strip(_SPACE))
            start = match.end()
            if sign == b"]":
                break
        elif sign in b"]}":
            depth -= 1
    return [one for one in found if one] if found == [b""] else found
