"""Events for an HTTP Event Collector: JSON objects one after another, or raw lines (sans-IO).

A record has the keys of the event, or its text as `message`; then the `fields`; then `time`, `host`,
`source`, `sourcetype`, `index`, as far as they are given; and `app`, if no other key says which program.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any

import orjson

from logsrv.linelog.fields.json import look_up_field
from logsrv.linelog.fields.record import ALIASES
from logsrv.linelog.formats.hec import answers
from logsrv.linelog.formats.http.json_parts import PIECE, SPARE, Span, skip_space, value_spans
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    parse_json_text,
)
from logsrv.linelog.lines.json_made import as_json, decode_or_escape, free_name, json_object_line
from logsrv.linelog.lines.records import line_pieces
from logsrv.linelog.lines.times import seconds_as_rfc3339

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
_SECONDS = re.compile(r"\s*([0-9]{1,14})(?:\.([0-9]*))?\s*")
# The time in milliseconds has at least this value; in seconds that is the year 5138.
_LEAST_MILLISECONDS = 10**11
# Digits of a fraction of a second.
_DIGITS = 9
# Matches every number that may lose digits as a float or as an integer of 64 bits, and some other text.
_LONG_NUMBER = re.compile(rb"[0-9][0-9.eE+-]{16}")
# The most events or lines that become records in one call, and the most bytes of their metadata.
_AT_ONCE = 512
_MOST_AT_ONCE = 1 << 20
# A question about more bytes of ids is refused.
_LONGEST_QUESTION = 256 << 10


def add_hec_events(body: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the events of a body.

    Events without content, and records over --max-record, are left out; from a value on that is no JSON
    object, all are. The answer then has the number of the first one left out, counted from 0. Raises
    RequestRefused.
    """
    body = body.removeprefix(BOM_UTF8)
    fault: Reply | None = None
    number = rest = 0
    for spans in _few_at_once(value_spans(body)):
        values = _parse_values(body, spans, rules.max_record)
        found: list[dict[str, Any]] = []
        for value, (begin, end) in zip(values, spans, strict=False):
            code = _code_of_fault(value)
            if value is None:
                records.count_oversize(end - begin)
            elif code is None:
                found.append(_event_record(value))
            else:
                records.count_invalid()
            if code is not None and fault is None:
                fault = _answer_about(code, number)
            number, rest = number + 1, end
        records.add_dicts_as_json(found, rules.max_record)
        if len(values) < len(spans):
            break
    if skip_space(body, rest) < len(body):
        records.count_invalid()
        fault = fault or _answer_about(answers.INVALID_FORMAT, number)
    elif not number:
        records.count_unknown()
        return answers.reply(answers.NO_DATA)
    if fault is None and records.refused_count:
        fault = answers.reply(answers.TOO_LARGE)
    return fault or answers.reply(answers.SUCCESS)


def count_hec_events(body: bytes, rules: BodyRules) -> int:
    """Return how many events a body has."""
    count = 0
    for spans in value_spans(body):
        count += len(spans)
    return count or 1


def _few_at_once(found: Iterator[list[Span]]) -> Iterator[list[Span]]:
    """Yield the spans of each list, few enough for one step."""
    for spans in found:
        for at in range(0, len(spans) or 1, _AT_ONCE):
            yield spans[at : at + _AT_ONCE]


def _answer_about(code: int, number: int) -> Reply:
    return answers.reply(code, **{"invalid-event-number": number})


def _parse_values(body: bytes, spans: Sequence[Span], most: int) -> list[dict[str, Any] | None]:
    """Return the objects of consecutive spans, up to the first that is invalid or no object.

    None stands for one that could only become a record of more than `most` bytes.
    """
    if not spans:
        return []
    longest = max(PIECE, SPARE * most)
    texts = [body[begin:end] for begin, end in spans if end - begin <= longest]
    found: list[Any] = []
    if len(texts) == len(spans):
        try:
            found = parse_json_text(b"[%b]" % b",".join(texts))
        except ValueError:
            pass
    # One of them may be several values.
    if len(found) == len(spans) and not _LONG_NUMBER.search(body, spans[0][0], spans[-1][1]):
        return list(takewhile(_is_object, found))
    return list(_parse_singly(body, spans, longest))


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _parse_singly(
    body: bytes, spans: Sequence[Span], longest: int
) -> Iterator[dict[str, Any] | None]:
    for begin, end in spans:
        if end - begin > longest:
            yield None
            continue
        try:
            value = _parse_with_digits(body[begin:end])
        except ValueError:
            return
        if not _is_object(value):
            return
        yield value


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


def _code_of_fault(value: dict[str, Any] | None) -> int | None:
    """Return the code for an event without content, or for one that is too long; None for any other."""
    if value is None:
        return answers.TOO_LARGE
    event = value.get("event")
    if event is None:
        return answers.NO_EVENT
    blank = not event.strip() if isinstance(event, str) else event in ({}, [])
    return answers.BLANK_EVENT if blank else None


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
    """Return a time in seconds, or in milliseconds, since 1970 as RFC 3339; any other unchanged."""
    text = time
    if isinstance(time, float) and math.isfinite(time):
        text = f"{Decimal(repr(time)):f}"
    elif type(time) is int:
        text = str(time)
    parts = _SECONDS.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return time
    seconds, fraction = int(parts[1]), parts[2] or ""
    if seconds >= _LEAST_MILLISECONDS:
        seconds, milliseconds = divmod(seconds, 1000)
        fraction = f"{milliseconds:03d}{fraction}"
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
    many = max(1, min(_AT_ONCE, _MOST_AT_ONCE // len(json_object_line(metadata, {}))))
    longest = max(PIECE, SPARE * rules.max_record)
    any_line = False
    for lines in _lines_at_once(body.removeprefix(BOM_UTF8), many):
        any_line = any_line or bool(lines)
        if any(metadata.values()):
            made = []
            for line in lines:
                if len(line) <= longest:
                    made.append(_line_record(line, metadata))
                else:
                    records.count_oversize(len(line))
            records.add_dicts_as_json(made, rules.max_record)
        else:
            records.add_texts(lines)
    if not any_line:
        records.count_unknown()
        return answers.reply(answers.NO_DATA)
    return answers.reply(answers.TOO_LARGE if records.refused_count else answers.SUCCESS)


def count_hec_lines(body: bytes, rules: BodyRules) -> int:
    """Return how many lines a body has."""
    count = 0
    for lines in _lines_at_once(body, _AT_ONCE):
        count += len(lines)
    return count or 1


def _lines_at_once(body: bytes, many: int) -> Iterator[list[bytes]]:
    """Yield lists of at most `many` lines of a body, without those that are blank."""
    for piece in line_pieces(body, PIECE):
        lines = [line.rstrip(b"\r") for line in piece.split(b"\n")]
        lines = [line for line in lines if line.strip(_SPACE)]
        for at in range(0, len(lines), many):
            yield lines[at : at + many]


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
        return answers.reply(answers.INVALID_FORMAT)
    return Reply(200, as_json(asked))
