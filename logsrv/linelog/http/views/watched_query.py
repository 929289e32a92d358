"""A query of live viewers: the newest lines that match it, as events; older matches are only counted.

A query may be asked of records: then a record is shown when the query is true for its lines so far. Its
earlier lines come late, behind lines that were stored after them. A record that was shown goes on with each
further line.

The condition of a reader who may see only some lines is part of his query: the other lines are in no
event, in no record, and not counted among the missed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.http.search_request import document_maker, has_all_lines
from logsrv.linelog.http.views.view_protocol import LiveQuery, line_event
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.pipeline import parse_lines
from logsrv.linelog.query.question import EVERYTHING, And, Node
from logsrv.linelog.query.record_match import candidates_in_records, record_test
from logsrv.linelog.read.follow import AppendedLines
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.only import parse_only, restricted
from logsrv.linelog.read.records.joining import OpenRecord, OpenRecords
from logsrv.linelog.read.records.line_documents import LineDocuments, about_lines
from logsrv.linelog.read.records.lines_back import lines_read_back
from logsrv.linelog.read.render import hit_as_json, safe_json
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import NOWHERE, Position

# A message of events ends when it has this many bytes.
PIECE = 8 << 10
# The most bytes of events that are kept for viewers that reach the same lines later; then all are dropped.
KEPT_EVENTS = 8 << 20
_Line = TypeVar("_Line")


class LatestRecords:
    """The records of the newest lines."""

    def __init__(self) -> None:
        self._records = OpenRecords()

    def forget(self) -> None:
        """Forget all records, because lines are left out here."""
        self._records.forget()

    def add(
        self, pieces: Sequence[AppendedLines], view: View, asked: Iterable[AskedRecords]
    ) -> list[OpenRecord]:
        """Add new lines; return the records to which they belong, in the order of their first new line.

        If no earlier line is known, unfinished records are read from the store first: of these lines, the
        viewers of `asked` have what matched.
        """
        if self._records.is_full:
            self.forget()
        if not self._records.records:
            start = pieces[0].position
            self._add_all(lines_read_back(view, start))
            for one in asked:
                one.begin = start
        return self._add_all(hit for piece in pieces for hit in piece.all_hits())

    def _add_all(self, hits: Iterable[Hit]) -> list[OpenRecord]:
        touched: dict[OpenRecord, None] = {}
        for hit in hits:
            # Without what the line has from its record, which is found here.
            touched[self._records.add(hit, ParsedLine(hit.line))] = None
            self._records.take_ended()
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
    only: the lines that are there for them; None: all.
    """

    def __init__(self, node: Node, only: Matcher | None = None) -> None:
        self._matches = record_test(node)
        self._only = only
        self._shown: WeakKeyDictionary[OpenRecord, int] = WeakKeyDictionary()
        self.begin = NOWHERE

    def lines(self, touched: Iterable[OpenRecord], start: Position) -> list[ShownLine]:
        """Return the lines of records to show now, in the order of the store.

        touched: records with lines from `start` on that were not asked before.
        """
        shown_lines: list[ShownLine] = []
        for record in touched:
            hits, lines = self._seen(record)
            shown = self._shown.get(record)
            if shown is None:
                known = sum(hit.position < self.begin for hit in hits)
                shown = known if known and self._matches(lines[:known]) else 0
            if not lines or (not shown and not self._matches(lines)):
                continue
            self._shown[record] = len(lines)
            about = about_lines(lines)
            shown_lines += [
                ShownLine(hit, added, late=hit.position < start)
                for hit, added in zip(hits[shown:], about[shown:], strict=True)
            ]
        return sorted(shown_lines, key=lambda line: line.hit.position)

    def _seen(self, record: OpenRecord) -> tuple[list[Hit], list[ParsedLine]]:
        """Return the lines of a record that are there for the viewers."""
        if self._only is None:
            return record.hits, record.lines
        begun = record.hits[0].line
        seen: list[Hit] = []
        for hit in record.hits:
            first_line = hit.first_line or (begun if hit is not record.hits[0] else None)
            if self._only.matches(hit.line, str(hit.position), first_line):
                seen.append(hit)
        return seen, [hit.parsed() for hit in seen]


