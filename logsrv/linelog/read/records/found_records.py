"""The records of found lines, each once: from a hit on, the store is read until the hit's record ends.

From a stream's first hit on, its lines are put together, for as long as any hit's record may go on. Lines
of other sources are passed over by their first bytes.

`lines_of_records`: the lines of all records for which a query is true, in the order of the store, as far as
they are wanted. Records of several senders are mixed. When a frame has been searched, all hits are known up
to its end, and so all records of the lines up to a little before its end.

`lines_beyond`: the other lines of the records at the edges of what was found, as a limit, a position or a
time may end an answer within a record.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from contextlib import closing
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

from logsrv.linelog.fields.continuations.joiner import (
    first_line_after,
    lead_of_record,
    stream_of_record,
)
from logsrv.linelog.fields.continuations.parts import part_of_record
from logsrv.linelog.fields.continuations.way_back import may_be_continuation
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.query.record_match import RecordTest
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.hits import Hit, lines_in_text
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.records import limits
from logsrv.linelog.read.records.joining import OpenRecords
from logsrv.linelog.read.records.line_documents import about_lines
from logsrv.linelog.read.records.lines_back import is_far, lines_leading_to
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import LONGEST_NUMBER, NOWHERE, Position

_NEAR = 2048
"""Bytes up to a hit that are read rather than skipped, as that is faster."""
REVERSED = 500
"""Hits whose records are found together when the newest come first."""


class FoundRecords:
    """Finds the records of hits in an open store.

    matches: whether a record is wanted; None for the records of all hits.
    """

    def __init__(self, lines: StoredLines, matches: RecordTest | None = None) -> None:
        self._lines = lines
        self._matches = matches
        self._shown: dict[Position, None] = {}
        self._begin()

    def _begin(self) -> None:
        self._gathering = OpenRecords()
        self._read = 0
        # When the last line of a source was put to its record, and when that of another one, or of a stream
        # without hits, was passed over: by the number of lines read.
        self._sources: dict[Hashable, int] = {}
        self._passed: dict[Hashable, int] = {}

    def records(self, hits: Iterable[Hit]) -> Iterator[list[Hit]]:
        """Yield the lines of each hit's record, in the order of the records' first known lines.

        hits: in the order of the store.
        """
        segment = 0
        for line, is_hit in self._lines_to_read(hits):
            before, segment = segment, line.position.segment
            if 0 < before < segment - 1 and self._lines.lacks_segment(before, segment):
                yield from self._ended_records(None)
                self._begin()
            self._read += 1
            if self._read % limits.MOST_READ == 0:
                self._sources, self._passed = map(self._recent, (self._sources, self._passed))
            self._add(line, is_hit)
            yield from self._ended_records(line)
        yield from self._ended_records(None)

    def newest_records(self, hits: Iterator[Hit]) -> Iterator[list[Hit]]:
        """Yield the records of hits of which the newest come first, the newest first."""
        while part := list(islice(hits, REVERSED)):
            yield from reversed(list(self.records(reversed(part))))

    def _lines_to_read(self, hits: Iterable[Hit]) -> Iterator[tuple[Hit, bool]]:
        """Yield hits and, while a record may go on, the lines after them. True: it is a hit."""
        following: Iterator[Hit] = iter(())
        last = NOWHERE
        for hit in hits:
            if hit.position in self._shown:
                continue
            while self._gathering.going_on or hit.position <= (last.segment, last.offset + _NEAR):
                line = next(following, None)
                if line is None or line.position >= hit.position:
                    break
                last = line.position
                if self._gathering.going_on:
                    yield line, False
            else:
                following = islice(self._lines.lines_from(hit.position), 1, None)
            if not self._gathering.going_on:
                self._begin()
            yield hit, True
            last = hit.position
        while self._gathering.going_on and (line := next(following, None)):
            yield line, False

    def _add(self, line: Hit, is_hit: bool) -> None:
        source = line.line[TIME_LENGTH : line.line.find(b" ", TIME_LENGTH)]
        is_known = source in self._sources
        if not is_hit and not is_known:
            self._passed[source] = self._read
            return
        parsed = ParsedLine(line.line)
        joiner = self._gathering.joiner
        stream = joiner.stream_of(parsed)
        if not is_known or not joiner.knows(stream):
            if not is_hit:
                self._passed[stream] = self._read
                joiner.pass_over(parsed)
                return
            # All lines since `_begin` have been read.
            passed = max(self._passed.get(source, 0), self._passed.get(stream, 0))
            if self._read - passed <= limits.MOST_READ:
                for earlier in lines_leading_to(self._lines, line):
                    before = ParsedLine(earlier.line)
                    of = joiner.stream_of(before)
                    self._gathering.add(earlier, before, of, lines_read=self._read)
                stream = joiner.stream_of(parsed)
        self._sources[source] = self._read
        self._gathering.add(line, parsed, stream, is_wanted=is_hit, lines_read=self._read)

    def _recent(self, read: dict[Hashable, int]) -> dict[Hashable, int]:
        return {
            key: number for key, number in read.items() if self._read - number <= limits.MOST_READ
        }

    def _ended_records(self, line: Hit | None) -> Iterator[list[Hit]]:
        """Yield the records that have ended, until one that may go on after `line`; None ends all."""
        gathering = self._gathering
        while gathering.records:
            first, record = next(iter(gathering.records.items()))
            if (
                line
                and gathering.going_on
                and not record.is_over
                and self._read - record.begun_at_line < limits.MOST_READ
                and not gathering.is_waiting_long
                and not is_far(record.hits[-1].line, line.line)
            ):
                return
            taken = gathering.take(first)
            lines = self._not_shown(taken.hits) if taken.is_wanted else []
            if lines and _is_match(lines, self._matches):
                yield lines

    def _not_shown(self, lines: list[Hit]) -> list[Hit]:
        if len(lines) < 2:
            return lines
        new = [line for line in lines if line.position not in self._shown]
        self._shown.update((line.position, None) for line in new)
        while len(self._shown) > limits.MOST_SHOWN:
            del self._shown[next(iter(self._shown))]
        return new


def _is_match(lines: Iterable[Hit], matches: RecordTest | None) -> bool:
    """Return whether a test, if there is one, is true for the lines of a record."""
    return matches is None or matches([hit.parsed() for hit in lines])


def whole_record(lines: StoredLines, hit: Hit) -> list[Hit]:
    """Return the lines of the record that a line belongs to, in the order of the store."""
    return next(FoundRecords(lines).records([hit]))


class FollowedRecords:
    """The records of new lines, found as soon as they have ended or their sender pauses.

    matches: whether a record is wanted, as for `FoundRecords`.
    """

    def __init__(self, matches: RecordTest | None = None) -> None:
        self._gathering = OpenRecords()
        self._matches = matches

    def records(
        self,
        position: Position,
        text: bytes,
        hits: Iterable[Hit],
        now: float,
        continuations: Continuations | None = None,
    ) -> Iterator[list[Hit]]:
        """Yield the records of hits that are complete now.

        position: of the first of the new lines `text`. hits: those among them.
        """
        gathering, wanted = self._gathering, {hit.position for hit in hits}
        for hit in lines_in_text(position, text, continuations):
            line = ParsedLine(hit.line)
            is_wanted, stream = hit.position in wanted, gathering.joiner.stream_of(line)
            gathering.add(hit, line, stream, is_wanted=is_wanted, seconds=now)
        for first, record in list(gathering.records.items()):
            is_over = record.is_over or now - record.last_seconds >= limits.PAUSE
            if is_over or gathering.is_waiting_long:
                taken = gathering.take(first)
                if taken.is_wanted and _is_match(taken.hits, self._matches):
                    yield taken.hits


AT_ONCE = 2 * limits.MARGIN
"""Hits of a frame whose records are found together."""
# Behind the segments of every store.
_END = Position(1 << 8 * LONGEST_NUMBER, 0)


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


def lines_beyond(
    view: View, first: Position, last: Position, found: Container[Position] | None = None
) -> list[RecordLine]:
    """Return what an answer lacks of its records: lines of these before its first, after its last line.

    They are in the order of the store. found: the positions in the answer; None: all between its ends.
    """
    beyond: dict[Position, RecordLine] = {}
    with closing(StoredLines(view)) as lines:
        for edge in (first, last.beside(1)):
            for record in _records_over(lines, edge):
                within = [hit for hit in record if first <= hit.position <= last]
                if any(found is None or hit.position in found for hit in within):
                    beyond |= {line.hit.position: line for line in _record_lines(record)}
    return [beyond[one] for one in sorted(beyond) if not first <= one <= last]


def _records_over(lines: StoredLines, edge: Position) -> Iterator[list[Hit]]:
    """Yield the records that have lines before a position and lines from there on."""
    streams: set[Hashable] = set()
    over: list[Hit] = []
    around = chain(
        islice(lines.lines_before(edge), 1), islice(lines.lines_from(edge), limits.MARGIN)
    )
    for apart, (one, hit) in enumerate(pairwise(around)):
        if is_far(one.line, hit.line):
            break
        if apart >= limits.READ_OVER and not may_be_continuation(hit.line):
            continue
        line = ParsedLine(hit.line)
        stream = stream_of_record(line)
        # Only the first line of a stream can go on with a record from before the edge.
        if stream in streams:
            continue
        streams.add(stream)
        lead = lead_of_record(line)
        is_near = apart < limits.MOST_APART or not lead.is_unknown
        if ((lead.continues and is_near) or part_of_record(line)) and _goes_on(lines, hit):
            over.append(hit)
    for record in FoundRecords(lines).records(over):
        if record[0].position < edge:
            yield record


def _goes_on(lines: StoredLines, hit: Hit) -> bool:
    """Return whether a line goes on with a record: its own stream tells it, without the lines of others."""
    line = ParsedLine(hit.line)
    before = (ParsedLine(earlier.line) for earlier in lines_leading_to(lines, hit))
    return first_line_after(before, line) is not line


def _record_lines(record: list[Hit]) -> Iterator[RecordLine]:
    about = about_lines([hit.parsed() for hit in record])
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
    for one, other in pairwise(chain(islice(near, 1), islice(far, limits.MARGIN))):
        if is_far(one.line, other.line):
            break
        last = other.position
    return last
