"""Events for an HTTP Event Collector: JSON objects one after another, or raw lines (sans-IO).

A record has the keys of the event, or its text as `message`; then the `fields`; then `time`, `host`,
`source`, `sourcetype`, `index`, as far as they are given; and `app`, if no other key says which program.
"""

from __future__ import annotations

import enum
import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

import orjson

from logsrv.linelog.fields.forms.json.one import look_up_field
from logsrv.linelog.fields.parsed_line import ALIASES
from logsrv.linelog.intake.over_http.structured_body import value_ends
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    fits_in_record,
    parse_json_text,
)
from logsrv.linelog.lines.json_made import as_json, decode_or_escape, free_name, seconds_as_rfc3339
from logsrv.linelog.lines.records import line_pieces

_SPACE = b" \t\r\n"
_METADATA = ("host", "source", "sourcetype", "index")
# Keys of `fields` that get the names which all inputs have.
_RENAMED = {
    "otel.log.severity.text": "severity",
    "otel.log.severity.number": "severity_number",
}
_PROGRAM = ("app", *ALIASES["app"])
# By key: the names that it may lead to. A key is a name, or its part before a dot.
_BY_KEY = {
    key: tuple(name for name in _PROGRAM if f"{name}.".startswith(f"{key}."))
    for key in {name.rsplit(".", dots)[0] for name in _PROGRAM for dots in range(3)}
}
# A source with one of these is the path of a file, and no name of a program.
_OF_PATHS = ("/", "\\")
_SECONDS = re.compile(r"\s*([0-9]{1,20})(?:\.([0-9]*))?\s*")
# Digits of a fraction of a second.
_DIGITS = 9
# The least time in nanoseconds, microseconds and milliseconds, each of March 1973, and how many of its
# digits are the fraction. In seconds the last one is the year 5138.
_UNITS = ((10**17, _DIGITS), (10**14, 6), (10**11, 3))
# Matches every number that may lose digits as a float or as an integer of 64 bits, and some other text.
_LONG_NUMBER = re.compile(rb"[0-9][0-9.eE+-]{16}")
# Bytes of raw lines that are looked at together.
_PIECE = 256 << 10
# A question about more bytes of ids is refused.
_LONGEST_QUESTION = 256 << 10


class Answer(enum.Enum):
    """The answers of an HTTP Event Collector, as Splunk's documentation lists them: code, status, text."""

    SUCCESS = 0, 200, "Success"
    NO_TOKEN = 2, 401, "Token is required"
    INVALID_TOKEN = 4, 403, "Invalid token"
    NO_DATA = 5, 400, "No data"
    INVALID_FORMAT = 6, 400, "Invalid data format"
    SERVER_ERROR = 8, 500, "Internal server error"
    BUSY = 9, 503, "Server is busy"
    NO_CHANNEL = 10, 400, "Data channel is missing"
    NO_EVENT = 12, 400, "Event field is required"
    BLANK_EVENT = 13, 400, "Event field cannot be blank"
    NOT_ALLOWED = 405, 405, "Method Not Allowed"
    HEALTHY = 17, 200, "HEC is healthy"
    UNHEALTHY = 18, 503, "HEC is unhealthy, queues are full"
    TOO_LARGE = 27, 413, "Request entity too large"

    def reply(self, **more: Any) -> Reply:
        """Return the answer. more: further members of its object."""
        code, status, text = self.value
        return Reply(status, as_json({"text": text, "code": code, **more}))


