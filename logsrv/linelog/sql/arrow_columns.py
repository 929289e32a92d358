"""Lines of the store as columns of Arrow: only the needed columns, and all lines of a piece at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy
import orjson
import pyarrow

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.level_numbers import level_numbers
from logsrv.linelog.fields.reader import Column
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import parse_source
from logsrv.linelog.fields.values import Value, displayable_text, number_of_value, text_of_value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import number_in_field_unit
from logsrv.linelog.read.columns import column_reader
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, arrow_schema
from logsrv.linelog.store.segment import Position

_INT64 = 1 << 63
_IN_SOURCE = ("source", "name", "host")


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
        self._of_fields = [name for name in self.names if name in fields]
        self._of_sources = [name for name in self.names if name in _IN_SOURCE]
        parsed = [name for name in self._of_fields if name != "position"]
        texts = [name for name in parsed if fields[name] is ColumnType.TEXT]
        self._read_columns = column_reader(parsed, extractions, texts)
        every = arrow_schema(fields)
        self.schema = pyarrow.schema([every.field(name) for name in self.names])

    def make_batch(self, piece: SegmentLines) -> tuple[pyarrow.RecordBatch, BadValues]:
        """Return the columns of a piece, and the values that they cannot hold, which are NULL there."""
        bad_values: BadValues = {}
        stamps = StampedLines(piece.text)
        columns = self._parsed_columns(piece, stamps, bad_values)
        if self._of_sources:
            columns |= _source_columns(self._of_sources, stamps)
        for name in self.names:
            if name not in columns:
                columns[name] = _BY_NAME[name](piece, stamps)
        return pyarrow.RecordBatch.from_arrays(
            [columns[name] for name in self.names], schema=self.schema
        ), bad_values

    def _parsed_columns(
        self, piece: SegmentLines, stamps: StampedLines, bad_values: BadValues
    ) -> dict[str, Any]:
        """Return the columns for which the messages have to be parsed."""
        if not self._of_fields:
            return {}
        found = self._read_columns(stamps)
        if "position" in self._of_fields:
            offsets = piece.offsets(stamps.starts)
            found["position"] = [str(Position(piece.segment, offset)) for offset in offsets]
        columns = {}
        for name, values in found.items():
            kind = self._fields[name]
            if kind is ColumnType.TEXT:
                column: list[Any] = fields_as_texts(values)
            else:
                column = [
                    None if value is None else as_number_or_note(value, kind, name, bad_values)
                    for value in values
                ]
            columns[name] = pyarrow.array(column, self.schema.field(name).type)
        return columns


def fields_as_texts(values: Column) -> list[str | None]:
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
    value: Value, kind: ColumnType, field: str, bad_values: BadValues
) -> int | float | None:
    """Return a field's value as a number of type `kind`; if that cannot hold it, add it to `bad_values`."""
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
    bad_values[field] = count + 1, has_text or found is None, has_number or fits_number
    return None


def to_compact_json(value: Any) -> str:
    """Return compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _time_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    moments = stamps.moments()
    found = pyarrow.array(moments, pyarrow.int64(), mask=moments == NO_TIME)
    return found.view(pyarrow.timestamp("us", "UTC"))


def _level_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    return _dictionary_column(
        level_numbers(piece.text, stamps.ends).astype(numpy.int32) - 1, LEVELS
    )


def _dictionary_column(codes: Any, values: Sequence[str]) -> Any:
    """Return a column of texts, given as indexes of `values`. A negative index is NULL."""
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, pyarrow.int32(), mask=codes < 0),
        pyarrow.array(values, pyarrow.string()),
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


@lru_cache(maxsize=10000)
def _source_parts(source: bytes) -> tuple[str | None, str | None, str | None]:
    """Return SOURCE as text, and the name and the host in it."""
    text = source.decode("utf-8", "surrogateescape")
    name, host, _ = parse_source(text)
    return displayable_text(text), name, displayable_text(host) if host else None


def _source_columns(names: Sequence[str], stamps: StampedLines) -> dict[str, Any]:
    """Return columns that depend on SOURCE only: each different source is parsed once."""
    encoded = pyarrow.array(stamps.sources(), pyarrow.binary()).dictionary_encode()
    parts = [_source_parts(source) for source in encoded.dictionary.to_pylist()]
    columns = {}
    for name in names:
        values: dict[str | None, int] = {None: -1}
        place = _IN_SOURCE.index(name)
        known = [values.setdefault(part[place], len(values) - 1) for part in parts]
        codes = numpy.full(len(stamps), -1, numpy.int32)
        codes[stamps.stamped] = numpy.array(known, numpy.int32)[encoded.indices.to_numpy()]
        columns[name] = _dictionary_column(codes, [value for value in values if value is not None])
    return columns


def _segment_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    number = pyarrow.scalar(Position(piece.segment, 0).own.segment, pyarrow.int64())
    return pyarrow.repeat(number, len(stamps))


def _offset_column(piece: SegmentLines, stamps: StampedLines) -> Any:
    return pyarrow.array(piece.offsets(stamps.starts), pyarrow.int64())


_BY_NAME: dict[str, Callable[[SegmentLines, StampedLines], Any]] = {
    "time": _time_column,
    "level": _level_column,
    "fields": _all_fields_column,
    "message": _message_column,
    "segment": _segment_column,
    "offset": _offset_column,
}
