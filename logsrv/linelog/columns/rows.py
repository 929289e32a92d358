"""Some lines of a row group, with their columns."""

from __future__ import annotations

import numpy

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.columns.read_file import GroupColumns, NumberColumn
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.stamps import NO_TIME
from logsrv.linelog.fields.values import displayable_text


class ColumnRows:
    """Lines of a row group of a segment. rows: their numbers in the group; None for all.

    Every method raises OSError, and ValueError if the file is damaged.
    """

    def __init__(self, segment: int, group: GroupColumns, rows: Array | None) -> None:
        self.segment = segment
        self._group, self._rows = group, rows
        self.lines = group.lines if rows is None else len(rows)

    def offsets(self) -> Array:
        """Return the offset of each line in the text of the segment."""
        return self._chosen(self._group.offsets())

    def moments(self) -> Array:
        """Return the time of each line in microseconds since 1970, or NO_TIME."""
        return self._chosen(self._group.moments())

    def field(self, name: str) -> CodedField:
        """Return the values of a field."""
        found = self._group.field(name)
        return found._replace(codes=self._chosen(found.codes))

    def numbers(self, name: str) -> NumberColumn | None:
        """Return the numbers of a field; None if it is not stored as numbers."""
        found = self._group.numbers(name)
        if found is None:
            return None
        missing = None if found.missing is None else self._chosen(found.missing)
        return found._replace(values=self._chosen(found.values), missing=missing)

    def times(self, rows: list[int]) -> list[bytes]:
        """Return the TIMEs of some of the lines, each with its space."""
        moments = self.moments()[rows]
        if (moments == NO_TIME).any():
            raise OnlyTextTells("a line has no time")
        times = numpy.datetime_as_string(moments.view("M8[us]")).tolist()
        return [f"{time}Z ".encode() for time in times]

    def count_sources(self) -> list[tuple[str, int, str]]:
        """Return the different sources, each with its lines and the latest TIME."""
        field, moments = self.field("source"), self.moments()
        stamped = field.codes >= 0
        if (moments[stamped] == NO_TIME).any():
            raise OnlyTextTells("a line has an invalid time")
        codes = field.codes[stamped]
        lines = numpy.bincount(codes, minlength=len(field.texts))
        last = numpy.full(len(field.texts), NO_TIME)
        numpy.maximum.at(last, codes, moments[stamped])
        times = numpy.datetime_as_string(last.view("M8[us]")).tolist()
        found = zip(map(displayable_text, field.texts), lines.tolist(), times, strict=True)
        return [(source, many, f"{time}Z") for source, many, time in found if many]

    def _chosen(self, values: Array) -> Array:
        return values if self._rows is None else values[self._rows]
