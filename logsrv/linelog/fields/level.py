"""The level of a line: one of eight names, whatever the sender calls it and wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from logsrv.linelog.fields.values import Value, elements, number

RULES = 2
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
"""Characters of the text in which a name may begin, and the time of an access log."""
_LONGEST = max(map(len, NAMES))
_WORD = re.compile(r"\w+")

OF_POSTGRESQL: dict[str, str | None] = {
    "LOG": "info",
    **{f"DEBUG{number}": "debug" for number in range(1, 6)},
    **dict.fromkeys(("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION")),
}
"""Words of PostgreSQL before a colon and two blanks; behind those that are no levels stands SQL."""
BEHIND_POSTGRESQL = ":  "

OF_STATUS = {"4": "warning", "5": "error"}
"""By the first digit of a status."""
NOUNS = ("alert", "emergency")
"""Levels whose names begin sentences, and then are none outside of brackets and capitals."""
OF_LETTERS = {
    "V": "debug", "D": "debug", "I": "info", "W": "warning", "E": "error", "F": "critical",
}  # fmt: skip
"""The letters of Android's logcat and of Kubernetes' klog."""
# A time, what clings to it (a fraction, a zone, a bracket), what stands between it and a word.
CLINGING, BETWEEN, BEHIND = "0123456789.,:;+])|Z-", " \t,;:|-", " \t,;:|])"
MOST_CLINGING, MOST_BETWEEN = 31, 7
MOST_TO_TIME = 256
"""Characters in which a level at a time ends."""


def _run(characters: str, most: int) -> str:
    one = "[" + re.escape(characters) + "]"
    return f"{one}{{0,{most}}}(?!{one})"


_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_AT_THE_TIME = re.compile(
    r"[\[(]?[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ]" + _CLOCK
    + _run(CLINGING, MOST_CLINGING) + _run(BETWEEN, MOST_BETWEEN)
    + rf"(?P<name>[A-Za-z]+)(?=[{re.escape(BEHIND)}]|\Z)(?P<sentence> [a-z])?"
    + r"|[0-9]{2}-[0-9]{2} " + _CLOCK + r"\.[0-9]{3} "
    + _run("0123456789 ", MOST_CLINGING) + r"(?<= )(?P<logcat>[VDIWEF])[ /]"
    + r"|(?P<klog>[IWEF])[0-9]{4} " + _CLOCK + r"\.[0-9]{6} "
    # OpenStack's behind the name of a file, and a BlueGene's, whose place and time stand there twice.
    + r"|\S{1,39} [0-9]{4}-[0-9]{2}-[0-9]{2} " + _CLOCK
    + r"\.[0-9]{3} [0-9]{1,7} (?P<openstack>[A-Z]{4,8}) "
    + r"|\S{1,39} [0-9]{10} [0-9]{4}\.[0-9]{2}\.[0-9]{2} \S{1,39} [0-9]{4}(?:-[0-9]{2}){3}[0-9.]{13}"
    + r" \S{1,39} [A-Z]{1,15} [A-Z]{1,15} (?P<bluegene>[A-Z]{4,8}) "
)  # fmt: skip
_ACCESS_TIME = re.compile(r"\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:")


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
    """Return the level that the beginning of `text` tells, or None.

    A name straight behind the time, in capitals, or in brackets; a letter where logcat and klog have it.
    """
    if level := at_the_time(text):
        return level
    for word in _WORD.finditer(text, 0, LOOKED_AT + _LONGEST + 1):
        if word.start() >= LOOKED_AT:
            return None
        if word[0] in OF_POSTGRESQL and text.startswith(BEHIND_POSTGRESQL, word.end()):
            return OF_POSTGRESQL[word[0]]
        level = canonical(word[0])
        if level and (word[0].isupper() or _in_brackets(text, word.start(), word.end())):
            return level
    return None


def of_access(text: str, status: str | None) -> str | None:
    """Return the level of a line of an access log whose content has this status, or None."""
    time = _ACCESS_TIME.search(text)
    if time is None or time.start() >= LOOKED_AT:
        return of_text(text)
    return OF_STATUS.get(status[0]) if status else None


def at_the_time(text: str) -> str | None:
    """Return the level that stands straight behind the time with which `text` begins, or None."""
    found = _AT_THE_TIME.match(text)
    if found is None:
        return None
    if letter := found["logcat"] or found["klog"]:
        return OF_LETTERS[letter]
    level = canonical(found["name"] or found["openstack"] or found["bluegene"])
    # `alert sent to bob` is a sentence.
    return None if level in NOUNS and found["sentence"] else level


def _in_brackets(text: str, start: int, end: int) -> bool:
    opened = text.rfind("[", 0, start)
    if opened < 0 or text.find("]", opened, start) >= 0:
        return False
    closed = text.find("]", end)
    return closed >= 0 and text.find("[", end, closed) < 0
