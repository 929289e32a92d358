"""Lines of the store as columns of Arrow: only those that are needed, and all lines of a piece at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import orjson
import pyarrow

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.access_text import AccessText
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.source import parse_source
from logsrv.linelog.fields.values import Value, number, readable, text_of
from logsrv.linelog.sql.columns import ALWAYS, ColumnType, schema
from logsrv.linelog.store.segments.segment import Position

_INT64 = 1 << 63
# TIME, SOURCE and message of each line; as `fields.record.STAMP` has them.
_LINES = re.compile(
    rb"(?:([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z) ([^ \n]+) )?([^\n]*)\n"
)
_OF_RECORD = ("level", "fields")


class Piece(NamedTuple):
    """Whole lines of a segment, each with its LF.

    offsets: where each begins in the text of the segment.
    """

    segment: int
    text: bytes
    offsets: Callable[[], Sequence[int]]


class Misfits:
    """Values that a column of numbers cannot hold, by field: how many, and whether all are numbers."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, bool]] = {}

    def add(self, field: str, *, is_number: bool) -> None:
        """Count one."""
        count, numbers = self.found.get(field, (0, True))
        self.found[field] = count + 1, numbers and is_number


class Cells:
    """A maker of columns.

    fields: those that the table has, with their kinds. needed: the columns that are; others are left out.
    """

    def __init__(self, fields: Mapping[str, ColumnType], needed: frozenset[str]) -> None:
        self._fields = fields
        self.names = [name for name in (*ALWAYS, *fields) if name in needed]
        self._of_records = [name for name in self.names if name in _OF_RECORD or name in fields]
        self._of_stamps = [name for name in self.names if name not in self._of_records]
        # True if all fields are parts of the content.
        of_content = not {"fields", "port", "position"} & set(self._of_records)
        self._access = AccessText(self._of_records) if of_content and self._of_records else None
        every = schema(fields)
        self.schema = pyarrow.schema([every.field(name) for name in self.names])

    def batch(self, piece: Piece) -> tuple[pyarrow.RecordBatch, Misfits]:
        """Return the columns of a piece, and the values that are missing there."""
        misfits = Misfits()
        parts = _LINES.findall(piece.text) if self._of_stamps else []
        columns = self._parsed(piece, parts, misfits)
        for name in self.names:
            if name not in columns:
                columns[name] = _OF_STAMP[name](piece, parts)
        return pyarrow.RecordBatch.from_arrays(
            [columns[name] for name in self.names], schema=self.schema
        ), misfits

    def _parsed(self, piece: Piece, parts: list[Any], misfits: Misfits) -> dict[str, Any]:
        """Return the columns for which the messages have to be taken apart."""
        if not self._of_records:
            return {}
        converters = [self._converter(name, misfits) for name in self._of_records]
        if self._access is None:
            offsets: Sequence[int] = piece.offsets()
            lines = list(enumerate(piece.text.removesuffix(b"\n").split(b"\n")))
            columns: list[list[Any]] = [[None] * piece.text.count(b"\n") for _ in converters]
        else:
            offsets = ()
            found = self._access.read(piece.text)
            columns = [
                [None if value is None else convert(value) for value in column]
                for column, convert in zip(found.columns, converters, strict=True)
            ]
            lines = [(row, line[:-1]) for row, line in found.others]
        for row, line in lines:
            position = str(Position(piece.segment, offsets[row])) if offsets else None
            record = Record(line, position)
            for column, name, convert in zip(columns, self._of_records, converters, strict=True):
                value = record.fields if name == "fields" else record.get(name)
                column[row] = None if value is None else convert(value)
        return {
            name: pyarrow.array(column, self.schema.field(name).type)
            for name, column in zip(self._of_records, columns, strict=True)
        }

    def _converter(self, name: str, misfits: Misfits) -> Callable[[Any], Any]:
        """Return what makes a value of a column of that of its field."""
        if name == "level":
            return str
        if name == "fields":
            return as_json
        kind = self._fields[name]
        if kind is ColumnType.TEXT:
            return as_text
        return partial(as_number, kind=kind, field=name, misfits=misfits)


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


def as_number(value: Value, kind: ColumnType, field: str, misfits: Misfits) -> int | float | None:
    """Return the number that a field is, or None, with a note, if it is none or none of this kind."""
    if isinstance(value, list):
        found = None
    else:
        found = _number_of(value) if isinstance(value, str) and len(value) < 32 else number(value)
    if found is None:
        misfits.add(field, is_number=False)
        return None
    if kind is ColumnType.INTEGER:
        if -_INT64 <= found < _INT64 and found == int(found):
            return int(found)
        misfits.add(field, is_number=True)
        return None
    try:
        return float(found)
    except OverflowError:
        misfits.add(field, is_number=False)
        return None


def as_json(value: Any) -> str:
    """Return compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _times(piece: Piece, parts: list[Any]) -> Any:
    moments = [_moment(part[0]) for part in parts]
    return pyarrow.array(moments, pyarrow.int64()).view(pyarrow.timestamp("us", "UTC"))


def _moment(time: bytes) -> int | None:
    """Return microseconds since 1970; None for a time that does not exist."""
    second = _second(time[:19])
    return None if second is None else second + int(time[20:26])


@lru_cache(maxsize=1000)
def _second(text: bytes) -> int | None:
    try:
        return round(parse_rfc3339(f"{text.decode()}Z")) * 1_000_000
    except ValueError:
        return None


def _messages(piece: Piece, parts: list[Any]) -> Any:
    if piece.text.isascii():
        return pyarrow.array([part[2] for part in parts], pyarrow.string())
    texts = [part[2].decode("utf-8", "backslashreplace") for part in parts]
    return pyarrow.array(texts, pyarrow.string())


@lru_cache(maxsize=10000)
def _source(source: bytes) -> tuple[str | None, str | None, str | None]:
    """Return SOURCE, and the name and the host in it."""
    if not source:
        return None, None, None
    text = source.decode("utf-8", "surrogateescape")
    name, host, _ = parse_source(text)
    return readable(text), name, readable(host) if host else None


def _of_source(place: int) -> Callable[[Piece, list[Any]], Any]:
    def column(_: Piece, parts: list[Any]) -> Any:
        return pyarrow.array([_source(part[1])[place] for part in parts], pyarrow.string())

    return column


def _segments(piece: Piece, parts: list[Any]) -> Any:
    return pyarrow.repeat(pyarrow.scalar(piece.segment, pyarrow.int64()), len(parts))


def _offsets(piece: Piece, parts: list[Any]) -> Any:
    return pyarrow.array(piece.offsets(), pyarrow.int64())


_OF_STAMP: dict[str, Callable[[Piece, list[Any]], Any]] = {
    "time": _times,
    "source": _of_source(0),
    "name": _of_source(1),
    "host": _of_source(2),
    "message": _messages,
    "segment": _segments,
    "offset": _offsets,
}
