"""The level that the words of a text tell, or the fields of a content, by the rules of `level/__init__.py`.

`many.py` has the same rules for the words of many texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields import known_keys
from logsrv.linelog.fields.known_keys import LEVEL_KEYS, level_key, level_names_in_order
from logsrv.linelog.fields.level_names import (
    BY_SYSLOG,
    LONGEST,
    OF_MONGODB_LETTERS,
    SHORT_NAMES,
    canonical_level,
    level_of_word,
)
from logsrv.linelog.fields.values import Scalar, Value, elements_of_value, number_of_value

_BY_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
_BY_NUMBER = BY_SYSLOG | _BY_PINO
_BY_PYTHON = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
_BY_OTLP = {
    number: name
    for first, name in ((1, "debug"), (5, "debug"), (9, "info"), (13, "warning"), (17, "error"))
    for number in range(first, first + 4)
} | dict.fromkeys(range(21, 25), "critical")

_NUMBERS: dict[str, dict[int, str]] = {
    **dict.fromkeys(known_keys.BY_NAME_OR_NUMBER, _BY_NUMBER),
    **{key: {} for key in known_keys.ONLY_BY_NAME},
    "levelno": _BY_PYTHON,
    **dict.fromkeys(("severity_number", "severityNumber"), _BY_OTLP),
    "PRIORITY": BY_SYSLOG,
    known_keys.OF_MONGODB: {},
}
"""The levels of the numbers that each key may hold."""

LOOKED_AT = 64
"""A level's name counts only if it begins within this many characters, behind header and time."""
_WORD = re.compile(r"\w+")

OF_POSTGRESQL: dict[str, str | None] = {
    "LOG": "info",
    **{f"DEBUG{number}": "debug" for number in range(1, 6)},
    **dict.fromkeys(("DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION")),
}
"""PostgreSQL's words before a colon and two spaces; those without a level are followed by SQL."""
AFTER_POSTGRESQL = ":  "

OF_LETTERS = {
    "V": "debug", "D": "debug", "I": "info", "W": "warning", "E": "error", "F": "critical",
}  # fmt: skip
"""Levels by the letters of Android's logcat and of Kubernetes' klog."""
# Characters directly after a time: of its fraction, its zone or a bracket. Then characters between these
# and the name of a level. Then characters that may follow the name.
CLINGING, BETWEEN, AFTER_LEVEL = "0123456789.,:;+])|Z-", " \t,;:|-", " \t,;:|])"
MOST_CLINGING, MOST_BETWEEN = 31, 7

BESIDE = ".=-"
"""Characters that make another word of a name beside them: `ERROR.txt`, `DEBUG=0`, `PANIC-42`."""
BEFORE_NUMBER, MOST_DIGITS, MOST_SPACES = " \t(", 9, 8
"""What may stand before a number, as in `0 ERROR`; its digits, and the spaces behind it, at most."""
BEFORE_SHORT, AFTER_SHORT = " \t[(|<", " \t])|:[>"
"""Characters beside a short name that stands alone."""
OF_DOTNET = {
    "trce": "debug", "dbug": "debug", "info": "info", "warn": "warning", "fail": "error",
    "crit": "critical",
}  # fmt: skip
""".NET's words at the beginning of a text, before a colon and a space or the end."""
OF_TELEGRAF = {"D": "debug", "I": "info", "W": "warning", "E": "error"}
"""Telegraf's letters at the beginning of a text, before an exclamation mark and a space."""


def _run_pattern(characters: str, most: int) -> str:
    one = "[" + re.escape(characters) + "]"
    return f"{one}{{0,{most}}}(?!{one})"


