"""Find lines in a store by words, fields, time and source.

The query is words (`timeout`), phrases ('"connection reset"'), expressions ('/user=\\d+/') and fields
('status>=500', 'level=error', 'app:ssh'), joined by AND, OR, NOT and brackets: logsrv help query.
The server of the store may run, but need not.

Examples:

  logsrv search 'level>=error' --since today
  logsrv search timeout -C 3
  logsrv search 'status>=500' --top client
  logsrv search --around 17:52311 --span 10s
  logsrv search 'request took' '| extract "took <ms> ms" | sort ms'
  logsrv search --p95 ms --count --by app --since 1h

Stages behind | and the options --sort to --by mean the same: logsrv help query.

Exit status: 0 when lines were found, 1 when none were, 2 when something is wrong.
"""

from __future__ import annotations

from argparse import Namespace
from itertools import islice
from typing import TYPE_CHECKING, cast

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.lazy_names import later_module
from logsrv.linelog.commands import reading
from logsrv.linelog.commands.around import declare_around, make_search_scope, parse_around
from logsrv.linelog.commands.progress import ProgressLine
from logsrv.linelog.commands.standard_output import Output
from logsrv.linelog.commands.stores import make_search, open_view, require_one_store
from logsrv.linelog.query.field_names import (
    EACH_POSITION,
    field_names,
    one_field_name,
    plain_field_names,
)
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import Question
from logsrv.linelog.query.times import check_shift, parse_step, parse_steps
from logsrv.linelog.read.render import make_block_renderer
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import LineContext, group_with_context
from logsrv.linelog.steps.step_words import AUTO
from logsrv.linelog.store.segment import Position

if TYPE_CHECKING:
    from logsrv.linelog.commands import field_hints
    from logsrv.linelog.query import record_match
    from logsrv.linelog.read.stores_search import StoresSearch
    from logsrv.linelog.stages import figures, patterns, sort
else:
    # A search that finds lines needs none of these.
    field_hints = later_module("logsrv.linelog.commands.field_hints")
    record_match = later_module("logsrv.linelog.query.record_match")
    figures = later_module("logsrv.linelog.stages.figures")
    patterns = later_module("logsrv.linelog.stages.patterns")
    sort = later_module("logsrv.linelog.stages.sort")

command = Command("search", "find lines in a store", __name__, searches=True, holds_nothing=True)

FUNCTIONS = {
    "sum": "the sum of its numbers",
    "avg": "the average of its numbers",
    "min": "the smallest of its numbers",
    "max": "the largest of its numbers",
    "p50": "the median of its numbers",
    "p95": "the 95th percentile of its numbers",
    "p99": "the 99th percentile of its numbers",
    "count_distinct": "how many different values it has",
    "first": "its first value",
    "last": "its last value",
}
"""Functions of a field that are options, and what each gives."""
_NO_NEIGHBOURS = (
    "-A, -B and -C show neighbours of lines, and here no lines are shown in their order"
)
_ALL_BARS = "--histogram counts all lines of its time: leave out -n and limit"


def declare(parser: Parser) -> None:
    add = parser.add_argument
    reading.declare_query(parser)
    reading.declare_store(parser)
    reading.declare_scope(parser)
    declare_around(parser)
    most = "N lines, rows or values at most, and no more than | limit says"
    add("-n", type=reading.parse_count, metavar="N", dest="number", help=most)
    add("--reverse", action="store_true", help="the newest first")
    for option, words in (("-A", "after"), ("-B", "before"), ("-C", "before and after")):
        help_ = f"show N lines {words} each, too"
        add(option, type=reading.parse_count, metavar="N", dest=option[1:], help=help_)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-c", "--count", action="store_true", help="print only the number of lines")
    top = "its most frequent values (-n of them, 10)"
    what.add_argument("--top", metavar="FIELD", type=reading.parse_field_name, help=top)
    what.add_argument(
        "--histogram",
        action="store_true",
        help="the number of lines over time, as bars by whole steps of UTC, with --local of local time",
    )
    patterns = "the patterns of messages, the most frequent first (-n of them, 20)"
    what.add_argument("--patterns", action="store_true", help=patterns)
    new = "with --patterns: only patterns that no matching line before TIME has"
    add("--new-since", metavar="TIME", help=new)
    what.add_argument(
        "--sort",
        metavar="FIELD",
        type=one_field_name,
        help="the lines with its largest numbers (-n of them, 10)",
    )
    for function, what_it_gives in FUNCTIONS.items():
        add(f"--{function.replace('_', '-')}", metavar="FIELD", action="append", default=[],
            type=one_field_name, help=f"{what_it_gives} in the lines")  # fmt: skip
    add(
        "--by",
        metavar="FIELD,…",
        type=field_names,
        help="the count or figures for each value of these fields; with bars or patterns, one field",
    )
    add(
        "--every",
        metavar="STEP",
        type=parse_steps,
        help="the time of a bar, or of a row of figures, as 30s, 5m, 1h, 1d, 1w, 1mo, auto",
    )
    compare = "figures of so long before beside them, as 1d, 1w"
    add("--compare", metavar="STEP", type=parse_step, help=compare)
    reading.declare_looks(parser, csv=True)
    add(
        "--columns",
        metavar="FIELD,…",
        type=plain_field_names,
        help="the columns of CSV, in this order; empty if the line has no such field",
    )
    add("--no-index", action="store_true", help="read everything, without word indexes and columns")
    add("--stats", action="store_true", help="say at the end how much was read")
    add("--no-pager", action="store_true", help="use no pager on a terminal")


