"""The level of a line: one of eight names, whatever the sender calls it and wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from logsrv.linelog.fields.values import Value, elements, number

RULES = 1
"""The version of the rules by which a line has a level, here and wherever fields are found.

Another one whenever any line may get another level: indexes have numbers of lines by these rules."""
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Levels, the least severe first."""
RANK = {name: rank for rank, name in enumerate(LEVELS)}
OTHER_NAMES = {
    "trace": "debug",
    "information": "info",
    "informational": "info",
    "warn": "warning",
    "err": "error",
    "severe": "error",
    "crit": "critical",
    "fatal": "critical",
    "emerg": "emergency",
    "panic": "emergency",
}
NAMES = {**{name: name for name in LEVELS}, **OTHER_NAMES}
"""Every name, in small letters, and the level it means."""

BY_SYSLOG = dict(enumerate(reversed(LEVELS)))
"""Severities as syslog counts them: 0 is emergency, 7 debug."""
_BY_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
_BY_NUMBER = BY_SYSLOG | _BY_PINO
_BY_PYTHON = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
_BY_OTLP = {
    number: name
    for first, name in ((1, "debug"), (5, "debug"), (9, "info"), (13, "warning"), (17, "error"))
    for number in range(first, first + 4)
} | dict.fromkeys(range(21, 25), "critical")

BY_NAME_OR_NUMBER = ("level", "severity", "lvl", "levelname", "level_name", "loglevel", "log.level")
"""Fields of the content that may hold a level, in the order in which they are asked."""
BY_NUMBER = {"levelno": _BY_PYTHON, "severity_number": _BY_OTLP, "PRIORITY": BY_SYSLOG}
"""Fields that hold it only as a number, asked behind those, and the levels of their numbers."""
_FIELDS = dict.fromkeys(BY_NAME_OR_NUMBER, _BY_NUMBER) | BY_NUMBER

LOOKED_AT = 64
"""Characters of the text in which a name may begin."""
_LONGEST = max(map(len, NAMES))
_WORD = re.compile(r"\w+")


def canonical(name: str) -> str | None:
    """Return the level that `name` means, in any case, or None."""
    return NAMES.get(name.lower()) if len(name) <= _LONGEST and name.isascii() else None


def of_fields(get: Callable[[str], Value | None]) -> str | None:
    """Return the level that the fields of a content tell, or None."""
    for name, numbers in _FIELDS.items():
        value = get(name)
        for item in elements(value) if value is not None else ():
            if isinstance(item, str) and name not in BY_NUMBER and (level := canonical(item)):
                return level
            # 30.0 is 30, and finds the same entry.
            if level := numbers.get(number(item)):  # type: ignore[arg-type]
                return level
    return None


def of_text(text: str) -> str | None:
    """Return the level that stands at the beginning of `text` in capitals or in brackets, or None."""
    for word in _WORD.finditer(text, 0, LOOKED_AT + _LONGEST + 1):
        if word.start() >= LOOKED_AT:
            return None
        level = canonical(word[0])
        if level and (word[0].isupper() or _in_brackets(text, word.start(), word.end())):
            return level
    return None


def _in_brackets(text: str, start: int, end: int) -> bool:
    opened = text.rfind("[", 0, start)
    if opened < 0 or text.find("]", opened, start) >= 0:
        return False
    closed = text.find("]", end)
    return closed >= 0 and text.find("[", end, closed) < 0
