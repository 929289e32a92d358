"""The lines with the largest or smallest numbers in a field, in bounded memory: only so many are kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.question import Extraction, Figure, Grouping, Sorting
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures.groups import group_counter
from logsrv.linelog.read.hits import Hit, text_of_hits
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

MOST = 10_000
"""Lines of an answer."""


class SortedLines(NamedTuple):
    """The lines in order. numbers: the number of each, by which they are sorted.

    lines: how many match the query. with_number: how many of them have a number.
    """

    hits: list[Hit]
    numbers: list[float]
    lines: int
    with_number: int


def sort_lines(
    search: Search, sorting: Sorting, extractions: Sequence[Extraction], most: int
) -> SortedLines:
    """Return at most `most` matching lines, by their number in a field; of equal ones the older first.

    Between several stores, the older line is the one with the smaller TIME.
    """
    by_time = bool(search.view.names)
    found = add_up(search, LargestNumbers(sorting, extractions, most, by_time=by_time))
    with closing(StoredLines(search.view)) as lines:
        return found.rows(lines)


class LargestNumbers(Aggregate):
    """The `most` lines that go first. A part has numbers of lines, and the first lines of a frame.

    by_time: whether of equal lines the one with the smaller TIME goes first.
    """

    def __init__(
        self, sorting: Sorting, extractions: Sequence[Extraction], most: int, *, by_time: bool
    ) -> None:
        self._most, self._by_time = most, by_time
        self.identity = repr((sorting, extractions, most))
        self._sign = 1 if sorting.ascending else -1
        self._counter = group_counter(Grouping((Figure("sum", sorting.field),)), extractions)
        if sorting.field not in ("time", *(name for one in extractions for name in one.names)):
            self.columns = (sorting.field,)
        self._lines = self._with_number = 0
        # The keys are negative: the line that goes first has the largest. A line found by columns is b"".
        self._kept: list[tuple[float, int, tuple[int, int], bytes, bytes]] = []

    def count(self, lines: FoundLines) -> Part:
        hits = list(lines.hits())
        if not hits:
            return None
        with_number, found = self._counter.first_numbers_in_text(
            *text_of_hits(hits), self._most, self._sign
        )
        first = []
        for row, value in found:
            (segment, offset), line, first_line = hits[row]
            moment = int.from_bytes(line[:TIME_LENGTH]) if self._by_time else 0
            first.append(
                (-self._sign * value, -moment, (-segment, -offset), line, first_line or b"")
            )
        return len(hits), with_number, first

    def count_rows(self, rows: ColumnRows) -> Part:
        with_number, found = self._counter.first_numbers(rows, self._most, self._sign)
        offsets = rows.offsets().tolist() if found else []
        times = rows.times([row for row, _ in found]) if self._by_time else [b""] * len(found)
        first = [
            (-self._sign * value, -int.from_bytes(time), (-rows.segment, -offsets[row]), b"", b"")
            for (row, value), time in zip(found, times, strict=True)
        ]
        return rows.lines, with_number, first

    def merge(self, part: Part) -> None:
        many, known, first = part
        self._lines += many
        self._with_number += known
        self._kept = sorted([*self._kept, *first], reverse=True)[: self._most]

    def rows(self, stored: StoredLines) -> SortedLines:
        """Return the lines in order. stored: to read those that were found by columns."""
        hits = [
            Hit(Position(-segment, -offset), line, first_line or None)
            for _, _, (segment, offset), line, first_line in self._kept
        ]
        # By position, because neighbours are in one frame.
        read = {one.position: stored.line_at(one.position) for one in sorted(hits) if not one.line}
        found = [read.get(one.position, one) for one in hits]
        keys = [-self._sign * key for key, *_ in self._kept]
        known = [(hit, key) for hit, key in zip(found, keys, strict=True) if hit is not None]
        return SortedLines(
            [hit for hit, _ in known], [key for _, key in known], self._lines, self._with_number
        )
