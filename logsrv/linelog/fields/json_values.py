"""JSON with the exact values of all numbers, and its values as those of fields.

The standard library parses it: orjson loses digits. `forms/json/one.py` decides which of them a line needs.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.fields.values import EXACT, LONGEST_INTEGER, Scalar, Value, WrittenFloat

Object: TypeAlias = dict[str, Any]
LONGEST_NAME = 1000
"""Longest dotted name in characters: nested keys could turn a megabyte into gigabytes of names."""
_BIG = float(EXACT)


def parse_json_exactly(content: bytes) -> Object | None:
    """Return the JSON object in `content` with exact integers, and decimals as `WrittenFloat`; or None.

    Accepts NaN and Infinity, as text, and bare TABs, which are no JSON but occur.
    """
    if not content.rstrip(b" \t\r\n").endswith(b"}"):
        return None
    text = decode_stored(content)
    try:
        found = _exact(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _parse_integer(text: str) -> int | WrittenFloat:
    return int(text) if len(text) <= LONGEST_INTEGER else WrittenFloat(text)


# Made once: making a decoder takes as long as parsing a line.
_exact = json.JSONDecoder(
    parse_int=_parse_integer, parse_float=WrittenFloat, parse_constant=str, strict=False
).decode


def is_inexact(value: object) -> bool:
    """Tell whether a value from `parse_json` may contain numbers that no float has."""
    if not isinstance(value, list):
        return _is_large_float(value)
    # An explicit stack: lists may be nested deeper than Python can recurse.
    stack: list[object] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, (list, dict)):
            stack += one if isinstance(one, list) else one.values()
        elif _is_large_float(one):
            return True
    return False


def _is_large_float(value: object) -> bool:
    return type(value) is float and (value >= _BIG or value <= -_BIG)


def json_to_field_value(value: Any) -> Value | None:
    """Return a JSON value as a field's value; None for null, an object, and a list without values."""
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, list):
        return [_list_element(item) for item in value if item is not None] or None
    scalar: Scalar = value
    return scalar


def _list_element(item: Any) -> Scalar:
    if not isinstance(item, (dict, list)):
        scalar: Scalar = item
        return scalar
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError):
        return "{}"
