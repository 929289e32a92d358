"""The lines with the largest or smallest numbers in a field, in bounded memory: only so many are kept."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.question import Extraction, Sorting
from logsrv.linelog.read.columns import column_reader, numbers
from logsrv.linelog.read.plan import ReadTask
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
    field, sign = sorting.field, 1 if sorting.ascending else -1
    read = column_reader([field], extractions)

    def work(task: ReadTask) -> Iterator[tuple[int, int, list[tuple[float, int, str]]]]:
        if hits := list(search.hits_in_task(task)):
            text = b"".join([hit.line + b"\n" for hit in hits])
            column = numbers(field, read(StampedLines(text))[field])
            known = [(sign * value, row) for row, value in enumerate(column) if value is not None]
            rows = [
                (key, hits[row].position.offset, hits[row].line.decode("latin-1"))
                for key, row in heapq.nsmallest(most, known)
            ]
            yield len(hits), len(known), rows

    lines = with_number = 0
    # The keys are negative, because the heap has its smallest at the top: the line that goes first.
    kept: list[tuple[float, int, tuple[int, int], bytes]] = []
    for task, (many, known, rows) in search.run_for_json(work):
        lines, with_number = lines + many, with_number + known
        for key, offset, text in rows:
            line = text.encode("latin-1")
            moment = int.from_bytes(line[:TIME_LENGTH]) if search.view.names else 0
            one = (-key, -moment, (-task.segment, -offset), line)
            if len(kept) < most:
                heapq.heappush(kept, one)
            elif kept and one > kept[0]:
                heapq.heapreplace(kept, one)
    kept.sort(reverse=True)
    hits = [Hit(Position(-segment, -offset), line) for _, _, (segment, offset), line in kept]
    return SortedLines(hits, [-sign * key for key, *_ in kept], lines, with_number)
