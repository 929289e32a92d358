"""The part of a JSON object that becomes its pattern: the text of its message, or its keys."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import orjson

from logsrv.kit.text.colours import text_without_colours
from logsrv.linelog.fields.json import Object, look_up_field
from logsrv.linelog.fields.record import ALIASES
from logsrv.linelog.read.patterns.skeletons import LONGEST

MESSAGE_KEYS = ("message", "msg", "MESSAGE", "short_message", "event")
"""Keys of the message, the first that has a text."""
_MOST_KEYS = 30
_APP_NAMES = ("app", *ALIASES["app"])
_KEYS_OF_APP = frozenset(name.partition(".")[0] for name in _APP_NAMES) | frozenset(_APP_NAMES)


class ObjectParts(NamedTuple):
    """The parts of an object.

    app: the program that it names, or "". key: of its message, or "". text: the message, or all keys.
    """

    app: str
    key: str
    text: str


def read_object(content: bytes) -> ObjectParts | None:
    """Return the parts of a message that is a JSON object; None for another."""
    try:
        parsed = orjson.loads(content)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    app = _find_app(parsed, frozenset(_KEYS_OF_APP & parsed.keys()))
    for key in MESSAGE_KEYS:
        text = parsed.get(key)
        if type(text) is str and text:
            return ObjectParts(app, key, text_without_colours(text[:LONGEST]))
    more = ", …" if len(parsed) > _MOST_KEYS else ""
    return ObjectParts(app, "", f"{{{', '.join(sorted(parsed)[:_MOST_KEYS])}{more}}}"[:LONGEST])


def _find_app(parsed: Object, present: frozenset[str]) -> str:
    for name in _names_of_app(present) if present else ():
        value = parsed.get(name) or look_up_field(parsed, name)
        if type(value) is str:
            return value[:100]
    return ""


@lru_cache(maxsize=1000)
def _names_of_app(present: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the program to look up in an object with these keys."""
    return tuple(
        name for name in _APP_NAMES if name in present or name.partition(".")[0] in present
    )
