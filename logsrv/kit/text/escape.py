"""Escapes text from outside, so that it is safe to show; no other module does this.

Characters that could control a terminal, forge a line or turn its reading direction become `\\xNN` or
`\\uNNNN`.
"""

from __future__ import annotations

import re

SHOWN_PATH_LENGTH = 4096
"""The most characters of a path in a message; no system accepts a longer path, and a reader needs the whole
path to find the file.
"""
# C0 except TAB and LF, DEL, C1 (many terminals obey U+009B as ESC [), other characters that end a line,
# those that turn the reading direction ("Trojan Source"), and lone surrogates, which no encoding accepts.
_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE_IN_TEXT = f"[{_UNSAFE}]"
_UNSAFE_IN_A_LINE = f"[\t\n{_UNSAFE}]"
_CONTROLS = bytes([*range(9), *range(11, 32), 127])


def _escape_code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def printable(text: str) -> str:
    """Return `text` with all unsafe characters escaped; TAB and LF stay."""
    # No unsafe character counts as printable.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return re.sub(_UNSAFE_IN_TEXT, _escape_code, text)


def is_printable_ascii(data: bytes) -> bool:
    """Return true if `data` is ASCII that `printable` would not change."""
    # A regular expression would take ten times as long.
    return data.isascii() and len(data.translate(None, _CONTROLS)) == len(data)


def escaped_json(text: str) -> str:
    """Return `text`, which is JSON, with unsafe characters escaped in the way of JSON: `\\u202e`."""
    return re.sub(_UNSAFE_IN_TEXT, lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, longest: int = 1000) -> str:
    """Return `text` for use in a sentence: unsafe characters, TAB and LF are escaped, and the result has at
    most `longest` characters.

    A text that is cut ends in `…`.
    """
    shown = text[: longest + 1]
    if not shown.isprintable():
        shown = re.sub(_UNSAFE_IN_A_LINE, _escape_code, shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
