"""Lines of the store as columns of Arrow: only the needed columns, and all lines of a piece at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy
import orjson
import pyarrow

from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.levels.byte_places import Array
from logsrv.linelog.fields.levels.numbers import numbers_of
from logsrv.linelog.fields.reader import Column, FieldReader
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.source import parse_source
from logsrv.linelog.fields.stamps import NO_TIME, Stamps
from logsrv.linelog.fields.values import Value, number, readable, text_of
from logsrv.linelog.query.language.units import number_in_field_unit
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, schema
from logsrv.linelog.store.segments.segment import Position

_INT64 = 1 << 63
_IN_SOURCE = ("source", "name", "host")


class Piece(NamedTuple):
    """Whole lines of a segment, each with its LF.

    offsets: turns offsets of lines in `text` into their offsets in the segment's text.
    """

    segment: int
    text: bytes
    offsets: Callable[[Array], Any]


class BadValues:
    """Values that a column of numbers cannot hold.

    For each field: how many, and whether all are numbers, only too large or with a fraction.
    """

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, bool]] = {}

    def add(self, field: str, *, is_number: bool) -> None:
        count, numbers = self.found.get(field, (0, True))
        self.found[field] = count + 1, numbers and is_number


class ArrowColumns:
    """A maker of columns.

    fields: the table's fields with their types. needed: names of the columns to make.
    """

    def __init__(self, fields: Mapping[str, ColumnType], needed: frozenset[str]) -> None:
        self._fields = fields
        self.names = [name for name in (*ALWAYS, *fields) if name in needed]
        self._of_fields = [name for name in self.names if name in fields]
        self._of_sources = [name for name in self.names if name in _IN_SOURCE]
        self._reader = FieldReader([name for name in self._of_fields if name != "position"])
        every = schema(fields)
        self.schema = pyarrow.schema([every.field(name) for name in self.names])

    def batch(self, piece: Piece) -> tuple[pyarrow.RecordBatch, BadValues]:
        """Return the columns of a piece, and the values that they cannot hold, which are NULL there."""
        bad_values = BadValues()
        stamps = Stamps(piece.text)
        columns = self._parsed(piece, stamps, bad_values)
        if self._of_sources:
            columns |= _of_sources(self._of_sources, stamps)
        for name in self.names:
            if name not in columns:
                columns[name] = _BY_NAME[name](piece, stamps)
        return pyarrow.RecordBatch.from_arrays(
            [columns[name] for name in self.names], schema=self.schema
        ), bad_values

    def _parsed(self, piece: Piece, stamps: Stamps, bad_values: BadValues) -> dict[str, Any]:
        """Return the columns for which the messages have to be parsed."""
        if not self._of_fields:
            return {}
        found: dict[str, Column] = dict(
            zip(self._reader.names, self._reader.read(stamps), strict=True)
        )
        if "position" in self._of_fields:
            offsets = piece.offsets(stamps.starts)
            found["position"] = [str(Position(piece.segment, offset)) for offset in offsets]
        columns = {}
        for name, values in found.items():
            kind = self._fields[name]
            if kind is ColumnType.TEXT:
                column: list[Any] = as_texts(values)
            else:
                column = [
                    None if value is None else as_number(value, kind, name, bad_values)
                    for value in values
                ]
            columns[name] = pyarrow.array(column, self.schema.field(name).type)
        return columns


def as_texts(values: Column) -> list[str | None]:
    """Return the values of a field as texts."""
    return [
        value if value is None or (type(value) is str and value.isascii()) else as_text(value)
        for value in values
    ]


def as_text(value: Value) -> str:
    """Return the value of a field as text; a list is JSON."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, list):
        return as_json([readable(one) if isinstance(one, str) else one for one in value])
    return text_of(value)


@lru_cache(maxsize=4096)
def _number_of(value: str) -> Any:
    return number(value)


