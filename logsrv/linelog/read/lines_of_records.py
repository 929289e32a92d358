"""The lines of all records for which a query is true, in the order of the store, as far as they are wanted.

Records of several senders are mixed, so hits are taken in rounds: of the part of the store up to a round's
last hit, all records are known when the hits a little before it and behind it are known too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.matching.of_records import RecordTest
from logsrv.linelog.read.found_records import FoundRecords
from logsrv.linelog.read.records import about_lines, is_far
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import NOWHERE, Position

_MARGIN = 1000
"""Lines of the store by which a record may reach over the edge of what is asked for."""
ROUND = 1000
"""Hits of the first round; each further one has twice as many, up to _MOST."""
_MOST = 16_000
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
        hits = search(*edges).hits(reverse=reverse)
        begin = after.beside(1) if after else NOWHERE
        stop = before or _END
        for candidates, end in _rounds(lines, hits, reverse=reverse):
            low, high = begin, stop
            if end and reverse:
                low = stop = sorted((begin, end, stop))[1]
            elif end:
                high = begin = sorted((begin, end, stop))[1]
            found = [
                line
                for record in FoundRecords(lines, matches).records(candidates)
                for line in _record_lines(record)
                if low <= line.hit.position < high
            ]
            if found:
                yield sorted(found, key=lambda line: line.hit.position, reverse=reverse)
            if begin >= stop:
                break


def _record_lines(record: list[Hit]) -> Iterator[RecordLine]:
    about = about_lines([Record(hit.line, str(hit.position)) for hit in record])
    return map(RecordLine, record, about)


def _rounds(
    lines: StoredLines, hits: Iterator[Hit], *, reverse: bool
) -> Iterator[tuple[list[Hit], Position | None]]:
    """Yield hits in the order of the store, and the position at which the round ends; None: the last.

    They are the hits of the round, and those of others that may be of the same records.
    """
    size = ROUND
    known: list[Hit] = []
    ahead: list[Hit] = []
    while True:
        more = list(islice(hits, size))
        part = ahead + more
        if len(more) < size:
            yield sorted(known + part), None
            return
        end = part[-1].position
        over = _margin(lines, end, behind=not reverse)
        ahead = []
        for hit in hits:
            ahead.append(hit)
            if hit.position < over if reverse else hit.position > over:
                break
        yield sorted(known + part + ahead), end
        back = _margin(lines, end, behind=reverse)
        known = [
            hit
            for hit in known + part
            if (hit.position <= back if reverse else hit.position >= back)
        ]
        size = min(2 * size, _MOST)


def _margin(lines: StoredLines, position: Position, *, behind: bool) -> Position:
    """Return the farthest position that a record may reach which goes on over another position."""
    near = lines.lines_from(position)
    if not behind:
        near = chain(islice(near, 1), lines.lines_before(position))
    last = position
    for one, other in pairwise(islice(near, _MARGIN)):
        if is_far(one.line, other.line):
            break
        last = other.position
    return last
