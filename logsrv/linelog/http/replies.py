"""Replies of the API from this store: a function for each endpoint. They run in a searching process.

Those that count are in `counted_replies`.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from itertools import groupby, islice, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.http.counted_replies import (
    fields,
    histogram,
    patterns,
    sources,
    table,
    top,
)
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.search_request import (
    LineValues,
    NeighbourValues,
    PositionValues,
    Reply,
    document_maker,
    has_all_lines,
    json_line,
    make_search,
    question_of,
)
from logsrv.linelog.http.views.view_protocol import id_event, line_event, missed_event
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import EVERYTHING, Question
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.answer_kinds import MOST_ORDERED, LinesAnswer, TableAnswer
from logsrv.linelog.read.answers.sources import TextAnswers
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import ReadTask, Scope
from logsrv.linelog.read.records.found_records import (
    RecordLine,
    lines_beyond,
    lines_of_records,
    whole_record,
)
from logsrv.linelog.read.records.line_documents import (
    joined_documents,
    record_documents,
)
from logsrv.linelog.read.render import (
    LineStyle,
    csv_renderer,
    hit_document,
    make_renderer,
    safe_json,
)
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.cursor import (
    Cursor,
    Place,
    parse_place,
    positions_in,
    start_of_store,
)
from logsrv.linelog.store.segment import Position, parse_named_position, parse_position

if TYPE_CHECKING:
    from logsrv.linelog.read.stores_search import StoresSearch

_Item = TypeVar("_Item")
# The most lines of several stores that wait for each other before they are sent.
_LARGEST_PIECE = 64


def search(view: View, values: LineValues) -> Reply:
    """Yield the matching lines, one frame's lines at a time, or all at once in an order of their own."""
    question = question_of(values)
    if isinstance(question.answer, TableAnswer):
        raise Problem(400, "this query answers figures, not lines: ask /api/table")
    head, render = _renderer(values, question)
    if isinstance(question.answer, LinesAnswer):
        yield from _ordered_lines(view, values, question.answer, head, render)
        return
    left = values["limit"] if question.limit is None else min(values["limit"], question.limit)
    before, after = (
        _parse_position_if_any(values["before"]),
        _parse_position_if_any(values["after"]),
    )
    if values.get("join") and not has_all_lines(question):
        yield from _lines_of_records(view, values, question, left, after, before)
        return
    if view.names:
        yield from _lines_of_stores(view, values, question, left, after, before)
        return
    if head:
        yield head
    if left and values.get("newest"):
        after = (
            _position_before_newest(make_search(view, values, before=before, after=after), left)
            or after
        )

    is_joined = _is_joined(values)
    ends: set[Position] = set()

    def work(task: ReadTask) -> list[bytes]:
        found: Iterator[Hit] = asked.hits_in_task(task)
        # A forked process keeps the value that `left` had then: it may be too large, but never too small.
        hits = list(found)[::-1][:left] if values["reverse"] else list(islice(found, left))
        if is_joined and hits:
            return [json_line(one) for one in joined_documents(view, hits)]
        return [render(hit) for hit in hits]

    asked = make_search(view, values, before=before, after=after)
    if left:
        for _, lines in asked.run_for_lines(work, reverse=values["reverse"]):
            del lines[left:]
            if lines:
                yield b"".join(lines)
                ends.update(map(_position_of, (lines[0], lines[-1])) if is_joined else ())
            left -= len(lines)
            if not left:
                break
    yield _lines_beyond(view, ends, question)


def _is_joined(values: LineValues) -> bool:
    """Return whether lines in JSON tell where their records begin, as all lines are asked for."""
    return bool(values.get("join") and values["format"] == "json" and not values["source"])


def _lines_of_stores(
    view: View,
    values: LineValues,
    question: Question,
    left: int,
    after: Position | None,
    before: Position | None,
) -> Reply:
    """Yield the matching lines of several stores, merged by their times; of JSON, then those beyond."""
    head, render = _renderer(values, question)
    is_joined = _is_joined(values)
    is_newest = bool(values.get("newest"))

    def render_hits(of: View, hits: list[Hit]) -> list[bytes]:
        if is_joined:
            return [json_line(one) for one in joined_documents(of, hits)]
        return [render(hit) for hit in hits]

    asked = cast("StoresSearch", make_search(view, values, before=before, after=after))
    found = asked.render_lines(render_hits, reverse=values["reverse"] or is_newest, most=left)
    if is_newest and not values["reverse"]:
        found = reversed([*found])
    positions: set[Position] = set()
    yield head
    for piece in _pieces_of(found) if left else ():
        yield b"".join([text for _, text in piece])
        positions.update(position for position, _ in (piece if is_joined else ()))
    yield _lines_beyond(view, positions, question)


