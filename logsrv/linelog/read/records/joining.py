"""Lines of a store, in its order, put together to records in bounded memory: for all who read stores.

    `LineDocuments`   objects for JSON: which record each line is of      RecordJoiner
    `LatestRecords`   the live page: the records of the newest lines      OpenRecords
    `FoundRecords`    a search: the records of hits                       OpenRecords
    `FollowedRecords` `logsrv tail`: records of new lines, as they end    OpenRecords

Who asks for one line alone, and has the lines before it, calls `first_line_after`
(continuations/joiner.py): the edges of an answer (found_records.py), and levels that a line has from its
record (way_back.py).
"""

from __future__ import annotations

from collections.abc import Hashable

from logsrv.linelog.fields.continuations.joiner import Joiner
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.records import limits


class RecordJoiner:
    """Finds the first line of each line's record.

    size: the bytes of the lines so far. Its user forgets all when `is_full`: at a line of its own choice,
    because lines that are known already may have to be read again.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all unfinished records."""
        self.joiner = Joiner()
        self.size = 0

    @property
    def is_full(self) -> bool:
        """True if so many bytes have come that what is unfinished has to be forgotten."""
        return self.size > limits.MOST_KEPT

    def first_line(self, line: ParsedLine, stream: Hashable = None) -> ParsedLine:
        """Return the first line of the record of the next line: itself if it begins one."""
        self.size += len(line.line)
        return self.joiner.first_line(line, stream)


class OpenRecord:
    """A record whose lines are coming, in the order of the store.

    begun_at_line: how many lines a search had read when its first line came. last_seconds: when its last
    line came, in seconds. size: the bytes of its lines. is_wanted: whether somebody asks for it. is_over:
    whether a line of its stream has begun another one.
    """

    def __init__(self, begun_at_line: int = 0) -> None:
        self.begun_at_line = begun_at_line
        self.last_seconds = 0.0
        self.hits: list[Hit] = []
        self.size = 0
        self.is_wanted = self.is_over = False
        self._lines: list[ParsedLine] = []

    @property
    def lines(self) -> list[ParsedLine]:
        """The lines, parsed; each once."""
        self._lines += [hit.parsed() for hit in self.hits[len(self._lines) :]]
        return self._lines


class OpenRecords(RecordJoiner):
    """Puts lines together to records.

    records: by their first lines, in the order of these. waiting: the bytes of all their lines. going_on:
    the number of wanted records that may go on.
    """

    def forget(self) -> None:
        super().forget()
        self.records: dict[ParsedLine | None, OpenRecord] = {}
        self.waiting = self.going_on = 0

    @property
    def is_full(self) -> bool:
        return super().is_full or len(self.records) > limits.MOST_RECORDS

    @property
    def is_waiting_long(self) -> bool:
        """True if records have to be shown as far as they have come."""
        return self.waiting > limits.MOST_WAITING

    def add(
        self,
        hit: Hit,
        line: ParsedLine,
        stream: Hashable = None,
        *,
        is_wanted: bool = False,
        lines_read: int = 0,
        seconds: float = 0.0,
    ) -> OpenRecord:
        """Add a line, and return its record. line: without what it has from its record.

        lines_read: by a search so far. seconds: by the clock of a tail.
        """
        first = self.first_line(line, stream)
        record = self.records.get(first)
        if record is None:
            record = self.records[first] = OpenRecord(lines_read)
        record.hits.append(hit)
        record.last_seconds = seconds
        record.size += len(hit.line)
        self.waiting += len(hit.line)
        self.going_on += is_wanted and not record.is_wanted
        record.is_wanted |= is_wanted
        ended = self.records.get(self.joiner.ended)
        if ended is not None and not ended.is_over:
            self.going_on -= ended.is_wanted
            ended.is_over = True
        return record

    def take(self, first: ParsedLine | None) -> OpenRecord:
        """Remove a record and return it. Further lines of it are a record of their own."""
        record = self.records.pop(first)
        self.waiting -= record.size
        self.going_on -= record.is_wanted and not record.is_over
        return record

    def take_ended(self) -> None:
        """Remove the record that the last line has ended, of which nobody waits for more lines."""
        if self.joiner.ended in self.records:
            self.take(self.joiner.ended)