def run(arguments: Namespace) -> int:
    records = reading.wants_records(arguments)
    _check_options(arguments)
    asked = reading.question_with_hints(arguments.query, "search")
    asked = with_options(asked, arguments)
    counts = arguments.count or arguments.top is not None or arguments.histogram
    has_answer = counts or asked.answer is not None
    if arguments.columns and has_answer and not (asked.answer and asked.answer.is_lines):
        raise UsageError("--columns chooses the columns of lines; this answer has its own")
    if records and has_answer:
        raise UsageError(
            "--records and --fold show lines in their order; counts are of single lines"
        )
    with open_view(arguments, "search") as view:
        limits = make_search_scope(arguments, view)
        of_records = record_match.RecordQuery(asked.node) if records else None
        matcher = of_records.candidates if of_records else make_matcher(asked.node)
        search = make_search(view, matcher, limits, with_index=not arguments.no_index)
        try:
            with ProgressLine(search, alone=has_answer):
                if has_answer:
                    found = _print_figures(search, asked, arguments)
                elif of_records or not (found := _print_lines(search, asked, arguments)):
                    # Imported here: its rules take a fifteenth of the time of a short search.
                    from logsrv.linelog.commands.records import hint_on_records, print_records

                    if of_records:
                        found = print_records(search, of_records, asked, arguments)
                    elif hint := hint_on_records(search, asked.node):
                        tell(f"logsrv search: {hint}")
        finally:
            search.close()
            if arguments.stats:
                tell(str(search.stats))
        if not found:
            for hint in field_hints.hints_for_no_hits(search, asked.node, arguments.top):
                tell(f"logsrv search: {hint}")
        return reading.search_status(view.damaged, found)


def with_options(asked: Question, arguments: Namespace) -> Question:
    """Return the question with the answer and the limit that options ask for. Raises UsageError."""
    limits = [one for one in (asked.limit, arguments.number) if one is not None]
    if arguments.histogram and limits:
        raise UsageError(_ALL_BARS)
    asked = asked._replace(limit=min(limits, default=None))
    asked_for = [(name, field) for name in FUNCTIONS for field in getattr(arguments, name)]
    by = tuple(filter(None, arguments.by or ()))
    if arguments.count and (arguments.by or asked_for or arguments.every or arguments.compare):
        asked_for.insert(0, ("count", ""))
    wants_table = asked_for or arguments.by or arguments.compare
    wants_lines = arguments.sort or arguments.patterns or arguments.top or arguments.histogram
    if asked.answer is not None and (wants_table or wants_lines or arguments.count):
        raise UsageError(
            "the query already has a stage after |; leave out these options, or the stage"
        )
    if asked.answer is not None and arguments.reverse:
        raise UsageError(
            "--reverse needs lines in the order of the store; the stage after | has its own order"
        )
    if asked.answer is not None and _shows_neighbours(arguments):
        raise UsageError(_NO_NEIGHBOURS)
    if arguments.sort and (wants_table or arguments.every):
        raise UsageError("--sort shows lines; figures, --by and --every make a table without it")
    if "position" in by:
        raise UsageError(f"--by: {EACH_POSITION}")
    if arguments.sort:
        return asked._replace(answer=sort.Sorting(arguments.sort, ascending=arguments.reverse))
    if arguments.patterns and (asked_for or arguments.compare or len(by) > 1):
        raise UsageError(
            "--patterns makes its own table: leave out figures, and give --by one field at most"
        )
    if arguments.patterns:
        wanted = patterns.PatternCounts(arguments.new_since or "", "".join(by), "--new-since")
        return asked._replace(answer=wanted)
    if not wants_table:
        return asked
    if arguments.top or (arguments.histogram and asked_for):
        raise UsageError("--by and figures make a table: --top and --histogram stand without them")
    if arguments.compare and not asked_for:
        raise UsageError(
            "--compare compares figures: also give --count with --by or --every, or --avg FIELD"
        )
    if not asked_for and not arguments.histogram:
        raise UsageError(
            "--by divides counts into groups: give --count, --histogram, or a figure such as --avg FIELD"
        )
    if arguments.histogram:
        return asked._replace(answer=figures.figures_of([("count", "")], by, AUTO))
    every, compare = arguments.every, arguments.compare
    try:
        check_shift(compare, every)
    except ValueError as error:
        raise UsageError(f"--compare: {error}") from None
    return asked._replace(answer=figures.figures_of(asked_for, by, every, compare))


