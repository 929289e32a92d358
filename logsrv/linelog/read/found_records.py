"""The records of found lines, each once: from a hit on, the store is read until the hit's record ends.

The lines of a hit's stream are put together for as long as one of its records is wanted. Those of other
sources are passed over by their first bytes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, islice

import attrs

from logsrv.linelog.fields.continuation import Joiner, stream_of_record
from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stamp import TIME_LENGTH
from logsrv.linelog.read.records import MOST_READ, is_far, lines_before_record
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segments.segment import Position

_MOST_BYTES = 16 << 20
"""Bytes of the lines that are kept until their records end."""
_PAUSE = 1.0
"""Seconds without a further line after which a new record is shown."""
_MOST_SHOWN = 100_000
"""Lines of which it is remembered that their record was found already."""
_NEAR = 2048
"""Bytes up to a hit that are read rather than skipped, as that is faster."""
REVERSED = 500
"""Hits whose records are found together when the newest come first."""


@attrs.define(eq=False)
class Gathered:
    """A record whose lines are coming. first: its first line, as the joiner knows it."""

    first: Record
    lines: list[Hit] = attrs.field(factory=list)
    size: int = 0
    is_wanted: bool = False
    is_over: bool = False
    number: float = 0
    """A number or time of the caller's."""


class Gathering:
    """Puts lines, which come in the order of the store, together to records.

    open: the records that may go on. wanted: how many of them the caller wants.
    """

    def __init__(self) -> None:
        self._joiner = Joiner()
        self.open: dict[Record, Gathered] = {}
        self.wanted = 0

    def add(
        self, line: Hit, record: Record, stream: Hashable, is_wanted: bool
    ) -> tuple[Gathered, Gathered | None]:
        """Return the record that a line belongs to, and the one that it ends."""
        first = self._joiner.first_line(record, stream)
        found = self.open.get(first)
        if found is None:
            found = self.open[first] = Gathered(first)
        found.lines.append(line)
        found.size += len(line.line)
        if is_wanted and not found.is_wanted:
            found.is_wanted = True
            self.wanted += 1
        ended = self._joiner.ended
        over = self.open.get(ended) if ended is not None else None
        if over is not None:
            self.end(over)
        return found, over

    def end(self, record: Gathered) -> None:
        """Give no further lines to a record: those that come are a record of their own."""
        record.is_over = True
        self.wanted -= record.is_wanted
        self.open.pop(record.first, None)


