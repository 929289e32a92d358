"""Arguments that the reading commands share, and their meaning."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable

from logsrv.cli.arguments import SAID, tell
from logsrv.errors import QueryError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.terminal import has_colours
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.commands.stores import require_one_store, several_stores
from logsrv.linelog.query import match
from logsrv.linelog.query.caret import error_with_caret
from logsrv.linelog.query.field_names import field_names
from logsrv.linelog.query.hints import foreign_syntax_hints
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.pipeline import parse_lines, parse_question
from logsrv.linelog.query.question import Question
from logsrv.linelog.query.times import parse_moment
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.render import LineStyle, csv_renderer, make_renderer

NOTHING = 1
"""The exit status of a search that finds nothing."""
FAILED = 2
"""The exit status when something is wrong or could not be read, even if lines were found."""


def declare_store(parser: Parser, *, to_write: bool = False) -> None:
    """Add `--directory`. to_write: whether the command writes into the store, and only into one.

    Otherwise an archive may stand for a store.
    """
    what = "the store"
    if not to_write:
        what += ", or the URL of an archive; if given several times, all are read as one"
    help_ = f"{what} (default: {SAID})"
    parser.add_argument("--directory", "-d", metavar="DIR", action="append", help=help_)


def declare_query(parser: Parser) -> None:
    """Add the words of a query."""
    parser.takes_query = True
    parser.add_argument("query", metavar="QUERY", nargs="*", help="words are joined with spaces")


def declare_scope(parser: Parser) -> None:
    """Add the options that limit a search, in addition to its query."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="lines from this time on: 2026-11-20, '2026-11-20 06:00', 06:00, today, 30m (ago), RFC 3339 "
        "(logsrv help time)",
    )
    parser.add_argument("--until", metavar="TIME", help="lines before this time")
    parser.add_argument(
        "--source",
        metavar="GLOB",
        default="",
        help="only lines of these sources, such as tcp:10.1.*",
    )


def declare_zone(parser: Parser) -> None:
    """Add the options for the zone of given and of shown times."""
    zone = parser.add_mutually_exclusive_group()
    zone.add_argument(
        "--utc", action="store_true",
        help="read times without a zone as UTC, not as local; times are shown in UTC anyway",
    )  # fmt: skip
    zone.add_argument(
        "--local", action="store_true",
        help="show times as local, with their offset; times without a zone are read as local anyway",
    )  # fmt: skip


def declare_looks(parser: Parser, *, csv: bool = False) -> None:
    """Add the options for the format of lines, their times and records. csv: whether CSV is one."""
    declare_zone(parser)
    parser.add_argument(
        "--output", choices=("text", "raw", "json", *(["csv"] if csv else [])), default="text",
        help="TIME SOURCE MESSAGE (text), the message alone (raw), an object a line (json)"
        + (", columns for spreadsheets (csv)" if csv else ""),
    )  # fmt: skip
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        help="auto: on a terminal, unless the variable NO_COLOR is set",
    )  # fmt: skip
    parser.add_argument(
        "--wrap", action="store_true", help="wrap long lines on a terminal instead of cutting them"
    )
    records = parser.add_mutually_exclusive_group()
    records.add_argument(
        "--records", action="store_true",
        help="show the whole record of each line, such as a stack trace, once",
    )  # fmt: skip
    records.add_argument(
        "--fold", action="store_true",
        help="show the first line of each record, with the number of further ones, as +12",
    )  # fmt: skip


def wants_records(arguments: Namespace) -> bool:
    """Return whether lines are shown with their records. Raises UsageError for options without them."""
    if not (arguments.records or arguments.fold):
        return False
    require_one_store(arguments, "--records and --fold read one store")
    if arguments.output == "csv":
        raise UsageError("CSV has a row for each line, and no records")
    if arguments.output == "raw" and arguments.fold:
        raise UsageError(
            "raw output cannot fold records, because it has all lines as they were sent: use --records"
        )
    return True


def parse_count(text: str) -> int:
    """Parse a number of lines, for `type=`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise ValueError(f"{shown(text)} is not a number of lines such as 10")
    return int(text)


def question_with_hints(words: list[str], command: str, *, only_lines: str = "") -> Question:
    """Return a query with its stages, and write its hints to stderr.

    only_lines: words for a command that takes no other answer than lines. Raises UsageError with a caret
    under the fault.
    """
    text = " ".join(words)
    try:
        found = parse_lines(text, only_lines) if only_lines else parse_question(text)
    except QueryError as error:
        raise UsageError(error_with_caret(text, error)) from None

    for hint in foreign_syntax_hints(text):
        tell(f"logsrv {command}: {hint}")
    return found


def matcher_with_hints(words: list[str], command: str) -> Matcher:
    """Return the matcher of a query for lines, and write its hints to stderr. Raises UsageError."""
    what = f"logsrv {command}"
    return match.make_matcher(question_with_hints(words, command, only_lines=what).node)


def parse_field_name(text: str) -> str:
    """Parse the name of one field, for `type=`."""
    names = field_names(text)
    if len(names) > 1:
        raise ValueError(f"{shown(text)} is no name of one field; for several: --count --by {text}")
    return names[0]


def make_scope(arguments: Namespace) -> Scope:
    """Return the limits of the command line. Raises UsageError for a wrong time."""
    return Scope(
        since=parse_time(arguments.since, "--since", arguments.utc),
        until=parse_time(arguments.until, "--until", arguments.utc),
        source=arguments.source,
    )


def parse_time(text: str | None, option: str, utc: bool) -> str:
    """Return the TIME that `text` means; "" for None. Raises UsageError, which names the option."""
    if text is None:
        return ""
    try:
        return rfc3339(parse_moment(text, time.time(), utc=utc))
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def line_style(arguments: Namespace) -> LineStyle:
    """Return the style of lines, by the command line and the terminal."""
    terminal = sys.stdout.isatty()
    color = arguments.color == "always" or (arguments.color == "auto" and has_colours(sys.stdout))
    width = 0
    if terminal and not arguments.wrap:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    stores = several_stores(arguments)
    return LineStyle(arguments.output, color, arguments.local, width, terminal, stores)


def line_renderer(
    arguments: Namespace, asked: Question, matcher: Matcher, *, mark_hits: bool = False
) -> tuple[bytes, Callable[[Hit, bool], bytes]]:
    """Return the beginning of the output, and a function: hit, whether it is only a neighbour → its line.

    mark_hits: as for `make_renderer`.
    """
    style = line_style(arguments)
    if style.output == "csv":
        head, render = csv_renderer(
            asked,
            arguments.columns,
            escaped=style.escaped,
            local_time=style.local,
            stores=style.stores,
        )
        return head, lambda hit, _: render(hit)
    return b"", make_renderer(style, matcher, asked.extractions, mark_hits=mark_hits)


def search_status(damaged: bool, found: bool) -> int:
    """Return the exit status of a search.

    damaged: whether something could not be read. found: whether there are hits.
    """
    if damaged:
        return FAILED
    return 0 if found else NOTHING