class WatchedQuery:
    """A query, its viewers, and the number of lines that they may get.

    now: the time, by a monotonic clock. left: lines that it may get at once now. joined: finds the records
    of lines, for a query that leaves out none. asked: what its viewers have of records, if it is asked of
    records. allowed: lines of this poll that they may still get. missed: those that are left out.
    """

    def __init__(self, asked_for: LiveQuery, now: float = 0.0, left: float = 0.0) -> None:
        question = parse_lines(asked_for.text, "a live view")
        only = parse_only(asked_for.only)
        self.asked_for = asked_for
        self.matcher = make_matcher(restricted(question.node, only))
        self.extractions = question.extractions
        self.joined = LineDocuments() if has_all_lines(question) else None
        self._only = None if only is None else make_matcher(only)
        is_asked = asked_for.of_records and not self.joined
        self.asked = AskedRecords(question.node, self._only) if is_asked else None
        self._candidates: Matcher | None = None
        if is_asked and isinstance(question.node, And):
            candidates = restricted(candidates_in_records(question.node), only)
            self._candidates = make_matcher(candidates) if candidates != EVERYTHING else None
        self.allowed = self.missed = 0
        self.viewers: dict[int, None] = {}
        self._counted, self._left = now, left
        self._found: list[list[Hit]] = []
        self._of_records: Sequence[ShownLine] = ()

    def begin_at(self, view: View, position: Position) -> None:
        """Let its viewers have all lines before a position, where the next line begins."""
        if self.joined:
            self.joined.read_before(view, position, self._only)
        elif self.asked:
            self.asked.begin = position

    def begin_poll(self, now: float, rate: float, burst: float, most: int) -> None:
        """Begin a poll. now: the time, by a monotonic clock. most: the lines that it may get in this poll.

        rate: the lines that it may get in a second; those not used are saved, up to `burst`.
        """
        self._left = min(burst, self._left + (now - self._counted) * rate)
        self._counted = now
        self.allowed = min(most, int(self._left))
        self.missed = 0
        self._found = []
        self._of_records = ()

    def add_matches(self, piece: AppendedLines, lines: Sequence[tuple[int, int]]) -> None:
        """Add the matching lines of a piece, by their starts and ends; the newest piece comes first."""
        self._found.append(piece.hits(self._newest_allowed(lines)))

    def count_unasked(self, pieces: Iterable[AppendedLines]) -> None:
        """Count lines that may be of matching records as missed, except those that match by themselves.

        pieces: of a poll whose lines were not put together to records. Without this, a query whose
        conditions are true for different lines of a record would seem to have no line there.
        """
        if self._candidates is None:
            return
        candidates = self._candidates
        found = sum(
            candidates.count(
                piece.text,
                piece.position.in_text,
                piece.first_lines(candidates.inherits),
            )
            for piece in pieces
        )
        self.missed = max(self.missed, found - len(self.hits))

    def add_records(self, touched: Iterable[OpenRecord], start: Position) -> None:
        """Add the lines of records that match, of a poll that began at a position."""
        assert self.asked is not None
        self._of_records = self._newest_allowed(self.asked.lines(touched, start))

    def _newest_allowed(self, lines: Sequence[_Line]) -> Sequence[_Line]:
        """Return the newest of some lines, as many as are allowed; the others count as missed."""
        over = max(0, len(lines) - self.allowed)
        self.missed += over
        self.allowed -= len(lines) - over
        self._left -= len(lines) - over
        return lines[over:]

    def events(self, shared: SharedEvents) -> list[bytes]:
        """Return the events of this poll for the query's viewers, in order."""
        if self._of_records:
            return shared.events_of_records(self._of_records, self)
        return shared.events_for(self.hits, self)

    @property
    def hits(self) -> list[Hit]:
        """The lines of this poll for the query's viewers, in order."""
        return [hit for hits in reversed(self._found) for hit in hits]


class SharedEvents:
    """Lines as events. Viewers that get the same line at about the same time share its event.

    id_of: returns where a viewer goes on that has a line.
    """

    def __init__(self, id_of: Callable[[Hit], str] = lambda hit: str(hit.position)) -> None:
        self._id_of = id_of
        self._made: dict[Position, bytes] = {}
        self._size = 0

    def events_for(self, hits: list[Hit], query: WatchedQuery) -> list[bytes]:
        """Return the event of each line, in their order; one that is still kept is used again.

        Events are not shared if they have extracted fields, or if the query's lines are joined to records.
        """
        if query.extractions or query.joined:
            document = query.joined.document if query.joined else document_maker(query.extractions)
            return [line_event(self._id_of(hit), safe_json(document(hit))) for hit in hits]
        made = self._made
        return [made.get(hit.position) or self._make_event(hit) for hit in hits]

    def events_of_records(self, lines: Sequence[ShownLine], query: WatchedQuery) -> list[bytes]:
        """Return the event of each line; a late one has no id, as a client goes on behind the last id."""
        document = document_maker(query.extractions)
        found: list[bytes] = []
        for hit, about, late in lines:
            if not about and not late:
                found += self.events_for([hit], query)
                continue
            added = about | {"late": True} if late else about
            id_ = "" if late else self._id_of(hit)
            found.append(line_event(id_, safe_json(document(hit) | added)))
        return found

    def _make_event(self, hit: Hit) -> bytes:
        event = line_event(self._id_of(hit), hit_as_json(hit))
        if self._size + len(event) > KEPT_EVENTS:
            self._made.clear()
            self._size = 0
        self._made[hit.position] = event
        self._size += len(event)
        return event


def event_pieces(events: list[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the events in pieces of about PIECE bytes, each with its number of events."""
    start = size = 0
    for end, event in enumerate(events, 1):
        size += len(event)
        if size >= PIECE or end == len(events):
            yield end - start, b"".join(events[start:end])
            start, size = end, 0
