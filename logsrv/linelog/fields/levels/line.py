"""Find the level of one stored line: the same as that of its Record, in a third of the time."""

from __future__ import annotations

import re
from typing import Any

from logsrv.linelog.fields.json import load_orjson_parser
from logsrv.linelog.fields.level import (
    BY_SYSLOG,
    LOOKED_AT,
    MOST_TO_TIME,
    NAMES,
    OF_POSTGRESQL,
    canonical_level,
    level_after_time,
    level_in_text,
)
from logsrv.linelog.fields.odd_headers import may_begin
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamp import STAMP
from logsrv.linelog.fields.stored import decode_stored

# Each field that may hold a level has one of these in its name; an escape in JSON may stand for one.
_OF_FIELDS = (b"level", b"lvl", b"severity", b"PRIORITY", b"\\u")
_BY_PRIORITY = {b"<%d>" % number: BY_SYSLOG[number & 7] for number in range(192)} | {
    b"<%03d>" % number: BY_SYSLOG[number & 7] for number in range(192)
}
_CAPITALS = re.compile(rb"[A-Z]{3,}").findall
_IN_CAPITALS = frozenset(name.upper().encode() for name in (*NAMES, *OF_POSTGRESQL))
# The beginning of the time in an access log.
_DAY = re.compile(rb"\[[0-9]{2}/")
# The beginning of a message: a priority, or the characters that `level.level_in_text` checks.
_BEGINNING = re.compile(rb"(<[0-9]{1,3}>|[^\n]{0,%d})" % (LOOKED_AT + max(map(len, NAMES)) + 1))


def level_of(line: bytes) -> str | None:
    """Return the level of a line, without its LF: one of `LEVELS`, or None."""
    stamp = STAMP.match(line)
    message = line[stamp.end() :] if stamp else line
    if message[:1] == b"{":
        return _level_of_object(line, message)
    if any(name in line for name in _OF_FIELDS):
        return Record(line).level
    [begin] = _BEGINNING.match(message).groups()  # type: ignore[union-attr]
    if begin[:1] == b"<":
        return _BY_PRIORITY.get(begin) or Record(line).level
    if may_begin(message):
        return Record(line).level
    if not begin.isascii() or begin.lstrip(b" \t\r")[:1] == b"{":
        return Record(line).level
    if b"/" in begin and _DAY.search(begin):
        return Record(line).level
    if level := level_after_time(decode_stored(message[:MOST_TO_TIME])):
        return level
    # Outside brackets a level counts only in capitals.
    if _IN_CAPITALS.isdisjoint(_CAPITALS(begin.upper() if b"[" in begin else begin)):
        return None
    # The line may be JSON after the header of a file, whose text does not count.
    if b"{" in line:
        return Record(line).level
    return level_in_text(decode_stored(message[:4096]))


def _level_of_object(line: bytes, message: bytes) -> str | None:
    try:
        found: Any = load_orjson_parser()(message)
    except ValueError:
        return Record(line).level
    value = found.get("level") if isinstance(found, dict) else None
    # The field `level` has precedence over all others.
    return (canonical_level(value) if isinstance(value, str) else None) or Record(line).level