_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_AT_THE_TIME = LatePattern(
    r"[\[(]?[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ]" + _CLOCK
    + _run_pattern(CLINGING, MOST_CLINGING) + _run_pattern(BETWEEN, MOST_BETWEEN)
    + rf"(?P<name>[A-Za-z]+)(?=[{re.escape(AFTER_LEVEL)}]|\Z)"
    + r"|[0-9]{2}-[0-9]{2} " + _CLOCK + r"\.[0-9]{3} "
    + _run_pattern("0123456789 ", MOST_CLINGING) + r"(?<= )(?P<logcat>[VDIWEF])[ /]"
    # The date of CockroachDB's has six digits.
    + r"|(?P<klog>[IWEF])[0-9]{4}(?:[0-9]{2}){0,2} " + _CLOCK + r"\.[0-9]{1,9} "
    + r"|[0-9]{6} [0-9]{6} [0-9]{1,9} (?P<hdfs>[A-Z]{4,8}) "
    # OpenStack's time follows the name of a file; in BlueGene's lines, the node and the time occur twice.
    + r"|\S{1,39} [0-9]{4}-[0-9]{2}-[0-9]{2} " + _CLOCK
    + r"\.[0-9]{3} [0-9]{1,7} (?P<openstack>[A-Z]{4,8}) "
    + r"|\S{1,39} [0-9]{10} [0-9]{4}\.[0-9]{2}\.[0-9]{2} \S{1,39} [0-9]{4}(?:-[0-9]{2}){3}[0-9.]{13}"
    + r" \S{1,39} [A-Z]{1,15} [A-Z]{1,15} (?P<bluegene>[A-Z]{4,8}) "
)  # fmt: skip
# One of these follows a name in small letters right after a time; else the name begins a sentence.
_ENDS_NAME = LatePattern(r"[\t:|)\]]|[,;](?! )| (?=[ \[|:]|-[ -]|\Z)|\Z")
_NUMBER_BEFORE = LatePattern(
    rf"(?:\A|[{re.escape(BEFORE_NUMBER)}])[0-9]{{1,{MOST_DIGITS}}} {{1,{MOST_SPACES}}}\Z"
)
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
_LEADING_TIME = LatePattern(
    rf"{BEFORE_CLOCK}{_CLOCK}(?![0-9]){_BEHIND_CLOCK}"
    rf"(?:(?P<zone>[A-Z_][A-Z0-9_]{{0,{LONGEST_ZONE - 1}}})(?=[{re.escape(AFTER_ZONE)}]){_BEHIND_CLOCK})?"
)


def level_of_fields(
    get: Callable[[str], Value | None],
    names: Iterable[str] = LEVEL_KEYS,
    *,
    in_object: bool = True,
) -> str | None:
    """Return the level in the fields of a line's content, or None.

    get: returns the value of a field. names: those of the content, or those that may hold a level.
    in_object: whether the content is JSON.
    """
    keys = [(name, level_key(name)) for name in level_names_in_order([*names])]
    has_serilog = False
    for name, key in keys:
        assert key is not None
        if key in known_keys.ONLY_IN_OBJECTS and not in_object:
            continue
        value = get(name)
        if value is None or (key == known_keys.OF_MONGODB and not is_of_mongodb(get)):
            continue
        has_serilog = has_serilog or key == known_keys.OF_SERILOG
        if level := level_of_value(key, value):
            return level
    if in_object and not has_serilog and get(known_keys.INFO_BESIDE) is not None:
        return "info"
    return None


def level_of_value(key: str, value: Value) -> str | None:
    """Return the level that the value of a key, one of LEVEL_KEYS, means, or None."""
    numbers = _NUMBERS[key]
    for item in elements_of_value(value):
        if isinstance(item, str) and (level := _level_of_name(key, item)):
            return level
        # A float such as 30.0 finds the entry of 30.
        if level := numbers.get(number_of_value(item)):  # type: ignore[arg-type]
            return level
    return None


def _level_of_name(key: str, name: str) -> str | None:
    if key == known_keys.OF_MONGODB:
        return OF_MONGODB_LETTERS.get(name)
    return canonical_level(name) if key in known_keys.BY_NAME_OR_NUMBER else None


def is_of_mongodb(get: Callable[[str], Scalar | Value | None]) -> bool:
    """Tell whether the fields beside `s` are those of MongoDB's log."""
    component, times = known_keys.BESIDE_OF_MONGODB
    return get(component) is not None and any(get(time) is not None for time in times)


def level_in_text(text: str) -> str | None:
    """Return the level at the beginning of `text`, which has no header, or None.

    A name directly after the time, in brackets or before a colon may have small letters; elsewhere it
    counts only in capitals. PostgreSQL's words count before a colon and two spaces, the letters of logcat
    and klog next to their time, and the states of Nagios.
    """
    if level := level_after_time(text):
        return level
    begin = end_of_leading_time(text)
    if state := match_nagios(text, begin):
        return level_of_nagios(state)
    if text.startswith("! ", begin + 1) and text[begin] in OF_TELEGRAF:
        return OF_TELEGRAF[text[begin]]
    for word in _WORD.finditer(text, begin, begin + LOOKED_AT + LONGEST + 1):
        if word.start() >= begin + LOOKED_AT:
            return None
        if word[0] in OF_POSTGRESQL and text.startswith(AFTER_POSTGRESQL, word.end()):
            return OF_POSTGRESQL[word[0]]
        end = text[word.end() : word.end() + 2]
        if word.start() == begin and word[0] in OF_DOTNET and end in (":", ": "):
            return OF_DOTNET[word[0]]
        level = level_of_word(word[0])
        if level and _is_written_as_level(text, begin, word):
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