def add_hec_events(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the events of a body.

    Events without content, and records over --max-record, are left out; from a value on that is no JSON
    object, all are. The answer then has the number of the first one without content or form, counted from
    0. Raises RequestRefused.
    """
    fault: Reply | None = None

    def valid_events() -> Iterator[dict[str, Any]]:
        nonlocal fault
        for number, event in enumerate(_parse_events(body.removeprefix(BOM_UTF8))):
            answer = _answer_to_fault(event)
            if answer is not None:
                records.count_invalid()
                fault = fault or answer.reply(**{"invalid-event-number": number})
            else:
                yield _event_record(event)

    records.add_dicts_as_json(valid_events(), rules.max_record, leave_out=True)
    return fault or _reply(records)


def _reply(records: Records) -> Reply:
    """Return the answer if all that was sent is valid."""
    if records.refused_count:
        return Answer.TOO_LARGE.reply()
    if not len(records):
        records.count_unknown()
        return Answer.NO_DATA.reply()
    return Answer.SUCCESS.reply()


def count_hec_events(body: bytes, rules: BodyRules) -> int:
    """Return how many events a body has. Raises RequestRefused."""
    return len(value_ends(body)) or 1


def _parse_events(body: bytes) -> Iterator[Any]:
    """Yield the JSON objects of a body, up to anything else: then None, and nothing more."""
    begin = 0
    for end in map(int, value_ends(body)):
        try:
            value = _parse_with_digits(body[begin:end])
        except ValueError:
            value = None
        if type(value) is not dict:
            yield None
            return
        yield value
        begin = end
    if body[begin:].strip(_SPACE):
        yield None


def _parse_with_digits(text: bytes) -> Any:
    """Return a JSON value whose long numbers keep all their digits. Raises ValueError.

    They become fragments of JSON, except in `time`.
    """
    value = parse_json_text(text)
    if type(value) is not dict or not _LONG_NUMBER.search(text):
        return value
    try:
        exact = json.loads(text, parse_float=_fragment, parse_int=_fragment)
        # Only orjson writes fragments, and it refuses halves of surrogate pairs and deep nesting.
        orjson.dumps(exact)
    except (ValueError, TypeError, RecursionError):
        return value
    return {**exact, "time": value.get("time")}


def _fragment(digits: str) -> orjson.Fragment:
    return orjson.Fragment(digits.encode())


def _answer_to_fault(event: dict[str, Any] | None) -> Answer | None:
    """Return the answer for what is no event, or one without content; None for any other."""
    if event is None:
        return Answer.INVALID_FORMAT
    content = event.get("event")
    if content is None:
        return Answer.NO_EVENT
    blank = not content.strip() if isinstance(content, str) else content in ({}, [])
    return Answer.BLANK_EVENT if blank else None


def _event_record(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an event."""
    event, fields = value["event"], value.get("fields")
    if isinstance(event, dict):
        found = dict(event)
    else:
        found = {"message" if isinstance(event, str) else "event": event}
    if isinstance(fields, dict):
        fields = {_RENAMED.get(name, name): one for name, one in fields.items()}
        if found.keys().isdisjoint(fields):
            found |= fields
            fields = None
    if fields is not None:
        found[free_name("fields", found)] = fields
    time = value.get("time")
    if time is not None:
        found[free_name("time", found)] = _time_text(time)
    return _with_metadata(found, {name: value.get(name) for name in _METADATA})


def _with_metadata(found: dict[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Add the metadata to a record, and `app` from these if no key of the record says which program."""
    programs = (
        one
        for one in (metadata["source"], metadata["sourcetype"])
        if one and isinstance(one, str) and not any(sign in one for sign in _OF_PATHS)
    )
    app = next(programs, None)
    if app and not _has_program(found):
        found[free_name("app", found)] = app
    for name, given in metadata.items():
        if given not in (None, ""):
            found[free_name(name, found)] = given
    return found


def _has_program(found: dict[str, Any]) -> bool:
    """Return whether a key of a record says which program it is from."""
    names = (name for key in _BY_KEY.keys() & found.keys() for name in _BY_KEY[key])
    return any(look_up_field(found, name) is not None for name in names)


def _time_text(time: Any) -> Any:
    """Return a time since 1970, in seconds, ms, µs or ns, as RFC 3339; any other unchanged."""
    text = time
    if isinstance(time, float) and math.isfinite(time):
        text = f"{Decimal(repr(time)):f}"
    elif type(time) is int:
        text = str(time)
    parts = _SECONDS.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return time
    seconds, fraction = int(parts[1]), parts[2] or ""
    digits = next((digits for least, digits in _UNITS if seconds >= least), 0)
    if digits:
        seconds, part = divmod(seconds, 10**digits)
        fraction = f"{part:0{digits}d}{fraction}"
    found = seconds_as_rfc3339(seconds)
    if found is None:
        return time
    fraction = fraction[:_DIGITS].rstrip("0")
    return found.replace("Z", f".{fraction}Z") if fraction else found


def add_hec_lines(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add each line of a body, with the metadata of the query, if it has any. Raises RequestRefused.

    With metadata, a line that is a JSON object gets them as further keys; other text becomes `message`.
    """
    metadata = {name: rules.query.get(name, "") for name in _METADATA}
    pieces = map(_lines, line_pieces(body.removeprefix(BOM_UTF8), _PIECE))
    if any(metadata.values()):
        made = _line_records(pieces, metadata, rules.max_record, records)
        records.add_dicts_as_json(made, rules.max_record, metadata, leave_out=True)
    else:
        for lines in pieces:
            records.add_texts(lines)
    return _reply(records)


def count_hec_lines(body: bytes, rules: BodyRules) -> int:
    """Return how many lines a body has."""
    return sum(len(_lines(piece)) for piece in line_pieces(body, _PIECE)) or 1


def _lines(piece: bytes) -> list[bytes]:
    """Return the lines of a piece, without those that are blank."""
    lines = (line.rstrip(b"\r") for line in piece.split(b"\n"))
    return [line for line in lines if line.strip(_SPACE)]


def _line_records(
    pieces: Iterable[list[bytes]], metadata: Mapping[str, str], most: int, records: Records
) -> Iterator[dict[str, Any]]:
    """Yield the records of lines; count those that are too long to look at."""
    for line in chain.from_iterable(pieces):
        if fits_in_record(len(line), most):
            yield _line_record(line, metadata)
        else:
            records.count_oversize(len(line))


def _line_record(line: bytes, metadata: Mapping[str, str]) -> dict[str, Any]:
    found: Any = None
    if line.lstrip(_SPACE).startswith(b"{"):
        try:
            found = _parse_with_digits(line)
        except ValueError:
            found = None
    if type(found) is not dict:
        found = {"message": decode_or_escape(line)}
    return _with_metadata(found, metadata)


def find_asked_ids(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Return the ids that a question names, as a list in JSON. Raises RequestRefused."""
    if len(body) > _LONGEST_QUESTION:
        raise RequestRefused(413, f"a question has at most {_LONGEST_QUESTION} bytes")
    try:
        value = parse_json_text(body)
    except ValueError:
        value = None
    asked = value.get("acks") if type(value) is dict else None
    if type(asked) is not list or not all(type(one) is int for one in asked):
        return Answer.INVALID_FORMAT.reply()
    return Reply(200, as_json(asked))
