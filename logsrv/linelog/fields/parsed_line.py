"""A stored line of any form: its fields and its level, each computed on first use.

The level alone takes a third of the time. `extract.py` and `level_numbers.py` give the same for many lines.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from logsrv.kit.text.colours import without_colours
from logsrv.linelog.fields.forms.access.one import level_of_access_log
from logsrv.linelog.fields.forms.contents.one import parse_text
from logsrv.linelog.fields.forms.events.one import KINDS as EVENT_KINDS
from logsrv.linelog.fields.forms.json.one import (
    flatten_object,
    load_orjson_parser,
    look_up_field,
    parse_json,
)
from logsrv.linelog.fields.forms.syslog.one import SyslogHeader, parse_syslog_header
from logsrv.linelog.fields.json_values import (
    Object,
    is_inexact,
    json_to_field_value,
    parse_json_exactly,
)
from logsrv.linelog.fields.known_keys import TIMESTAMP_KEYS, level_names_of_object
from logsrv.linelog.fields.level.one import level_in_text, level_of_fields
from logsrv.linelog.fields.level_names import BY_SYSLOG, canonical_level
from logsrv.linelog.fields.stored_line import (
    STAMP,
    TIME_LENGTH,
    Source,
    decode_stored,
    parse_source,
)
from logsrv.linelog.fields.values import (
    EXACT,
    STATUS_CLASS,
    Value,
    WrittenFloat,
    class_of_status,
    displayable_text,
    number_of_text,
    number_of_value,
)

ALWAYS = ("time", "source", "name", "host", "port", "position", "message", "level")
"""The fields that every line has; a field of the content cannot replace them."""
_OWN = frozenset(ALWAYS)

ALIASES = {
    "app": (
        *("SYSLOG_IDENTIFIER", "CONTAINER_NAME", "_COMM", "resource.service.name", "service.name"),
        *("service", "service_name", "_app", "appname", "program", "programname"),
        *("attrs.tag", "kubernetes.container_name", "_container_name", "_tag"),
        *("name", "logger", "log.logger", "logger_name", "tag", "container_name"),
    ),
    "hostname": ("_HOSTNAME", "resource.host.name", "host.name", "host"),
    "pid": ("SYSLOG_PID", "_PID", "resource.process.pid", "process.pid", "_pid", "process"),
    "timestamp": TIMESTAMP_KEYS,
}
"""By field of a header: the keys to try in order if neither the content nor a header has that name."""

IN_LOG_RECORDS = frozenset(("name",))
"""Keys that are tried only in a record with a level: in other records they mean other things."""

_NO_SOURCE = Source(None, None, None)


class ParsedLine:
    """A stored line, without its LF.

    line: `TIME SOURCE MESSAGE`; a line without a stamp is all message.
    position: `SEGMENT:OFFSET`, or None if unknown. first_line: that of the record that the line goes on
    with, whose level and header it has; None if it begins one, or says for itself what it is.
    """

    __slots__ = (
        "_content",
        "_exact",
        "_folded",
        "_header",
        "_is_content_known",
        "_is_header_known",
        "_kind",
        "_level",
        "_parts",
        "body",
        "first_line",
        "line",
        "position",
        "start",
    )
    _header: SyslogHeader | None
    _kind: str | None
    _content: dict[str, str] | Object
    _exact: Object
    _folded: bytes
    _level: str | None
    _parts: Source

    def __init__(
        self, line: bytes, position: str | None = None, first_line: bytes | None = None
    ) -> None:
        stamp = STAMP.match(line)
        self.line = line
        self.start = stamp.end() if stamp else 0
        """Offset of the message in the line; 0 without a stamp."""
        self.body = line[self.start :]
        """The message in bytes."""
        self.position, self.first_line = position, first_line
        # Catching an AttributeError costs a microsecond, as much as the rest of this method: use flags.
        self._is_header_known = False
        self._is_content_known = False

    @classmethod
    def of_message(cls, message: bytes) -> ParsedLine:
        """Return the record of a message that has no stamp yet, even if it begins like one."""
        self = cls.__new__(cls)
        self.line = self.body = message
        self.start, self.position, self.first_line = 0, None, None
        self._is_header_known = self._is_content_known = False
        return self

    @classmethod
    def of_object(cls, message: bytes, parsed: Object) -> ParsedLine:
        """Return the record of a JSON message whose object is parsed already."""
        self = cls(message)
        self._is_header_known = self._is_content_known = True
        self._header, self._kind, self._content = None, "json", parsed
        return self

    @property
    def time(self) -> str | None:
        """The stored time of reception, RFC 3339; None without a stamp."""
        return self.line[: TIME_LENGTH - 1].decode("ascii") if self.start else None

    @property
    def source(self) -> str | None:
        """The stored source; None without a stamp."""
        if not self.start:
            return None
        return decode_stored(self.line[TIME_LENGTH : self.start - 1])

    @property
    def source_parts(self) -> Source:
        """The parts of the source: listener's name, peer's host and port."""
        try:
            return self._parts
        except AttributeError:
            source = self.source
            self._parts = parse_source(source) if source else _NO_SOURCE
            return self._parts

    @property
    def name(self) -> str | None:
        """The listener's name."""
        return self.source_parts.name

    @property
    def host(self) -> str | None:
        """The peer's host."""
        return self.source_parts.host

    @property
    def port(self) -> int | None:
        """The peer's port."""
        return self.source_parts.port

    @property
    def message(self) -> str:
        """The message as text; bytes that are not UTF-8 become `\\xNN`."""
        return self.body.decode("utf-8", "backslashreplace")

    @property
    def lowercase_message(self) -> bytes:
        """The message with A–Z in lower case."""
        try:
            return self._folded
        except AttributeError:
            self._folded = self.body.lower()
            return self._folded

    @property
    def header(self) -> SyslogHeader | None:
        """The syslog header, or None."""
        if not self._is_header_known:
            self._header = parse_syslog_header(without_colours(self.body))
            self._is_header_known = True
        return self._header

    @property
    def content(self) -> bytes:
        """The message without its header, and without colours."""
        return self.header.text if self.header else without_colours(self.body)

    @property
    def kind(self) -> str | None:
        """The shape of the content: `json`, `cef`, `leef`, `access`, `logfmt`, or None for plain text."""
        if not self._is_content_known:
            self._parse_content()
        return self._kind

    def _parse_content(self) -> None:
        content = self.content
        found: Object | dict[str, str] | None = parse_json(content)
        if found is not None:
            self._kind, self._content = "json", found
        else:
            app = self.header.fields.get("app", "") if self.header else None
            self._kind, self._content = parse_text(decode_stored(content), app)
        self._is_content_known = True

    @property
    def level(self) -> str | None:
        """The level, one of `LEVELS`, or None."""
        try:
            return self._level
        except AttributeError:
            self._level = self._find_level()
            return self._level

    def _find_level(self) -> str | None:
        if self.first_line is not None and not says_level(self.body):
            # Most lines of a trace have no fields, so that they need not be parsed.
            inherited = _level_of_first(self.first_line)
            if inherited is not None:
                return inherited
        found = self._level_in_fields()
        if found is not None:
            return found
        severity = self.header.severity if self.header else None
        if severity is None and self.first_line is not None:
            found = _level_of_first(self.first_line)
            if found is not None:
                return found
        if self.kind == "access":
            return level_of_access_log(self._content.get("status"), severity)
        if severity is not None:
            return BY_SYSLOG[severity]
        if self.kind == "json":
            return None
        # A level begins in the first characters, of up to four bytes each; its bracket may close later.
        return level_in_text(decode_stored(self.content[:4096]))

    def _level_in_fields(self) -> str | None:
        """Return the level that the content itself has in a field, or None."""
        if self.kind == "json":
            # The usual key goes before all others.
            value = self._content.get("level")
            if isinstance(value, str) and (level := canonical_level(value)):
                return level
            names = level_names_of_object(self._content)
            return level_of_fields(self._content_value, names)
        get = self._content.get if self.kind not in EVENT_KINDS else self._level_of_event
        return level_of_fields(get, self._content, in_object=False)

    def _level_of_event(self, name: str) -> Value | None:
        # Numbers of events grow with the severity, up to 10; those of syslog fall.
        value = self._content.get(name)
        return value if isinstance(value, str) and number_of_value(value) is None else None

    @property
    def fields(self) -> dict[str, Value]:
        """All parsed fields by dotted name; those of the content replace those of the header.

        For display: bytes that are not UTF-8 become `\\xNN`.
        """
        fields: dict[str, Value] = {}
        if self.first_line is not None:
            known = ((name, self.get(name)) for name in ALIASES)
            fields = {name: value for name, value in known if value is not None}
        if self.header:
            fields.update(self.header.fields)
        if self.kind == "json":
            # Correct inexact numbers first: `flatten_object` makes text of objects in lists.
            exact = self._exact_object() if is_inexact([self._content]) else self._content
            fields.update(flatten_object(exact))
        else:
            fields.update(self._content)
        return {displayable_text(name): _displayable_value(value) for name, value in fields.items()}

    def get(self, name: str, *, as_written: bool = False) -> Value | None:
        """Return the field called `name`, or None if it is missing.

        as_written: whether decimals of JSON are `WrittenFloat`, with the sender's text.
        Bytes that are not UTF-8 are surrogates: `to_stored_bytes` and `displayable_text` convert them.
        """
        if name in _OWN:
            value: Value | None = (
                getattr(self, name) if name != "message" else decode_stored(self.body)
            )
            return value
        if self.first_line is not None and name in ALIASES and not _has_fields(self.body):
            return _first_record(self.first_line).get(name, as_written=as_written)
        if name.startswith("fields."):
            inner = self._parsed_value(name[7:], as_written)
            return inner if inner is not None else self._parsed_value(name, as_written)
        if name.startswith("syslog."):
            return self.header.fields.get(name[7:]) if self.header else None
        value = self._parsed_value(name, as_written)
        if value is None and name in ALIASES and self.kind:
            known = (self._alias_value(other, as_written) for other in ALIASES[name])
            value = next((one for one in known if one is not None), None)
        if value is None and name == STATUS_CLASS:
            return class_of_status(self._parsed_value("status", as_written))
        if value is None and self.first_line is not None and name in ALIASES:
            return _first_record(self.first_line).get(name, as_written=as_written)
        return value

    def _alias_value(self, name: str, as_written: bool) -> Value | None:
        value = self._content_value(name, as_written)
        if value is None or name not in IN_LOG_RECORDS:
            return value
        # The name of an event is what happened.
        is_program = self.kind not in EVENT_KINDS and self._level_in_fields()
        return value if is_program else None

    def _parsed_value(self, name: str, as_written: bool) -> Value | None:
        value = self._content_value(name, as_written)
        if value is None and self.header:
            return self.header.fields.get(name)
        return value

    def _content_value(self, name: str, as_written: bool = False) -> Value | None:
        if self.kind != "json":
            return self._content.get(name)
        value = look_up_field(self._content, name)
        if value is None:
            # Most other names of a field are missing.
            return None
        if is_inexact(value) or (as_written and isinstance(value, (float, list))):
            value = look_up_field(self._exact_object(), name)
        return json_to_field_value(value)

    def _exact_object(self) -> Object:
        try:
            return self._exact
        except AttributeError:
            exact = parse_json_exactly(self.content)
            self._exact = self._content if exact is None else exact
            return self._exact


