"""A temporary file for the fields of row groups, until the types of all columns are known."""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

import numpy
import pyarrow as pa

from logsrv.linelog.columns.numbers import ArrowArray
from logsrv.linelog.fields.byte_places import Array

# A field that fewer of the lines have is stored with the numbers of these lines.
_SPARSE = 4


class SpooledArray(NamedTuple):
    """An array in the file: bytes from `at` on."""

    at: int
    length: int
    kind: str


class SpooledField(NamedTuple):
    """A field of a row group in the file.

    rows: the numbers of the lines that have it; None if every line has a code. codes: those of its texts
    from 1 on; 0 for none. size: the bytes of all texts.
    """

    rows: SpooledArray | None
    codes: SpooledArray
    offsets: SpooledArray
    data: SpooledArray

    @property
    def texts(self) -> int:
        """The number of different texts."""
        return self.offsets.length - 1

    @property
    def size(self) -> int:
        """The bytes of all different texts."""
        return self.data.length


class CodedRows(NamedTuple):
    """A field in some lines: their numbers, and the codes of their texts. Others may have 0, for none."""

    rows: Any
    codes: Array
    texts: ArrowArray


class Spool:
    """An empty temporary file that nobody else uses. Its methods raise OSError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0

    def write(self, data: Array) -> SpooledArray:
        """Write an array."""
        start, left = self._at, data.view(numpy.uint8).data
        while left:
            written = os.pwrite(self._fd, left, self._at)
            self._at += written
            left = left[written:]
        return SpooledArray(start, len(data), data.dtype.str)

    def read(self, stored: SpooledArray) -> Array:
        """Return an array that was written."""
        kind = numpy.dtype(stored.kind)
        size = stored.length * kind.itemsize
        found = os.pread(self._fd, size, stored.at)
        if len(found) < size:
            raise OSError(errno.EIO, "somebody has cut the temporary file")
        return numpy.frombuffer(found, kind)

    def write_field(self, lines: int, rows: Array, codes: Array, texts: ArrowArray) -> SpooledField:
        """Write a field of a row group of so many lines: those that have it, and the codes of its texts."""
        kind = numpy.min_scalar_type(len(texts))
        _, offsets, data = texts.buffers()
        of_texts = (
            self.write(numpy.frombuffer(offsets, numpy.int32, len(texts) + 1)),
            self.write(numpy.frombuffer(data or b"", numpy.uint8)),
        )
        if len(rows) * _SPARSE < lines:
            stored = self.write(rows.astype(numpy.int32))
            return SpooledField(stored, self.write((codes + 1).astype(kind)), *of_texts)
        dense: Array = numpy.zeros(lines, kind)
        dense[rows] = codes + 1
        return SpooledField(None, self.write(dense), *of_texts)

    def read_field(self, field: SpooledField) -> CodedRows:
        """Return a field of a row group."""
        offsets, data = self.read(field.offsets), self.read(field.data)
        texts = pa.StringArray.from_buffers(field.texts, pa.py_buffer(offsets), pa.py_buffer(data))
        rows = slice(None) if field.rows is None else self.read(field.rows)
        return CodedRows(rows, self.read(field.codes), texts)
