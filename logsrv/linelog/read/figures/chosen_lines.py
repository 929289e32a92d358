"""The lines with the largest numbers, whatever these are, in bounded memory: only so many are kept.

`sort_lines` takes the numbers in a field; another `Numbering` has other numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.read.figures.groups import Groups, group_counter
from logsrv.linelog.read.hits import Hit, text_of_hits
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

Numbered: TypeAlias = tuple[int, Sequence[tuple[int, float]]]
"""How many of some lines have a number; the row and the number of those that go first, in their order."""


class ChosenLines(NamedTuple):
    """The lines in order. numbers: the number of each, by which they are chosen.

    lines: how many match the query. with_number: how many of them have a number.
    """

    hits: list[Hit]
    numbers: list[float]
    lines: int
    with_number: int


class Numbering(Protocol):
    """Gives lines their numbers. sign: -1 if the smallest ones go first.

    columns, identity: as of `Aggregate`.
    """

    columns: Collection[str] | None
    identity: str
    sign: int

    def number_hits(self, hits: Sequence[Hit], most: int) -> Numbered:
        """Return the numbers of lines. most: no more of them are asked for."""
        ...

    def number_rows(self, rows: ColumnRows, most: int) -> Numbered:
        """Return the same by the columns of lines."""
        ...


def sort_lines(
    search: Search,
    field: str,
    extractions: Sequence[Extraction],
    most: int,
    *,
    ascending: bool = False,
) -> ChosenLines:
    """Return at most `most` matching lines, by their number in a field or their time, as `choose_lines`."""
    return choose_lines(search, _FieldNumbers(field, extractions, ascending=ascending), most)


def written_ways(hits: Sequence[Hit], field: str, extractions: Sequence[Extraction]) -> int:
    """Return how lines write their numbers in a field: PLAIN, TIMES and SIZES of `query/units`, added."""
    largest = Figure("max", field)
    groups = Groups(Grouping((largest,)), extractions)
    if hits:
        groups.merge(groups.count_text(*text_of_hits(hits)))
    return groups.ways(largest)


def choose_lines(search: Search, numbering: Numbering, most: int) -> ChosenLines:
    """Return at most `most` matching lines, in the order of their numbers; of equal ones the older first.

    Between several stores, the older line is the one with the smaller TIME.
    """
    by_time = bool(search.view.names)
    found = add_up(search, LargestNumbers(numbering, most, by_time=by_time))
    with closing(StoredLines(search.view)) as lines:
        return found.rows(lines)


class _FieldNumbers:
    """The numbers in a field."""

    def __init__(self, field: str, extractions: Sequence[Extraction], *, ascending: bool) -> None:
        self.sign = -1 if ascending else 1
        self.identity = repr((field, self.sign, extractions))
        self._counter = group_counter(Grouping((Figure("sum", field),)), extractions)
        is_of_text = any(field in one.names for one in extractions)
        # Columns have the moments of lines, whatever else is read of them.
        names = () if field == "time" else (field,)
        self.columns: Collection[str] | None = None if is_of_text else names

    def number_hits(self, hits: Sequence[Hit], most: int) -> Numbered:
        return self._counter.first_numbers_in_text(*text_of_hits(hits), most, -self.sign)

    def number_rows(self, rows: ColumnRows, most: int) -> Numbered:
        return self._counter.first_numbers(rows, most, -self.sign)


class LargestNumbers(Aggregate):
    """The `most` lines that go first. A part has numbers of lines, and the first lines of a frame.

    by_time: whether of equal lines the one with the smaller TIME goes first.
    """

    def __init__(self, numbering: Numbering, most: int, *, by_time: bool) -> None:
        self._numbering, self._most, self._by_time = numbering, most, by_time
        self.identity = numbering.identity and f"{numbering.identity} {most}"
        self.columns = numbering.columns
        self._lines = self._with_number = 0
        # The keys are negative: the line that goes first has the largest. A line found by columns is b"".
        self._kept: list[tuple[float, int, tuple[int, int], bytes, bytes]] = []

    def count(self, lines: FoundLines) -> Part:
        hits = list(lines.hits())
        if not hits:
            return None
        with_number, found = self._numbering.number_hits(hits, self._most)
        sign = self._numbering.sign
        first = []
        for row, value in found:
            (segment, offset), line, first_line = hits[row]
            moment = int.from_bytes(line[:TIME_LENGTH]) if self._by_time else 0
            first.append((sign * value, -moment, (-segment, -offset), line, first_line or b""))
        return len(hits), with_number, first

    def count_rows(self, rows: ColumnRows) -> Part:
        with_number, found = self._numbering.number_rows(rows, self._most)
        sign = self._numbering.sign
        offsets = rows.offsets().tolist() if found else []
        times = rows.times([row for row, _ in found]) if self._by_time else [b""] * len(found)
        first = [
            (sign * value, -int.from_bytes(time), (-rows.segment, -offsets[row]), b"", b"")
            for (row, value), time in zip(found, times, strict=True)
        ]
        return rows.lines, with_number, first

    def merge(self, part: Part) -> None:
        many, known, first = part
        self._lines += many
        self._with_number += known
        self._kept = sorted([*self._kept, *first], reverse=True)[: self._most]

    def rows(self, stored: StoredLines) -> ChosenLines:
        """Return the lines in order. stored: to read those that were found by columns."""
        hits = [
            Hit(Position(-segment, -offset), line, first_line or None)
            for _, _, (segment, offset), line, first_line in self._kept
        ]
        # By position, because neighbours are in one frame.
        read = {one.position: stored.line_at(one.position) for one in sorted(hits) if not one.line}
        found = [read.get(one.position, one) for one in hits]
        keys = [self._numbering.sign * key for key, *_ in self._kept]
        known = [(hit, key) for hit, key in zip(found, keys, strict=True) if hit is not None]
        return ChosenLines(
            [hit for hit, _ in known], [key for _, key in known], self._lines, self._with_number
        )