def as_number(
    value: Value, kind: ColumnType, field: str, bad_values: BadValues
) -> int | float | None:
    """Return a field's value as a number of type `kind`; if that cannot hold it, add it to `bad_values`."""
    if isinstance(value, list):
        found = None
    else:
        found = _number_of(value) if isinstance(value, str) and len(value) < 32 else number(value)
    if found is None and kind is ColumnType.NUMBER and not isinstance(value, list):
        found = number_in_field_unit(field, value)
    if found is None:
        bad_values.add(field, is_number=False)
        return None
    if kind is ColumnType.INTEGER:
        if -_INT64 <= found < _INT64 and found == int(found):
            return int(found)
        bad_values.add(field, is_number=True)
        return None
    try:
        return float(found)
    except OverflowError:
        bad_values.add(field, is_number=False)
        return None


def as_json(value: Any) -> str:
    """Return compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _times(piece: Piece, stamps: Stamps) -> Any:
    moments = stamps.moments()
    found = pyarrow.array(moments, pyarrow.int64(), mask=moments == NO_TIME)
    return found.view(pyarrow.timestamp("us", "UTC"))


def _levels(piece: Piece, stamps: Stamps) -> Any:
    return _encoded(numbers_of(piece.text, stamps.ends).astype(numpy.int32) - 1, LEVELS)


def _encoded(codes: Any, values: Sequence[str]) -> Any:
    """Return a column of texts, given as indexes of `values`. A negative index is NULL."""
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(codes, pyarrow.int32(), mask=codes < 0),
        pyarrow.array(values, pyarrow.string()),
    )


def _all_fields(piece: Piece, stamps: Stamps) -> Any:
    records = (Record(stamps.line(row)) for row in range(len(stamps)))
    return pyarrow.array([as_json(record.fields) for record in records], pyarrow.string())


def _messages(piece: Piece, stamps: Stamps) -> Any:
    text = piece.text
    starts, ends = stamps.messages.tolist(), stamps.ends.tolist()
    parts = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    if text.isascii():
        return pyarrow.array(parts, pyarrow.string())
    texts = [part.decode("utf-8", "backslashreplace") for part in parts]
    return pyarrow.array(texts, pyarrow.string())


@lru_cache(maxsize=10000)
def _source(source: bytes) -> tuple[str | None, str | None, str | None]:
    """Return SOURCE as text, and the name and the host in it."""
    text = source.decode("utf-8", "surrogateescape")
    name, host, _ = parse_source(text)
    return readable(text), name, readable(host) if host else None


def _of_sources(names: Sequence[str], stamps: Stamps) -> dict[str, Any]:
    """Return columns that depend on SOURCE only: each different source is parsed once."""
    encoded = pyarrow.array(stamps.sources(), pyarrow.binary()).dictionary_encode()
    parts = [_source(source) for source in encoded.dictionary.to_pylist()]
    columns = {}
    for name in names:
        values: dict[str | None, int] = {None: -1}
        place = _IN_SOURCE.index(name)
        known = [values.setdefault(part[place], len(values) - 1) for part in parts]
        codes = numpy.full(len(stamps), -1, numpy.int32)
        codes[stamps.stamped] = numpy.array(known, numpy.int32)[encoded.indices.to_numpy()]
        columns[name] = _encoded(codes, [value for value in values if value is not None])
    return columns


def _segments(piece: Piece, stamps: Stamps) -> Any:
    return pyarrow.repeat(pyarrow.scalar(piece.segment, pyarrow.int64()), len(stamps))


def _offsets(piece: Piece, stamps: Stamps) -> Any:
    return pyarrow.array(piece.offsets(stamps.starts), pyarrow.int64())


_BY_NAME: dict[str, Callable[[Piece, Stamps], Any]] = {
    "time": _times,
    "level": _levels,
    "fields": _all_fields,
    "message": _messages,
    "segment": _segments,
    "offset": _offsets,
}
