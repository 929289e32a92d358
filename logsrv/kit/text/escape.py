"""The one place where outside text becomes safe to show: what could drive a terminal, forge a line
or turn its reading direction becomes `\\xNN` or `\\uNNNN`.
"""

from __future__ import annotations

import re

# A path is there to be found, so it is shown whole, whatever the system takes.
SHOWN_PATH_LENGTH = 4096
# C0 but TAB and LF, DEL, C1 (many terminals obey U+009B as ESC [), the characters that end a line
# elsewhere, those that turn the direction of reading ("Trojan Source"), and lone surrogates, which
# no output encoding takes.
_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE_IN_TEXT = f"[{_UNSAFE}]"
_UNSAFE_IN_A_LINE = f"[\t\n{_UNSAFE}]"
_CONTROLS = bytes([*range(9), *range(11, 32), 127])


def _code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def printable(text: str) -> str:
    """`text` with TAB and LF as they are and everything else that is not for showing escaped."""
    # No unsafe character counts as printable.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return re.sub(_UNSAFE_IN_TEXT, _code, text)


def is_plain(data: bytes) -> bool:
    """Return true if `data` is ASCII of which `printable` leaves all as it is."""
    # At memory speed, where an expression would take ten times as long.
    return data.isascii() and len(data.translate(None, _CONTROLS)) == len(data)


def plain_json(text: str) -> str:
    """`text`, which is JSON, with what is not for showing as JSON spells it: `\\u202e`."""
    return re.sub(_UNSAFE_IN_TEXT, lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str, longest: int = 1000) -> str:
    """`text` for the middle of a sentence: also TAB and LF escaped, cut to `longest` characters."""
    shown = text[: longest + 1]
    if not shown.isprintable():
        shown = re.sub(_UNSAFE_IN_A_LINE, _code, shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