def _pieces_of(found: Iterator[_Item]) -> Iterator[list[_Item]]:
    """Yield what is found in pieces: the first ones are small, so that they are sent at once."""
    size = 1
    while piece := list(islice(found, size)):
        yield piece
        size = min(2 * size, _LARGEST_PIECE)


def _ordered_lines(
    view: View, values: LineValues, answer: LinesAnswer, head: bytes, render: Callable[[Hit], bytes]
) -> Reply:
    """Yield lines in an order of their own, after `head`.

    render: makes a line, unless it is JSON: then it also has what the answer tells of it, such as its
    `number`. Raises Problem (400).
    """
    question = question_of(values)
    if values["reverse"] or values["before"] or values["after"] or values.get("newest"):
        raise Problem(
            400,
            f"{answer.adjective} lines have no newest: reverse, newest, before and after are of others",
        )
    if question.limit is not None and question.limit > MOST_ORDERED:
        raise Problem(400, f"a {answer.adjective} answer has at most {MOST_ORDERED:,} lines")
    most = min(values["limit"], MOST_ORDERED if question.limit is None else question.limit)
    found = answer.find(make_search(view, values), question.extractions, most)
    if values["format"] != "json":
        yield b"".join([head, *map(render, found.hits)])
        return
    document = document_maker(question.extractions)
    for hit, members in zip(found.hits, found.members or repeat({}), strict=False):
        yield json_line({**document(hit), **members})


def _position_of(line: bytes) -> Position:
    """Return the position of a line of an answer."""
    return parse_named_position(json.loads(line)["position"])


def _lines_beyond(view: View, positions: Collection[Position], question: Question) -> bytes:
    """Return the other lines of the records at the edges of an answer, marked as such.

    positions: positions in the answer; if it has all lines, at least those of the first and the last one. A
    query with `limit` gets no more lines.
    """
    if not positions or question.limit is not None:
        return b""
    document = document_maker(question.extractions)
    known = None if has_all_lines(question) else positions
    lines: list[RecordLine] = []
    for number in sorted({one.store for one in positions}):
        own = [one for one in positions if one.store == number]
        lines += lines_beyond(view.parts[number], min(own), max(own), known)
    return b"".join(json_line(document(hit) | about | {"beyond": True}) for hit, about in lines)


def _lines_of_records(
    view: View,
    values: LineValues,
    question: Question,
    left: int,
    after: Position | None,
    before: Position | None,
) -> Reply:
    """Yield the lines of records for which a query is true, `left` at most; of JSON, then those beyond."""
    head, render = _renderer(values, question)
    is_json = values["format"] == "json"
    is_newest = bool(values.get("newest"))
    reverse = values["reverse"] or is_newest
    pieces = _pieces_of_records(view, values, after=after, before=before, reverse=reverse)
    document = document_maker(question.extractions)
    newest: list[bytes] = []
    positions: set[Position] = set()
    yield head
    for piece in pieces if left else ():
        del piece[left:]
        lines = [
            json_line(document(hit) | about) if is_json else render(hit) for hit, about in piece
        ]
        positions.update(hit.position for hit, _ in (piece if is_json else ()))
        left -= len(lines)
        if is_newest and not values["reverse"]:
            newest += lines
        else:
            yield b"".join(lines)
        if not left:
            break
    yield b"".join(newest[::-1])
    yield _lines_beyond(view, positions, question)


def _pieces_of_records(
    view: View,
    values: LineValues,
    *,
    after: Position | None,
    before: Position | None,
    reverse: bool = False,
) -> Iterator[list[RecordLine]]:
    """Yield the lines of records for which the query of a request is true."""
    query = RecordQuery(question_of(values).node)
    if view.names:
        asked = make_search(view, values, after=after, before=before, matcher=query.candidates)
        several = cast("StoresSearch", asked)
        return _pieces_of(several.lines_of_records(query.matches, reverse=reverse))
    return lines_of_records(
        view,
        lambda after, before: make_search(
            view, values, after=after, before=before, matcher=query.candidates
        ),
        query.matches,
        after=after,
        before=before,
        reverse=reverse,
    )


