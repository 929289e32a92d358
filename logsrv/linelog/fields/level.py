"""The level of a line: one of eight names, however the sender writes it and wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

from logsrv.kit.text.colours import text_without_colours
from logsrv.linelog.fields.values import Value, elements_of_value, number_of_value

RULES = 4
"""The version of the rules that give a line its level, here and in the parsers of fields.

Raise it whenever a line may get another level: indexes contain numbers of lines by level."""
FIELD_RULES = 2
"""The version of the rules that give a line its fields; raise it whenever a line may get other ones.

Columns contain them."""
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
SHORT_NAMES = {
    **dict.fromkeys(("trac", "trc", "trce", "vrb", "debu", "dbg", "dbug"), "debug"),
    **dict.fromkeys(("inf",), "info"),
    **dict.fromkeys(("wrn",), "warning"),
    **dict.fromkeys(("erro", "eror"), "error"),
    **dict.fromkeys(("fata", "ftl"), "critical"),
    **dict.fromkeys(("pani", "pnc"), "emergency"),
}
"""Names as logrus, zerolog, log15 and Serilog cut them; in texts they count only if they stand alone."""
NAMES = {**{name: name for name in LEVELS}, **OTHER_NAMES, **SHORT_NAMES}
"""Every name of a level, in lower case, and the level that it means."""

BY_SYSLOG = dict(enumerate(reversed(LEVELS)))
"""The levels by the severities of syslog: 0 is emergency, 7 debug."""
_BY_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
_BY_NUMBER = BY_SYSLOG | _BY_PINO
_BY_PYTHON = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
_BY_OTLP = {
    number_of_value: name
    for first, name in ((1, "debug"), (5, "debug"), (9, "info"), (13, "warning"), (17, "error"))
    for number_of_value in range(first, first + 4)
} | dict.fromkeys(range(21, 25), "critical")

BY_NAME_OR_NUMBER = ("level", "severity", "lvl", "levelname", "level_name", "loglevel", "log.level")
"""Fields of the content that may hold a level, in the order of the search."""
BY_NUMBER = {"levelno": _BY_PYTHON, "severity_number": _BY_OTLP, "PRIORITY": BY_SYSLOG}
"""Fields that hold a level only as a number, searched after the others, and the levels of their numbers."""
LEVEL_FIELDS = dict.fromkeys(BY_NAME_OR_NUMBER, _BY_NUMBER) | BY_NUMBER
"""All of these, in the order of the search, with the levels of their numbers."""

LOOKED_AT = 64
"""A level's name counts only if it begins within this many characters, behind header and time."""
_LONGEST = max(map(len, NAMES))
_WORD = re.compile(r"\w+")

OF_POSTGRESQL: dict[str, str | None] = {
    "LOG": "info",
    **{f"DEBUG{number_of_value}": "debug" for number_of_value in range(1, 6)},
    **dict.fromkeys(("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION")),
}
"""PostgreSQL's words before a colon and two spaces; those without a level are followed by SQL."""
AFTER_POSTGRESQL = ":  "

OF_STATUS = {"4": "warning", "5": "error"}
"""Levels by the first digit of an HTTP status."""
NOUNS = ("alert", "emergency")
"""Levels whose names also begin sentences; then they count only in brackets or capitals."""
OF_LETTERS = {
    "V": "debug", "D": "debug", "I": "info", "W": "warning", "E": "error", "F": "critical",
}  # fmt: skip
"""Levels by the letters of Android's logcat and of Kubernetes' klog."""
# Characters directly after a time: of its fraction, its zone or a bracket. Then characters between these
# and the name of a level. Then characters that may follow the name.
CLINGING, BETWEEN, AFTER_LEVEL = "0123456789.,:;+])|Z-", " \t,;:|-", " \t,;:|])"
MOST_CLINGING, MOST_BETWEEN = 31, 7

BEFORE_SHORT, AFTER_SHORT = " \t[(|<", " \t])|:[>"
"""Characters beside a short name that stands alone."""
OF_DOTNET = {
    "trce": "debug", "dbug": "debug", "info": "info", "warn": "warning", "fail": "error",
    "crit": "critical",
}  # fmt: skip
""".NET's words at the beginning of a text, before a colon and a space or the end."""


def _run_pattern(characters: str, most: int) -> str:
    one = "[" + re.escape(characters) + "]"
    return f"{one}{{0,{most}}}(?!{one})"


