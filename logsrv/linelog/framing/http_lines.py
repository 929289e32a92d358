"""Bodies posted as they are, by their Content-Type: lines, JSON, JSON lines, forms (sans-IO)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import orjson

from logsrv.linelog.framing.bodies import (
    Asked,
    Records,
    Refusal,
    Reply,
    Taken,
    malformed,
    parsed,
    told,
    too_long,
)
from logsrv.linelog.framing.clean import is_plain
from logsrv.linelog.framing.json_made import gathered, made
from logsrv.linelog.framing.json_text import elements, one_line
from logsrv.linelog.framing.records import without_ending

TEXT, AS_JSON, AS_JSON_LINES, AS_FORM = "text", "json", "json lines", "form"
_SPACE = b" \t\r\n"
_MOST_FIELDS = 10_000
# Lines of JSON that are looked at together: what is made of them is several times as large for a moment.
_AT_ONCE = 256 * 1024
_KINDS = {
    "": TEXT,
    "application/json": AS_JSON,
    "application/x-ndjson": AS_JSON_LINES,
    "application/ndjson": AS_JSON_LINES,
    "application/jsonl": AS_JSON_LINES,
    "application/x-jsonl": AS_JSON_LINES,
    "application/jsonlines": AS_JSON_LINES,
    "application/x-jsonlines": AS_JSON_LINES,
    "application/json-lines": AS_JSON_LINES,
    "application/json-seq": AS_JSON_LINES,
    "application/x-www-form-urlencoded": AS_FORM,
    "application/logfmt": TEXT,
    "application/x-logfmt": TEXT,
    "application/xml": TEXT,
    "application/yaml": TEXT,
}
# A form has neither, so this is something else that curl has sent with its usual Content-Type.
_NO_FORM = re.compile(rb"[\r\n]|\A[^=]*\Z")


def media_type(header: bytes | None) -> str:
    """Return a Content-Type without its parameters, in lower case; empty if there is none."""
    return (header or b"").partition(b";")[0].strip().lower().decode("latin-1")


def kind_of(media: str) -> str:
    """Return how a body of this type is taken. Raises Refusal (415) for what is binary."""
    if media in _KINDS:
        return _KINDS[media]
    if media.startswith("text/"):
        return AS_JSON_LINES if media.removeprefix("text/") in ("x-ndjson", "jsonl") else TEXT
    if media.startswith("application/") and media.endswith("+json"):
        return AS_JSON
    raise Refusal(
        415,
        "protocol",
        "the Content-Type is none that lines are taken from: text, JSON, NDJSON or a form",
    )


def accepted(records: int, as_text: int = 0) -> Reply:
    """Return the answer to what was taken; as_text: how many of them were promised to be JSON."""
    return Reply(200, told(accepted=records, as_text=as_text))


def take(body: bytes, asked: Asked) -> Taken | None:
    """Return the records of a body, by its Content-Type; None if it is lines after all.

    Raises Refusal.
    """
    kind = kind_of(asked.media)
    if kind is AS_JSON:
        return _taken(_json(body, asked))
    if kind is AS_JSON_LINES:
        return _taken(_json_lines(body, asked))
    if kind is AS_FORM and not _NO_FORM.search(body.strip(_SPACE)):
        return _taken(_form(body.strip(_SPACE), asked))
    return None


def _taken(records: Records) -> Taken:
    return Taken(records, accepted(len(records), records.as_text))


def _json(body: bytes, asked: Asked) -> Records:
    try:
        value = parsed(body)
    except ValueError as error:
        raise malformed(f"the body is no JSON: {error}") from None
    records = Records(asked.max_made)
    if isinstance(value, dict):
        _add(records, value, body, asked.max_record)
    elif isinstance(value, list):
        records.expect(len(value))
        for one, text in zip(value, elements(body), strict=True):
            _add(records, one, text, asked.max_record)
    else:
        raise malformed("the body has to be a JSON object, or an array of what is to be stored")
    return records


def _json_lines(body: bytes, asked: Asked) -> Records:
    records, most = Records(asked.max_made), asked.max_record
    start = 0
    while start < len(body):
        stop = body.find(b"\n", start + _AT_ONCE) + 1 or len(body)
        piece = body[start:stop]
        start = stop
        alike = _objects(piece, most)
        if alike is not None:
            records.extend(alike)
        else:
            _one_by_one(records, piece, most)
    return records


def _objects(body: bytes, most: int) -> list[bytes] | None:
    """Return the lines if each is an object that can be stored as it stands, seen all at once; else None.

    Objects that are broken over lines so that their number comes out right are taken for such; what is
    stored is the same.
    """
    if not is_plain(body):
        return None
    lines = body.removesuffix(b"\n").split(b"\n")
    if not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        return None
    try:
        values = orjson.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        return None
    return lines if len(values) == len(lines) and max(map(len, lines)) <= most else None


def _one_by_one(records: Records, body: bytes, most: int) -> None:
    for line in body.split(b"\n"):
        # RS stands before each text of a JSON sequence (RFC 7464).
        text = line.strip(b" \t\r\x1e")
        if not text:
            continue
        try:
            value = parsed(text)
        except ValueError:
            records.as_text += 1
            records.add(line.removesuffix(b"\r"), structured=False)
        else:
            _add(records, value, text, most)


def _add(records: Records, value: object, text: bytes, most: int) -> None:
    """Add a value of JSON: a string as its text, all else as it was written."""
    if isinstance(value, str):
        records.add(without_ending(value.encode("utf-8", "backslashreplace")), structured=False)
        return
    record = one_line(text)
    if len(record) > most:
        raise too_long(most)
    records.add(record)


def _form(body: bytes, asked: Asked) -> Records:
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "backslashreplace"),
            keep_blank_values=True,
            errors="backslashreplace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise malformed(f"the form has more than {_MOST_FIELDS} fields") from None
    records = Records(asked.max_made)
    record = made(gathered(pairs), {})
    if len(record) > asked.max_record:
        raise too_long(asked.max_record)
    records.add(record)
    return records
