"""JSON objects: parsed fast where nothing is lost by that, exactly where something would be.

orjson turns integers beyond 64 bits into floats and forgets how a decimal was written. So numbers
that look like it, and values whose text is wanted, are parsed again by the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, TypeAlias

from logsrv.linelog.fields.stored import decoded
from logsrv.linelog.fields.values import LONGEST_INTEGER, Scalar, Value, WrittenFloat

Object: TypeAlias = dict[str, Any]

LONGEST_NAME = 1000
"""Characters of a dotted name. Nested keys would otherwise make gigabytes of names out of a megabyte."""
_MOST_NAMES = 4 << 20
_SHORT = 100
_BIG = float(1 << 63)
# To load orjson takes as long as the standard library takes for so many lines: a search that the word
# index has narrowed down to a few is over before.
_without_orjson = 400


def parse_json(content: bytes) -> Object | None:
    """Return the object that `content` is, or None. Integers beyond 64 bits may be floats in it."""
    if not content.lstrip(b" \t\r\n").startswith(b"{"):
        return None
    global _without_orjson
    if _without_orjson:
        _without_orjson -= 1
        exact = parse_exactly(content)
        if exact is not None:
            return exact
    try:
        found = quick_parser()(content)
    except ValueError:
        return parse_exactly(content)
    return found if isinstance(found, dict) else None


@cache
def quick_parser() -> Callable[[bytes], Any]:
    """Return orjson's `loads`, loaded when it is first asked for: 12 ms, with what it loads."""
    from orjson import loads

    return loads


def parse_exactly(content: bytes) -> Object | None:
    """Return the object with all integers exact, and decimals as `Written`.

    Takes what others write although it is no JSON: NaN and Infinity (as text) and bare TABs.
    """
    if not content.rstrip(b" \t\r\n").endswith(b"}"):
        return None
    text = decoded(content)
    try:
        found = _exact(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _integer(text: str) -> int | WrittenFloat:
    return int(text) if len(text) <= LONGEST_INTEGER else WrittenFloat(text)


# Made once: to make it takes as long as to parse a line.
_exact = json.JSONDecoder(
    parse_int=_integer, parse_float=WrittenFloat, parse_constant=str, strict=False
).decode


def is_inexact(value: object) -> bool:
    """Tell whether `value`, of `parse_json`, may have integers in it that did not fit."""
    if not isinstance(value, list):
        return _is_inexact(value)
    # A stack of our own: lists may be nested deeper than Python's.
    stack: list[object] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, (list, dict)):
            stack += one if isinstance(one, list) else one.values()
        elif _is_inexact(one):
            return True
    return False


def _is_inexact(value: object) -> bool:
    return type(value) is float and (value >= _BIG or value <= -_BIG)


def look_up(found: Object, name: str) -> Any:
    """Return the value called `name`, dots leading into nested objects, or None.

    Where `a.b` is both a key and a nested one, the last in the text counts.
    """
    if "." not in name:
        return found.get(name)
    if len(name) < _SHORT:
        # A tenth of the time of going through all keys; few names lead into objects.
        for part in _beginnings(name):
            if isinstance(found.get(part), dict):
                break
        else:
            value = found.get(name)
            return None if isinstance(value, dict) else value
    result = None
    # For each object that is being looked through, where in `name` its keys begin.
    stack = [(0, iter(found.items()))]
    while stack:
        start, items = stack[-1]
        for key, value in items:
            if name.startswith(key, start):
                end = start + len(key)
                if end == len(name):
                    result = result if isinstance(value, dict) else value
                elif name[end] == "." and isinstance(value, dict):
                    stack.append((end + 1, iter(value.items())))
                    break
        else:
            stack.pop()
    return result


@lru_cache(maxsize=1000)
def _beginnings(name: str) -> list[str]:
    """Return the parts of a name before each of its dots: keys of objects that lead to it."""
    return [name[:at] for at in range(len(name)) if name[at] == "."]


def as_value(value: Any) -> Value | None:
    """Return a value of JSON as a field has it; None for null, an object and an empty list."""
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, list):
        return [_element(item) for item in value if item is not None] or None
    scalar: Scalar = value
    return scalar


def _element(item: Any) -> Scalar:
    if not isinstance(item, (dict, list)):
        scalar: Scalar = item
        return scalar
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError):
        return "{}"


def flat(found: Object) -> dict[str, Value]:
    """Return all fields by their dotted names, without those that are missing or named too long."""
    fields: dict[str, Value] = {}
    room = _MOST_NAMES
    # A stack of our own: JSON may be nested deeper than Python's.
    stack = [("", iter(found.items()))]
    while stack:
        prefix, items = stack[-1]
        for key, value in items:
            name = prefix + key
            room -= len(name)
            if len(name) > LONGEST_NAME or room < 0:
                continue
            if isinstance(value, dict):
                stack.append((name + ".", iter(value.items())))
                break
            field = as_value(value)
            if field is None:
                fields.pop(name, None)
            else:
                fields[name] = field
        else:
            stack.pop()
    return fields
