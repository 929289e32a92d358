"""Parse JSON objects: fast with orjson, or exactly with the standard library if orjson loses something.

orjson turns integers beyond 64 bits into floats, and forgets how a decimal was written: beyond 2^53 that is
another number. So large numbers, and numbers whose text is needed, are parsed again by the standard library
(`json_values.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from logsrv.linelog.fields.json_values import (
    LONGEST_NAME,
    Object,
    json_to_field_value,
    parse_json_exactly,
)
from logsrv.linelog.fields.values import Value

_MOST_NAMES = 4 << 20
_SHORT = 100
# The number of lines that are still parsed by the standard library: 400 take as long as importing orjson. A
# search that the word index has narrowed to a few lines never imports it.
without_orjson = 400


def parse_json(content: bytes) -> Object | None:
    """Return the JSON object in `content`, or None. Large numbers may become floats."""
    if not content.lstrip(b" \t\r\n").startswith(b"{"):
        return None
    global without_orjson
    if without_orjson:
        without_orjson -= 1
        exact = parse_json_exactly(content)
        if exact is not None:
            return exact
    try:
        found = load_orjson_parser()(content)
    except ValueError:
        return parse_json_exactly(content)
    return found if isinstance(found, dict) else None


@cache
def load_orjson_parser() -> Callable[[bytes], Any]:
    """Return orjson's `loads`; the first call imports orjson, in 12 ms."""
    from orjson import loads

    return loads


def look_up_field(parsed: Object, name: str) -> Any:
    """Return the value called `name`, or None; dots lead into nested objects.

    If `a.b` is both a key and a nested key, the last one in the text counts.
    """
    if "." not in name:
        return parsed.get(name)
    if len(name) < _SHORT:
        # These look-ups take a tenth of the time of checking all keys; few names lead into objects.
        for part in _name_prefixes(name):
            if isinstance(parsed.get(part), dict):
                break
        else:
            value = parsed.get(name)
            return None if isinstance(value, dict) else value
    result = None
    # For each object on the way: where its keys begin in `name`, and its remaining items.
    stack = [(0, iter(parsed.items()))]
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
def _name_prefixes(name: str) -> list[str]:
    """Return the parts of a name before each dot: keys of objects that may contain it."""
    return [name[:at] for at in range(len(name)) if name[at] == "."]


def flatten_object(found: Object) -> dict[str, Value]:
    """Return all fields by dotted name, without missing values.

    Leaves out names longer than LONGEST_NAME, and all that follow after 4 Mi characters of names.
    """
    fields: dict[str, Value] = {}
    room = _MOST_NAMES
    # An explicit stack: JSON may be nested deeper than Python can recurse.
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
            field = json_to_field_value(value)
            if field is None:
                fields.pop(name, None)
            else:
                fields[name] = field
        else:
            stack.pop()
    return fields
