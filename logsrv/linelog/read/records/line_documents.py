"""Lines of records as objects for JSON, each with what it has from the record that it goes on with."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from contextlib import closing
from operator import attrgetter
from typing import Any

from logsrv.linelog.fields.continuations.joiner import has_own_header
from logsrv.linelog.fields.continuations.parts import is_cut, join_parts, part_of_record
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.fields.values import displayable_text
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.record_match import level_of_lines
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records.joining import RecordJoiner
from logsrv.linelog.read.records.lines_back import lines_leading_to, lines_read_back
from logsrv.linelog.read.render import record_document
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position


class LineDocuments:
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
        self._parts: dict[Hashable, list[ParsedLine]] = {}

    def read_before(self, view: View, position: Position, only: Matcher | None = None) -> None:
        """Learn which records are unfinished at a position, where the next line begins.

        only: as of `StoredLines`.
        """
        self._learn(lines_read_back(view, position, only))

    def document(self, hit: Hit, lines: StoredLines | None = None) -> dict[str, Any]:
        """Return the next line as an object; `continues` is missing in the first line of a record.

        lines: of the store, to look for the record of the first line of each stream.
        """
        # Without what the line has from its record, which is found here.
        line = ParsedLine(hit.line, str(hit.position))
        stream = self._records.joiner.stream_of(line)
        if lines is not None and not self._records.joiner.knows(stream):
            self._learn(lines_leading_to(lines, hit))
            stream = self._records.joiner.stream_of(line)
        first, parts = self._first_line(line, stream)
        if first is not line:
            line = _going_on(line, first)
        elif hit.first_line is not None:
            line = hit.parsed()
        document = {"position": line.position, **record_document(line)}
        if first.position != line.position:
            document |= {"continues": first.position, "level": document["level"] or first.level}
        return document | _document_of_part(parts) if len(parts) > 1 else document

    def _learn(self, hits: Iterable[Hit]) -> None:
        for hit in hits:
            line = ParsedLine(hit.line, str(hit.position))
            self._first_line(line, self._records.joiner.stream_of(line))

    def _first_line(
        self, line: ParsedLine, stream: Hashable
    ) -> tuple[ParsedLine, list[ParsedLine]]:
        """Return the first line of a line's record, and all parts of the line up to this one."""
        if self._records.is_full:
            self.forget()
        first = self._records.first_line(line, stream)
        parts = self._parts.pop(stream, [])
        parts = [*parts, line] if self._records.joiner.is_rest else [line]
        if is_cut(line):
            self._parts[stream] = parts
        return first, parts


def _document_of_part(parts: Sequence[ParsedLine]) -> dict[str, Any]:
    part = part_of_record(parts[-1])
    if part and part.is_cut:
        return {"rest": displayable_text(decode_stored(parts[-1].line[part.start : part.end]))}
    whole = record_document(join_parts(parts)[0])
    return {"whole": {name: whole[name] for name in whole if name not in ("time", "source")}}


def record_documents(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return the lines of a record as objects, each with what it has from the record's first line."""
    first, *others = records = [hit.parsed() for hit in hits]
    told = [first, *(_going_on(one, first) for one in others)]
    return [
        {"position": one.position, **record_document(one), **about}
        for one, about in zip(told, about_lines(records), strict=True)
    ]


def _going_on(line: ParsedLine, first: ParsedLine) -> ParsedLine:
    """Return a line of a record with what it has from the first line, if it has no header of its own."""
    if has_own_header(line):
        return line
    return ParsedLine(line.line, line.position, first.line)


def about_lines(record: Sequence[ParsedLine]) -> list[dict[str, Any]]:
    """Return what the object of each line of a record has besides its own, as in `LineDocuments`."""
    level = level_of_lines(record)
    additions: list[dict[str, Any]] = []
    parts: list[ParsedLine] = []
    for line in record:
        parts = [*parts, line] if parts and is_cut(parts[-1]) else [line]
        added: dict[str, Any] = {}
        if line is not record[0]:
            own = _going_on(line, record[0])
            added = {"continues": record[0].position, "level": own.level or level}
        additions.append(added | _document_of_part(parts) if len(parts) > 1 else added)
    return additions


def joined_documents(view: View, hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return adjacent lines as objects, in the order given, which may be that of the store reversed."""
    joined = LineDocuments()
    with closing(StoredLines(view)) as lines:
        documents = {
            hit.position: joined.document(hit, lines)
            for hit in sorted(hits, key=attrgetter("position"))
        }
    return [documents[hit.position] for hit in hits]
