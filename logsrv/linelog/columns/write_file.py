"""Columns written to a file: first the fields of all lines go to a temporary file, by row group.

Then the types of all columns are known. So memory is bounded by a row group, not by the segment.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping

import numpy
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logsrv.linelog.columns.choice import ChosenFields, FieldSummary, choose_fields
from logsrv.linelog.columns.groups import GROUP_LINES, BegunGroup
from logsrv.linelog.columns.kept_first_lines import kept_first_lines
from logsrv.linelog.columns.layout import (
    CRC_KEY,
    FIXED,
    KEY,
    MAP,
    TAIL,
    ColumnsHead,
    LineGroupBounds,
    checksum_of_extent,
    chunk_bounds,
    encode_sums,
    identity_of_segment,
    offsets_of_sums,
    sum_of_footer,
)
from logsrv.linelog.columns.numbers import INTEGER, ArrowArray, numbers_of_texts
from logsrv.linelog.columns.spool import Spool
from logsrv.linelog.columns.text_maps import FieldTexts, map_column
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.continuations.first_lines import first_lines
from logsrv.linelog.fields.extract import LineFields, read_all_fields
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.store.frames import unpack_frame
from logsrv.linelog.store.index.segment_index import Index, decode_head, decode_index

LARGEST_FRAME = 16 << 20
"""Bytes of text. A segment with a larger frame gets no columns: they would take too much memory."""
# Bytes of text whose fields are read at once: for less, NumPy is called too often. With many fields a frame
# is enough: each has a number for each line.
_TEXT_AT_ONCE, _MANY_FIELDS = 3 << 20, 300
# Bytes of all texts in the map in a row group; fields that need more are not in the map there.
_MOST_MAP_TEXT = 16 << 20
# Names of fields; later ones are left out.
_MOST_NAMES = 1500
# Different numbers of a field in a row group.
_MOST_CODED = 1000
_DELTA = ("position", "time")
_TEXT = pa.dictionary(pa.int32(), pa.string())


class ColumnsWriter:
    """Makes the columns of a segment, in steps of a frame.

    is_complete: whether the file was made; at the end it was not if the segment can have no columns.
    """

    def __init__(
        self,
        packed: int,
        index: bytes,
        columns: int,
        spool: int,
    ) -> None:
        """Take descriptors of the compressed text, of a new file, and of a temporary file.

        index: the content of the index. spool: has the text before the segment, and is emptied. Raises
        ValueError if the index is damaged.
        """
        self._earlier = EarlierTexts()
        if before := os.pread(spool, os.fstat(spool).st_size, 0):
            self._earlier.add(StampedLines(before))
            os.ftruncate(spool, 0)
        self.is_complete = False
        self._packed, self._file = packed, columns
        self._index: Index = decode_index(index)
        self._identity = identity_of_segment(decode_head(index))
        self._spool = Spool(spool)
        self._fields: dict[str, FieldSummary] = {}
        self._knows_all_names = True
        self._groups: list[LineGroupBounds] = []
        self._slices: list[list[slice]] = []

    def steps(self) -> Iterator[None]:
        """Write and sync the file, yielding before each frame and each row group.

        Raises OSError, and ValueError if the segment is damaged.
        """
        ends = [*(frame.text for frame in self._index.frames[1:]), self._index.text]
        sizes = [end - one.text for one, end in zip(self._index.frames, ends, strict=True)]
        if not self._index.lines or max(sizes) > LARGEST_FRAME:
            return
        group, texts, first = BegunGroup(0), list[bytes](), 0
        for number, size in enumerate(sizes):
            yield
            at, packed = self._index.packed_extent(number)
            texts.append(unpack_frame(os.pread(self._packed, packed, at), size))
            more = sum(map(len, texts)) < _TEXT_AT_ONCE and len(self._fields) < _MANY_FIELDS
            if more and number + 1 < len(sizes):
                continue
            self._read_lines(group, texts, first)
            first = number + 1
            texts.clear()
            if group.is_full or (group.lines and number + 1 == len(sizes)):
                self._end_group(group)
                group = BegunGroup(group.stop)
        yield from self._write_file()

    def _read_lines(self, group: BegunGroup, texts: list[bytes], first: int) -> None:
        """Read the lines of some frames. first: the number of the first of them."""
        text = b"".join(texts)
        text = text[: text.rfind(b"\n") + 1]
        if not text:
            return
        stamps = StampedLines(text)
        known = kept_first_lines(self._index, first, texts, stamps)
        stamps.first_lines = first_lines(stamps, self._earlier) if known is None else known
        self._earlier.add(stamps)
        found = read_all_fields(
            stamps, [name for name, one in self._fields.items() if one.is_left_out]
        )
        fields = self._known_fields(found)
        for name in found.left_out | group.add_frame(stamps, found._replace(fields=fields)):
            self._summary(name).leave_out()

    def _known_fields(self, found: LineFields) -> dict[str, CodedField]:
        """Return the fields of a frame that are known in all frames before; no longer keep others."""
        fields = found.fields
        new = fields.keys() - self._fields.keys()
        if not self._knows_all_names or len(self._fields) + len(new) > _MOST_NAMES:
            # A frame before may have these too, or there are too many names.
            self._knows_all_names = False
            fields = {name: field for name, field in fields.items() if name not in new}
        for name in fields:
            self._summary(name)
        if not found.complete:
            self._knows_all_names = False
            for name in self._fields.keys() - found.fields.keys() - {*FIXED}:
                self._summary(name).leave_out()
        return fields

    def _summary(self, name: str) -> FieldSummary:
        return self._fields.setdefault(name, FieldSummary())

    def _end_group(self, group: BegunGroup) -> None:
        for name, field in group.fields.items():
            if field.present and not self._summary(name).is_left_out:
                number = len(self._groups)
                self._summary(name).add_group(number, group.lines, field, self._spool)
        self._groups.append(group.bounds())
        self._slices.append([*map(self._spool.write, group.offsets_and_times())])

    def _write_file(self) -> Iterator[None]:
        chosen = choose_fields(self._fields, self._index.compressed)
        schema = _schema_of(chosen)
        with (
            os.fdopen(os.dup(self._file), "wb") as file,
            _parquet_writer(file, schema, chosen) as writer,
        ):
            for number in range(len(self._groups)):
                yield
                writer.write_table(self._table_of_group(number, chosen, schema))
            writer.add_key_value_metadata({KEY: self._head(chosen).encode()})
            # Every leaf has a chunk in each group: the map has two.
            chunks = len(self._groups) * (len(schema) + bool(chosen.in_map))
            writer.add_key_value_metadata({CRC_KEY: encode_sums(0, [0] * chunks)})
        _write_sums(self._file)
        os.fdatasync(self._file)
        self.is_complete = True

    def _head(self, chosen: ChosenFields) -> ColumnsHead:
        columns = chosen.columns
        return ColumnsHead(
            self._identity,
            self._groups,
            {name: one.way for name, one in columns.items() if one.way is not None},
            [name for name, one in columns.items() if one.has_lists],
            chosen.left_out,
            self._knows_all_names,
        )

    def _table_of_group(self, number: int, chosen: ChosenFields, schema: pa.Schema) -> pa.Table:
        lines = self._groups[number].lines
        arrays = [*map(self._spool.read, self._slices[number])]
        for name, one in chosen.columns.items():
            if number in one.groups:
                arrays.append(_stored_column(self._spool.read(one.groups[number]), one.way))
            else:
                arrays.append(pa.nulls(lines, schema.field(name).type))
        if chosen.in_map:
            arrays.append(map_column(lines, self._fields_of_map(number, chosen.in_map)))
        return pa.table(arrays, schema)

    def _fields_of_map(
        self, number: int, fields: Mapping[str, FieldSummary]
    ) -> Iterator[FieldTexts]:
        room = _MOST_MAP_TEXT
        for name, one in fields.items():
            if number in one.groups:
                column = self._spool.read(one.groups[number])
                rows = numpy.flatnonzero(column.is_valid())
                known = column.drop_null()
                room -= pc.sum(pc.binary_length(known.dictionary).take(known.indices)).as_py()
                if room >= 0:
                    yield FieldTexts(name, rows, known.dictionary_decode())


def _schema_of(chosen: ChosenFields) -> pa.Schema:
    columns = [pa.field("position", pa.int64(), False), pa.field("time", pa.timestamp("us", "UTC"))]
    for name, one in chosen.columns.items():
        kinds = {None: _TEXT, INTEGER: pa.int64()}
        columns.append(pa.field(name, kinds.get(one.way, pa.float64())))
    if chosen.in_map:
        columns.append(pa.field(MAP, pa.map_(pa.string(), pa.string()), False))
    return pa.schema(columns)


def _stored_column(column: pa.DictionaryArray, way: str | None) -> ArrowArray:
    if way is not None:
        return numbers_of_texts(column.dictionary, way).take(column.indices)
    return column.cast(_TEXT)


def _parquet_writer(file: object, schema: pa.Schema, chosen: ChosenFields) -> pq.ParquetWriter:
    numbers = {name for name, one in chosen.columns.items() if one.way is not None}
    # Many numbers are written quicker than they are coded, and are not larger.
    uncoded = {name for name in numbers if chosen.columns[name].most_texts > _MOST_CODED}
    return pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=[*{*schema.names}.difference(_DELTA, uncoded)],
        column_encoding=dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
        # Those of texts take a fourth of the time of writing, and exclude no row group.
        write_statistics=[*_DELTA, *numbers],
        write_batch_size=GROUP_LINES,
    )


def _write_sums(fd: int) -> None:
    """Write the checksums of a complete file into the room for them in its footer."""
    size = os.fstat(fd).st_size
    length = int.from_bytes(os.pread(fd, 4, size - TAIL), "little")
    start = size - TAIL - length
    footer = os.pread(fd, length, start)
    with os.fdopen(os.dup(fd), "rb") as file:
        chunks = chunk_bounds(pq.read_metadata(file))
    offsets = offsets_of_sums(footer)
    of_chunks = [checksum_of_extent(fd, *one) for one in chunks]
    sums = encode_sums(sum_of_footer(footer, offsets), of_chunks)
    # The store opens its files for appending.
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_APPEND)
    os.pwrite(fd, sums, start + offsets.start)
