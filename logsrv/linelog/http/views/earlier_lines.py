"""The stored lines of a live view before it is attached: from where its client was to where it goes on.

`tail` is a reply of the API, as those in `replies`, and runs in a searching process. It is apart from them
because its answer is events, each with the place of a reader, and with gaps; and because it begins and ends
at places, which may have a position for each of several stores.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.http.search_request import (
    Reply,
    document_maker,
    growing_pieces,
    has_all_lines,
    make_search,
    pieces_of_records,
    question_of,
)
from logsrv.linelog.http.views.view_protocol import id_event, line_event, missed_event
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import EVERYTHING, Question
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.answers.sources import TextAnswers
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.records.found_records import lines_of_records
from logsrv.linelog.read.records.line_documents import joined_documents
from logsrv.linelog.read.render import safe_json
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.cursor import (
    Cursor,
    Place,
    parse_place,
    positions_in,
    start_of_store,
)
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.http.searching.search_order import EarlierLinesValues
    from logsrv.linelog.read.stores_search import StoresSearch


def tail(view: View, values: EarlierLinesValues) -> Reply:
    """Yield the events of the matching lines from position `begin` up to `end`."""
    place, until = parse_place(values["begin"]), parse_place(values["end"])
    if isinstance(until, Cursor):
        yield from _tail_of_stores(view, values, place, until)
        return
    # There may be other stores, to which the server does not write.
    view, begin, end = view.by_store[0], positions_in(place).get(0, until), until
    if (later := _later_begin(view, begin, end)) is not None:
        begin = later
        yield missed_event(None, str(begin))
    passed = _segments_before(view, begin, end)
    is_of_records = values["join"] and not has_all_lines(question_of(values))
    events = _events_of_records if is_of_records else _events_of_lines
    for segment, found in events(view, values, begin, end):
        yield _pop_removal_event(view, passed, segment) + b"".join(found)
    yield _pop_removal_event(view, passed, end.segment)


class _TailLine(NamedTuple):
    """A line for a live view. time: its TIME. next: the position behind it. document: JSON.

    document: b"" for a gap, whose event is `gap`.
    """

    time: bytes
    next: Position
    document: bytes
    gap: bytes = b""


def _tail_of_stores(view: View, values: EarlierLinesValues, begin: Place, end: Cursor) -> Reply:
    """Yield the events of the matching lines of several stores, merged by their times.

    begin: if it is of one store, the others begin at the time of the line before it.
    """
    reached = dict(positions_in(begin))
    if len(reached) == 1 and view.names:
        ((_, after),) = reached.items()
        every = make_matcher(EVERYTHING)
        cut = make_search(view, values, after=after.beside(-1), matcher=every)
        for number, scope in cast("StoresSearch", cut).scopes.items():
            later = scope.after.beside(1) if scope.after else start_of_store(number)
            reached.setdefault(number, later)
        # A store without later lines begins at its end.
        reached = {**end.positions, **reached}
    reached = {
        number: reached.get(number, start_of_store(number))
        for number in end.positions
        if number in view.by_store
    }
    streams = [
        _tail_of_store(view.by_store[number], values, one, end.positions[number])
        for number, one in sorted(reached.items())
    ]
    for piece in growing_pieces(heapq.merge(*streams, key=attrgetter("time"))):
        events: list[bytes] = []
        for one in piece:
            reached[one.next.store] = one.next
            cursor = str(Cursor(reached))
            events.append(one.gap or line_event(cursor, one.document.decode()))
        yield b"".join(events)
    yield id_event(str(end))


def _tail_of_store(
    view: View, values: EarlierLinesValues, begin: Position, end: Position
) -> Iterator[_TailLine]:
    """Yield the matching lines of one of several stores, and gaps."""
    if (later := _later_begin(view, begin, end)) is not None:
        is_start = begin == start_of_store(begin.store)
        begin = later
        if not is_start:
            yield _TailLine(b"", begin, b"", missed_event(None, str(begin)))
    passed = _segments_before(view, begin, end)
    for hit, document in _lines_with_documents(view, values, begin, end):
        if gap := _pop_removal_event(view, passed, hit.position.segment):
            yield _TailLine(b"", hit.position, b"", gap)
        text = safe_json(document).encode()
        yield _TailLine(hit.line[:TIME_LENGTH], hit.position.beside(len(hit.line) + 1), text)
    if gap := _pop_removal_event(view, passed, end.segment):
        yield _TailLine(b"", end, b"", gap)


def _lines_with_documents(
    view: View, values: EarlierLinesValues, begin: Position, end: Position
) -> Iterator[tuple[Hit, dict[str, Any]]]:
    """Yield the matching lines of one of several stores, each with its object for JSON.

    In this process, because lines of several stores are merged one by one. Events of an only store are made
    by `_events_of_lines`, in several processes.
    """
    question, after = question_of(values), begin.beside(-1)
    if values["join"] and not has_all_lines(question):
        document = document_maker(question.extractions)
        query = RecordQuery(question.node)

        def search(after: Position | None, before: Position | None) -> Search:
            scope = Scope(after=after, before=before)
            return Search(view, query.candidates, scope, processes=1)

        for piece in lines_of_records(view, search, query.matches, after=after, before=end):
            for hit, about in piece:
                yield hit, document(hit) | about
        return
    documents = _maker_of_documents(view, question)
    scope = Scope(after=after, before=end)
    with closing(Search(view, make_matcher(question.node), scope, processes=1)) as asked:
        for _, hits in asked.hits_by_task():
            some = list(hits)
            yield from zip(some, documents(some), strict=True)


def _maker_of_documents(
    view: View, question: Question
) -> Callable[[list[Hit]], list[dict[str, Any]]]:
    """Return a function: lines of one store → their objects for JSON."""
    if has_all_lines(question):
        return lambda hits: joined_documents(view, hits) if hits else []
    document = document_maker(question.extractions)
    return lambda hits: [document(hit) for hit in hits]


def _events_of_lines(
    view: View, values: EarlierLinesValues, begin: Position, end: Position
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the events of matching lines, with the number of their segment."""
    documents = _maker_of_documents(view, question_of(values))

    def work(task: ReadTask) -> list[bytes]:
        found = documents(list(asked.hits_in_task(task)))
        return [line_event(one["position"], safe_json(one)) for one in found]

    asked = make_search(view, values, after=begin.beside(-1), before=end)
    for task, found in asked.ask([TextAnswers(work)]):
        yield task.segment, found


