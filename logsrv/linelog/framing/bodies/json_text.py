"""JSON that was received becomes a line, by its text: order, digits and duplicates stay (sans-IO)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import orjson

from logsrv.linelog.framing.lines.clean import is_clean, is_plain
from logsrv.linelog.framing.lines.oversize import next_oversize

_SPACE = b" \t\r\n"
# Characters that are escaped in one call: 0.1 µs each.
_PIECE = 32 << 10
# Characters that are escaped in any line of the store, and may stand in a JSON string as they are.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONE = re.compile("[\ud800-\udfff]")
# Escapes one after the other: a pair of surrogates, half of one, any other.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def one_line(text: bytes) -> bytes:
    """Return valid JSON as a line that nothing needs to be escaped in.

    It stays as it is, byte for byte, if it is that already. Else there is no white space between its
    tokens, and DEL, C1 and U+2028/9 in its strings are written `\\uNNNN`. Halves of surrogate pairs, which
    many readers refuse, become the text `\\xNN`.
    """
    text = without_halves(text.strip(_SPACE))
    if b"\n" not in text and is_clean(text):
        return text
    compact = _compact(text)
    if is_clean(compact):
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
    """Return JSON with DEL, C1 and U+2028/9 as `\\uNNNN`, and halves of surrogate pairs as text."""
    if not _UNSAFE.search(text):
        return text
    escapes = _escapes()
    # A single call would keep all threads waiting.
    parts = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return "".join([part.translate(escapes) for part in parts])


@cache
def _escapes() -> dict[int, str]:
    """Return what stands for each character that is escaped: 2,083 of them."""
    halves = {code: _bytes_of_half(code, "\\\\x") for code in range(0xD800, 0xE000)}
    return {**{code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}, **halves}


def without_halves(text: bytes) -> bytes:
    """Return JSON with the escapes of halves of surrogate pairs as the text `\\xNN`."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _ESCAPE.sub(_without_half, text)


def _without_half(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] is None else _text_of_half(found[1])


# A record may have 170,000, and 2 µs for each are many.
@lru_cache(maxsize=4096)
def _text_of_half(digits: bytes) -> bytes:
    return _bytes_of_half(int(digits, 16), "\\\\x").encode()


def plain_text(text: str) -> bytes:
    """Return text in UTF-8, with halves of surrogate pairs as `\\xNN`."""
    return _LONE.sub(lambda found: _bytes_of_half(ord(found[0]), "\\x"), text).encode()


def _bytes_of_half(code: int, escape: str) -> str:
    """Return half of a surrogate pair as bytes in hexadecimal, each behind `escape`.

    That is one byte if Python uses this half for a byte that is not UTF-8, else the three that encode it.
    """
    a_byte = 0xDC80 <= code <= 0xDCFF
    half = bytes((code & 0xFF,)) if a_byte else chr(code).encode("utf-8", "surrogatepass")
    return "".join(f"{escape}{one:02x}" for one in half)


def objects_as_they_stand(lines: bytes, most: int) -> int:
    """Return how many lines there are if each is an object that can be stored as it stands; else 0.

    Objects broken over several lines may pass for others if the number of lines is right by chance. What
    is stored is the same.
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
    return is_plain(lines) or is_clean(lines)