class FoundRecords:
    """Finds the records of hits in an open store."""

    def __init__(self, lines: StoredLines) -> None:
        self._lines = lines
        self._shown: dict[Position, None] = {}
        self._streams: dict[Hashable, Gathering] = {}
        """The streams of wanted records that may go on."""
        self._sources: Counter[bytes] = Counter()
        """The number of these streams in each source."""
        self._seen: dict[Hashable, int] = {}
        """Other sources and streams, and when their last line was read."""
        self._begun: deque[tuple[Gathered, Hashable]] = deque()
        self._read = self._size = 0

    def records(self, hits: Iterable[Hit]) -> Iterator[list[Hit]]:
        """Yield the lines of each hit's record, in the order of the records' first lines.

        hits: in the order of the store.
        """
        line = None
        for line, is_hit in self._lines_to_read(hits):
            self._read += 1
            source = _source_of(line)
            if is_hit or source in self._sources:
                self._gather(line, source, is_hit)
            else:
                self._note(source)
            yield from self._ended_records(line)
        self._skip()
        if line is not None:
            yield from self._ended_records(line)

    def newest_records(self, hits: Iterator[Hit]) -> Iterator[list[Hit]]:
        """Yield the records of hits of which the newest come first, the newest first."""
        while part := list(islice(hits, REVERSED)):
            yield from reversed(list(self.records(reversed(part))))

    def _lines_to_read(self, hits: Iterable[Hit]) -> Iterator[tuple[Hit, bool]]:
        """Yield hits and, while a record may go on, the lines between them. True: it is a hit."""
        following: Iterator[Hit] = iter(())
        last: Position | None = None
        for hit in hits:
            if hit.position in self._shown:
                continue
            while True:
                if not self._streams and not _is_near(last, hit.position):
                    self._skip()
                    following = self._lines.lines_from(hit.position)
                line = next(following, None)
                if line is None or line.position >= hit.position:
                    break
                yield line, False
                last = line.position
            if line is not None and line.position > hit.position:
                following = chain((line,), following)
            yield hit, True
            last = hit.position
        for line in following:
            if not self._streams:
                return
            yield line, False

    def _skip(self) -> None:
        """End all records: the lines that follow are not read."""
        for record, _ in self._begun:
            record.is_over = True
        self._streams.clear()
        self._sources.clear()
        self._seen.clear()
        self._read = 0

    def _gather(self, line: Hit, source: bytes, is_hit: bool) -> None:
        record = Record(line.line)
        stream = stream_of_record(record)
        gathering = self._streams.get(stream)
        if gathering is None and not is_hit:
            self._note(stream)
            return
        if gathering is None:
            gathering = self._streams[stream] = Gathering()
            self._sources[source] += 1
            # Since `_skip`, all lines have been read.
            seen = max(self._seen.get(source, 0), self._seen.get(stream, 0))
            if self._read - seen <= MOST_READ:
                for earlier in lines_before_record(self._lines, line):
                    self._add(gathering, earlier, Record(earlier.line), stream, False)
        self._add(gathering, line, record, stream, is_hit)
        self._drop_unwanted(gathering, stream, source)

    def _add(
        self, gathering: Gathering, line: Hit, record: Record, stream: Hashable, is_hit: bool
    ) -> None:
        found = gathering.add(line, record, stream, is_hit)[0]
        self._size += len(line.line)
        if len(found.lines) == 1:
            found.number = self._read
            self._begun.append((found, stream))

    def _drop_unwanted(self, gathering: Gathering, stream: Hashable, source: bytes) -> None:
        if not gathering.wanted:
            for record in gathering.open.values():
                record.is_over = True
            del self._streams[stream]
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
            self._note(stream)

    def _note(self, seen: Hashable) -> None:
        self._seen[seen] = self._read
        if len(self._seen) > 2 * MOST_READ:
            oldest = self._read - MOST_READ
            self._seen = {one: read for one, read in self._seen.items() if read >= oldest}

    def _ended_records(self, line: Hit) -> Iterator[list[Hit]]:
        """Yield the wanted records that have ended, until one that may go on after a line."""
        while self._begun:
            record, stream = self._begun[0]
            if not record.is_over:
                if (
                    self._read - record.number <= MOST_READ
                    and self._size <= _MOST_BYTES
                    and not is_far(record.lines[-1].line, line.line)
                ):
                    return
                gathering = self._streams[stream]
                gathering.end(record)
                self._drop_unwanted(gathering, stream, _source_of(record.lines[0]))
            self._begun.popleft()
            self._size -= record.size
            if record.is_wanted and (lines := self._not_shown(record.lines)):
                yield lines

    def _not_shown(self, lines: list[Hit]) -> list[Hit]:
        if len(lines) == 1:
            return lines
        new = [line for line in lines if line.position not in self._shown]
        self._shown.update((line.position, None) for line in new)
        while len(self._shown) > _MOST_SHOWN:
            del self._shown[next(iter(self._shown))]
        return new


class FollowedRecords:
    """The records of new lines, found as soon as they have ended or their sender pauses."""

    def __init__(self) -> None:
        self._gathering = Gathering()
        self._size = 0

    def records(
        self, position: Position, text: bytes, hits: list[Hit], now: float
    ) -> Iterator[list[Hit]]:
        """Yield the records of hits that are complete now.

        position: of the first of the new lines `text`. hits: those among them.
        """
        open_, wanted = self._gathering.open, {hit.position for hit in hits}
        segment, offset = position
        for line in text[:-1].split(b"\n") if text else ():
            hit = Hit(Position(segment, offset), line)
            offset += len(line) + 1
            parsed = Record(line)
            stream = stream_of_record(parsed)
            record, over = self._gathering.add(hit, parsed, stream, hit.position in wanted)
            record.number = now
            # The records whose last line came first are the first ones.
            open_[record.first] = open_.pop(record.first)
            self._size += len(line)
            if over is not None:
                yield from self._if_wanted(over)
        while open_:
            oldest = next(iter(open_.values()))
            if now - oldest.number < _PAUSE and self._size <= _MOST_BYTES:
                return
            self._gathering.end(oldest)
            yield from self._if_wanted(oldest)

    def _if_wanted(self, record: Gathered) -> Iterator[list[Hit]]:
        self._size -= record.size
        if record.is_wanted:
            yield record.lines


def _source_of(line: Hit) -> bytes:
    return line.line[TIME_LENGTH : line.line.find(b" ", TIME_LENGTH)]


def _is_near(last: Position | None, position: Position) -> bool:
    return (
        last is not None
        and last.segment == position.segment
        and position.offset - last.offset <= _NEAR
    )
