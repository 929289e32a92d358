"""The first lines of records: a continuation line has the level and the header of its record's first line.

`joiner.py` says which line goes on with which record, one line after the other, and every record is put
together by it. This module asks the same of a whole text at once, and only about lines without a header of
their own: nearly all texts have few that begin like the inside of a stack trace, or none
(`candidates.py`), and then a few passes over the beginnings of the lines are all. `source_lines.py` tells
which of these go on. Every reader of levels gets its first lines from here: `ParsedLine` for a line,
`StampedLines` for many.

A line that begins with a priority, a header or a JSON object says for itself what it is; it never has
another first line. A line without goes on with the record of its source's last line, or with none.

A first line is at most REACH bytes before its continuation, and is no continuation by its shape: so it is
the same line for each reader, wherever a text begins. Of a record with more lines than one may have, the
lines beyond have no first line.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from typing import NamedTuple

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.fields.byte_arrays import (
    Array,
    byte_membership_table,
    ranked,
)
from logsrv.linelog.fields.coded_first_lines import CodedFirstLines
from logsrv.linelog.fields.continuations.candidates import (
    Candidates,
    begin_another_record,
    find_candidates,
    headers_of_traces,
)
from logsrv.linelog.fields.continuations.joiner import (
    is_blank,
    text_of_record,
)
from logsrv.linelog.fields.continuations.source_lines import SourceLines, group_lines_by_source
from logsrv.linelog.fields.continuations.trace_shapes import (
    is_trace_opening,
    kind_of_text,
)
from logsrv.linelog.fields.continuations.way_back import (
    NEAR,
    Earlier,
    WayBack,
    lines_of_sources,
)
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import (
    TIME_LENGTH,
    FirstLines,
    source_of_line,
)

# The first bytes of lines without a text; colours begin with ESC, or with a backslash where it is escaped.
_MAY_BE_EMPTY = byte_membership_table(b" \t\r\f\v\n\x1b\\")
_PADDING = bytes(64)
_NO_NUMBERS: Array = numpy.zeros(0, numpy.intp)
_NONE = CodedFirstLines(_NO_NUMBERS, _NO_NUMBERS, [], _NO_NUMBERS)


class ContinuationLines(NamedTuple):
    """The continuation lines of a text. are_sure: false if the text before was too short to tell."""

    first_lines: CodedFirstLines
    are_sure: bool

    @property
    def reach_back(self) -> bool:
        """True if the first line of one stands before the text."""
        return bool((self.first_lines.begins < 0).any())


def first_lines(lines: StampedLines, earlier: Earlier | None = None) -> FirstLines:
    """Return the first lines for the continuation lines among whole lines.

    earlier: is called if the first line of one may stand before the text.
    """
    return find_continuations(lines, earlier).first_lines


def find_continuations(lines: StampedLines, earlier: Earlier | None) -> ContinuationLines:
    """Return the first lines, and how they depend on the text before."""
    plain = _without_colours(lines)
    candidates = find_candidates(plain)
    before, are_sure = list[tuple[int, bytes]](), True
    if earlier is not None:
        before, are_sure = _lines_with_open_records(plain, candidates, earlier)
    at, sizes = lines.starts, lines.ends - lines.messages
    if before:
        others = StampedLines(b"".join([line + b"\n" for _, line in before]))
        plain_others = _without_colours(others)
        plain = plain.after(plain_others)
        candidates = candidates.after(find_candidates(plain_others), len(others))
        distances: Array = numpy.array([distance for distance, _ in before], numpy.int64)
        at = numpy.concatenate((-distances, at))
        sizes = numpy.concatenate((others.ends - others.messages, sizes))
    candidates = candidates.with_headers(headers_of_traces(plain, candidates))
    if not candidates:
        return ContinuationLines(_NONE, are_sure)
    rows, firsts = SourceLines(plain, candidates, at, sizes).going_on(len(before))
    return ContinuationLines(_coded(lines, before, rows, firsts), are_sure)


def _coded(
    lines: StampedLines, before: list[tuple[int, bytes]], rows: Array, firsts: Array
) -> CodedFirstLines:
    """Return the first lines, those before the text first.

    rows, firsts: numbers of continuation lines, and of their first lines, the lines of `before` counted
    first.
    """
    order = numpy.argsort(rows)
    heads, codes = ranked(firsts[order])
    begins = heads - len(before)
    inside = begins >= 0
    texts = [before[head][1] for head in heads[~inside].tolist()]
    # An empty line tells nothing.
    told: Array = numpy.array([not is_blank(ParsedLine(line)) for line in texts], bool)
    told = numpy.concatenate((told, _have_text(lines, begins[inside])))
    texts += map(lines.line, begins[inside].tolist())
    begins[inside] = lines.starts[begins[inside]]
    starts = lines.starts[rows[order] - len(before)]
    if not told.all():
        chosen = told[codes]
        starts, codes = starts[chosen], (numpy.cumsum(told) - 1)[codes[chosen]]
        texts, begins = [*compress(texts, told)], begins[told]
    return CodedFirstLines(starts, codes, texts, begins)


def _have_text(lines: StampedLines, rows: Array) -> Array:
    """Return which of some lines are not blank."""
    raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
    found = ~_MAY_BE_EMPTY[raw[lines.messages[rows]]]
    for index in numpy.flatnonzero(~found).tolist():
        found[index] = not is_blank(ParsedLine(lines.line(rows[index])))
    return found


def _without_colours(lines: StampedLines) -> StampedLines:
    """Return the same lines as they are read, without colours."""
    return StampedLines(without_colours(lines.text)) if has_colours(lines.text) else lines


def _lines_with_open_records(
    lines: StampedLines, candidates: Candidates, earlier: Earlier
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return lines before a text with whose records it may go on; False if there are too few to tell."""
    first = _sources_that_may_go_on(lines)
    surely = _sources_begun_before(lines, candidates) if candidates else {}
    if not (first or surely):
        return [], True
    found, are_sure = lines_of_sources({**first, **surely}, earlier())
    # Without a line of a trace, lines of any text do not go on.
    others = first.keys() - surely.keys()
    if others:
        others -= _sources_with_traces(found)
        found = [one for one in found if source_of_line(one[1]) not in others]
    return found, are_sure


