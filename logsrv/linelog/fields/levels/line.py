"""Find the level of one stored line: the same as that of its Record, in a third of the time."""

from __future__ import annotations

import re
from typing import Any

from logsrv.linelog.fields.json import load_orjson_parser
from logsrv.linelog.fields.level import BY_SYSLOG, canonical_level, level_in_text
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored import decode_stored

# Each field that may hold a level has one of these in its name; an escape in JSON may stand for one.
_OF_FIELDS = (b"level", b"lvl", b"severity", b"PRIORITY", b"\\u")
_BY_PRIORITY = {b"<%d>" % number: BY_SYSLOG[number & 7] for number in range(192)} | {
    b"<%03d>" % number: BY_SYSLOG[number & 7] for number in range(192)
}
# The beginning of the time in an access log.
_DAY = re.compile(rb"\[[0-9]{2}/")
_PRIORITY = re.compile(rb"<[0-9]{1,3}>")


def level_of(line: bytes) -> str | None:
    """Return the level of a line, without its LF: one of `LEVELS`, or None."""
    record = Record(line)
    if record.body[:1] == b"{":
        return _level_of_object(record)
    if any(name in record.body for name in _OF_FIELDS):
        return record.level
    if priority := _PRIORITY.match(record.body):
        return _BY_PRIORITY.get(priority[0]) or record.level
    text = record.content
    # The text may be JSON, in which words do not count, or of an access log.
    if text.lstrip(b" \t\r")[:1] == b"{" or (b"/" in text and _DAY.search(text)):
        return record.level
    if record.header and record.header.severity is not None:
        return BY_SYSLOG[record.header.severity]
    return level_in_text(decode_stored(text[:4096]))


def _level_of_object(record: Record) -> str | None:
    try:
        found: Any = load_orjson_parser()(record.body)
    except ValueError:
        return record.level
    value = found.get("level") if isinstance(found, dict) else None
    # The field `level` has precedence over all others.
    return (canonical_level(value) if isinstance(value, str) else None) or record.level
