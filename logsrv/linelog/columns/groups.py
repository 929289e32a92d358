"""A row group while its frames are read: the fields of all its lines."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from logsrv.linelog.columns.layout import LIST, LineGroupBounds
from logsrv.linelog.columns.number_ways import ways_of_texts
from logsrv.linelog.columns.numbers import ArrowArray
from logsrv.linelog.columns.stamp_fields import source_fields
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.extract import LineFields
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines

GROUP_LINES, GROUP_TEXT, GROUP_VALUES = 131_072, 48 << 20, 24 << 20
"""The lines, the bytes of text, or of different values, after which a row group ends with a frame."""
MOST_COLUMNS = 200
"""Fields with a column of their own; the others are in the map."""
# Numbers of all lines in all columns, which are written together: 64 MB.
GROUP_CELLS = 16 << 20
# A field is left out if it has FEW values or more, of LONG bytes, and half of those in a row group are
# different, or NEARLY_ALL in some frames: these are ids or messages.
_FEW, _LONG = 2000, 16
HALF, _NEARLY_ALL = 0.5, 0.97
# One of so many lines is in the sample from which the size of a column is estimated.
_SAMPLE = 4


class MergedField(NamedTuple):
    """A field in all lines of a row group.

    counts: how many of a sample of lines have each text. has_lists: whether some values are lists.
    has_brackets: whether there are texts that only look so.
    """

    column: pa.DictionaryArray
    counts: Array
    has_lists: bool
    has_brackets: bool


class GroupField:
    """A field in the frames of a row group, as they are added.

    present: the lines that have it. size: the bytes of its texts. is_left_out: whether Arrow cannot hold
    these, or they are ids.
    """

    def __init__(self) -> None:
        self.present = self.size = 0
        self.is_left_out = self._has_lists = self._has_brackets = False
        self._texts: list[ArrowArray] = []
        self._frames: list[tuple[slice | Array, Array]] = []

    def add_lines(self, first: int, field: CodedField) -> None:
        """Add the field in the lines from number `first` of the group on."""
        try:
            texts = pa.array(field.texts, pa.string())
        except UnicodeEncodeError:
            # Bytes that are not UTF-8.
            self.is_left_out = True
            return
        present = int(numpy.count_nonzero(field.codes >= 0))
        self.is_left_out |= are_ids(present, texts, _NEARLY_ALL) and not ways_of_texts(texts[:9])
        if field.lists or self._has_lists:
            earlier = () if self._has_lists else self._texts
            self._has_brackets |= any(map(_brackets, earlier)) or _brackets(texts) > len(
                field.lists
            )
            self._has_lists = True
        self._texts.append(texts)
        self.size += texts.nbytes
        rows: slice | Array = slice(first, first + len(field.codes))
        codes = field.codes
        if 2 * present < len(codes):
            # A thousand fields that few lines have took 300 MB.
            some = numpy.flatnonzero(codes >= 0)
            rows, codes = first + some, codes[some]
        self._frames.append((rows, codes))
        self.present += present

    def merged(self, lines: int) -> MergedField:
        """Return the field in so many lines, all of the group."""
        encoded = pa.chunked_array(self._texts).dictionary_encode().combine_chunks()
        known = encoded.dictionary
        missing = len(known)
        table = encoded.indices.to_numpy().astype(numpy.min_scalar_type(missing))
        codes: Array = numpy.full(lines, missing, table.dtype)
        start = 0
        for (rows, some), texts in zip(self._frames, self._texts, strict=True):
            of_frame = numpy.append(table[start : start + len(texts)], table.dtype.type(missing))
            codes[rows] = of_frame[some]
            start += len(texts)
        is_there = pa.py_buffer(numpy.packbits(codes != missing, bitorder="little"))
        indices = pa.Array.from_buffers(
            pa.from_numpy_dtype(codes.dtype), lines, [is_there, pa.py_buffer(codes)]
        )
        has_brackets = self._has_brackets if self._has_lists else _brackets(known) > 0
        column = pa.DictionaryArray.from_arrays(indices, known)
        counts = numpy.bincount(codes[::_SAMPLE], minlength=missing)[:missing] * _SAMPLE
        return MergedField(column, counts, self._has_lists, has_brackets)


def _brackets(texts: ArrowArray) -> int:
    """Return how many texts begin as lists do."""
    return pc.sum(pc.starts_with(texts, LIST)).as_py() or 0


def are_ids(present: int, texts: ArrowArray, part: float) -> bool:
    """Return whether more than this part of the values of a field are different, and long."""
    if present < _FEW or len(texts) <= part * present:
        return False
    return bool(pc.sum(pc.binary_length(texts)).as_py() >= _LONG * len(texts))


class BegunGroup:
    """A row group from offset `start` of the text on. stop, lines: its end, and its lines so far."""

    def __init__(self, start: int) -> None:
        self.start = self.stop = start
        self.lines = 0
        self.fields: dict[str, GroupField] = defaultdict(GroupField)
        self._offsets: list[Array] = []
        self._moments: list[Array] = []

    @property
    def is_full(self) -> bool:
        """True if it has enough lines, text or values."""
        if self.lines >= GROUP_LINES or self.stop - self.start >= GROUP_TEXT:
            return True
        if self.lines * min(len(self.fields), MOST_COLUMNS) >= GROUP_CELLS:
            return True
        return sum(field.size for field in self.fields.values()) >= GROUP_VALUES

    def add_frame(self, stamps: StampedLines, found: LineFields) -> set[str]:
        """Add the lines of a frame, with the fields of their content; return the names to leave out."""
        self._offsets.append(stamps.starts + self.stop)
        self._moments.append(stamps.moments())
        level = CodedField(found.levels.astype(numpy.int32) - 1, list(LEVELS))
        known = source_fields(stamps) | {"level": level} | found.fields
        for name, field in known.items():
            if not self.fields[name].is_left_out:
                self.fields[name].add_lines(self.lines, field)
        self.lines += len(stamps)
        self.stop += len(stamps.text)
        return {name for name in known if self.fields[name].is_left_out}

    def offsets_and_times(self) -> tuple[pa.Int64Array, pa.TimestampArray]:
        """Return the offset of each line in the text of the segment, and its time."""
        moments = numpy.concatenate(self._moments)
        times = pa.array(moments, pa.timestamp("us", "UTC"), mask=moments == NO_TIME)
        return pa.array(numpy.concatenate(self._offsets)), times

    def bounds(self) -> LineGroupBounds:
        """Return the position of the group, and the times of its lines."""
        smallest = min(int(one.min()) for one in self._moments)
        largest = max(int(one.max()) for one in self._moments) if smallest != NO_TIME else smallest
        return LineGroupBounds(self.start, self.stop, self.lines, smallest, largest)
