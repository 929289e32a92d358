"""The values of a request as a question to a store: its query with stages, its scope, and lines as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar, cast

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
    from logsrv.linelog.read import stores_search
else:
    # Most stores have no others in them, and their searches start sooner without it.
    stores_search = later_module("logsrv.linelog.read.stores_search")


class Values(TypedDict, total=False):
    """The parameters of a request for lines or figures of them, parsed as `endpoints` says.

    q: the query. since, until: RFC 3339, "" for no limit. source: a pattern.
    """

    q: str
    since: str
    until: str
    source: str


class LineValues(Values, total=False):
    """The parameters of a request for lines.

    before, after: positions. columns: names of fields, None for all. begin, end: of a live view, where its
    lines begin and end: a place, and a position or cursor.
    """

    limit: int
    format: str
    reverse: bool
    newest: bool
    join: bool
    before: str | None
    after: str | None
    columns: list[str] | None
    begin: str
    end: str


class CountedValues(Values, total=False):
    """The parameters of a request for figures.

    tz: a zone, "" for UTC. by, field: names of fields. new_since: RFC 3339, "" for all patterns.
    """

    limit: int
    format: str
    tz: str
    whole: bool
    progress: bool
    buckets: int
    by: str
    field: str
    new_since: str


class PositionValues(TypedDict):
    """The parameters of a request for the record of a line."""

    position: str


class NeighbourValues(PositionValues):
    """The parameters of a request for a line and so many neighbours before and after it."""

    before: int
    after: int


Reply: TypeAlias = Iterator[bytes]
"""The pieces of an answer."""

_Item = TypeVar("_Item")
# The most lines of several stores that wait for each other before they are sent.
_LARGEST_PIECE = 64
# Parallel searches share the cores, and a search gains little from more than two.
PROCESSES = min(2, cores())


# Each part of an answer asks for the query of its request.
_parsed = lru_cache(maxsize=1)(parse_question)


def question_of(values: Values) -> Question:
    """Return the query of a request with its stages. Raises QueryError."""
    return _parsed(values.get("q", ""))


def has_all_lines(question: Question) -> bool:
    """Return whether a query leaves out no line, so that lines of a record can be joined."""
    return question.node == EVERYTHING and not question.extractions


def make_search(
    view: View,
    values: Values,
    *,
    after: Position | None = None,
    before: Position | None = None,
    matcher: Matcher | None = None,
) -> Search:
    """Return the search for the lines that a request asks for, whatever its answer is made of.

    matcher: None for that of its query.
    """
    scope = Scope(
        since=values.get("since", ""),
        until=values.get("until", ""),
        after=after,
        before=before,
        source=values.get("source", ""),
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
