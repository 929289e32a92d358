"""Lines of the store that are read back to know to which record a line belongs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from logsrv.linelog.fields.continuations.joiner import (
    MOST_DOUBT,
    is_at_once,
    is_soon,
    lead_of_record,
    stream_of_record,
)
from logsrv.linelog.fields.continuations.parts import is_cut, part_of_record
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records import limits
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

_TENS_OF_SECONDS = len("2026-11-20T06:18:4")


def lines_read_back(view: View, position: Position, only: Matcher | None = None) -> list[Hit]:
    """Return the lines before a position that tell which records are unfinished there.

    only: as of `StoredLines`.
    """
    with closing(StoredLines(view, only)) as lines:
        before = lines.lines_before(position, to_gap=True)
        return list(islice(before, limits.READ_BEFORE))[::-1]


def lines_leading_to(lines: StoredLines, hit: Hit) -> list[Hit]:
    """Return the lines before a line, of its stream, that tell to which record it belongs.

    They begin with a line that surely begins a record, if there is one near.
    """
    line = ParsedLine(hit.line)
    before = _stream_before(lines, hit.position, line)
    leading: list[Hit] = []
    doubt = 0
    while True:
        lead, part = lead_of_record(line), part_of_record(line)
        doubt = doubt + lead.doubt if lead.doubt else 0
        is_near = lead.is_unknown and not part
        if (doubt > MOST_DOUBT or not lead.continues) and not part:
            break
        earlier = next((one for one in before if one or is_near), None)
        if earlier is None:
            break
        earlier_hit, earlier_line = earlier
        if is_cut(earlier_line):
            doubt = 0
        elif not lead.continues or (lead.is_any_text and not is_at_once(earlier_line, line)):
            break
        leading.append(earlier_hit)
        line = earlier_line
    return leading[::-1]


def _stream_before(
    lines: StoredLines, position: Position, line: ParsedLine
) -> Iterator[tuple[Hit, ParsedLine] | None]:
    """Yield the lines of a line's stream before it, until they are too far away in time for its record.

    None: MOST_APART lines of others were read since the last one.
    """
    source, stream = line.line[TIME_LENGTH : line.start], stream_of_record(line)
    last = line.line
    others = 0
    for hit in islice(lines.lines_before(position, to_gap=True), limits.MOST_READ):
        if is_far(last, hit.line):
            return
        others += 1
        if hit.line.startswith(source, TIME_LENGTH):
            last = hit.line
            earlier = ParsedLine(last)
            of = stream_of_record(earlier)
            # A line without a header goes on with the last line of its source, whatever that is.
            if stream == line.source:
                stream = of
            if of == stream:
                others = 0
                yield hit, earlier
        if others == limits.MOST_APART:
            yield None


def is_far(line: bytes, other: bytes) -> bool:
    """Return whether the times of two lines show that they are not of one record."""
    return line[:_TENS_OF_SECONDS] != other[:_TENS_OF_SECONDS] and not is_soon(
        ParsedLine(line), ParsedLine(other)
    )
