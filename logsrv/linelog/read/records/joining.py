"""Lines of a store, in its order, put together to records in bounded memory: for all who read stores.

    `JoinedLines`     objects for JSON: which record each line is of      RecordJoiner
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
from logsrv.linelog.fields.record import Record
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

    def first_line(self, record: Record, stream: Hashable = None) -> Record:
        """Return the first line of the record of the next line: itself if it begins one."""
        self.size += len(record.line)
        return self.joiner.first_line(record, stream)


class OpenRecord:
    """A record whose lines are coming, in the order of the store.

    begun, last: when its first and its last line came, by its reader's clock. size: their bytes. is_wanted:
    whether somebody asks for it. is_over: whether a line of its stream has begun another one.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.begun = self.last = now
        self.hits: list[Hit] = []
        self.size = 0
        self.is_wanted = self.is_over = False
        self._lines: list[Record] = []

    @property
    def lines(self) -> list[Record]:
        """The lines, parsed; each once."""
        self._lines += [hit.record() for hit in self.hits[len(self._lines) :]]
        return self._lines


class OpenRecords(RecordJoiner):
    """Puts lines together to records.

    records: by their first lines, in the order of these. waiting: the bytes of all their lines. going_on:
    the number of wanted records that may go on.
    """

    def forget(self) -> None:
        super().forget()
        self.records: dict[Record | None, OpenRecord] = {}
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
        record: Record,
        stream: Hashable = None,
        *,
        is_wanted: bool = False,
        now: float = 0.0,
    ) -> OpenRecord:
        """Add a line, and return its record. record: the line without what it has from its record.

        now: the reader's clock, which counts the lines that a search has read, or the seconds of a tail.
        """
        first = self.first_line(record, stream)
        found = self.records.get(first)
        if found is None:
            found = self.records[first] = OpenRecord(now)
        found.hits.append(hit)
        found.last = now
        found.size += len(hit.line)
        self.waiting += len(hit.line)
        self.going_on += is_wanted and not found.is_wanted
        found.is_wanted |= is_wanted
        ended = self.records.get(self.joiner.ended)
        if ended is not None and not ended.is_over:
            self.going_on -= ended.is_wanted
            ended.is_over = True
        return found

    def take(self, first: Record | None) -> OpenRecord:
        """Remove a record and return it. Further lines of it are a record of their own."""
        record = self.records.pop(first)
        self.waiting -= record.size
        self.going_on -= record.is_wanted and not record.is_over
        return record

    def take_ended(self) -> None:
        """Remove the record that the last line has ended, of which nobody waits for more lines."""
        if self.joiner.ended in self.records:
            self.take(self.joiner.ended)
