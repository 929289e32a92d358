"""The Parquet file of a segment and a day: its rows, and the note in its footer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from logsrv.linelog.columns.arrow_texts import field_as_text, text_column
from logsrv.linelog.columns.stamp_fields import source_fields
from logsrv.linelog.columns.text_maps import FieldTexts, map_column
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.erased_line import is_erased
from logsrv.linelog.fields.extract import read_all_fields
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.parsed_line import ALIASES, ALWAYS, ParsedLine
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.values import STATUS_CLASS
from logsrv.linelog.objects.interface import Archive

FORMAT = 2
"""The version of the schema: a file with another one has other columns, or other values in them."""
LEAST_LINES, MOST_TEXT = 100_000, 32 << 20
"""A group of rows has so many lines, or so many bytes of text, whichever comes first."""
LONGEST_FOOTER = 1 << 20
"""Bytes that are read of a file for its footer: enough for a thousand groups of rows."""
_ERASED_SOURCE = "^(erased)?-*$"
_ANY_TIME = b"2026-11-20T06:00:00.000000Z"
"""The TIME of an erased line can be any."""
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
_KEY = "logsrv"
_CODED_NAMES = [one.name for one in SCHEMA if pyarrow.types.is_dictionary(one.type)]
_OPTIONS: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    # Arrow's own description of the schema would name the codes, which other readers do not know.
    "store_schema": False,
    "write_page_checksum": True,
    "use_dictionary": [
        "segment",
        "port",
        *_CODED_NAMES,
        "fields.key_value.key",
        "fields.key_value.value",
    ],
    "column_encoding": dict.fromkeys(("time", "position"), "DELTA_BINARY_PACKED"),
}


def rows_of_lines(number: int, stamps: StampedLines, positions: Array) -> pyarrow.RecordBatch:
    """Return the rows of lines of segment `number`. positions: of each line in the segment."""
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
    of_lines = [_fields_of_line(stamps.line(row), stamps.first_line(row)) for row in range(lines)]
    columns = {
        name: pyarrow.array([one.pop(name, None) for one in of_lines], _TEXT).dictionary_encode()
        for name in _OF_FIELDS
    }
    fields = pyarrow.array([sorted(one.items()) for one in of_lines], kind)
    return columns | {"level": level, "fields": fields}


def _fields_of_line(line: bytes, first_line: bytes | None) -> dict[str, str]:
    record = ParsedLine(line, None, first_line)
    shown = record.fields
    names = {*shown, *ALIASES, STATUS_CLASS}.difference(ALWAYS)
    # A name with bytes that are not UTF-8 is not found in the form in which it is shown.
    exact = {name: record.get(name, as_written=True) for name in names}
    values = {name: shown.get(name) if value is None else value for name, value in exact.items()}
    return {name: field_as_text(value) for name, value in values.items() if value is not None}


class LakeNote(NamedTuple):
    """The origin of a file, in its footer.

    segment: the short name of the segment. text: the SHA-256 of its compressed text. others: in the first
    file, the sizes of the other files by day. format, made_by: the versions of the schema and of the
    writer; the same ones make the same bytes.
    """

    store: str
    segment: str
    day: str
    text: str
    others: Mapping[str, int] = {}
    format: int = FORMAT
    made_by: str = f"pyarrow {pyarrow.__version__}"


def write_day_file(
    file: IO[bytes], number: int, note: LakeNote, pieces: Iterator[tuple[StampedLines, Array]]
) -> None:
    """Write the file of a day. number: of the segment. pieces: the lines, with their positions.

    Raises OSError, and whatever `pieces` raises.
    """
    with pyarrow.parquet.ParquetWriter(file, SCHEMA, **_OPTIONS) as writer:
        for rows in _groups_of_rows(number, pieces):
            writer.write_table(rows, row_group_size=rows.num_rows)
        writer.add_key_value_metadata({_KEY: json.dumps(note._asdict())})
    # A bucket gets the whole file from memory.
    pyarrow.default_memory_pool().release_unused()


def _groups_of_rows(
    number: int, pieces: Iterator[tuple[StampedLines, Array]]
) -> Iterator[pyarrow.Table]:
    batches: list[pyarrow.RecordBatch] = []
    lines = size = 0
    for stamps, positions in pieces:
        batches.append(rows_of_lines(number, stamps, positions))
        lines, size = lines + len(positions), size + len(stamps.text)
        if lines >= LEAST_LINES or size >= MOST_TEXT:
            yield pyarrow.Table.from_batches(batches)
            batches, lines, size = [], 0, 0
    if batches:
        yield pyarrow.Table.from_batches(batches)


def read_note(archive: Archive, name: str, size: int) -> LakeNote | None:
    """Return the note in a file of so many bytes; None if it has none, or is damaged at its end.

    Raises ArchiveError.
    """
    tail = archive.read(name, max(0, size - LONGEST_FOOTER))
    try:
        footer = pyarrow.parquet.read_metadata(io.BytesIO(tail))
        return LakeNote(**json.loads(footer.metadata[_KEY.encode()]))
    except Exception:
        # A stranger's file can be anything.
        return None


def erased_offsets_in_file(archive: Archive, name: str) -> list[int]:
    """Return the positions of the erased lines in a file, in order; none if the file is damaged.

    Raises ArchiveError.
    """
    data = archive.read(name)
    try:
        rows = pyarrow.parquet.read_table(
            io.BytesIO(data), columns=["position", "source", "message"]
        )
    except Exception:
        # A stranger's file can be anything.
        return []
    sources = rows["source"].cast(_TEXT)
    may_be = pyarrow.compute.match_substring_regex(sources, _ERASED_SOURCE)
    rows = rows.filter(pyarrow.compute.fill_null(may_be, True)).to_pylist()
    return sorted(one["position"] for one in rows if _is_erased_row(one))


def _is_erased_row(row: Mapping[str, Any]) -> bool:
    message = row["message"].encode()
    if row["source"] is None:
        # The line has no stamp, so all of it is its message.
        return is_erased(message)
    return is_erased(b"%s %s %s" % (_ANY_TIME, row["source"].encode(), message))
