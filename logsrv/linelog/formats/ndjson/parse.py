"""Bodies without a protocol of their own, by Content-Type: lines, JSON, JSON lines, forms (sans-IO)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from logsrv.linelog.intake.over_http.structured_body import (
    count_begun_elements,
    element_texts,
    parse_json_body,
)
from logsrv.linelog.lines.bodies import (
    JSON,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    accepted_reply,
    fits_in_record,
    malformed_body,
    nothing_found,
    parse_json_text,
    record_too_long,
)
from logsrv.linelog.lines.json_made import (
    decode_or_escape,
    dict_of_pairs,
    json_object_line,
)
from logsrv.linelog.lines.json_text import (
    count_storable_objects,
    json_on_one_line,
    lines_storable_unchanged,
    replace_half_surrogates,
    utf8_with_escapes,
)
from logsrv.linelog.lines.records import line_pieces, without_ending

_SPACE = b" \t\r\n"
# RS stands before each text of a JSON sequence (RFC 7464).
_AROUND_JSON = b" \t\r\x1e"
_MOST_FIELDS = 10_000
# Bytes of JSON lines that are parsed together: their values take several times as much memory for a moment.
_AT_ONCE = 256 * 1024
# Elements of an array that are stored together if none of them needs a change.
_ELEMENTS_AT_ONCE = 512
# Subtypes, without a leading `x-`: of `application/` and `text/`; then of `application/`.
_JSON_LINES = ("ndjson", "jsonl", "jsonlines", "json-lines", "json-seq")
_TEXTS = ("logfmt", "xml", "yaml")


def body_parser(media: str) -> Callable[[bytes, BodyRules, Records], None] | None:
    """Return the parser of bodies of this type; None for lines.

    Raises RequestRefused (415) for a type that is not accepted.
    """
    family, _, name = media.partition("/")
    name = name.removeprefix("x-")
    if family in ("application", "text") and name in _JSON_LINES:
        return add_json_lines
    if not media or family == "text" or (family == "application" and name in _TEXTS):
        return None
    if media == JSON or (family == "application" and name.endswith("+json")):
        return add_json
    if media == "application/x-www-form-urlencoded":
        return add_form
    raise RequestRefused(
        415, "this Content-Type is not accepted; send text, JSON, NDJSON or a form"
    )


def add_body_records(body: bytes, rules: BodyRules, records: Records) -> Reply | None:
    """Add the records of a body, by its Content-Type. For lines it adds no record, and returns None.

    Raises RequestRefused.
    """
    body = body.removeprefix(BOM_UTF8)
    parse = body_parser(rules.media)
    if parse is None or (parse is add_form and not _is_form(body.strip(_SPACE))):
        return None
    parse(body, rules, records)
    if not len(records):
        raise nothing_found("the body has no record")
    return accepted_reply(len(records) - records.empty, records.as_text)


def count_body_records(body: bytes, rules: BodyRules) -> int:
    """Return how many records a valid body has, by its Content-Type. Raises RequestRefused."""
    body = body.removeprefix(BOM_UTF8)
    parse = body_parser(rules.media)
    count = 0
    if parse is add_json_lines:
        for piece in line_pieces(body, _AT_ONCE):
            count += sum(1 for line in piece.split(b"\n") if line.strip(_AROUND_JSON))
    elif parse is add_json:
        value = parse_json_body(body)
        count = len(value) if type(value) is list else 1
    return count or 1


def _is_form(body: bytes) -> bool:
    """Return false for lines: `curl --data` sends anything with the Content-Type of a form."""
    return b"=" in body and b"\n" not in body and b"\r" not in body


def add_json(body: bytes, rules: BodyRules, records: Records) -> None:
    """Add a JSON object, or the elements of an array."""
    try:
        value = parse_json_body(body)
    except RequestRefused as refusal:
        if refusal.status == HTTPStatus.BAD_REQUEST:
            refusal.records = count_begun_elements(body)
        raise
    if type(value) is list:
        records.require_room_for_records(len(value))
        texts = element_texts(body)
        for at in range(0, len(texts), _ELEMENTS_AT_ONCE):
            some = slice(at, at + _ELEMENTS_AT_ONCE)
            _add_values(value[some], texts[some], records, rules.max_record)
    elif type(value) is dict:
        _add_values([value], [body], records, rules.max_record)
    else:
        raise malformed_body("the body has to be a JSON object, or an array of records")


def _add_values(values: Sequence[Any], texts: Sequence[bytes], records: Records, most: int) -> None:
    """Add JSON values, whose texts may have white space around them."""
    texts = [text.strip(_SPACE) for text in texts]
    lines = b"\n".join(texts)
    stays = (
        lines_storable_unchanged(lines, len(texts), most)
        and replace_half_surrogates(lines) == lines
    )
    if stays and str not in set(map(type, values)):
        records.add_whole_lines(lines + b"\n", len(texts))
        return
    for value, text in zip(values, texts, strict=True):
        _check_length(len(text), most)
        _add_value(value, text, records, most)


def add_json_lines(body: bytes, rules: BodyRules, records: Records) -> None:
    """Add each line of a body of JSON lines; lines that need no change are added in large pieces."""
    for piece in line_pieces(body, _AT_ONCE):
        number = count_storable_objects(piece.removesuffix(b"\n"), rules.max_record)
        if number:
            records.add_whole_lines(piece if piece.endswith(b"\n") else piece + b"\n", number)
        else:
            add_json_lines_singly(records, piece, rules.max_record)


def add_json_lines_singly(records: Records, piece: bytes, most: int) -> None:
    """Add each line of a piece by itself; a line that is no JSON becomes text.

    Raises RequestRefused (413) for a JSON record longer than `most` bytes, and for any line far longer.
    """
    for line in piece.split(b"\n"):
        text = line.strip(_AROUND_JSON)
        if not text:
            continue
        _check_length(len(text), most)
        try:
            value = parse_json_text(text)
        except ValueError:
            records.as_text += 1
            records.add(line.removesuffix(b"\r"), structured=False)
        else:
            _add_value(value, text, records, most)


def _check_length(size: int, most: int) -> None:
    """Raise RequestRefused (413) for a text that cannot become a record of `most` bytes."""
    if not fits_in_record(size, most):
        raise record_too_long(most)


def _add_value(value: Any, text: bytes, records: Records, most: int) -> None:
    """Add a JSON value: a string as its text, any other value as JSON on one line."""
    if isinstance(value, str):
        records.add(without_ending(utf8_with_escapes(value)), structured=False)
        return
    record = json_on_one_line(text)
    if len(record) > most:
        raise record_too_long(most)
    records.add(record)


def add_form(body: bytes, rules: BodyRules, records: Records) -> None:
    """Add the fields of a form as one object."""
    body = body.strip(_SPACE)
    _check_length(len(body), rules.max_record)
    try:
        pairs = parse_qsl(
            decode_or_escape(body),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise malformed_body(f"the form has more than {_MOST_FIELDS} fields") from None
    fields = dict_of_pairs((_form_text(name), _form_text(value)) for name, value in pairs)
    record = json_object_line(fields, {})
    if len(record) > rules.max_record:
        raise record_too_long(rules.max_record)
    records.add(record)


def _form_text(text: str) -> str:
    """Return text of a form; escaped bytes that are not UTF-8 become `\\xNN`."""
    return text if text.isascii() else decode_or_escape(text.encode(errors="surrogateescape"))
