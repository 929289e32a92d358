"""Lines of the store as columns of Arrow: only the needed columns, and all lines of a piece at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy
import orjson
import pyarrow

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.read_file import GroupColumns
from logsrv.linelog.columns.stamp_fields import OF_SOURCE, level_field, source_fields
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.values import Value, displayable_text, number_of_value, text_of_value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import number_in_field_unit
from logsrv.linelog.read.columns import column_reader
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, arrow_schema
from logsrv.linelog.store.segment import Position

_INT64 = 1 << 63
_ARROW_NUMBERS = {ColumnType.INTEGER: pyarrow.int64(), ColumnType.NUMBER: pyarrow.float64()}


class SegmentLines(NamedTuple):
    """Whole lines of a segment, each with its LF.

    offsets: turns offsets of lines in `text` into their offsets in the segment's text.
    """

    segment: int
    text: bytes
    offsets: Callable[[Array], Any]


BadValues: TypeAlias = dict[str, tuple[int, bool, bool]]
"""Values that a column of numbers cannot hold.

For each field: how many; whether one is a text, perhaps with a unit; and whether a column of fractions
could hold one: a fraction, a large number, or a number with a unit.
"""


class ArrowColumnMaker:
    """A maker of columns.

    fields: the table's fields with their types. needed: names of the columns to make. extractions: those of
    the query, whose fields may be among them.
    """

    def __init__(
        self,
        fields: Mapping[str, ColumnType],
        needed: frozenset[str],
        extractions: Sequence[Extraction] = (),
    ) -> None:
        self._fields = fields
        self.names = [name for name in (*ALWAYS, *fields) if name in needed]
        self._parsed = [name for name in self.names if name in fields and name != "position"]
        texts = [name for name in self._parsed if fields[name] is ColumnType.TEXT]
        self._read_columns = column_reader(self._parsed, extractions, texts)
        every = arrow_schema(fields)
        self.schema = pyarrow.schema([every.field(name) for name in self.names])

    def make_batch(self, piece: SegmentLines) -> tuple[pyarrow.RecordBatch, BadValues]:
        """Return the columns of a piece, and the values that they cannot hold, which are NULL there."""
        bad_values: BadValues = {}
        stamps = StampedLines(piece.text)
        columns = {}
        if any(name in OF_SOURCE for name in self.names):
            columns = {name: text_column(one) for name, one in source_fields(stamps).items()}
        columns |= self._parsed_columns(stamps, bad_values)
        for name in self.names:
            if name not in columns:
                columns[name] = _BY_NAME[name](piece, stamps)
        return pyarrow.RecordBatch.from_arrays(
            [columns[name] for name in self.names], schema=self.schema
        ), bad_values

    def _parsed_columns(self, stamps: StampedLines, bad_values: BadValues) -> dict[str, Any]:
        """Return the columns for which the messages have to be parsed."""
        if not self._parsed:
            return {}
        columns = {}
        for name, values in self._read_columns(stamps).items():
            kind = self._fields[name]
            if kind is ColumnType.TEXT:
                texts = pyarrow.array(fields_as_texts(values), pyarrow.string())
                columns[name] = texts.dictionary_encode()
            else:
                column = [
                    None if value is None else as_number_or_note(value, kind, name, bad_values)
                    for value in values
                ]
                columns[name] = pyarrow.array(column, self.schema.field(name).type)
        return columns

    def make_batch_of_group(
        self, segment: int, group: GroupColumns, rows: Array | slice = slice(None)
    ) -> tuple[pyarrow.RecordBatch, BadValues]:
        """Return the same of lines of a row group. rows: their numbers, or a mask; all by default."""
        bad_values: BadValues = {}
        columns = []
        for name in self.names:
            kind = self._fields.get(name, ColumnType.TEXT)
            if name == "time":
                column = _time_column(group.moments()[rows])
            elif name == "offset":
                column = pyarrow.array(group.offsets()[rows])
            elif name == "segment":
                column = _segment_column(segment, len(group.offsets()[rows]))
            elif name == "position":
                column = _position_column(segment, group.offsets()[rows].tolist())
            elif kind is ColumnType.TEXT:
                column = text_column(group.field(name), rows)
            else:
                column = _stored_numbers(group, name, rows, kind, bad_values)
            columns.append(column)
        return pyarrow.RecordBatch.from_arrays(columns, schema=self.schema), bad_values


def _stored_numbers(
    group: GroupColumns, name: str, rows: Array | slice, kind: ColumnType, bad_values: BadValues
) -> Any:
    """Return a field in lines of a row group as numbers."""
    stored = group.numbers(name)
    if stored is not None and (kind is ColumnType.NUMBER or stored.values.dtype == numpy.int64):
        missing = None if stored.missing is None else stored.missing[rows]
        numbers = stored.values[rows]
        if kind is ColumnType.NUMBER:
            # Arrow would refuse an integer that a double rounds.
            numbers = numbers.astype(numpy.float64)
        return pyarrow.array(numbers, mask=missing)
    field = group.field(name)
    codes = field.codes[rows]
    lines = numpy.bincount(codes + 1, minlength=len(field.texts) + 1)[1:].tolist()
    found = [
        as_number_or_note(value, kind, name, bad_values, count) if count else None
        for value, count in zip(field.values(), lines, strict=True)
    ]
    known = pyarrow.array(found, _ARROW_NUMBERS[kind])
    return known.take(pyarrow.array(codes, mask=codes < 0))


def fields_as_texts(values: Sequence[Value | None]) -> list[str | None]:
    """Return the values of a field as texts."""
    return [
        value if value is None or (type(value) is str and value.isascii()) else field_as_text(value)
        for value in values
    ]


def field_as_text(value: Value) -> str:
    """Return the value of a field as text; a list is JSON."""
    if isinstance(value, str):
        return displayable_text(value)
    if isinstance(value, list):
        return to_compact_json(
            [displayable_text(one) if isinstance(one, str) else one for one in value]
        )
    return text_of_value(value)


@lru_cache(maxsize=4096)
def _parse_number(value: str) -> Any:
    return number_of_value(value)


def as_number_or_note(
    value: Value, kind: ColumnType, field: str, bad_values: BadValues, lines: int = 1
) -> int | float | None:
    """Return a field's value as a number of type `kind`; if that cannot hold it, add it to `bad_values`.

    lines: the number of lines that have the value.
    """
    found: Any = None
    if isinstance(value, str) and len(value) < 32:
        found = _parse_number(value)
    elif not isinstance(value, list):
        found = number_of_value(value)
    is_integer = kind is ColumnType.INTEGER
    amount = None
    if found is None and not isinstance(value, list):
        amount = number_in_field_unit(field, value)
    if not is_integer:
        found = amount if found is None else found
    if found is not None and not is_integer:
        try:
            return float(found)
        except OverflowError:
            found = None
    if found is not None and -_INT64 <= found < _INT64 and found == int(found):
        return int(found)
    count, has_text, has_number = bad_values.get(field, (0, False, False))
    fits_number = found is not None or (is_integer and amount is not None)
    bad_values[field] = count + lines, has_text or found is None, has_number or fits_number
    return None


def to_compact_json(value: Any) -> str:
    """Return compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _time_column(moments: Array) -> Any:
    found = pyarrow.array(moments, pyarrow.int64(), mask=moments == NO_TIME)
    return found.view(pyarrow.timestamp("us", "UTC"))


