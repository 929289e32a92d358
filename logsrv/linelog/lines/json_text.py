"""Turn received JSON text into one line; order, digits and duplicate keys stay (sans-IO)."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import orjson

from logsrv.linelog.lines.clean import is_clean, is_plain_ascii
from logsrv.linelog.lines.rules import next_oversize

_SPACE = b" \t\r\n"
# Characters that JSON strings may contain, and that lines of the store must not.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONE = re.compile("[\ud800-\udfff]")
# Matches an escape: of a pair of surrogates, of half a pair (the group), or any other escape.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


def json_on_one_line(text: bytes) -> bytes:
    """Return valid JSON as one line without characters that the store would escape.

    A text that is such a line already stays unchanged, without its outer white space. Otherwise white space
    between tokens is removed, and DEL, C1 and U+2028/9 in strings become `\\uNNNN`. Halves of surrogate
    pairs, which many readers refuse, become the text `\\xNN`.
    """
    text = replace_half_surrogates(text.strip(_SPACE))
    if b"\n" not in text and is_clean(text):
        return text
    compact = _without_space(text)
    if is_clean(compact):
        return compact
    return escape_unsafe_json(compact.decode()).encode()


def _without_space(text: bytes) -> bytes:
    """Return JSON without the white space between its tokens."""
    pieces = text.split(b'"')
    in_string = False
    for index, piece in enumerate(pieces):
        if not in_string:
            pieces[index] = piece.translate(None, _SPACE)
            in_string = True
        else:
            # A quotation mark after an odd number of backslashes belongs to the string.
            in_string = (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1
    return b'"'.join(pieces)


def escape_unsafe_json(text: str) -> str:
    """Replace DEL, C1 and U+2028/9 in JSON with `\\uNNNN`, and halves of surrogate pairs with `\\xNN`."""
    return text.translate(_escape_table()) if _UNSAFE.search(text) else text


@cache
def _escape_table() -> dict[int, str]:
    """Return the replacement of each escaped character; built once, for 2,083 characters."""
    halves = {code: _escaped_surrogate(code, "\\\\x") for code in range(0xD800, 0xE000)}
    return {**{code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}, **halves}


def replace_half_surrogates(text: bytes) -> bytes:
    """Replace the escapes of halves of surrogate pairs in JSON with the text `\\xNN`."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _ESCAPE.sub(_replace_half_surrogate, text)


def _replace_half_surrogate(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] is None else _escaped_half_surrogate(found[1])


# A cache: a record may have 170,000 escaped halves, and each takes 2 µs without it.
@lru_cache(maxsize=4096)
def _escaped_half_surrogate(digits: bytes) -> bytes:
    return _escaped_surrogate(int(digits, 16), "\\\\x").encode()


def utf8_with_escapes(text: str) -> bytes:
    """Encode text in UTF-8, with halves of surrogate pairs as `\\xNN`."""
    return _LONE.sub(lambda found: _escaped_surrogate(ord(found[0]), "\\x"), text).encode()


def _escaped_surrogate(code: int, escape: str) -> str:
    """Return half of a surrogate pair as hexadecimal bytes, each after `escape`.

    A half that stands for a byte that is not UTF-8 becomes this byte; any other half becomes the three
    bytes of its code.
    """
    a_byte = 0xDC80 <= code <= 0xDCFF
    half = bytes((code & 0xFF,)) if a_byte else chr(code).encode("utf-8", "surrogatepass")
    return "".join(f"{escape}{one:02x}" for one in half)


def count_storable_objects(lines: bytes, most: int) -> int:
    """Return the number of lines if each is a JSON object that can be stored unchanged; else 0.

    Objects broken over several lines may pass if the number of lines is right by chance; the stored bytes
    are the same.
    """
    if not (lines.startswith(b"{") and lines.endswith(b"}")):
        return 0
    number = lines.count(b"\n") + 1
    if lines.count(b"}\n{") != number - 1 or not lines_storable_unchanged(lines, number, most):
        return 0
    try:
        found = orjson.loads(b"[%b]" % lines.replace(b"\n", b","))
    except ValueError:
        return 0
    return number if len(found) == number else 0


def lines_storable_unchanged(lines: bytes, number: int, most: int) -> bool:
    """Return whether these lines are `number` JSON texts of at most `most` bytes with nothing to escape."""
    if lines.count(b"\n") != number - 1 or next_oversize(lines, 0, most) >= 0:
        return False
    return is_plain_ascii(lines) or is_clean(lines)
