"""Replies of the API from this store: a function for each endpoint. They run in a searching process.

Those that count are in `counted_replies`; `views/earlier_lines` has that of a live view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, cast

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
    Reply,
    document_maker,
    growing_pieces,
    has_all_lines,
    json_line,
    make_search,
    pieces_of_records,
    question_of,
)
from logsrv.linelog.http.views.earlier_lines import tail
from logsrv.linelog.query.question import Question
from logsrv.linelog.read.answer_kinds import MOST_ORDERED, LinesAnswer, TableAnswer
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.records.found_records import (
    RecordLine,
    lines_beyond,
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
)
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position, parse_named_position, parse_position

if TYPE_CHECKING:
    from logsrv.linelog.http.searching.search_order import RecordValues, SearchValues, ShowValues
    from logsrv.linelog.read.stores_search import StoresSearch


def search(view: View, values: SearchValues) -> Reply:
    """Yield the matching lines, one frame's lines at a time, or all at once in an order of their own."""
    question = question_of(values)
    if isinstance(question.answer, TableAnswer):
        raise Problem(400, "this query answers figures, not lines: ask /api/table")
    if isinstance(question.answer, LinesAnswer):
        yield from _ordered_lines(view, values, question.answer)
        return
    left = values["limit"] if question.limit is None else min(values["limit"], question.limit)
    if values["join"] and not has_all_lines(question):
        yield from _lines_of_records(view, values, question, left)
    elif view.names:
        yield from _lines_of_several_stores(view, values, question, left)
    else:
        yield from _lines_of_one_store(view, values, question, left)


def _scope_of(values: SearchValues) -> tuple[Position | None, Position | None]:
    """Return the positions after and before which the lines of a request are; None for no limit."""
    after, before = values["after"], values["before"]
    return (
        None if after is None else parse_named_position(after),
        None if before is None else parse_named_position(before),
    )


def _lines_of_one_store(view: View, values: SearchValues, question: Question, left: int) -> Reply:
    """Yield the matching lines, one frame's lines at a time; of JSON, then those beyond."""
    after, before = _scope_of(values)
    head, render = _renderer(values, question)
    if head:
        yield head
    if left and values["newest"]:
        # They are sent in their order, so a first search, backwards, finds where they begin.
        newest = make_search(view, values, before=before, after=after)
        after = _position_before_newest(newest, left) or after
    is_joined = _is_joined(values)
    ends: set[Position] = set()

    def work(task: ReadTask) -> list[bytes]:
        found: Iterator[Hit] = asked.hits_in_task(task)
        # A forked process keeps the value that `left` had then: it may be too large, but never too small.
        hits = list(found)[::-1][:left] if values["reverse"] else list(islice(found, left))
        return _rendered(view, hits, render, is_joined=is_joined)

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


def _is_joined(values: SearchValues) -> bool:
    """Return whether lines in JSON tell where their records begin, as all lines are asked for."""
    return values["join"] and values["format"] == "json" and not values["source"]


def _rendered(
    view: View, hits: list[Hit], render: Callable[[Hit], bytes], *, is_joined: bool
) -> list[bytes]:
    """Return the lines of some hits of one store. is_joined: whether they tell where records begin."""
    if is_joined and hits:
        return [json_line(one) for one in joined_documents(view, hits)]
    return [render(hit) for hit in hits]


def _lines_of_several_stores(
    view: View, values: SearchValues, question: Question, left: int
) -> Reply:
    """Yield the matching lines, merged by their times; of JSON, then those beyond."""
    after, before = _scope_of(values)
    head, render = _renderer(values, question)
    is_joined = _is_joined(values)
    is_newest = values["newest"]

    def render_hits(of: View, hits: list[Hit]) -> list[bytes]:
        return _rendered(of, hits, render, is_joined=is_joined)

    asked = cast("StoresSearch", make_search(view, values, before=before, after=after))
    found = asked.render_lines(render_hits, reverse=values["reverse"] or is_newest, most=left)
    if is_newest and not values["reverse"]:
        found = reversed([*found])
    positions: set[Position] = set()
    yield head
    for piece in growing_pieces(found) if left else ():
        yield b"".join([text for _, text in piece])
        positions.update(position for position, _ in (piece if is_joined else ()))
    yield _lines_beyond(view, positions, question)


def _ordered_lines(view: View, values: SearchValues, answer: LinesAnswer) -> Reply:
    """Yield lines in an order of their own. Raises Problem (400).

    In JSON, a line also has what the answer tells of it, such as its `number`.
    """
    question = question_of(values)
    head, render = _renderer(values, question)
    if values["reverse"] or values["before"] or values["after"] or values["newest"]:
        raise Problem(
            400,
            f"{answer.adjective} lines cannot be chosen by position: leave out "
            "reverse, newest, before and after",
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
        lines += lines_beyond(view.by_store[number], min(own), max(own), known)
    return b"".join(json_line(document(hit) | about | {"beyond": True}) for hit, about in lines)


def _lines_of_records(view: View, values: SearchValues, question: Question, left: int) -> Reply:
    """Yield the lines of records for which a query is true, `left` at most; of JSON, then those beyond."""
    after, before = _scope_of(values)
    head, render = _renderer(values, question)
    is_json = values["format"] == "json"
    is_newest = values["newest"]
    reverse = values["reverse"] or is_newest
    pieces = pieces_of_records(view, values, after=after, before=before, reverse=reverse)
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


def _renderer(values: SearchValues, question: Question) -> tuple[bytes, Callable[[Hit], bytes]]:
    """Return what an answer begins with, and a function: hit → what is sent of it."""
    form = values["format"]
    if form == "csv":
        return csv_renderer(question, values["columns"])
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


def show(view: View, values: ShowValues) -> Reply:
    """Yield a line and its neighbours. Raises Problem (404) if there is no such line."""
    with closing(_stored_lines_at(view, values["position"])) as lines:
        hit = _line_at(lines, values["position"])
        window = lines.lines_around(hit, values["before"], values["after"])
    yield json_line(
        {"lines": [hit_document(one, context=one.position != hit.position) for one in window]}
    )


def record(view: View, values: RecordValues) -> Reply:
    """Yield all lines of the record that a line belongs to. Raises Problem (404) as `show` does."""
    with closing(_stored_lines_at(view, values["position"])) as lines:
        found = whole_record(lines, _line_at(lines, values["position"]))
    yield json_line({"lines": record_documents(found)})


def _stored_lines_at(view: View, position: str) -> StoredLines:
    """Return the lines of the store that the position of a request names."""
    # In the view of another store, no line has this position.
    return StoredLines(view.by_store.get(parse_named_position(position).store, view))


def _line_at(lines: StoredLines, position: str) -> Hit:
    wanted = parse_named_position(position)
    hit = lines.line_at(wanted)
    if hit is None:
        raise Problem(404, f"there is no line at {wanted}")
    return hit


REPLIES: dict[str, Callable[[View, Any], Reply]] = {
    reply.__name__: reply
    for reply in (
        *(search, tail, show, record),
        *(table, histogram, top, patterns, fields, sources),
    )
}