def is_told_by_first_line(line: bytes, first_line: bytes, fields: Collection[str]) -> bool:
    """Return whether a line has some inherited fields just as the first line of its record has them."""
    stamp = STAMP.match(line)
    if _has_fields(line[stamp.end() :] if stamp else line):
        return False
    # Without a level there, a word in the line itself may be one.
    return "level" not in fields or _level_of_first(first_line) is not None


def _has_fields(message: bytes) -> bool:
    """Return whether a line without a header may have fields; if not, it need not be parsed for them."""
    return b"=" in message or b"{" in message


@lru_cache(maxsize=64)
def _level_of_first(line: bytes) -> str | None:
    """Return the level of a first line, which many lines ask for."""
    return level_of(line)


@lru_cache(maxsize=64)
def _first_record(line: bytes) -> ParsedLine:
    """Return a first line, parsed once for the many lines that go on with it."""
    return ParsedLine(line)


def _displayable_value(value: Value) -> Value:
    """Replace `WrittenFloat` and lone surrogates, which JSON writers do not accept."""
    if isinstance(value, list):
        return [_displayable_value(item) for item in value]  # type: ignore[misc]
    if isinstance(value, str):
        return displayable_text(value)
    return _displayable_float(value) if isinstance(value, WrittenFloat) else value


