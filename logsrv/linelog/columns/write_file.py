"""Columns written to a file: first the fields of all lines go to a temporary file, by row group.

Then the types of all columns are known. So memory is bounded by a row group, not by the segment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logsrv.descriptor import Descriptor
from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.extract import read_all_fields
from logsrv.linelog.columns.layout import (
    CRC_KEY,
    FIXED,
    KEY,
    LIST,
    MAP,
    TAIL,
    ChunkSums,
    ColumnsHead,
    LineGroupBounds,
    SegmentIdentity,
    checksum_of_extent,
    chunk_bounds,
    place_of_sums,
    sum_of_footer,
)
from logsrv.linelog.columns.numbers import INTEGER, numbers_of_texts, ways_of_texts
from logsrv.linelog.columns.spool import GroupField, Spool, SpooledColumn
from logsrv.linelog.columns.stamp_fields import level_field, source_fields
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.index import Index, decode_head, decode_index
from logsrv.linelog.store.segment import Segment, tmp

GROUP_LINES, GROUP_TEXT = 131_072, 48 << 20
"""The lines or bytes of text after which a row group ends, with its frame."""
MOST_COLUMNS = 200
_LONGEST_NAME = 200
# A field with more than FEW values, half of them different, is left out.
_FEW, _DIFFERENT = 2000, 0.5


class ColumnsReport(NamedTuple):
    """The counts of a file of columns that was made."""

    lines: int
    groups: int
    columns: int
    left_out: int
    size: int


class _FieldSummary:
    """A field in all row groups so far. is_left_out: whether it is not kept."""

    def __init__(self) -> None:
        self.is_left_out = self.has_lists = self._has_brackets = False
        self.lines = 0
        self.ways: frozenset[str] | None = None
        self.spooled: dict[int, SpooledColumn] = {}

    def add(self, number: int, lines: int, field: GroupField, spool: Spool) -> None:
        """Add the field of a row group of so many lines."""
        try:
            texts = pa.array(field.texts, pa.string())
        except (UnicodeEncodeError, pa.ArrowException):
            # A lone surrogate, or more than 2 GiB.
            self.leave_out()
            return
        ways = ways_of_texts(texts)
        self.ways = ways if self.ways is None else self.ways & ways
        self.has_lists |= field.has_lists
        self._has_brackets |= field.is_mixed or (
            not field.has_lists and bool(pc.any(pc.starts_with(texts, LIST)).as_py())
        )
        self.lines += field.present
        if not ways and field.present >= _FEW and len(texts) > _DIFFERENT * field.present:
            self.leave_out()
        else:
            self.spooled[number] = spool.write(lines, field, texts)

    @property
    def is_ambiguous(self) -> bool:
        """Whether some texts that begin with LIST are lists, and some are not."""
        return self.has_lists and self._has_brackets

    def leave_out(self) -> None:
        """Forget all."""
        self.is_left_out = True
        self.spooled.clear()

    @property
    def way(self) -> str | None:
        """The way in which all texts are written as numbers."""
        return min(self.ways or (), key=_preference, default=None)


def _preference(way: str) -> tuple[bool, bool, str]:
    return way != INTEGER, way.isdigit(), way


class _Group:
    """A row group that is being read."""

    def __init__(self, start: int) -> None:
        self.start = self.stop = start
        self.lines = 0
        self.offsets: list[Array] = []
        self.moments: list[Array] = []
        self.fields: dict[str, GroupField] = {}

    @property
    def is_full(self) -> bool:
        """Whether it has enough lines or text."""
        return self.lines >= GROUP_LINES or self.stop - self.start >= GROUP_TEXT

    def add_frame(self, stamps: StampedLines, fields: dict[str, CodedField]) -> None:
        """Add the lines of a frame."""
        self.offsets.append(stamps.starts + self.stop)
        self.moments.append(stamps.moments())
        for name, field in fields.items():
            self.fields.setdefault(name, GroupField()).add(self.lines, field)
        self.lines += len(stamps)
        self.stop += len(stamps.text)

    def bounds(self) -> LineGroupBounds:
        """Return its place, and the times of its lines."""
        smallest = min(int(one.min()) for one in self.moments)
        largest = max(int(one.max()) for one in self.moments)
        known = smallest != NO_TIME
        return LineGroupBounds(
            self.start, self.stop, self.lines, smallest, largest if known else int(NO_TIME)
        )


class ColumnsWriter:
    """Makes the columns of a segment, in steps of a frame.

    packed, columns, spool: descriptors of the compressed text, of the new file, and of an empty temporary
    file.
    """

    def __init__(self, packed: int, index: bytes, columns: int, spool: int) -> None:
        self._packed, self._columns = packed, columns
        self._index: Index = decode_index(index)
        self._identity = SegmentIdentity.of_index(decode_head(index))
        self._spool = Spool(spool)
        self._fields: dict[str, _FieldSummary] = {}
        self._groups: list[LineGroupBounds] = []
        self._is_complete = True
        self._own: list[tuple[Array, Array]] = []

    def steps(self) -> Iterator[None]:
        """Write the file and sync it, yielding before each frame and row group.

        Raises OSError, and ValueError if the segment is damaged.
        """
        group = _Group(0)
        for number in range(len(self._index.frames)):
            yield
            text = self._text_of_frame(number)
            self._read_frame(group, text)
            if group.is_full or number + 1 == len(self._index.frames):
                if group.lines:
                    self._end_group(group)
                group = _Group(group.stop)
        yield
        yield from self._write_file()

    def _text_of_frame(self, number: int) -> bytes:
        at, size = self._index.packed_extent(number)
        ends = [*(frame.text for frame in self._index.frames), self._index.text]
        text = unpack_frame(os.pread(self._packed, size, at), ends[number + 1] - ends[number])
        return text[: text.rfind(b"\n") + 1]

    def _read_frame(self, group: _Group, text: bytes) -> None:
        stamps = StampedLines(text)
        left = [name for name, one in self._fields.items() if one.is_left_out]
        found = read_all_fields(stamps, left)
        self._is_complete &= found.complete
        for name in found.left_out:
            self._summary(name).leave_out()
        kept = {
            name: field
            for name, field in found.fields.items()
            if not self._summary(name).is_left_out
        }
        group.add_frame(stamps, source_fields(stamps) | {"level": level_field(stamps)} | kept)

    def _summary(self, name: str) -> _FieldSummary:
        return self._fields.setdefault(name, _FieldSummary())

    def _end_group(self, group: _Group) -> None:
        for name, field in group.fields.items():
            summary = self._summary(name)
            if field.present and not summary.is_left_out:
                summary.add(len(self._groups), group.lines, field, self._spool)
        self._groups.append(group.bounds())
        self._own.append((numpy.concatenate(group.offsets), numpy.concatenate(group.moments)))

    def _write_file(self) -> Iterator[None]:
        kept = self._choose_columns()
        head = ColumnsHead(
            self._identity,
            self._groups,
            {name: one.way for name, one in kept.items() if one.way is not None},
            [name for name, one in kept.items() if one.has_lists],
            sorted(self._fields.keys() - kept.keys()),
            self._is_complete,
        )
        types = [
            pa.field("position", pa.int64(), False),
            pa.field("time", pa.timestamp("us", "UTC")),
        ]
        types += [pa.field(name, _type_of_way(one.way)) for name, one in kept.items()]
        schema = pa.schema(types)
        with (
            os.fdopen(os.dup(self._columns), "wb") as file,
            pq.ParquetWriter(
                file,
                schema,
                compression="zstd",
                use_dictionary=list(kept),
                column_encoding=dict.fromkeys(("position", "time"), "DELTA_BINARY_PACKED"),
                write_page_checksum=True,
            ) as writer,
        ):
            for number, group in enumerate(self._groups):
                yield
                writer.write_table(self._table(number, group, kept, schema), group.lines)
            chunks = len(self._groups) * len(schema)
            sums = ChunkSums(0, [0] * chunks)
            writer.add_key_value_metadata({KEY: head.encode()})
            writer.add_key_value_metadata({CRC_KEY: sums.encode()})
        self._write_sums()
        os.fdatasync(self._columns)

    def _choose_columns(self) -> dict[str, _FieldSummary]:
        """Return the fields that get a column of their own; engines ignore the case of names."""
        for one in self._fields.values():
            if one.is_ambiguous:
                one.leave_out()
        chosen = {name: self._summary(name) for name in FIXED[2:]}
        taken = {one.casefold() for one in (*FIXED, MAP)}
        for name, one in sorted(self._fields.items(), key=lambda item: -item[1].lines):
            folded = name.casefold()
            if (
                len(chosen) < MOST_COLUMNS
                and not one.is_left_out
                and folded not in taken
                and 0 < len(name) <= _LONGEST_NAME
                and name.isprintable()
            ):
                taken.add(folded)
                chosen[name] = one
        return chosen

    def _table(
        self, number: int, group: LineGroupBounds, kept: dict[str, _FieldSummary], schema: pa.Schema
    ) -> pa.Table:
        offsets, moments = self._own[number]
        arrays: list[Any] = [
            pa.array(offsets),
            pa.array(moments, schema.field("time").type, mask=moments == NO_TIME),
        ]
        for name, one in kept.items():
            kind = schema.field(name).type
            spooled = one.spooled.get(number)
            if spooled is None:
                arrays.append(pa.nulls(group.lines, kind))
                continue
            column = self._spool.read(group.lines, spooled)
            if one.way is not None:
                column = numbers_of_texts(column.dictionary, one.way).take(column.indices)
            arrays.append(column)
        return pa.table(arrays, schema)

    def _write_sums(self) -> None:
        """Write the checksums into the footer."""
        size = os.fstat(self._columns).st_size
        length = int.from_bytes(os.pread(self._columns, 4, size - TAIL), "little")
        start = size - TAIL - length
        footer = os.pread(self._columns, length, start)
        with os.fdopen(os.dup(self._columns), "rb") as file:
            chunks = chunk_bounds(pq.read_metadata(file))
        sums = [checksum_of_extent(self._columns, *one) for one in chunks]
        place = place_of_sums(footer)
        whole = ChunkSums(sum_of_footer(footer, place), sums)
        # The store's files are opened for appending.
        flags = fcntl.fcntl(self._columns, fcntl.F_GETFL)
        fcntl.fcntl(self._columns, fcntl.F_SETFL, flags & ~os.O_APPEND)
        os.pwrite(self._columns, whole.encode(), start + place.start)

    def report(self) -> ColumnsReport:
        """Return the counts of the file that was made."""
        left = sum(one.is_left_out for one in self._fields.values())
        size = os.fstat(self._columns).st_size
        return ColumnsReport(
            self._identity.lines, len(self._groups), len(self._fields) - left, left, size
        )


def _type_of_way(way: str | None) -> pa.DataType:
    if way is None:
        return pa.dictionary(pa.int32(), pa.string())
    return pa.int64() if way == INTEGER else pa.float64()


def make_columns(
    packed: Segment, disk: Disk, going: Callable[[], bool] = lambda: True
) -> ColumnsReport:
    """Make the columns of a packed segment, in place of older ones. Raises OSError and ValueError."""
    name = tmp(packed.columns)
    index = disk.read(packed.index)
    with ExitStack() as undo:
        spool = undo.enter_context(Descriptor(disk.create_anew(name)))
        disk.unlink(name)
        columns = undo.enter_context(Descriptor(disk.create_anew(name)))
        undo.callback(disk.unlink, name)
        text = undo.enter_context(Descriptor(disk.open(packed.name, os.O_RDONLY)))
        writer = ColumnsWriter(text, index, columns, spool)
        for _ in writer.steps():
            pass
        disk.rename(name, packed.columns)
        return writer.report()
