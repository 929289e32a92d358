"""The lines of sources that have candidates, in order: which of them go on with the record before.

`joiner.py` decides it for each line. Here only the lines behind a candidate are asked, all others go on, or
not, by their beginnings alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.continuations.candidates import Candidates
from logsrv.linelog.fields.continuations.joiner import (
    MOST_BYTES,
    MOST_LINES,
    MOST_SECONDS,
    Stream,
    begin_stream,
    has_own_header,
    text_of_record,
)
from logsrv.linelog.fields.continuations.trace_shapes import (
    TRACEBACKS,
    LineKind,
    TraceState,
    first_state,
    goes_on_anywhere,
    is_unknown,
    kind_of_text,
)
from logsrv.linelog.fields.continuations.way_back import NEAR
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import REACH, STAMP

_SECOND = 1_000_000
_PART, _SPECIAL = 1, 2


def _kind_of_record(record: ParsedLine) -> LineKind:
    return kind_of_text(text_of_record(record))


class GroupedLines(NamedTuple):
    """The lines of sources that have candidates, source by source.

    rows: their numbers in the text. codes: of their sources. kinds: _PART for those that go on with any
    record, _SPECIAL for other candidates. begins: where the lines of each source begin.
    """

    rows: Array
    codes: Array
    kinds: Array
    begins: Array


def group_lines_by_source(lines: StampedLines, candidates: Candidates) -> GroupedLines:
    codes, known = lines.coded_sources()
    others = candidates.others
    needed: Array = numpy.zeros(len(known), bool)
    needed[codes[candidates.parts]] = True
    needed[codes[[*others, *candidates.headers]]] = True
    rows = numpy.flatnonzero(needed[codes])
    rows = rows[numpy.argsort(codes[rows], kind="stable")]
    kinds = numpy.zeros(len(lines), numpy.int8)
    kinds[candidates.parts] = _PART
    kinds[[*others, *candidates.headers]] = _SPECIAL
    kinds[[row for row, kind in others.items() if goes_on_anywhere(kind)]] = _PART
    of_rows = codes[rows]
    begins = numpy.concatenate(([True], of_rows[1:] != of_rows[:-1]))[: len(rows)]
    return GroupedLines(rows, of_rows, kinds[rows], numpy.flatnonzero(begins))


class SourceLines:
    """The lines of sources that have candidates, in order, source by source.

    at: where each line of the text begins in the store, from any position on. sizes: of the messages.
    """

    def __init__(
        self, lines: StampedLines, candidates: Candidates, at: Array, sizes: Array
    ) -> None:
        self._lines = lines
        self._at = at
        self._of_rows = candidates.others | candidates.headers
        self._rows, self._codes, self._kinds, _ = group_lines_by_source(lines, candidates)
        self._sizes: Array = sizes[self._rows]
        self._behind: Array = numpy.cumsum(self._sizes)
        self._is_soon = _are_soon(lines, self._rows)
        self._is_soon[0:1] = False
        self._is_soon[1:] &= self._codes[1:] == self._codes[:-1]
        # A byte for each line: what looks for the last 0 in it is much quicker than NumPy.
        self._goes_on = bytearray((self._kinds == _PART) & self._is_soon)
        self._blank: list[int] = []
        # The lines that begin records behind or within traces.
        self._takes_notes: dict[int, bool] = {}
        self._find_others()

    def _record(self, index: int) -> ParsedLine:
        return ParsedLine(self._lines.line(int(self._rows[index])))

    def _kind(self, index: int) -> tuple[bytes, LineKind]:
        row = int(self._rows[index])
        text = self._lines.text[self._lines.messages[row] : self._lines.ends[row]]
        known = self._of_rows.get(row)
        return text, kind_of_text(text) if known is None else known

    def _find_others(self) -> None:
        """Find which lines go on besides those that do so with any record."""
        special = numpy.flatnonzero(self._kinds == _SPECIAL)
        goes_on: Array = numpy.frombuffer(self._goes_on, numpy.uint8)
        # Behind further lines of a record, only these go on that do so in any.
        is_second = self._is_soon[special] & (goes_on[special - 1] == 0)
        done = 0
        for index, maybe_second in zip(special.tolist(), is_second.tolist(), strict=True):
            if index < done or (
                index > done and not maybe_second and self._first_state(index) is TraceState.PLAIN
            ):
                continue
            done = self._follow(index)

    def _first_state(self, index: int) -> TraceState:
        return first_state(self._of_rows[int(self._rows[index])])

    def _follow(self, index: int) -> int:
        """Find whether a line goes on, and the lines behind it, until a record begins as most do.

        Return the index of the first line that was not looked at.
        """
        text, kind = self._kind(index)
        is_second = self._is_soon[index] and not self._goes_on[index - 1]
        if not is_second and first_state(kind) is TraceState.PLAIN:
            return index + 1
        stream = self._stream_before(index) if is_second or kind in TRACEBACKS else None
        while index < len(self._rows):
            text, kind = self._kind(index)
            if kind is LineKind.BLANK:
                self._blank.append(index)
            record = self._record(index)
            is_apart = has_own_header(record)
            state = None
            if not self._is_of_same_source(index):
                stream = None
            elif (
                stream is not None
                and not stream.is_cut
                and self._is_soon[index]
                and not is_apart
                and (not is_unknown(kind) or self._is_near(index))
            ):
                state = stream.state_within(record, text, kind)
            self._goes_on[index] = int(state is not None)
            if state is not None and stream is not None:
                stream.add(record, state, kind)
            else:
                before = None if is_apart else stream
                stream = begin_stream(before, record, _kind_of_record(record))
                self._takes_notes[index] = stream.takes_notes
            index += 1
            if stream.state is TraceState.PLAIN:
                break
        return index

    def _is_of_same_source(self, index: int) -> bool:
        return index > 0 and bool(self._codes[index] == self._codes[index - 1])

    def _is_near(self, index: int) -> bool:
        row, before = int(self._rows[index]), int(self._rows[index - 1])
        return bool(self._at[row] - self._at[before] <= NEAR)

    def _stream_before(self, index: int) -> Stream | None:
        """Return the record that the line before belongs to."""
        if not self._is_soon[index]:
            return None
        first = self._goes_on.rfind(0, max(0, index - MOST_LINES - 1), index)
        if first < 0:
            return None
        record = self._record(first)
        stream = begin_stream(None, record, _kind_of_record(record))
        stream.state = TraceState.PLAIN
        stream.takes_notes = self._takes_notes.get(first, stream.takes_notes)
        if first + 1 < index:
            stream.is_begun, stream.lines = False, index - first
            stream.size += int(self._behind[index - 1] - self._behind[first])
            stream.last = self._record(index - 1)
        return stream

    def going_on(self, begin: int) -> tuple[Array, Array]:
        """Return the numbers of the lines that have a first line, from a number on, and those of these."""
        indexes, behind = numpy.arange(len(self._rows)), self._behind
        # A line that would go on with a record, but for its size, is no first line of others.
        would_go_on: Array = numpy.frombuffer(self._goes_on, bool)
        goes_on = would_go_on.copy()
        while True:
            first = numpy.maximum.accumulate(numpy.where(goes_on, 0, indexes))
            size = behind - behind[first] + self._sizes[first]
            beyond = goes_on & ((indexes - first >= MOST_LINES) | (size > MOST_BYTES))
            if not beyond.any():
                break
            # The first line beyond of each record begins another one.
            excess = numpy.flatnonzero(beyond)
            goes_on[excess[numpy.unique(first[excess], return_index=True)[1]]] = False
        at = self._at[self._rows]
        good = goes_on & ~would_go_on[first] & (self._kinds[first] != _PART)
        good &= (at - at[first] <= REACH) & (self._sizes > 0)
        # An empty line tells nothing.
        good[self._blank] = False
        good &= self._rows >= begin
        return self._rows[good], self._rows[first[good]]


def _are_soon(lines: StampedLines, rows: Array) -> Array:
    """Return whether each line came so soon after the one before that both may be of one record."""
    moments = lines.moments()[rows]
    soon: Array = numpy.ones(len(rows), bool)
    before, after = moments[:-1], moments[1:]
    known = (before != NO_TIME) & (after != NO_TIME)
    near = numpy.abs(numpy.where(known, after - before, 0)) <= MOST_SECONDS * _SECOND
    same_second = numpy.where(known, after // _SECOND == before // _SECOND, False)
    soon[1:] = near | same_second
    for index in (numpy.flatnonzero(~known) + 1).tolist():
        one, other = (lines.line(int(rows[at])) for at in (index - 1, index))
        soon[index] = _is_soon_as_text(one, other)
    return soon


def _is_soon_as_text(one: bytes, other: bytes) -> bool:
    is_stamped = STAMP.match(one) and STAMP.match(other)
    return not is_stamped or one[:19] == other[:19]
