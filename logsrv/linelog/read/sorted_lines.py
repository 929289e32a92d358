"""The lines with the largest or smallest numbers in a field, in bounded memory: only so many are kept."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.question import Extraction, Grouping, Sorting
from logsrv.linelog.read.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.groups import group_reader
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.store.segment import Position

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
    return add_up(search, LargestNumbers(sorting, extractions, most)).rows()


class LargestNumbers(Aggregate):
    """The `most` lines that go first. A part has numbers of lines, and the first lines of a frame."""

    def __init__(self, sorting: Sorting, extractions: Sequence[Extraction], most: int) -> None:
        self._most = most
        self._sign = 1 if sorting.ascending else -1
        self._read = group_reader(Grouping(()), [sorting.field], extractions)
        self._lines = self._with_number = 0
        # The keys are negative: the line that goes first has the largest.
        self._kept: list[tuple[float, int, tuple[int, int], bytes]] = []

    def count(self, lines: FoundLines) -> Part:
        hits = list(lines.hits())
        if not hits:
            return None
        text = b"".join([hit.line + b"\n" for hit in hits])
        _, _, [column] = self._read(text)
        known = [(self._sign * value, row) for row, value in enumerate(column) if value is not None]
        several = bool(lines.search.view.names)
        first = []
        for key, row in heapq.nsmallest(self._most, known):
            (segment, offset), line = hits[row]
            moment = int.from_bytes(line[:TIME_LENGTH]) if several else 0
            first.append((-key, -moment, (-segment, -offset), line))
        return len(hits), len(known), first

    def merge(self, part: Part) -> None:
        many, known, first = part
        self._lines += many
        self._with_number += known
        self._kept = sorted([*self._kept, *first], reverse=True)[: self._most]

    def rows(self) -> SortedLines:
        """Return the lines in order."""
        hits = [
            Hit(Position(-segment, -offset), line) for _, _, (segment, offset), line in self._kept
        ]
        keys = [-self._sign * key for key, *_ in self._kept]
        return SortedLines(hits, keys, self._lines, self._with_number)