def level_after_time(text: str) -> str | None:
    """Return the level directly after the time at the beginning of `text`, or None."""
    found = _AT_THE_TIME.match(text)
    if found is None:
        return None
    if letter := found["logcat"] or found["klog"]:
        return OF_LETTERS[letter]
    name = found["name"]
    # A sentence such as `critical section entered` names no level.
    if name and not name.isupper() and not _ENDS_NAME.match(text, found.end("name")):
        return None
    return level_of_word(name or found["openstack"] or found["bluegene"] or found["hdfs"])


def _is_written_as_level(text: str, begin: int, word: re.Match[str]) -> bool:
    """Tell whether a program wrote this word, the name of a level, as the level of its text."""
    start, end = word.span()
    is_short, is_capital = word[0].lower() in SHORT_NAMES, word[0].isupper()
    if is_short and not _stands_alone(text, begin, word):
        return False
    before, after = text[max(begin, start - 1) : start], text[end : end + 1]
    is_beside = (before and before in BESIDE) or (after and after in BESIDE)
    is_before_colon = after == ":" and text[end + 1 : end + 2] in ("", " ", "\t")
    if is_before_colon and (is_capital or not (is_short or is_beside)):
        return True
    if is_beside:
        return False
    if is_capital and not _NUMBER_BEFORE.search(text[max(begin, start - _BEFORE_NUMBER) : start]):
        return True
    if start == begin and begin and _ENDS_NAME.match(text, end):
        return True
    return _is_in_angles(text, begin, word) or _is_in_brackets(text, begin, word)


# A longer part before a word has no number and spaces that fill it.
_BEFORE_NUMBER = 1 + MOST_DIGITS + MOST_SPACES


def _is_in_angles(text: str, begin: int, word: re.Match[str]) -> bool:
    """Tell whether a word stands in angle brackets by itself: `<Error>`, as macOS and ClickHouse write."""
    start, end = word.start() - 1, word.end()
    if start < begin or text[start] != "<" or text[end : end + 1] != ">":
        return False
    return (start == begin or text[start - 1] == " ") and text[end + 1 : end + 2] in ("", " ", ":")


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


_NAGIOS = LatePattern(
    r"(?:\[[0-9]{10}\] )?(?:(?:CURRENT|INITIAL|GLOBAL|PASSIVE) )?(?P<of>HOST|SERVICE) "
    r"(?P<of_time>FLAPPING |DOWNTIME )?(?P<kind>ALERT|NOTIFICATION|STATE|EVENT HANDLER|CHECK): "
)
BEGIN_NAGIOS = ("HOST", "SERVICE", "CURRENT", "INITIAL", "GLOBAL", "PASSIVE")
"""The first words of Nagios' states, behind a time in brackets."""
_STATE = re.compile(r"(?:[A-Z]+ \()?([A-Z]+|[0-3])\)?\s*")
OF_NAGIOS = {
    **dict.fromkeys(("CRITICAL", "DOWN"), "error"),
    **dict.fromkeys(("WARNING", "UNREACHABLE", "UNKNOWN"), "warning"),
    **dict.fromkeys(
        ("OK", "UP", "RECOVERY", "PENDING", "STOPPED", "CANCELLED", "DISABLED"), "info"
    ),
}
"""Levels by the states of hosts and services."""
_OF_CHECKS = {
    "HOST": {"0": "info", "1": "error", "2": "warning"},
    "SERVICE": {"0": "info", "1": "warning", "2": "error", "3": "warning"},
}


def match_nagios(text: str, begin: int) -> re.Match[str] | None:
    """Return the match of what stands before the fields of a state of Nagios, or None."""
    return _NAGIOS.match(text, begin)


def level_of_nagios(match: re.Match[str]) -> str | None:
    """Return the level of a line of Nagios: that of the state that it tells, or None."""
    # Before the state stand the host, of a service its name too, and in a notification first the contact.
    before = 1 + (match["of"] == "SERVICE") + (match["kind"] == "NOTIFICATION")
    fields = match.string[match.end() :].split(";", before + 1)
    state = _STATE.fullmatch(fields[before]) if len(fields) > before else None
    if state is None:
        return None
    if match["kind"] == "CHECK":
        return _OF_CHECKS[match["of"]].get(state[1])
    if state[1] == "STARTED":
        # Somebody planned the time when it is down.
        return "warning" if match["of_time"] == "FLAPPING " else "info"
    return OF_NAGIOS.get(state[1])


def expressions_for_letters(levels: Collection[str]) -> Iterator[str]:
    """Yield expressions of RE2 for lines with a letter that means one of these levels."""
    if letters := "".join(one for one, meaning in OF_LETTERS.items() if meaning in levels):
        yield f"[0-9 ] [{letters}][ /]"
        yield f"[{letters}][0-9]{{4,8}} [0-9]{{2}}:"
        yield f"[{letters}]! "
        yield rf'"s"[ \t\r]*:[ \t\r]*(?:\[|"[{letters}])'
