"""Find lines in a store by words, fields, time and source.

The query is words (`timeout`), phrases ('"connection reset"'), expressions ('/user=\\d+/') and fields
('status>=500', 'level=error', 'app:ssh'), joined by AND, OR, NOT and brackets: logsrv help query.
The server of the store may run, but need not.

Examples:

  logsrv search 'level>=error' --since today
  logsrv search timeout -C 3
  logsrv search 'status>=500' --top client

Exit status: 0 when lines were found, 1 when none were, 2 when something is wrong.
"""

from __future__ import annotations

from argparse import Namespace
from itertools import islice

from logsrv.cli.arguments import tell
from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.output import Output
from logsrv.cli.reading.progress import ProgressLine
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.read.counting.nothing import hints_for_no_hits
from logsrv.linelog.read.render import make_block_renderer, make_renderer
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import LineContext, group_with_context


def declare(parser: Parser) -> None:
    add = parser.add_argument
    reading.declare_query(parser)
    reading.declare_store(parser)
    reading.declare_nodes(parser)
    reading.declare_scope(parser)
    add("-n", type=reading.parse_count, metavar="N", dest="number", help="N lines at most")
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
        help="the number of lines over time, as bars by whole steps of UTC",
    )
    patterns = "what messages have in common, the most frequent first (-n of them, 20)"
    what.add_argument("--patterns", action="store_true", help=patterns)
    new = "with --patterns: only those that no matching line before TIME has"
    add("--new-since", metavar="TIME", help=new)
    add("--every", metavar="STEP", help="the time of a bar, as 30s, 5m, 1h, 1d")
    reading.declare_zone(parser)
    reading.declare_looks(parser, "csv")
    add("--no-index", action="store_true", help="read everything, without word indexes")
    add("--stats", action="store_true", help="say at the end how much was read")
    add("--no-pager", action="store_true", help="use no pager on a terminal")


def run(arguments: Namespace) -> int:
    found_by = reading.take_patterns_stage(arguments)
    _check_options(arguments)
    if reading.asks_nodes(arguments):
        # Imported here: it loads TLS and the settings of a service, as slow as all other imports together.
        from logsrv.cli.reading.nodes import search_nodes

        return search_nodes(arguments)
    found_by = found_by or reading.matcher_with_hints(arguments.query, "search")
    limits = reading.make_scope(arguments)
    figures = _wants_figures(arguments)
    with reading.open_view(arguments.directory, "search") as view:
        search = Search(view, found_by, limits, with_index=not arguments.no_index)
        try:
            with ProgressLine(search, alone=figures):
                found = (_print_figures if figures else _print_lines)(search, arguments)
        finally:
            search.close()
            if arguments.stats:
                tell(str(search.stats))
        if not found:
            for hint in hints_for_no_hits(search, arguments.top):
                tell(f"logsrv search: {hint}")
        return reading.search_status(view.damaged, found)


def _check_options(arguments: Namespace) -> None:
    """Raise UsageError for options that exclude each other."""
    if not arguments.patterns:
        if arguments.new_since is not None:
            raise UsageError("--new-since needs --patterns: it leaves out the known ones")
        if arguments.output == "csv":
            raise UsageError("--output csv is for --patterns; for lines as CSV: logsrv sql")
    elif arguments.nodes is not None:
        raise UsageError("--patterns reads a store; run it on the nodes, or open their pages")
    if arguments.every and not arguments.histogram:
        raise UsageError("--every needs --histogram: it is the step of the bars")
    context = any(getattr(arguments, name) is not None for name in "ABC")
    if context and _wants_figures(arguments):
        raise UsageError("-A, -B and -C show neighbours of lines, and here no lines are shown")


def _wants_figures(arguments: Namespace) -> bool:
    return arguments.count or arguments.top is not None or arguments.histogram or arguments.patterns


def _print_figures(search: Search, arguments: Namespace) -> bool:
    """Print counts; return whether anything was found."""
    if arguments.count:
        most = arguments.number
        if most is None:
            found = search.count()
        else:
            found = sum(1 for _ in islice(search.render_hits(lambda _: b""), most))
        print(found)
        return found > 0
    # Imported here because it loads NumPy.
    from logsrv.cli.reading.figures import print_chosen_figures

    return print_chosen_figures(search, arguments)


def _print_lines(search: Search, arguments: Namespace) -> bool:
    """Print lines; return whether there are any."""
    looks = reading.line_style(arguments)
    render = make_renderer(looks, search.matcher)
    render_many = make_block_renderer(looks)
    before = arguments.B if arguments.B is not None else arguments.C or 0
    after = arguments.A if arguments.A is not None else arguments.C or 0
    reverse = arguments.reverse
    found = False
    with Output(paged=not arguments.no_pager) as output:
        if before or after:
            hits = islice(search.hits(reverse=reverse), arguments.number)
            for group in group_with_context(
                search.view, hits, LineContext(before, after), reverse=reverse
            ):
                if found and not group.goes_on and arguments.output != "json":
                    output.write(b"--\n")
                found = True
                for hit, context in group.lines:
                    output.write(render(hit, context))
        elif render_many and arguments.number is None and not reverse:
            for text in search.render_frames(render_many):
                output.write(text)
                found = True
        else:
            lines = search.render_hits(lambda hit: render(hit, False), reverse=reverse)
            for line in islice(lines, arguments.number):
                output.write(line)
                found = True
    return found
