"""Rows of the lake: the lines of a text as columns of Arrow."""

from __future__ import annotations

import numpy
import pyarrow

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.extract import read_all_fields
from logsrv.linelog.columns.stamp_fields import source_fields
from logsrv.linelog.columns.text_maps import FieldTexts, map_column
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.record import ALIASES, ALWAYS, Record
from logsrv.linelog.fields.servers import STATUS_CLASS
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.sql.arrow_columns import field_as_text, text_column

_TEXT = pyarrow.string()
_CODED = pyarrow.dictionary(pyarrow.int32(), _TEXT)
SCHEMA = pyarrow.schema(
    [
        ("time", pyarrow.timestamp("us", "UTC")),
        pyarrow.field("segment", pyarrow.int64(), nullable=False),
        pyarrow.field("position", pyarrow.int64(), nullable=False),
        *((name, _CODED) for name in ("source", "name", "host")),
        ("port", pyarrow.int32()),
        *((name, _CODED) for name in ("level", "app", "hostname")),
        pyarrow.field("message", _TEXT, nullable=False),
        pyarrow.field("fields", pyarrow.map_(_TEXT, pyarrow.field("value", _TEXT, False)), False),
    ]
)
_OF_FIELDS = ("app", "hostname")


def rows_of_lines(number: int, text: bytes, positions: Array) -> pyarrow.RecordBatch:
    """Return the rows of whole lines of segment `number`. positions: of each line in the segment."""
    stamps = StampedLines(text)
    moments = stamps.moments()
    messages = [one.decode("utf-8", "backslashreplace") for one in stamps.messages_of()]
    coded = {name: text_column(field) for name, field in source_fields(stamps).items()}
    columns = {
        **coded,
        "time": pyarrow.array(moments, SCHEMA.field("time").type, mask=moments == NO_TIME),
        "segment": pyarrow.array(numpy.full(len(stamps), number)),
        "position": pyarrow.array(positions, pyarrow.int64()),
        "port": coded["port"].cast(_TEXT).cast(pyarrow.int32()),
        "message": pyarrow.array(messages, _TEXT),
        **_columns_of_fields(stamps),
    }
    return pyarrow.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _columns_of_fields(stamps: StampedLines) -> dict[str, pyarrow.Array]:
    lines, kind = len(stamps), SCHEMA.field("fields").type
    found = read_all_fields(stamps)
    level = text_column(CodedField(found.levels.astype(numpy.int32) - 1, list(LEVELS)))
    if found.complete and not found.left_out:
        coded = {name: text_column(field) for name, field in sorted(found.fields.items())}
        columns = {name: coded.pop(name, pyarrow.nulls(lines, _CODED)) for name in _OF_FIELDS}
        rows = {name: numpy.flatnonzero(found.fields[name].codes >= 0) for name in coded}
        texts = [
            FieldTexts(name, rows[name], one.drop_null().cast(_TEXT)) for name, one in coded.items()
        ]
        return columns | {"level": level, "fields": map_column(lines, texts, kind)}
    # A text and a list that look the same, a name that is not UTF-8, or 10,000 names: line by line.
    of_lines = [_fields_of_line(stamps.line(row)) for row in range(lines)]
    columns = {
        name: pyarrow.array([one.pop(name, None) for one in of_lines], _TEXT).dictionary_encode()
        for name in _OF_FIELDS
    }
    fields = pyarrow.array([sorted(one.items()) for one in of_lines], kind)
    return columns | {"level": level, "fields": fields}


def _fields_of_line(line: bytes) -> dict[str, str]:
    record = Record(line)
    shown = record.fields
    names = {*shown, *ALIASES, STATUS_CLASS}.difference(ALWAYS)
    # A name with bytes that are not UTF-8 is not found in the form in which it is shown.
    exact = {name: record.get(name, as_written=True) for name in names}
    values = {name: shown.get(name) if value is None else value for name, value in exact.items()}
    return {name: field_as_text(value) for name, value in values.items() if value is not None}
