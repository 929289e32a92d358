"""JSON from other machines: parsed only if the result takes little memory.

The objects of `[],[],` take 24 times as many bytes as the text. So the values are counted first, by the
character before each: a comma or an opening bracket.
"""

from __future__ import annotations

import json
from typing import Any

MOST_VALUES = 1_000_000
"""The most values that a JSON text may have by default. They take at most 200 MB, in addition to their
text.
"""
NO_JSON = (json.JSONDecodeError, UnicodeDecodeError)
"""The exceptions that Python raises for invalid JSON; their texts are for programmers."""
_BEFORE_VALUES = (b",", b"[", b"{")
PIECE = 1 << 18


def parse_json(data: bytes, most: int = MOST_VALUES) -> Any:
    """Return the value of JSON text. Raises ValueError, also for over `most` values, and RecursionError."""
    # The quick count may be too high, because it also counts commas in strings.
    if _count_before_values(data) >= most and _count_values(data, most) > most:
        raise ValueError(f"it has more than {most:,} values")
    try:
        # Many long numbers take most of a second. Other threads run meanwhile only if a Python function
        # is called for each number.
        return json.loads(data, parse_int=_integer, parse_float=_decimal)
    except NO_JSON:
        raise
    except ValueError:
        raise ValueError("a number in it has too many digits") from None


def _integer(digits: str) -> int:
    return int(digits)


def _decimal(digits: str) -> float:
    return float(digits)


def _count_before_values(data: bytes) -> int:
    return sum(map(data.count, _BEFORE_VALUES))


def _count_values(data: bytes, most: int) -> int:
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 4 * most + 2:
        # A value has at most two strings: its key and itself.
        return most + 1
    found, in_string = 1, False
    # In pieces: a part between two quotes takes 40 bytes of memory or more, however short it is.
    for at in range(0, len(plain), PIECE):
        parts = plain[at : at + PIECE].split(b'"')
        found += _count_before_values(b"".join(parts[in_string::2]))
        in_string ^= len(parts) % 2 == 0
    return found