_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_AT_THE_TIME = re.compile(
    r"[\[(]?[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ]" + _CLOCK
    + _run_pattern(CLINGING, MOST_CLINGING) + _run_pattern(BETWEEN, MOST_BETWEEN)
    + rf"(?P<name>[A-Za-z]+)(?=[{re.escape(AFTER_LEVEL)}]|\Z)(?P<sentence> [a-z])?"
    + r"|[0-9]{2}-[0-9]{2} " + _CLOCK + r"\.[0-9]{3} "
    + _run_pattern("0123456789 ", MOST_CLINGING) + r"(?<= )(?P<logcat>[VDIWEF])[ /]"
    + r"|(?P<klog>[IWEF])(?:[0-9]{4}){1,2} " + _CLOCK + r"\.[0-9]{1,9} "
    # OpenStack's time follows the name of a file; in BlueGene's lines, place and time occur twice.
    + r"|\S{1,39} [0-9]{4}-[0-9]{2}-[0-9]{2} " + _CLOCK
    + r"\.[0-9]{3} [0-9]{1,7} (?P<openstack>[A-Z]{4,8}) "
    + r"|\S{1,39} [0-9]{10} [0-9]{4}\.[0-9]{2}\.[0-9]{2} \S{1,39} [0-9]{4}(?:-[0-9]{2}){3}[0-9.]{13}"
    + r" \S{1,39} [A-Z]{1,15} [A-Z]{1,15} (?P<bluegene>[A-Z]{4,8}) "
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?:{'|'.join(MONTHS)})"
BEFORE_CLOCK = (
    rf"[\[(]?(?:(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?{_MONTH} [ 0-9][0-9] (?:[0-9]{{4}} )?"
    rf"|[0-9]{{2}}[/-]{_MONTH}[/-][0-9]{{4}}[: ]|(?:[0-9][0-9/.,T -]{{0,10}}[/.,T -])?)"
)
"""What may stand between the beginning of a text and its clock: a date."""
# Behind a time: its fraction, a zone, a PID such as `[1234-1]`, and what parts them.
BEHIND_CLOCK, AFTER_ZONE = "0123456789.,:;+-|)] \t", " \t,;|])"
LONGEST_ZONE = 5
_BEHIND_CLOCK = rf"(?:[{re.escape(BEHIND_CLOCK)}]|\[(?=[0-9]))*"
_LEADING_TIME = re.compile(
    rf"{BEFORE_CLOCK}{_CLOCK}(?![0-9]){_BEHIND_CLOCK}"
    rf"(?:(?P<zone>[A-Z_][A-Z0-9_]{{0,{LONGEST_ZONE - 1}}})(?=[{re.escape(AFTER_ZONE)}]){_BEHIND_CLOCK})?"
)


def canonical_level(name: str) -> str | None:
    """Return the level that `name` means, in any case; None if it is no name of a level."""
    name = text_without_colours(name)
    return NAMES.get(name.lower()) if len(name) <= _LONGEST and name.isascii() else None


def is_level_in_header(word: str) -> bool:
    """Tell whether a word names a level, not a host or a program; these may be called `dbg` or `inf`."""
    return canonical_level(word) is not None and (word.isupper() or word.lower() not in SHORT_NAMES)


def level_of_fields(get: Callable[[str], Value | None]) -> str | None:
    """Return the level in the fields of a line's content, or None. get: returns the value of a field."""
    for name, numbers in LEVEL_FIELDS.items():
        value = get(name)
        for item in elements_of_value(value) if value is not None else ():
            if isinstance(item, str) and name not in BY_NUMBER and (level := canonical_level(item)):
                return level
            # A float such as 30.0 finds the entry of 30.
            if level := numbers.get(number_of_value(item)):  # type: ignore[arg-type]
                return level
    return None


def level_in_text(text: str) -> str | None:
    """Return the level at the beginning of `text`, which has no header, or None.

    A name directly after the time, or in brackets, may have small letters; elsewhere it counts only in
    capitals. PostgreSQL's words count before a colon and two spaces, and the letters of logcat and klog
    next to their time.
    """
    if level := level_after_time(text):
        return level
    begin = end_of_leading_time(text)
    for word in _WORD.finditer(text, begin, begin + LOOKED_AT + _LONGEST + 1):
        if word.start() >= begin + LOOKED_AT:
            return None
        if word[0] in OF_POSTGRESQL and text.startswith(AFTER_POSTGRESQL, word.end()):
            return OF_POSTGRESQL[word[0]]
        end = text[word.end() : word.end() + 2]
        if word.start() == begin and word[0] in OF_DOTNET and end in (":", ": "):
            return OF_DOTNET[word[0]]
        level = canonical_level(word[0])
        if level and word[0].lower() in SHORT_NAMES and not _stands_alone(text, begin, word):
            continue
        if level and (word[0].isupper() or _is_in_brackets(text, begin, word)):
            return level
    return None


def end_of_leading_time(text: str) -> int:
    """Return the offset behind the time at the beginning of `text`, and its PID; 0 without a time."""
    found = _LEADING_TIME.match(text)
    if found is None:
        return 0
    is_level = found["zone"] is not None and canonical_level(found["zone"]) is not None
    end = found.start("zone") if is_level else found.end()
    # In `[06:18:42 main error]` the bracket goes on.
    return end if text.count("[", 0, end) == text.count("]", 0, end) else 0


def level_of_access_log(status: str | None) -> str | None:
    """Return the level of a line of an access log, by its HTTP status, or None."""
    return OF_STATUS.get(status[0]) if status else None


def level_after_time(text: str) -> str | None:
    """Return the level directly after the time at the beginning of `text`, or None."""
    found = _AT_THE_TIME.match(text)
    if found is None:
        return None
    if letter := found["logcat"] or found["klog"]:
        return OF_LETTERS[letter]
    level = canonical_level(found["name"] or found["openstack"] or found["bluegene"])
    # A sentence such as `alert sent to bob` names no level.
    return None if level in NOUNS and found["sentence"] else level


def _stands_alone(text: str, begin: int, word: re.Match[str]) -> bool:
    start, end = word.span()
    return (start == begin or text[start - 1] in BEFORE_SHORT) and (
        end == len(text) or text[end] in AFTER_SHORT
    )


def _is_in_brackets(text: str, begin: int, word: re.Match[str]) -> bool:
    opened = text.rfind("[", begin, word.start())
    if opened < 0 or text.find("]", opened, word.start()) >= 0:
        return False
    closed = text.find("]", word.end())
    return closed >= 0 and text.find("[", word.end(), closed) < 0