def text_column(field: CodedField, rows: Array | slice = slice(None)) -> Any:
    """Return the texts of a field, by default in all lines, as a dictionary and codes."""
    codes = field.codes[rows]
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, mask=codes < 0),
        pyarrow.array(fields_as_texts(field.values()), pyarrow.string()),
    )


def _all_fields_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    records = (Record(stamps.line(row)) for row in range(len(stamps)))
    return pyarrow.array([to_compact_json(record.fields) for record in records], pyarrow.string())


def _message_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    text = piece.text
    starts, ends = stamps.messages.tolist(), stamps.ends.tolist()
    parts = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    if text.isascii():
        return pyarrow.array(parts, pyarrow.string())
    texts = [part.decode("utf-8", "backslashreplace") for part in parts]
    return pyarrow.array(texts, pyarrow.string())


def _segment_column(segment: int, lines: int) -> Any:
    number = pyarrow.scalar(Position(segment, 0).own.segment, pyarrow.int64())
    return pyarrow.repeat(number, lines)


def _position_column(segment: int, offsets: Any) -> Any:
    places = [str(Position(segment, offset)) for offset in offsets]
    return pyarrow.array(places, pyarrow.string()).dictionary_encode()


_BY_NAME: dict[str, Callable[[SegmentLines, StampedLines], Any]] = {
    "time": lambda _, stamps: _time_column(stamps.moments()),
    "level": lambda _, stamps: text_column(level_field(stamps)),
    "fields": _all_fields_column,
    "message": _message_column,
    "segment": lambda piece, stamps: _segment_column(piece.segment, len(stamps)),
    "offset": lambda piece, stamps: pyarrow.array(piece.offsets(stamps.starts), pyarrow.int64()),
    "position": lambda piece, stamps: _position_column(piece.segment, piece.offsets(stamps.starts)),
}
