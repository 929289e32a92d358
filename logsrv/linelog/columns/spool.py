"""Fields of row groups in a temporary file, until the types of all columns are known."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy
import pyarrow as pa

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.layout import LIST
from logsrv.linelog.columns.numbers import ArrowArray
from logsrv.linelog.fields.byte_places import Array

# A field that fewer lines have is stored as the numbers of these lines.
_SPARSE = 4


class GroupField:
    """A field in the frames of a row group, as they are added.

    present: the lines that have it. has_lists: whether some values are lists. is_mixed: whether, besides,
    there are texts that look like lists.
    """

    def __init__(self) -> None:
        self.present = 0
        self.has_lists = self.is_mixed = False
        self._codes: dict[str, int] = {}
        self._rows: list[Array] = []
        self._parts: list[Array] = []

    def add(self, first: int, field: CodedField) -> None:
        """Add the field in the lines from number `first` of the group on."""
        codes = self._codes
        rows: Array = numpy.flatnonzero(field.codes >= 0)
        if not len(rows):
            return
        if field.lists or self.has_lists:
            others = [text for code, text in enumerate(field.texts) if code not in field.lists]
            others += () if self.has_lists else self._codes
            self.is_mixed |= any(text.startswith(LIST) for text in others)
        known = numpy.array([codes.setdefault(one, len(codes)) for one in field.texts], numpy.int32)
        self._parts.append(known[field.codes[rows]])
        self._rows.append((rows + first).astype(numpy.int32))
        self.present += len(rows)
        self.has_lists |= bool(field.lists)

    @property
    def texts(self) -> list[str]:
        """The different texts so far."""
        return list(self._codes)

    def rows_and_codes(self) -> tuple[Array, Array]:
        """Return the numbers of the lines that have the field, and their codes."""
        return numpy.concatenate(self._rows), numpy.concatenate(self._parts)


class SpooledColumn(NamedTuple):
    """A field of a row group in the temporary file: bytes from `at` on.

    codes: the type of the codes. rows: the number of lines that are stored; 0 if all are. texts, size: the
    number of different texts, and their bytes.
    """

    at: int
    codes: str
    rows: int
    texts: int
    size: int


class Spool:
    """A temporary file, which nobody else uses. Raises OSError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0

    def _write(self, data: Any) -> None:
        left = memoryview(data).cast("B")
        while left:
            written = os.pwrite(self._fd, left, self._at)
            self._at += written
            left = left[written:]

    def write(self, lines: int, field: GroupField, texts: ArrowArray) -> SpooledColumn:
        """Write a field of a row group of so many lines. texts: the different ones of the field."""
        start = self._at
        rows, codes = field.rows_and_codes()
        kind = numpy.min_scalar_type(len(texts))
        sparse = len(rows) * _SPARSE < lines
        if sparse:
            self._write(rows)
            self._write((codes + 1).astype(kind))
        else:
            dense: Array = numpy.zeros(lines, kind)
            dense[rows] = codes + 1
            self._write(dense)
        _, offsets, data = texts.buffers()
        self._write(offsets)
        if data is not None:
            self._write(data)
        size = data.size if data is not None else 0
        return SpooledColumn(start, kind.str, len(rows) if sparse else 0, len(texts), size)

    def read(self, lines: int, column: SpooledColumn) -> pa.DictionaryArray:
        """Return a field of a row group of so many lines."""
        at, stored = column.at, column.rows or lines
        codes: Array = numpy.zeros(lines, numpy.int32)
        rows: Any = slice(None)
        if column.rows:
            rows = numpy.frombuffer(self._read(at, 4 * stored), numpy.int32)
            at += 4 * stored
        kind = numpy.dtype(column.codes)
        codes[rows] = numpy.frombuffer(self._read(at, kind.itemsize * stored), kind)
        at += kind.itemsize * stored
        offsets = 4 * (column.texts + 1)
        texts = pa.StringArray.from_buffers(
            column.texts,
            pa.py_buffer(self._read(at, offsets)),
            pa.py_buffer(self._read(at + offsets, column.size)),
        )
        return pa.DictionaryArray.from_arrays(pa.array(codes - 1, mask=codes == 0), texts)

    def _read(self, at: int, size: int) -> bytes:
        found = os.pread(self._fd, size, at)
        if len(found) < size:
            raise OSError("the temporary file was cut")
        return found