def _renderer(values: LineValues, question: Question) -> tuple[bytes, Callable[[Hit], bytes]]:
    """Return what an answer begins with, and a function: hit → what is sent of it."""
    form = values.get("format", "json")
    if form == "csv":
        return csv_renderer(question, values.get("columns"))
    if form == "text":
        render = make_renderer(LineStyle())
        return b"", lambda hit: render(hit, False)
    document = document_maker(question.extractions)
    return b"", lambda hit: json_line(document(hit))


def _position_before_newest(asked: Search, lines: int) -> Position | None:
    """Return the position after which only the newest `lines` matches come; None if there are fewer."""

    def work(task: ReadTask) -> list[bytes]:
        return [str(hit.position).encode() for hit in asked.hits_in_task(task)]

    left = lines
    for _, positions in asked.run_for_lines(work, reverse=True):
        if len(positions) >= left:
            first = parse_position(positions[-left].decode())
            return first.beside(-1)
        left -= len(positions)
    return None


def tail(view: View, values: LineValues) -> Reply:
    """Yield the events of the matching lines from position `begin` up to `end`."""
    place, until = parse_place(values["begin"]), parse_place(values["end"])
    if isinstance(until, Cursor):
        yield from _tail_of_stores(view, values, place, until)
        return
    # There may be other stores, to which the server does not write.
    view, begin, end = view.parts[0], positions_in(place).get(0, until), until
    numbers = [one.number for one in view.segments]
    if begin.segment not in numbers or begin > end:
        later = [number for number in numbers if begin.segment < number <= end.segment]
        begin = Position(later[0] if later else numbers[0], 0)
        yield missed_event(None, str(begin))

    passed = deque(number for number in numbers if begin.segment <= number < end.segment)
    is_of_records = values.get("join") and not has_all_lines(question_of(values))
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


def _tail_of_stores(view: View, values: LineValues, begin: Place, end: Cursor) -> Reply:
    """Yield the events of the matching lines of several stores, merged by their times.

    begin: if it is of one store, the others begin at the time of the line before it.
    """
    reached = dict(positions_in(begin))
    if len(reached) == 1 and view.names:
        ((_, after),) = reached.items()
        every = make_matcher(EVERYTHING)
        cut = make_search(view, {}, after=after.beside(-1), matcher=every)
        for number, scope in cast("StoresSearch", cut).scopes.items():
            later = scope.after.beside(1) if scope.after else start_of_store(number)
            reached.setdefault(number, later)
        # A store without later lines begins at its end.
        reached = {**end.positions, **reached}
    reached = {
        number: reached.get(number, start_of_store(number))
        for number in end.positions
        if number in view.parts
    }
    streams = [
        _tail_of_store(view.parts[number], values, one, end.positions[number])
        for number, one in sorted(reached.items())
    ]
    for piece in _pieces_of(heapq.merge(*streams, key=attrgetter("time"))):
        events: list[bytes] = []
        for one in piece:
            reached[one.next.store] = one.next
            cursor = str(Cursor(reached))
            events.append(one.gap or line_event(cursor, one.document.decode()))
        yield b"".join(events)
    yield id_event(str(end))


