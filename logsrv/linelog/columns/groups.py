"""A row group while its frames are read: the fields of all its lines."""

from __future__ import annotations

from collections import defaultdict

import numpy

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.layout import LIST, LineGroupBounds
from logsrv.linelog.columns.stamp_fields import level_field, source_fields
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines

GROUP_LINES, GROUP_TEXT = 131_072, 48 << 20
"""The lines, or the bytes of text, after which a row group ends with its frame."""


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

    def add_lines(self, first: int, field: CodedField) -> None:
        """Add the field in the lines from number `first` of the group on."""
        rows: Array = numpy.flatnonzero(field.codes >= 0)
        if field.lists or self.has_lists:
            others = [text for code, text in enumerate(field.texts) if code not in field.lists]
            others += () if self.has_lists else self._codes
            self.is_mixed |= any(text.startswith(LIST) for text in others)
            self.has_lists = True
        codes = self._codes
        known = [codes.setdefault(text, len(codes)) for text in field.texts]
        table = numpy.array(known, numpy.min_scalar_type(len(codes)))
        self._parts.append(table[field.codes[rows]])
        self._rows.append((rows + first).astype(numpy.int32))
        self.present += len(rows)

    @property
    def texts(self) -> list[str]:
        """The different texts so far."""
        return list(self._codes)

    def rows_and_codes(self) -> tuple[Array, Array]:
        """Return the numbers of the lines that have the field, and the codes of their texts."""
        codes = numpy.concatenate(self._parts).astype(numpy.int32)
        return numpy.concatenate(self._rows), codes


class LineGroup:
    """A row group from offset `start` of the text on. stop, lines: its end, and its lines so far."""

    def __init__(self, start: int) -> None:
        self.start = self.stop = start
        self.lines = 0
        self.fields: dict[str, GroupField] = defaultdict(GroupField)
        self._offsets: list[Array] = []
        self._moments: list[Array] = []

    @property
    def is_full(self) -> bool:
        """Whether it has enough lines or text."""
        return self.lines >= GROUP_LINES or self.stop - self.start >= GROUP_TEXT

    def add_frame(self, stamps: StampedLines, fields: dict[str, CodedField]) -> None:
        """Add the lines of a frame, with the fields of their content."""
        self._offsets.append(stamps.starts + self.stop)
        self._moments.append(stamps.moments())
        known = source_fields(stamps) | {"level": level_field(stamps)} | fields
        for name, field in known.items():
            self.fields[name].add_lines(self.lines, field)
        self.lines += len(stamps)
        self.stop += len(stamps.text)

    def offsets(self) -> Array:
        """Return the offset of each line in the text of the segment."""
        return numpy.concatenate(self._offsets)

    def moments(self) -> Array:
        """Return the time of each line, or NO_TIME."""
        return numpy.concatenate(self._moments)

    def bounds(self) -> LineGroupBounds:
        """Return the place of the group, and the times of its lines."""
        smallest = min(int(one.min()) for one in self._moments)
        largest = max(int(one.max()) for one in self._moments) if smallest != NO_TIME else smallest
        return LineGroupBounds(self.start, self.stop, self.lines, smallest, largest)
