"""JSON of other machines: read only if what it makes takes little memory.

`[],[],` takes 24 times its bytes. So values are counted first, as the characters before each: a comma or
an opening bracket.
"""

from __future__ import annotations

import json
from typing import Any

MOST_VALUES = 1_000_000
"""They take 200 MB at most, beside their text."""
NO_JSON = (json.JSONDecodeError, UnicodeDecodeError)
"""The errors whose sentences are for programmers."""
_BEFORE_VALUES = (b",", b"[", b"{")


def parse_json(data: bytes, most: int = MOST_VALUES) -> Any:
    """Return what is in it. Raises ValueError and RecursionError; also for more values than `most`."""
    # The quick count takes commas in strings for values, too.
    if _most_values(data) > most and _values(data, most) > most:
        raise ValueError(f"it has more than {most:,} values")
    return json.loads(data)


def _most_values(data: bytes) -> int:
    return sum(map(data.count, _BEFORE_VALUES)) + 1


def _values(data: bytes, most: int) -> int:
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 4 * most + 2:
        # A value has two strings at most, its key and itself.
        return most + 1
    return _most_values(b"".join(plain.split(b'"')[::2]))