def _sources_with_traces(lines: Iterable[tuple[int, bytes]]) -> set[bytes]:
    """Return the sources with a line that may begin a trace."""
    found = set()
    for _, line in lines:
        text = text_of_record(ParsedLine(line))
        if is_trace_opening(kind_of_text(text), text):
            found.add(source_of_line(line))
    return found


def _sources_that_may_go_on(lines: StampedLines) -> dict[bytes, WayBack]:
    """Return the sources whose first line near the beginning goes on if it stands in a trace.

    With the ways back from these lines.
    """
    raw: Array = numpy.frombuffer(lines.text + _PADDING, numpy.uint8)
    many = int(numpy.searchsorted(lines.starts, NEAR))
    named = ~begin_another_record(raw, lines.messages[:many], lines.ends[:many])
    if not named.any():
        return {}
    seen: set[bytes] = set()
    ways, empty = dict[bytes, WayBack](), dict[bytes, bytes]()
    for row, is_named in enumerate(named.tolist()):
        start, message = int(lines.starts[row]), int(lines.messages[row])
        source = lines.text[start + TIME_LENGTH : max(start, message - 1)]
        line = lines.line(row)
        if source in seen:
            continue
        if not line[message - start :].strip():
            # An empty line ends no record: the way back begins with it.
            empty.setdefault(source, line)
            continue
        seen.add(source)
        if is_named and not (way := WayBack(line)).is_over:
            ways[source] = WayBack(empty[source]) if source in empty else way
    return ways


def _sources_begun_before(lines: StampedLines, candidates: Candidates) -> dict[bytes, WayBack]:
    """Return the sources whose first line here may go on with a record, with others behind it.

    With the way back from that line, or from an empty one before it.
    """
    rows, codes, kinds, begins = group_lines_by_source(lines, candidates)
    known = [*lines.coded_sources().codes_by_source]
    ends = numpy.append(begins[1:], len(rows))
    raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
    is_empty = _MAY_BE_EMPTY[raw[lines.messages[rows[begins]]]]
    has_second = begins + 1 < ends
    second = kinds[numpy.where(has_second, begins + 1, begins)]
    chosen = is_empty | (kinds[begins] > 0) | (second > 0)
    ways = {}
    for begin, end in zip(begins[chosen].tolist(), ends[chosen].tolist(), strict=True):
        index = begin
        while index < end and is_blank(ParsedLine(lines.line(rows[index]))):
            index += 1
        if index == end or not (kinds[index : min(index + 2, end)] > 0).any():
            continue
        way = WayBack(lines.line(rows[index]))
        if not way.is_over:
            source = known[int(codes[begin])]
            ways[source] = way if index == begin else WayBack(lines.line(rows[begin]))
    return ways
