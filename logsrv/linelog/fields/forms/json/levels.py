"""Find the levels of many JSON objects at once: nearly always in one field, such as `level`.

It is apart from `many.py`, which reads all values: to count lines by level, one value of each object is
needed. What it does not know for sure is UNSURE, and `level_of_fields` decides about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import orjson

from logsrv.linelog.fields.known_keys import (
    BY_NUMBER,
    INFO_BESIDE,
    OF_MONGODB,
    OF_SERILOG,
    level_key,
)
from logsrv.linelog.fields.level_names import OF_MONGODB_LETTERS, RANK, UNSURE, canonical_level

# The value of an object without a key that may lead to its level.
_NO_LEVEL = object()


def levels_of_objects(objects: Sequence[bytes]) -> list[int]:
    """Return the number of the level of each message that begins as an object does; 0, or UNSURE."""
    ways = _LevelWays()
    try:
        # The key `level` has precedence over all others.
        values = [
            found["level"]
            if "level" in found
            else way(found)
            if (way := ways[tuple(found)]) is not None
            else _NO_LEVEL
            for found in map(orjson.loads, objects)
        ]
    except ValueError:
        values = [_level_value_of_json(one, ways) for one in objects]
    try:
        numbers = {value: _number_of_level(value) for value in set(values)}
        return [numbers[value] for value in values]
    except TypeError:
        # A value is a list, which has no hash: read the values one by one.
        return [_number_of_level(value) for value in values]


_Way = Callable[[dict[str, Any]], Any]


class _LevelWays(dict[tuple[str, ...], _Way | None]):
    """By the keys of an object without `level`, the function that names its level; None for no level.

    It returns _NO_LEVEL for an object without one, and another value if the object needs a closer look.
    """

    def __missing__(self, keys: tuple[str, ...]) -> _Way | None:
        found = self[keys] = _way_to_level(keys)
        return found


def _way_to_level(keys: tuple[str, ...]) -> _Way | None:
    names: list[tuple[str, str | None]] = [
        (key, known) for key in keys if (known := level_key(key)) is not None
    ]
    if any(key.lower() == "log" for key in keys):
        names.append(("log", None))
    if INFO_BESIDE in keys and all(known != OF_SERILOG for _, known in names):
        return _unsure if names else _level_of_serilog
    if not names:
        return None
    if len(names) > 1:
        return _unsure
    [(name, key)] = names
    if key is None or key in BY_NUMBER:
        return _unsure if key or "log" not in keys else _no_level_in_log
    if key == OF_MONGODB:
        return _level_of_mongodb
    return itemgetter(name)


def _unsure(_: dict[str, Any]) -> None:
    return None


def _no_level_in_log(found: dict[str, Any]) -> object:
    """Return that a text in `log` is no level; an object may have one."""
    return None if isinstance(found["log"], dict) else _NO_LEVEL


def _level_of_serilog(found: dict[str, Any]) -> str | None:
    return "info" if isinstance(found[INFO_BESIDE], str) else None


def _level_of_mongodb(found: dict[str, Any]) -> object:
    """Return the level of a letter if its object is MongoDB's."""
    if "c" not in found or "t" not in found:
        return _NO_LEVEL
    time, letter = found["t"], found[OF_MONGODB]
    if not isinstance(time, dict) or time.keys() != {"$date"} or not isinstance(letter, str):
        return None
    is_known = isinstance(time["$date"], str) and isinstance(found["c"], str)
    return OF_MONGODB_LETTERS.get(letter) if is_known else None


def _level_value_of_json(content: bytes, ways: _LevelWays) -> Any:
    try:
        found = orjson.loads(content)
    except ValueError:
        return None
    if "level" in found:
        return found["level"]
    way = ways[tuple(found)]
    return _NO_LEVEL if way is None else way(found)


def _number_of_level(value: object) -> int:
    if value is _NO_LEVEL:
        return 0
    level = canonical_level(value) if isinstance(value, str) else None
    return UNSURE if level is None else RANK[level] + 1