def _shows_neighbours(arguments: Namespace) -> bool:
    return any(getattr(arguments, name) is not None for name in "ABC")


def _check_options(arguments: Namespace) -> None:
    """Raise UsageError for options that exclude each other."""
    parse_around(arguments)
    if arguments.new_since is not None and not arguments.patterns:
        raise UsageError("--new-since needs --patterns: it leaves out the known ones")
    has_figures = arguments.count or any(getattr(arguments, name) for name in FUNCTIONS)
    if arguments.every and not arguments.histogram and not has_figures:
        raise UsageError(
            "--every needs --histogram, --count or a figure: it is the step of the bars or rows"
        )
    context = _shows_neighbours(arguments)
    counts = arguments.top is not None or arguments.histogram or arguments.patterns
    if context and (has_figures or counts or arguments.sort):
        raise UsageError(_NO_NEIGHBOURS)
    if arguments.columns and arguments.output != "csv":
        raise UsageError("--columns needs --output csv")
    if arguments.histogram and arguments.number is not None:
        raise UsageError(_ALL_BARS)
    if arguments.top == "position":
        require_one_store(arguments, "a position is of one store")
    if context and reading.wants_records(arguments):
        raise UsageError("--records and --fold show whole records, and no neighbours")
    if context and arguments.output == "csv":
        raise UsageError("CSV has a row for each line that was found, and no neighbours")


def _print_figures(search: Search, asked: Question, arguments: Namespace) -> bool:
    """Print counts, figures or sorted lines; return whether anything was found."""
    # Imported here: a search for lines needs none of it.
    from logsrv.linelog.commands.bars import print_count, print_histogram

    if arguments.count and asked.answer is None:
        return print_count(search, asked.limit)
    if arguments.histogram and asked.answer is None:
        return print_histogram(search, arguments)
    # Imported here because it loads NumPy.
    from logsrv.linelog.commands.answers import print_answer

    return print_answer(search, asked, arguments)


def _print_lines(search: Search, asked: Question, arguments: Namespace) -> bool:
    """Print lines; return whether there are any."""
    marked = arguments.around if isinstance(arguments.around, Position) else None
    head, render = reading.line_renderer(
        arguments, asked, search.matcher, mark_hits=marked is not None
    )
    render_many = make_block_renderer(reading.line_style(arguments)) if marked is None else None
    before = arguments.B if arguments.B is not None else arguments.C or 0
    after = arguments.A if arguments.A is not None else arguments.C or 0
    reverse = arguments.reverse
    found = False
    with Output(paged=not arguments.no_pager) as output:
        if head:
            output.write(head)
        if before or after:
            around = LineContext(before, after)
            if search.view.names:
                stores = cast("StoresSearch", search)
                groups = stores.hits_with_context(asked.limit, around, reverse=reverse)
            else:
                hits = islice(search.hits(reverse=reverse), asked.limit)
                groups = group_with_context(search.view, hits, around, reverse=reverse)
            for group in groups:
                if found and not group.goes_on and arguments.output != "json":
                    output.write(b"--\n")
                found = True
                for hit, context in group.lines:
                    output.write(render(hit, context))
        elif render_many and asked.limit is None and not reverse:
            for text in search.render_frames(render_many):
                output.write(text)
                found = True
        else:
            lines = search.render_hits(
                lambda hit: render(hit, marked is not None and hit.position != marked),
                reverse=reverse,
            )
            for line in islice(lines, asked.limit):
                output.write(line)
                found = True
    return found
