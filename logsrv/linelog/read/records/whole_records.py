"""Records of several lines in a store: the whole record of a line, whatever else was stored in between."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from operator import attrgetter
from typing import Any

from logsrv.linelog.fields.continuations.joiner import (
    MOST_DOUBT,
    has_own_header,
    is_at_once,
    is_soon,
    lead_of_record,
    stream_of_record,
)
from logsrv.linelog.fields.continuations.parts import is_cut, join_parts, part_of_record
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored_line import TIME_LENGTH, decode_stored
from logsrv.linelog.fields.values import displayable_text
from logsrv.linelog.query.record_match import level_of_lines
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records import limits
from logsrv.linelog.read.records.joining import RecordJoiner
from logsrv.linelog.read.render import record_document
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

_TENS_OF_SECONDS = len("2026-11-20T06:18:4")


def whole_lines(hits: Sequence[Hit]) -> list[Hit]:
    """Return the lines of a record with the parts of each line that a container's runtime cut joined.

    A line has the position of its first part.
    """
    positions = {str(hit.position): hit.position for hit in hits}
    records = join_parts(Record(hit.line, str(hit.position)) for hit in hits)
    return [Hit(positions[record.position or ""], record.line) for record in records]


class JoinedLines:
    """Consecutive lines as objects for JSON: `continues` is the position of their record's first line.

    The next part of a line that a container's runtime cut has `rest`, its text; the last part has `whole`,
    the message, level and fields of all parts.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all unfinished records, because lines are left out here."""
        self._records = RecordJoiner()
        # The parts of each line that is cut, by stream.
        self._parts: dict[Hashable, list[Record]] = {}

    def read_before(self, view: View, position: Position) -> None:
        """Learn which records are unfinished at a position, where the next line begins."""
        self._learn(lines_before(view, position))

    def document(self, hit: Hit, lines: StoredLines | None = None) -> dict[str, Any]:
        """Return the next line as an object; `continues` is missing in the first line of a record.

        lines: of the store, to look for the record of the first line of each stream.
        """
        # Without what the line has from its record, which is found here.
        record = Record(hit.line, str(hit.position))
        stream = self._records.joiner.stream_of(record)
        if lines is not None and not self._records.joiner.knows(stream):
            self._learn(lines_before_record(lines, hit))
            stream = self._records.joiner.stream_of(record)
        first, parts = self._first_line(record, stream)
        if first is not record:
            record = _going_on(record, first)
        elif hit.first_line is not None:
            record = hit.record()
        found = {"position": record.position, **record_document(record)}
        if first.position != record.position:
            found |= {"continues": first.position, "level": found["level"] or first.level}
        return found | _document_of_part(parts) if len(parts) > 1 else found

    def _learn(self, hits: Iterable[Hit]) -> None:
        for hit in hits:
            record = Record(hit.line, str(hit.position))
            self._first_line(record, self._records.joiner.stream_of(record))

    def _first_line(self, record: Record, stream: Hashable) -> tuple[Record, list[Record]]:
        """Return the first line of a line's record, and all parts of the line up to this one."""
        if self._records.is_full:
            self.forget()
        first = self._records.first_line(record, stream)
        parts = self._parts.pop(stream, [])
        parts = [*parts, record] if self._records.joiner.is_rest else [record]
        if is_cut(record):
            self._parts[stream] = parts
        return first, parts


def lines_before(view: View, position: Position) -> list[Hit]:
    """Return the lines before a position that tell which records are unfinished there."""
    with closing(StoredLines(view)) as lines:
        before = lines.lines_before(position, to_gap=True)
        return list(islice(before, limits.READ_BEFORE))[::-1]


def _document_of_part(parts: Sequence[Record]) -> dict[str, Any]:
    part = part_of_record(parts[-1])
    if part and part.is_cut:
        return {"rest": displayable_text(decode_stored(parts[-1].line[part.start : part.end]))}
    whole = record_document(join_parts(parts)[0])
    return {"whole": {name: whole[name] for name in whole if name not in ("time", "source")}}


def record_documents(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return the lines of a record as objects, each with what it has from the record's first line."""
    first, *others = records = [hit.record() for hit in hits]
    told = [first, *(_going_on(one, first) for one in others)]
    return [
        {"position": one.position, **record_document(one), **about}
        for one, about in zip(told, about_lines(records), strict=True)
    ]


def _going_on(record: Record, first: Record) -> Record:
    """Return a line of a record with what it has from the first line, if it has no header of its own."""
    if has_own_header(record):
        return record
    return Record(record.line, record.position, first.line)


def about_lines(record: Sequence[Record]) -> list[dict[str, Any]]:
    """Return what the object of each line of a record has for JSON besides its own, as in `JoinedLines`."""
    level = level_of_lines(record)
    found: list[dict[str, Any]] = []
    parts: list[Record] = []
    for line in record:
        parts = [*parts, line] if parts and is_cut(parts[-1]) else [line]
        added: dict[str, Any] = {}
        if line is not record[0]:
            own = _going_on(line, record[0])
            added = {"continues": record[0].position, "level": own.level or level}
        found.append(added | _document_of_part(parts) if len(parts) > 1 else added)
    return found


def joined_documents(view: View, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return adjacent lines as objects, in the order given, which may be that of the store reversed."""
    joined = JoinedLines()
    with closing(StoredLines(view)) as lines:
        documents = {
            hit.position: joined.document(hit, lines)
            for hit in sorted(hits, key=attrgetter("position"))
        }
    return [documents[hit.position] for hit in hits]


def lines_before_record(lines: StoredLines, hit: Hit) -> list[Hit]:
    """Return the lines before a line, of its stream, that tell to which record it belongs.

    They begin with a line that surely begins a record, if there is one near.
    """
    record = Record(hit.line)
    before = _stream_before(lines, hit.position, record)
    found: list[Hit] = []
    doubt = 0
    while True:
        lead, part = lead_of_record(record), part_of_record(record)
        doubt = doubt + lead.doubt if lead.doubt else 0
        is_near = lead.is_unknown and not part
        if (doubt > MOST_DOUBT or not lead.continues) and not part:
            break
        earlier = next((one for one in before if one or is_near), None)
        if earlier is None:
            break
        line, of_line = earlier
        if is_cut(of_line):
            doubt = 0
        elif not lead.continues or (lead.is_any_text and not is_at_once(of_line, record)):
            break
        found.append(line)
        record = of_line
    return found[::-1]


def _stream_before(
    lines: StoredLines, position: Position, record: Record
) -> Iterator[tuple[Hit, Record] | None]:
    """Yield the lines of a line's stream before it, until they are too far away in time for its record.

    None: MOST_APART lines of others were read since the last one.
    """
    source, stream = record.line[TIME_LENGTH : record.start], stream_of_record(record)
    last = record.line
    others = 0
    for hit in islice(lines.lines_before(position, to_gap=True), limits.MOST_READ):
        if is_far(last, hit.line):
            return
        others += 1
        if hit.line.startswith(source, TIME_LENGTH):
            last = hit.line
            found = Record(last)
            of = stream_of_record(found)
            # A line without a header goes on with the last line of its source, whatever that is.
            if stream == record.source:
                stream = of
            if of == stream:
                others = 0
                yield hit, found
        if others == limits.MOST_APART:
            yield None


def is_far(line: bytes, other: bytes) -> bool:
    """Return whether the times of two lines show that they are not of one record."""
    return line[:_TENS_OF_SECONDS] != other[:_TENS_OF_SECONDS] and not is_soon(
        Record(line), Record(other)
    )