def _displayable_float(value: WrittenFloat) -> Value:
    """Return a float; beyond EXACT an integer, or else the text, if a float would have other digits."""
    if -EXACT < value < EXACT:
        return float(value)
    exact = number_of_text(value.text)
    if exact is None:
        return value.text
    if exact == float(value) or "e" in value.text.lower():
        return float(value)
    return int(exact) if exact == int(exact) else value.text


# Each field of pairs that may hold a level has one of these in its name, in any case; an escape in JSON may
# stand for one.
_OF_FIELDS = (b"level", b"lvl", b"severity", b"priority", b"\\u")
_BY_PRIORITY = {b"<%d>" % number: BY_SYSLOG[number & 7] for number in range(192)} | {
    b"<%03d>" % number: BY_SYSLOG[number & 7] for number in range(192)
}
# The beginning of the time in an access log.
_DAY = re.compile(rb"\[[0-9]{2}/")
_PRIORITY = re.compile(rb"<[0-9]{1,3}>")


def says_level(message: bytes) -> bool:
    """Return whether a line without a header may have a level in a field."""
    # In objects other keys may hold a level, too.
    return _has_fields(message) and (b"{" in message or _may_have_level_in_pairs(message))


def _may_have_level_in_pairs(message: bytes) -> bool:
    small = message.lower()
    return any(name in small for name in _OF_FIELDS)


