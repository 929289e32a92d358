"""The lines of all records for which a query is true, in the order of the store, as far as they are wanted.

Records of several senders are mixed. When a frame has been searched, all hits are known up to its end, and
so all records of the lines up to a little before its end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.record_match import RecordTest
from logsrv.linelog.read.found_records import FoundRecords
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.records import about_lines, is_far
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import NOWHERE, Position

MARGIN = 1000
"""Lines of the store by which a record may reach over the edge of what is asked for."""
AT_ONCE = 2 * MARGIN
"""Hits of a frame whose records are found together."""
_END = Position(sys.maxsize, 0)


class RecordLine(NamedTuple):
    """A line of a record. about: what its object has for JSON because of the others."""

    hit: Hit
    about: dict[str, Any]


def lines_of_records(
    view: View,
    search: Callable[[Position | None, Position | None], Search],
    matches: RecordTest,
    *,
    after: Position | None = None,
    before: Position | None = None,
    reverse: bool = False,
) -> Iterator[list[RecordLine]]:
    """Yield the lines between two positions whose record matches, in pieces; reverse: the newest first.

    search: makes a search between two positions for the candidates of the query.
    """
    with closing(StoredLines(view)) as lines:
        # The limits of a search are left out by it, and the lines here are wanted.
        edges = (
            after and _margin(lines, after, behind=False).beside(-1),
            before and _margin(lines, before, behind=True).beside(1),
        )
        begin = after.beside(1) if after else NOWHERE
        stop = before or _END
        found = search(*edges).hits_by_task(reverse=reverse)
        for candidates, end in _candidates_so_far(lines, found, reverse=reverse):
            low, high = begin, stop
            if end and reverse:
                low = stop = sorted((begin, end.beside(1), stop))[1]
            elif end:
                high = begin = sorted((begin, end, stop))[1]
            if piece := [
                line
                for record in FoundRecords(lines, matches).records(candidates)
                for line in _record_lines(record)
                if low <= line.hit.position < high
            ]:
                yield sorted(piece, key=lambda line: line.hit.position, reverse=reverse)
            if begin >= stop:
                break


def _record_lines(record: list[Hit]) -> Iterator[RecordLine]:
    about = about_lines([Record(hit.line, str(hit.position)) for hit in record])
    return map(RecordLine, record, about)


def _candidates_so_far(
    lines: StoredLines, found: Iterator[tuple[ReadTask, Iterator[Hit]]], *, reverse: bool
) -> Iterator[tuple[list[Hit], Position | None]]:
    """Yield hits, in the order of the store, that may concern lines not asked for yet.

    With them, the nearest position of a line that a later hit may concern; None for the last ones.
    """
    known: list[Hit] = []
    for reached, hits in _hits_up_to(found, reverse=reverse):
        known += hits
        if not known:
            continue
        end = _margin(lines, reached, behind=reverse)
        yield sorted(known), end
        over = _margin(lines, end, behind=reverse)
        known = [
            hit for hit in known if (hit.position <= over if reverse else hit.position >= over)
        ]
    yield sorted(known), None


def _hits_up_to(
    found: Iterator[tuple[ReadTask, Iterator[Hit]]], *, reverse: bool
) -> Iterator[tuple[Position, list[Hit]]]:
    """Yield positions up to which all hits are known, with the hits since the last one.

    A frame may have thousands, of which a page shows the first.
    """
    for task, hits in found:
        while len(some := list(islice(hits, AT_ONCE))) == AT_ONCE:
            yield some[-1].position, some
        yield Position(task.segment, task.start if reverse else task.stop), some


def _margin(lines: StoredLines, position: Position, *, behind: bool) -> Position:
    """Return the farthest position that a record may reach which goes on over another position."""
    near, far = lines.lines_before(position), lines.lines_from(position)
    if not behind:
        near, far = far, near
    last = position
    for one, other in pairwise(chain(islice(near, 1), islice(far, MARGIN))):
        if is_far(one.line, other.line):
            break
        last = other.position
    return last
