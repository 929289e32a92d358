"""The keys under which programs keep a record's level and time: one table for all readers."""

from __future__ import annotations

import re
from typing import Any

BY_NAME_OR_NUMBER = (
    *("level", "severity", "lvl", "levelname", "level_name", "loglevel", "log.level"),
    *("@level", "@l", "error_severity", "severity_text", "severityText", "detected_level", "label"),
)
"""Keys that may hold a level, in the order of the search and in any case of letters.

Among others: `@level` is hclog's, `@l` Serilog's, `error_severity` PostgreSQL's, `label` mysqld's.
"""
BY_NUMBER = ("levelno", "severity_number", "severityNumber", "PRIORITY")
"""Keys that hold a level only as a number, searched after the others, in this case of letters."""
OF_MONGODB = "s"
"""MongoDB's key for a letter, beside `t` and `c`; searched last."""
BESIDE_OF_MONGODB = ("c", ("t", "t.$date"))
"""The keys that make `s` MongoDB's: all of these, of the inner ones any."""
LEVEL_KEYS = (*BY_NAME_OR_NUMBER, *BY_NUMBER, OF_MONGODB)
"""All of these, in the order of the search."""
OF_SERILOG, INFO_BESIDE = "@l", "@t"
"""Serilog leaves out its level if it is info: then only its time is there."""
ONLY_IN_OBJECTS = frozenset((OF_SERILOG, "label", OF_MONGODB))
"""Keys that hold a level in JSON, not in pairs: there they mean other things."""
ONLY_BY_NAME = frozenset(("label",))
"""Keys whose numbers are no levels: those of classes, in the records of other programs."""
_ANY_CASE = {key.lower(): index for index, key in enumerate(LEVEL_KEYS) if key in BY_NAME_OR_NUMBER}
_ONE_CASE = {key: index for index, key in enumerate(LEVEL_KEYS) if key not in BY_NAME_OR_NUMBER}
_OUTER, _INNER = "log", "level"
_BESIDE = frozenset((BESIDE_OF_MONGODB[0], *BESIDE_OF_MONGODB[1], INFO_BESIDE))

TIMESTAMP_KEYS = (
    *("@timestamp", "time", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
    *("asctime", "Timestamp", "@t", "EventTime", "instant", "instant.epochSecond"),
    *("timestamp.seconds", "started_at", "lastTimestamp", "stageTimestamp"),
)
"""Keys of a record's own time, which the field `timestamp` finds, in order."""
IMPORTED_TIME_KEYS = (
    *("time", "timestamp", "@timestamp", "ts", "t", "@t", "datetime", "eventTime"),
    "__REALTIME_TIMESTAMP",
    *("asctime", "Timestamp", "EventTime", "instant"),
    *("started_at", "lastTimestamp", "stageTimestamp"),
)
"""Keys of the time that a line of a file gets when it is imported, in order."""
INNER_TIME_KEYS = (("seconds", "nanos"), ("epochSecond", "nanoOfSecond"))
"""Keys of an object that is a time: whole seconds since 1970, and nanoseconds."""


def index_of_level_key(name: str) -> int | None:
    """Return the index of a key in LEVEL_KEYS, in any case of letters; None for another key."""
    index = _ONE_CASE.get(name)
    return index if index is not None else _ANY_CASE.get(name.lower())


def level_key(name: str) -> str | None:
    """Return the key of LEVEL_KEYS that a name means, or None."""
    index = index_of_level_key(name)
    return None if index is None else LEVEL_KEYS[index]


def may_tell_level(name: str) -> bool:
    """Tell whether a level may depend on the field of this name."""
    return index_of_level_key(name) is not None or name in _BESIDE


def level_names_in_order(names: list[str]) -> list[str]:
    """Return the names that may hold a level, in the order of the search; the usual case of a key first."""
    found = [(index, name) for name in names if (index := index_of_level_key(name)) is not None]
    if len(found) > 1:
        found.sort(key=lambda one: (one[0], one[1] != LEVEL_KEYS[one[0]], one[1]))
    return [name for _, name in found]


def level_names_of_object(found: dict[str, Any]) -> list[str]:
    """Return the dotted names of a JSON object that may hold a level, in the order of the search."""
    names = [*found]
    for key in found:
        if len(key) == len(_OUTER) and key.lower() == _OUTER:
            inside = found[key]
            if isinstance(inside, dict):
                names += [f"{key}.{inner}" for inner in inside if inner.lower() == _INNER]
    return level_names_in_order(names)


_USUAL = frozenset((*LEVEL_KEYS, *_BESIDE))
_WORDS = tuple({key.lower().encode() for key in BY_NAME_OR_NUMBER} | {_OUTER.encode()})
_spelled = re.compile(
    b"(?<![A-Za-z0-9_@.-])(?:"
    + b"|".join(sorted(map(re.escape, _WORDS), reverse=True))
    + b')(?=["=])',
    re.IGNORECASE,
).findall
# An escape of an ASCII letter or `@`.
_has_escaped_letter = re.compile(rb"\\u00[4-7]").search


def level_names_in_text(text: bytes) -> frozenset[str] | None:
    """Return the names that may tell levels as the lines of a text spell them, and all usual ones.

    None if that is not known: JSON may write a letter as a code.
    """
    if _has_escaped_letter(text):
        return None
    small = text.lower()
    if all(small.count(word) == text.count(word) for word in _WORDS):
        return _USUAL
    found = {word.decode() for word in {*_spelled(text)}}
    outer = {name for name in found if name.lower() == _OUTER} | {_OUTER}
    inner = {name for name in found if name.lower() == _INNER} | {_INNER}
    return _USUAL.union(found, (f"{one}.{other}" for one in outer for other in inner))
