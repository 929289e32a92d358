"""Records of several lines for `logsrv search --records` and `--fold`."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from itertools import islice

from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.output import Output
from logsrv.linelog.query.language.question import Question
from logsrv.linelog.query.matching.of_records import RecordQuery
from logsrv.linelog.read.found_records import FoundRecords
from logsrv.linelog.read.render_records import make_record_renderer
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segments.segment import Position


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
        finder, hits = FoundRecords(lines, query.matches), search.hits(reverse=arguments.reverse)
        records = finder.newest_records(hits) if arguments.reverse else finder.records(hits)
        for record in islice(records, asked.limit):
            is_context = marked is not None and all(hit.position != marked for hit in record)
            output.write(render(record, is_context))
            found = True
    return found