def _events_of_records(
    view: View, values: EarlierLinesValues, begin: Position, end: Position
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the events of the lines of records for which a query is true, as `_events_of_lines`."""
    question = question_of(values)
    document = document_maker(question.extractions)
    for piece in pieces_of_records(view, values, after=begin.beside(-1), before=end):
        for segment, lines in groupby(piece, key=lambda one: one.hit.position.segment):
            found = [document(hit) | about for hit, about in lines]
            yield segment, [line_event(one["position"], safe_json(one)) for one in found]


def _later_begin(view: View, begin: Position, end: Position) -> Position | None:
    """Return where lines begin instead if the position is gone, or after the end; None if it is there."""
    numbers = [one.number for one in view.segments]
    if begin.segment in numbers and begin <= end:
        return None
    later = [number for number in numbers if begin.segment < number <= end.segment]
    return Position(later[0] if later else numbers[0], 0)


def _segments_before(view: View, begin: Position, end: Position) -> deque[int]:
    """Return the numbers of the segments with lines from a position on, without the last one."""
    numbers = (one.number for one in view.segments)
    return deque(number for number in numbers if begin.segment <= number < end.segment)


def _pop_removal_event(view: View, passed: deque[int], until: int) -> bytes:
    """Take the segments before number `until` off `passed`; return an event if retention removed any.

    Lines of such a segment may be missing: it was removed before it was read, or meanwhile.
    """
    gone = 0
    while passed and passed[0] < until:
        number = passed.popleft()
        gone = gone if view.segment_exists(number) else number
    return missed_event(None, str(Position(gone + 1, 0))) if gone else b""
