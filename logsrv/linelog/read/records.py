"""Records of several lines in a store: the whole record of a line, whatever else was stored in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from logsrv.linelog.fields.continuation import (
    MOST_LINES,
    Joiner,
    has_known_shape,
    is_soon,
    may_continue,
    stream_of_record,
)
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamp import TIME_LENGTH
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segments.segment import Position

MOST_READ = 5000
"""Lines of the store that are read on each side of a line to find its record."""
# The line before a call of Go or the line with Python's exception shows whether it is one: without such a
# line, so many lines of unknown shape are the end of the search.
_MOST_UNKNOWN = 2
_TENS_OF_SECONDS = len("2026-11-20T06:18:4")


def whole_record(lines: StoredLines, hit: Hit) -> list[Hit]:
    """Return the lines of the record that a line belongs to, in the order of the store."""
    own = Record(hit.line)
    behind = Position(hit.position.segment, hit.position.offset + 1)
    before = _of_stream(own, islice(lines.lines_before(hit.position), MOST_READ))
    joiner = Joiner()
    found: list[Hit] = []
    first = None
    for earlier in reversed(_possible_beginning(own, before)):
        line = joiner.first_line(Record(earlier.line))
        if line is not first:
            found, first = [], line
        found.append(earlier)
    if joiner.first_line(own) is not first:
        found, first = [], own
    found.append(hit)
    for later in _of_stream(own, islice(lines.lines_from(behind), MOST_READ)):
        if joiner.first_line(Record(later.line)) is not first:
            break
        found.append(later)
    return found


def lines_before_record(lines: StoredLines, hit: Hit) -> list[Hit]:
    """Return the lines before a line, of its stream, that tell to which record it belongs."""
    own = Record(hit.line)
    if not may_continue(own):
        return []
    before = islice(lines.lines_before(hit.position), MOST_READ)
    return _possible_beginning(own, _of_stream(own, before))[::-1]


def _of_source(own: Record, hits: Iterable[Hit]) -> Iterator[Hit]:
    """Yield the lines of a line's source, until lines are too far away in time for its record."""
    source = own.line[TIME_LENGTH : own.start]
    last = own.line
    for hit in hits:
        if is_far(last, hit.line):
            return
        if hit.line.startswith(source, TIME_LENGTH):
            last = hit.line
            yield hit


def _of_stream(own: Record, hits: Iterable[Hit]) -> Iterator[Hit]:
    stream = stream_of_record(own)
    return (hit for hit in _of_source(own, hits) if stream_of_record(Record(hit.line)) == stream)


def is_far(line: bytes, other: bytes) -> bool:
    """Return whether the times of two lines show that they are not of one record."""
    return line[:_TENS_OF_SECONDS] != other[:_TENS_OF_SECONDS] and not is_soon(
        Record(line), Record(other)
    )


def _possible_beginning(own: Record, before: Iterator[Hit]) -> list[Hit]:
    """Return the lines before a line, the nearest first, up to one that surely begins a record."""
    found: list[Hit] = []
    unknown = 0
    record = own
    while may_continue(record) and len(found) < MOST_LINES:
        unknown = 0 if has_known_shape(record) else unknown + 1
        hit = next(before, None) if unknown <= _MOST_UNKNOWN else None
        if hit is None:
            break
        found.append(hit)
        record = Record(hit.line)
    return found
