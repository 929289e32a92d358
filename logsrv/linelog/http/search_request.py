"""The values of a request as a question to a store: its query with stages, its scope, and lines as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from logsrv.cores import cores
from logsrv.lazy_names import later_module
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.question import EVERYTHING, Extraction, Question
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.query.text_search.expression import extracted_fields
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.records.found_records import RecordLine, lines_of_records
from logsrv.linelog.read.render import hit_document, safe_json
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.http.searching.search_order import QueryValues, ScopeValues
    from logsrv.linelog.read import stores_search
else:
    # Most stores have no others in them, and their searches start sooner without it.
    stores_search = later_module("logsrv.linelog.read.stores_search")


Reply: TypeAlias = Iterator[bytes]
"""The pieces of an answer."""

_Item = TypeVar("_Item")
# The most lines of several stores that wait for each other before they are sent.
_LARGEST_PIECE = 64
# Parallel searches share the cores, and a search gains little from more than two.
PROCESSES = min(2, cores())


# Each part of an answer asks for the query of its request.
_parsed = lru_cache(maxsize=1)(parse_question)


def question_of(values: QueryValues) -> Question:
    """Return the query of a request with its stages. Raises QueryError."""
    return _parsed(values["q"])


def has_all_lines(question: Question) -> bool:
    """Return whether a query leaves out no line, so that lines of a record can be joined."""
    return question.node == EVERYTHING and not question.extractions


def make_search(
    view: View,
    values: ScopeValues,
    *,
    after: Position | None = None,
    before: Position | None = None,
    matcher: Matcher | None = None,
) -> Search:
    """Return the search for the lines that a request asks for, whatever its answer is made of.

    matcher: None for that of its query.
    """
    scope = Scope(
        since=values["since"],
        until=values["until"],
        after=after,
        before=before,
        source=values["source"],
    )
    matcher = matcher or make_matcher(question_of(values).node)
    if view.names:
        several: Search = stores_search.StoresSearch(view, matcher, scope, processes=PROCESSES)
        return several
    return Search(view, matcher, scope, processes=PROCESSES)


def document_maker(extractions: Sequence[Extraction]) -> Callable[[Hit], dict[str, Any]]:
    """Return a function: hit → its object for JSON, whose `fields` have the extracted ones, too."""
    if not extractions:
        return hit_document
    extracted = extracted_fields(extractions)
    return lambda hit: hit_document(hit, extracted)


def json_line(found: object) -> bytes:
    """Return an object as a line of JSON."""
    return safe_json(found).encode() + b"\n"


def pieces_of_records(
    view: View,
    values: ScopeValues,
    *,
    after: Position | None,
    before: Position | None,
    reverse: bool = False,
) -> Iterator[list[RecordLine]]:
    """Yield the lines of records for which the query of a request is true."""
    query = RecordQuery(question_of(values).node)
    if view.names:
        asked = make_search(view, values, after=after, before=before, matcher=query.candidates)
        several = cast("stores_search.StoresSearch", asked)
        return growing_pieces(several.lines_of_records(query.matches, reverse=reverse))
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


def growing_pieces(found: Iterator[_Item]) -> Iterator[list[_Item]]:
    """Yield what is found in pieces: the first ones are small, so that they are sent at once."""
    size = 1
    while piece := list(islice(found, size)):
        yield piece
        size = min(2 * size, _LARGEST_PIECE)
