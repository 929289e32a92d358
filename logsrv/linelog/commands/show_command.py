"""Show the line at a position, and its neighbours.

A position is SEGMENT:OFFSET, such as 17:52311, in the store of a [[retention]] rule audit/17:52311;
search --output json and links of the live page contain it.

Example:

  logsrv show 17:52311 -C 20

Exit status: 0, 1 when no line begins there, 2 when something is wrong.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.commands import reading
from logsrv.linelog.commands.stores import open_view, require_one_store, store_of_position
from logsrv.linelog.read.records.found_records import whole_record
from logsrv.linelog.read.records.render_records import make_record_renderer
from logsrv.linelog.read.render import make_renderer
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import parse_named_position

command = Command(
    "show",
    "show the line at a position, and its neighbours",
    __name__,
    searches=True,
    holds_nothing=True,
)


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("position", metavar="POSITION", type=parse_named_position, help="as 17:52311")
    reading.declare_store(parser)
    neighbours = "N neighbours before and after (5)"
    add("-C", type=reading.parse_count, metavar="N", dest="around", help=neighbours)
    reading.declare_looks(parser)


def run(arguments: argparse.Namespace) -> int:
    records = reading.wants_records(arguments)
    if records and arguments.around is not None:
        raise UsageError(
            "-C shows neighbours of a line, and --records and --fold its record: give one"
        )
    if arguments.around is None:
        arguments.around = 5
    require_one_store(arguments, "a position is of one store")
    style = reading.line_style(arguments)
    with (
        open_view(arguments, "show") as every,
        closing(StoredLines(view := store_of_position(every, arguments.position))) as lines,
    ):
        wanted = lines.line_at(arguments.position)
        if wanted is None:
            tell(f"logsrv show: no line begins at {arguments.position}")
            view.report_if_missing(arguments.position.segment)
            return reading.search_status(view.damaged, False)
        if records:
            show = make_record_renderer(style, fold=arguments.fold)
            sys.stdout.buffer.write(show(whole_record(lines, wanted), False))
            return reading.search_status(view.damaged, True)
        window = lines.lines_around(wanted, arguments.around, arguments.around)
    render = make_renderer(style)
    for hit in window:
        sys.stdout.buffer.write(render(hit, hit.position != wanted.position))
    return reading.search_status(view.damaged, True)
