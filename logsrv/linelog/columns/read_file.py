"""Columns read from a file: by row group, each column when it is first asked for."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy
import pyarrow as pa
from pyarrow._parquet import FileMetaData, ParquetReader

from logsrv.kit.text.words import fault_text
from logsrv.linelog.columns import OfAnotherIndex
from logsrv.linelog.columns.layout import (
    KEY,
    LIST,
    MAGIC,
    MAP,
    TAIL,
    ColumnsHead,
    chunk_bounds,
    decode_columns_head,
    decode_sums,
    identity_of_segment,
)
from logsrv.linelog.columns.numbers import SHORTEST, texts_of_numbers
from logsrv.linelog.fields.byte_arrays import Array, ranked
from logsrv.linelog.fields.coded import CodedField, no_line
from logsrv.linelog.fields.stamps import NO_TIME
from logsrv.linelog.store.index.segment_index import IndexHead

_NEVER = ("position", "message")
_PREFIXES = ("fields.", "syslog.")


def open_columns(fd: int, head: IndexHead) -> SegmentColumns:
    """Return the columns in an open file, which `SegmentColumns.close` closes.

    head: of the index of the segment. Raises OSError, and ValueError with the reason if the file is
    damaged, a stranger's, of another segment or index, or made by another version; then `fd` stays open.
    """
    with _arrow_errors():
        return SegmentColumns(fd, head)


def verify_checksums(fd: int) -> None:
    """Read all columns in an open file, of any version. Raises OSError, and ValueError for a wrong bit."""
    with _arrow_errors():
        CheckedFile(fd).verify()


def _open_reader(file: pa.NativeFile, metadata: FileMetaData | None = None) -> Any:
    """Return Arrow's reader of a file, which reads each column chunk at once.

    To load `pyarrow.parquet`, which opens it for others, takes 20 ms.
    """
    reader = ParquetReader()
    reader.open(file, metadata=metadata, pre_buffer=False)
    return reader


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """Raise ValueError for what Arrow raises for a damaged file."""
    try:
        yield
    except (pa.ArrowException, EOFError, OverflowError) as error:
        raise ValueError(f"these columns are damaged: {fault_text(error)}") from error


class NumberColumn(NamedTuple):
    """A field whose texts are all numbers.

    values: int64 or float64, one for each line; without meaning where `missing`. missing: None if every
    line has the field. integers: whether a whole number was written without a point, so that the text says
    an integer; always true of int64.
    """

    values: Array
    missing: Array | None
    integers: bool


class SegmentColumns:
    """The columns of a sealed segment in an open file.

    groups: its row groups, in order. identity: what tells its segment from others. left_out: the names of
    fields that only the text tells.
    """

    def __init__(self, fd: int, head: IndexHead) -> None:
        self._file = CheckedFile(fd)
        metadata = self._file.metadata
        self._reader = _open_reader(pa.PythonFile(self._file, "r"), metadata)
        self._head: ColumnsHead = decode_columns_head((metadata.metadata or {}).get(KEY, b"{}"))
        wanted, there = identity_of_segment(head), self._head.identity
        if there[:-1] == wanted[:-1] and there != wanted:
            raise OfAnotherIndex("these columns belong to another index of the segment")
        if there != wanted:
            raise ValueError("these are the columns of another segment")
        names = self._reader.schema_arrow.names
        self._indexes = {name: index for index, name in enumerate(names) if name != MAP}
        self.groups, self.identity = self._head.groups, self._head.identity
        self.left_out = frozenset(self._head.left_out)

    def has(self, name: str) -> bool:
        """Return whether the columns tell a field's value, or that it is missing, in every line."""
        if name in _NEVER or name.startswith(_PREFIXES) or name in self.left_out:
            return False
        return name in self._indexes or self._head.complete

    def group(self, number: int, groups: int = 1) -> GroupColumns:
        """Return the columns of a row group, or of several from this one on."""
        return GroupColumns(self, range(number, number + groups))

    def read_column(self, groups: Sequence[int], name: str) -> Any:
        """Return a column of row groups as an array of Arrow; None if no line has it.

        Raises OSError, ValueError.
        """
        index = self._indexes.get(name)
        if index is None:
            return None
        with _arrow_errors():
            table = self._reader.read_row_groups(
                [*groups], column_indices=[index], use_threads=False
            )
        # Each row group has its own dictionary; one that grew too large is followed by others, too.
        column = table.column(0).unify_dictionaries()
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def verify(self) -> None:
        """Read the whole file. Raises OSError, and ValueError if it is damaged."""
        with _arrow_errors():
            for group in range(len(self.groups)):
                self._reader.read_row_group(group, use_threads=False)

    def size_of(self, group: int, names: Iterable[str]) -> int:
        """Return how many bytes of the file some columns of a row group have."""
        chunks = self._file.metadata.row_group(group)
        indexes = [self._indexes[name] for name in names if name in self._indexes]
        return sum(chunks.column(index).total_compressed_size for index in indexes)

    def way_of_field(self, name: str) -> str | None:
        """Return how the texts of a field's numbers are written; None if they are stored as texts."""
        return self._head.ways.get(name)

    def has_lists(self, name: str) -> bool:
        """Return whether the texts of a field that begin with `[` are lists."""
        return name in self._head.lists

    def close(self) -> None:
        """Close the file, as the end of `with` does."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GroupColumns:
    """The columns of row groups; each is read from the file when it is first asked for.

    Every method raises OSError, and ValueError if the file is damaged.
    """

    def __init__(self, columns: SegmentColumns, numbers: Sequence[int]) -> None:
        self.lines = sum(columns.groups[number].lines for number in numbers)
        self._columns, self._numbers = columns, numbers
        self._fields: dict[str, CodedField] = {}
        self._read: dict[str, Any] = {}

    def _column(self, name: str) -> Any:
        if name not in self._read:
            self._read[name] = self._columns.read_column(self._numbers, name)
        return self._read[name]

    def offsets(self) -> Array:
        """Return the offset of each line in the text of the segment."""
        return _values(self._column("position"))[0]

    def moments(self) -> Array:
        """Return the time of each line in microseconds since 1970, or NO_TIME."""
        moments, missing = _values(self._column("time").view(pa.int64()))
        return moments if missing is None else numpy.where(missing, NO_TIME, moments)

    def field(self, name: str) -> CodedField:
        """Return a field that `SegmentColumns.has`, other than `time`."""
        if name not in self._fields:
            self._fields[name] = self._coded(name)
        return self._fields[name]

    def _coded(self, name: str) -> CodedField:
        column = self._column(name)
        if column is None:
            return no_line(self.lines)
        way = self._columns.way_of_field(name)
        if way is not None:
            return _coded_numbers(*_values(column), way)
        codes, missing = _values(column.indices)
        if missing is not None:
            # All bits of -1 are set; `numpy.where` takes five times as long.
            codes = codes | -missing.astype(numpy.int32)
        # `to_numpy` of texts loads pandas where that is installed, which takes a third of a second.
        texts = column.dictionary.to_pylist()
        if not self._columns.has_lists(name):
            return CodedField(codes, texts)
        lists = frozenset(code for code, text in enumerate(texts) if text.startswith(LIST))
        return CodedField(codes, texts, lists)

    def numbers(self, name: str) -> NumberColumn | None:
        """Return a field as numbers, without their texts; None if it is not stored as numbers."""
        way = self._columns.way_of_field(name)
        column = self._column(name) if way else None
        if column is None:
            return None
        integers = way == SHORTEST or pa.types.is_integer(column.type)
        return NumberColumn(*_values(column), integers)


def _values(column: Any) -> tuple[Array, Array | None]:
    """Return an array of numbers, and where it has none; None if it has one everywhere.

    Arrow's own functions for this are in a module that takes 30 ms to load.
    """
    kind, begin, end = column.type.to_pandas_dtype(), column.offset, column.offset + len(column)
    present, data = column.buffers()
    values: Array = numpy.frombuffer(data or b"", kind, end)[begin:]
    if not column.null_count:
        return values, None
    bits = numpy.frombuffer(present, numpy.uint8)
    return values, numpy.unpackbits(bits, count=end, bitorder="little")[begin:] == 0


def _coded_numbers(values: Array, missing: Array | None, way: str) -> CodedField:
    rows = slice(None) if missing is None else ~missing
    # The bits tell -0.0 from 0.0.
    distinct, ranks = ranked(values[rows].view(numpy.int64))
    codes: Array = numpy.full(len(values), -1, numpy.int32)
    codes[rows] = ranks
    return CodedField(codes, texts_of_numbers(pa.array(distinct.view(values.dtype)), way))


class CheckedFile:
    """A Parquet file of ours, of which every byte is verified before it is used.

    It has its own position, so that processes which share a descriptor do not disturb each other. Raises
    OSError, and ValueError if the file has no footer of ours.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0
        self._size = os.fstat(fd).st_size
        tail = os.pread(fd, TAIL, max(0, self._size - TAIL))
        footer = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or footer > self._size - TAIL:
            raise ValueError("it is no Parquet file, or its end is missing")
        data = os.pread(fd, footer, self._size - TAIL - footer)
        sums = decode_sums(data)
        # The footer alone: of 64 KiB at the end, which Arrow reads by itself, a part would be chunks.
        self.metadata = _open_reader(pa.BufferReader(MAGIC + data + tail)).metadata
        self._sums = dict(zip(chunk_bounds(self.metadata), sums, strict=True))

    def read(self, size: int = -1) -> bytes:
        """Return a whole column chunk. Raises ValueError if it is damaged."""
        data = os.pread(self._fd, size, self._at)
        if self._sums.get((self._at, size)) != zlib.crc32(data):
            raise ValueError("these columns are damaged: a checksum is wrong")
        self._at += size
        return data

    def verify(self) -> None:
        """Read every column chunk. Raises OSError, and ValueError if one is damaged."""
        for at, size in self._sums:
            self.seek(at)
            self.read(size)

    def seek(self, at: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        self._at = at + (self._size if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    @property
    def closed(self) -> bool:
        """True if the descriptor was closed."""
        return self._fd < 0

    def close(self) -> None:
        """Close the descriptor, once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
