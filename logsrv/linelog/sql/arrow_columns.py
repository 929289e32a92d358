"""Rows of the table as columns of Arrow: only the needed ones, for many rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
import pyarrow

from logsrv.linelog.columns.arrow_texts import fields_as_texts, text_column, to_compact_json
from logsrv.linelog.columns.stamp_fields import level_field, source_fields
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.fields.values import Value, number_of_value
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import number_in_field_unit
from logsrv.linelog.read.figures.text_values import Reader, column_reader
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, arrow_schema
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

_INT64 = 1 << 63
_ONLY_TEXT = frozenset(("message", "fields", "position"))
_OF_PLACE = ("segment", "offset")
_ARROW_NUMBERS = {ColumnType.INTEGER: pyarrow.int64(), ColumnType.NUMBER: pyarrow.float64()}


class TextRows:
    """Rows of the table by the text of their lines: whole lines of a segment, each with its LF.

    It has methods of `ColumnRows`. offsets: of the lines in the segment's text, or of the first if they are
    adjacent.
    """

    def __init__(
        self,
        segment: int,
        text: bytes,
        offsets: int | Sequence[int] | Array,
        first_lines: FirstLines = NO_FIRST_LINES,
    ) -> None:
        self.segment = segment
        self.stamps = StampedLines(text, first_lines)
        self.lines = len(self.stamps)
        self._offsets = offsets

    def offsets(self) -> Any:
        """Return the offset of each line in the segment's text."""
        first = self._offsets
        return self.stamps.starts + first if isinstance(first, int) else first

    def moments(self) -> Array:
        """Return the time of each line in microseconds since 1970, or NO_TIME."""
        return self.stamps.moments()

    def field(self, name: str) -> CodedField:
        """Return the level, or a part of the source."""
        return level_field(self.stamps) if name == "level" else self._of_source[name]

    @cached_property
    def _of_source(self) -> dict[str, CodedField]:
        return source_fields(self.stamps)


BadValues: TypeAlias = dict[str, tuple[int, bool, bool]]
"""Values that a column of numbers cannot hold.

For each field: how many; whether one is a text, perhaps with a unit; and whether a column of fractions
could hold one: a fraction, a large number, or a number with a unit.
"""


class ArrowColumnMaker:
    """A maker of columns.

    needs_text: whether some of them cannot be made from stored columns. stored: else, the columns needed.
    fields: the table's fields with their types. needed: names of the columns to make. extractions: those of
    the query, whose fields may be among them.
    """

    def __init__(
        self,
        fields: Mapping[str, ColumnType],
        needed: frozenset[str],
        extractions: Sequence[Extraction] = (),
    ) -> None:
        self.names = [name for name in (*ALWAYS, *fields) if name in needed]
        self._of_fields = {name: kind for name, kind in fields.items() if name in needed}
        extracted = {name for one in extractions for name in one.names}
        self.needs_text = not needed.isdisjoint(_ONLY_TEXT | extracted)
        self.stored = [] if self.needs_text else [*needed.difference(_OF_PLACE)]
        self._extractions = extractions
        every = arrow_schema(fields)
        self.schema = pyarrow.schema([every.field(name) for name in self.names])

    def make_batch(self, rows: TextRows | ColumnRows) -> tuple[pyarrow.RecordBatch, BadValues]:
        """Return the columns of rows, and the values that they cannot hold, which are NULL there."""
        bad_values: BadValues = {}
        if isinstance(rows, TextRows):
            columns = self._parsed_columns(rows, bad_values)
        else:
            columns = self._stored_columns(rows, bad_values)
        for name in self.names:
            if name in _BY_NAME:
                columns[name] = _BY_NAME[name](rows)
            elif name not in columns:
                columns[name] = text_column(rows.field(name))
        return pyarrow.RecordBatch.from_arrays(
            [columns[name] for name in self.names], schema=self.schema
        ), bad_values

    @cached_property
    def _read_columns(self) -> Reader:
        parsed = [name for name in self._of_fields if name != "position"]
        return column_reader(parsed, self._extractions)

    def _stored_columns(self, rows: ColumnRows, bad_values: BadValues) -> dict[str, Any]:
        return {
            name: _stored_numbers(rows, name, kind, bad_values)
            if kind.is_number
            else text_column(rows.field(name))
            for name, kind in self._of_fields.items()
        }

    def _parsed_columns(self, rows: TextRows, bad_values: BadValues) -> dict[str, Any]:
        """Return the columns for which the messages have to be parsed."""
        if not self._of_fields:
            return {}
        found = self._read_columns(rows.stamps)
        if "position" in self._of_fields:
            found["position"] = [str(Position(rows.segment, one)) for one in rows.offsets()]
        columns = {}
        for name, values in found.items():
            kind = self._of_fields[name]
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


def _stored_numbers(rows: ColumnRows, name: str, kind: ColumnType, bad_values: BadValues) -> Any:
    """Return a field as numbers, by the columns of a segment."""
    stored = rows.numbers(name)
    if stored is not None and (kind is ColumnType.NUMBER or stored.values.dtype == numpy.int64):
        numbers = stored.values
        if kind is ColumnType.NUMBER:
            # Arrow would refuse an integer that a double rounds.
            numbers = numbers.astype(numpy.float64)
        return pyarrow.array(numbers, mask=stored.missing)
    field = rows.field(name)
    lines = numpy.bincount(field.codes + 1, minlength=len(field.texts) + 1)[1:].tolist()
    found = [
        as_number_or_note(value, kind, name, bad_values, count) if count else None
        for value, count in zip(field.values(), lines, strict=True)
    ]
    known = pyarrow.array(found, _ARROW_NUMBERS[kind])
    return known.take(pyarrow.array(field.codes, mask=field.codes < 0))


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


def _time_column(rows: TextRows | ColumnRows) -> Any:
    moments = rows.moments()
    found = pyarrow.array(moments, pyarrow.int64(), mask=moments == NO_TIME)
    return found.view(pyarrow.timestamp("us", "UTC"))


def _segment_column(rows: TextRows | ColumnRows) -> Any:
    number = pyarrow.scalar(Position(rows.segment, 0).own.segment, pyarrow.int64())
    return pyarrow.repeat(number, rows.lines)


def _all_fields_column(rows: TextRows) -> Any:
    stamps = rows.stamps
    records = (
        ParsedLine(stamps.line(row), None, stamps.first_line(row)) for row in range(rows.lines)
    )
    return pyarrow.array([to_compact_json(record.fields) for record in records], pyarrow.string())


def _message_column(rows: TextRows) -> Any:
    parts = rows.stamps.messages_of()
    if rows.stamps.text.isascii():
        return pyarrow.array(parts, pyarrow.string())
    texts = [part.decode("utf-8", "backslashreplace") for part in parts]
    return pyarrow.array(texts, pyarrow.string())


_BY_NAME: dict[str, Callable[[Any], Any]] = {
    "time": _time_column,
    "fields": _all_fields_column,
    "message": _message_column,
    "segment": _segment_column,
    "offset": lambda rows: pyarrow.array(rows.offsets(), pyarrow.int64()),
}