def _tail_of_store(
    view: View, values: LineValues, begin: Position, end: Position
) -> Iterator[_TailLine]:
    """Yield the matching lines of one of several stores, and gaps."""
    numbers = [one.number for one in view.segments]
    if begin.segment not in numbers or begin > end:
        later = [number for number in numbers if begin.segment < number <= end.segment]
        is_start = begin == start_of_store(begin.store)
        begin = Position(later[0] if later else numbers[0], 0)
        if not is_start:
            yield _TailLine(b"", begin, b"", missed_event(None, str(begin)))
    question = question_of(values)
    document = document_maker(question.extractions)
    passed = deque(number for number in numbers if begin.segment <= number < end.segment)
    query = (
        RecordQuery(question.node) if values.get("join") and question.node != EVERYTHING else None
    )

    def search(after: Position | None, before: Position | None) -> Search:
        matcher = make_matcher(question.node) if query is None else query.candidates
        return Search(view, matcher, Scope(after=after, before=before), processes=1)

    def lines_of(found: Iterator[tuple[Hit, dict[str, Any]]]) -> Iterator[_TailLine]:
        for hit, about in found:
            if gap := _pop_removal_event(view, passed, hit.position.segment):
                yield _TailLine(b"", hit.position, b"", gap)
            text = safe_json(about).encode()
            yield _TailLine(hit.line[:TIME_LENGTH], hit.position.beside(len(hit.line) + 1), text)

    after = begin.beside(-1)
    if query is not None:
        pieces = lines_of_records(view, search, query.matches, after=after, before=end)
        yield from lines_of(
            (hit, document(hit) | about) for piece in pieces for hit, about in piece
        )
    else:
        with closing(search(after, end)) as asked:
            for _, hits in asked.hits_by_task():
                some = list(hits)
                joined = has_all_lines(question)
                documents = joined_documents(view, some) if joined else map(document, some)
                yield from lines_of(zip(some, documents, strict=True))
    if gap := _pop_removal_event(view, passed, end.segment):
        yield _TailLine(b"", end, b"", gap)


def _events_of_lines(
    view: View, values: LineValues, begin: Position, end: Position
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the events of matching lines, with the number of their segment."""
    question = question_of(values)
    document = document_maker(question.extractions)

    def work(task: ReadTask) -> list[bytes]:
        hits = list(asked.hits_in_task(task))
        if hits and has_all_lines(question):
            found = joined_documents(view, hits)
        else:
            found = [document(hit) for hit in hits]
        return [line_event(one["position"], safe_json(one)) for one in found]

    asked = make_search(view, values, after=begin.beside(-1), before=end)
    for task, found in asked.ask([TextAnswers(work)]):
        yield task.segment, found


def _events_of_records(
    view: View, values: LineValues, begin: Position, end: Position
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the events of the lines of records for which a query is true, as `_events_of_lines`."""
    question = question_of(values)
    document = document_maker(question.extractions)
    for piece in _pieces_of_records(view, values, after=begin.beside(-1), before=end):
        for segment, lines in groupby(piece, key=lambda one: one.hit.position.segment):
            found = [document(hit) | about for hit, about in lines]
            yield segment, [line_event(one["position"], safe_json(one)) for one in found]


def _pop_removal_event(view: View, passed: deque[int], until: int) -> bytes:
    """Take the segments before number `until` off `passed`; return an event if retention removed any.

    Lines of such a segment may be missing: it was removed before it was read, or meanwhile.
    """
    gone = 0
    while passed and passed[0] < until:
        number = passed.popleft()
        gone = gone if view.segment_exists(number) else number
    return missed_event(None, str(Position(gone + 1, 0))) if gone else b""


def show(view: View, values: NeighbourValues) -> Reply:
    """Yield a line and its neighbours. Raises Problem (404) if there is no such line."""
    with closing(_lines_of_store(view, values["position"])) as lines:
        hit = _line_at(lines, values["position"])
        window = lines.lines_around(hit, values["before"], values["after"])
    yield json_line(
        {"lines": [hit_document(one, context=one.position != hit.position) for one in window]}
    )


def record(view: View, values: PositionValues) -> Reply:
    """Yield all lines of the record that a line belongs to. Raises Problem (404) as `show` does."""
    with closing(_lines_of_store(view, values["position"])) as lines:
        found = whole_record(lines, _line_at(lines, values["position"]))
    yield json_line({"lines": record_documents(found)})


def _lines_of_store(view: View, position: str) -> StoredLines:
    """Return the lines of the store that the position of a request names."""
    # In the view of another store, no line has this position.
    return StoredLines(view.parts.get(parse_named_position(position).store, view))


def _line_at(lines: StoredLines, position: str) -> Hit:
    wanted = parse_named_position(position)
    hit = lines.line_at(wanted)
    if hit is None:
        raise Problem(404, f"there is no line at {wanted}")
    return hit


def _parse_position_if_any(text: str | None) -> Position | None:
    return None if text is None else parse_named_position(text)


REPLIES: dict[str, Callable[[View, Any], Reply]] = {
    reply.__name__: reply
    for reply in (
        *(search, tail, show, record),
        *(table, histogram, top, patterns, fields, sources),
    )
}
