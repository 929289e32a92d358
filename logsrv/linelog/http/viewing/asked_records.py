"""A live query asked of records: each is shown when the query is true for its lines so far.

Its earlier lines then come late, behind lines that were stored after them. A record that was shown goes on
with each further line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from logsrv.linelog.fields.continuation import Joiner, stream_of_record
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.language.tree import Node
from logsrv.linelog.query.matching.of_records import record_test
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.records import MOST_KEPT, about_lines, lines_before
from logsrv.linelog.read.search import Hit, lines_in_text
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import NOWHERE, Position

# Records that are kept, as a stream may stay silent for ever.
_MOST_RECORDS = 10_000


class RecordSoFar:
    """The lines of a record that have come so far, in the order of the store."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.lines: list[Record] = []

    def lines_before(self, position: Position) -> int:
        """Return the number of its lines before a position."""
        return sum(hit.position < position for hit in self.hits)


class LatestRecords:
    """The records of the newest lines."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all records, because lines are left out here."""
        self._joiner = Joiner()
        self._records: dict[Record, RecordSoFar] = {}
        self._size = 0

    def add(
        self, pieces: Sequence[AppendedLines], view: View, asked: Iterable[AskedRecords]
    ) -> list[RecordSoFar]:
        """Add new lines; return the records to which they belong, in the order of their first new line.

        If no earlier line is known, unfinished records are read from the store first: of these lines, the
        viewers of `asked` have what matched.
        """
        if self._size > MOST_KEPT or len(self._records) > _MOST_RECORDS:
            self.forget()
        if not self._records:
            start = pieces[0].position
            self._add_all(lines_before(view, start))
            for one in asked:
                one.begin = start
        return self._add_all(
            hit for piece in pieces for hit in lines_in_text(piece.position, piece.text)
        )

    def _add_all(self, hits: Iterable[Hit]) -> list[RecordSoFar]:
        touched: dict[RecordSoFar, None] = {}
        for hit in hits:
            line = Record(hit.line, str(hit.position))
            first = self._joiner.first_line(line, stream_of_record(line))
            if self._joiner.ended is not None:
                self._records.pop(self._joiner.ended, None)
            record = self._records.setdefault(first, RecordSoFar())
            record.hits.append(hit)
            record.lines.append(line)
            self._size += len(hit.line)
            touched[record] = None
        return list(touched)


class ShownLine(NamedTuple):
    """A line to show. about: what its object has for JSON because of other lines of its record.

    late: lines behind it may be shown already.
    """

    hit: Hit
    about: dict[str, Any]
    late: bool


class AskedRecords:
    """The records of a query's viewers: how many lines of each they have.

    begin: the position from which they get lines: of the lines before it they have what matched.
    """

    def __init__(self, node: Node) -> None:
        self._matches = record_test(node)
        self._shown: WeakKeyDictionary[RecordSoFar, int] = WeakKeyDictionary()
        self.begin = NOWHERE

    def lines(self, touched: Iterable[RecordSoFar], start: Position) -> list[ShownLine]:
        """Return the lines of records to show now, in the order of the store.

        touched: records with lines from `start` on that were not asked before.
        """
        found: list[ShownLine] = []
        for record in touched:
            shown = self._shown.get(record)
            if shown is None:
                known = record.lines_before(self.begin)
                shown = known if known and self._matches(record.lines[:known]) else 0
            if not shown and not self._matches(record.lines):
                continue
            self._shown[record] = len(record.lines)
            about = about_lines(record.lines)
            found += [
                ShownLine(hit, added, late=hit.position < start)
                for hit, added in zip(record.hits[shown:], about[shown:], strict=True)
            ]
        return sorted(found, key=lambda line: line.hit.position)