def level_of(line: bytes, first_line: bytes | None = None) -> str | None:
    """Return the level of a line, without its LF: that of its ParsedLine, in a third of the time."""
    record = ParsedLine(line, None, first_line)
    if first_line is not None:
        return record.level
    if record.body[:1] == b"{":
        return _level_of_object(record)
    body = record.body
    if _may_have_level_in_pairs(body):
        return record.level
    # The text may be JSON, in which words do not count, or of an access log.
    if priority := _PRIORITY.match(body):
        is_plain = b"{" not in body and not (b"/" in body and _DAY.search(body))
        return (_BY_PRIORITY.get(priority[0]) if is_plain else None) or record.level
    text = record.content
    if text.lstrip(b" \t\r")[:1] == b"{" or (b"/" in text and _DAY.search(text)):
        return record.level
    if record.header and record.header.severity is not None:
        return BY_SYSLOG[record.header.severity]
    return level_in_text(decode_stored(text[:4096]))


def _level_of_object(record: ParsedLine) -> str | None:
    try:
        found: Any = load_orjson_parser()(record.body)
    except ValueError:
        return record.level
    value = found.get("level") if isinstance(found, dict) else None
    # The field `level` has precedence over all others.
    return (canonical_level(value) if isinstance(value, str) else None) or record.level
