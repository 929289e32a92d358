"""Records of several lines for `logsrv search --records` and `--fold`, and the hint that there are some."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, cast

from logsrv.linelog.commands import reading
from logsrv.linelog.commands.standard_output import Output
from logsrv.linelog.query.question import And, Node, Question
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.records.found_records import FoundRecords
from logsrv.linelog.read.records.render_records import make_record_renderer
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.read.stores_search import StoresSearch

_CANDIDATES = 500
"""Lines whose records are looked at for a hint."""


def hint_on_records(search: Search | StoresSearch, node: Node) -> str | None:
    """Return the sentence for a query that no line matches, if it is true for a record."""
    if not (isinstance(search, Search) and isinstance(node, And)):
        return None
    query = RecordQuery(node)
    with (
        closing(Search(search.view, query.candidates, search.scope)) as candidates,
        closing(StoredLines(search.view)) as lines,
    ):
        newest = islice(candidates.hits(reverse=True), _CANDIDATES)
        if any(FoundRecords(lines, query.matches).newest_records(newest)):
            return "a stack trace matches as a whole; --records shows it"
    return None


def print_records(
    search: Search, query: RecordQuery, asked: Question, arguments: Namespace
) -> bool:
    """Print the records for which a query is true; return whether there are any.

    search: for its candidates.
    """
    marked = arguments.around if isinstance(arguments.around, Position) else None
    render = make_record_renderer(
        reading.line_style(arguments),
        query.whole,
        asked.extractions,
        fold=arguments.fold,
        mark_hits=marked is not None,
    )
    found = False
    with (
        Output(paged=not arguments.no_pager) as output,
        closing(StoredLines(search.view)) as lines,
    ):
        if search.view.names:
            records = cast("StoresSearch", search).records(query.matches, reverse=arguments.reverse)
        else:
            finder, hits = (
                FoundRecords(lines, query.matches),
                search.hits(reverse=arguments.reverse),
            )
            records = finder.newest_records(hits) if arguments.reverse else finder.records(hits)
        for record in islice(records, asked.limit):
            is_context = marked is not None and all(hit.position != marked for hit in record)
            output.write(render(record, is_context))
            found = True
    return found
