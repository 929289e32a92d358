"""The limits of `logsrv search`: --around a line or a moment, or else --since and --until."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from contextlib import closing

from logsrv.errors import UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.time import rfc3339, shift_rfc3339
from logsrv.linelog.commands import reading
from logsrv.linelog.commands.stores import store_of_position
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.query.times import parse_moment, parse_step
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import STORE_NAME, Position, parse_named_position

_SPAN = 5.0
_POSITION = re.compile(rf"({STORE_NAME}/)?[0-9]+:[0-9]+", re.ASCII)


def declare_around(parser: Parser) -> None:
    """Add `--around` and `--span`."""
    parser.add_argument(
        "--around",
        metavar="POSITION|TIME",
        help="the lines of all sources from --span before to --span after this line or time",
    )
    parser.add_argument(
        "--span", metavar="STEP", type=parse_step, help="as 5s, 2m, 1h (5s), for --around"
    )


def parse_around(arguments: Namespace) -> None:
    """Make `around` a Position, or a moment in seconds since 1970.

    Text that can be both, such as 12:30, is a time. Raises UsageError if it is neither, for options that
    `--around` excludes, and for `--span` without it.
    """
    if arguments.around is None:
        if arguments.span is not None:
            raise UsageError(
                "--span needs --around: it is the time before and after the line of --around"
            )
        return
    if arguments.since or arguments.until:
        raise UsageError("--around and --span limit the time already, without --since and --until")
    if any(getattr(arguments, name) is not None for name in "ABC"):
        raise UsageError(
            "--around shows all lines of a span of time; -A, -B and -C show a number of lines: "
            "use one or the other"
        )
    text = arguments.around
    try:
        arguments.around = parse_moment(text, time.time(), utc=arguments.utc)
    except ValueError as error:
        if not _POSITION.fullmatch(text):
            raise UsageError(f"--around: {error}, or the position of a line: 17:52311") from None
        try:
            arguments.around = parse_named_position(text)
        except ValueError as wrong:
            raise UsageError(f"--around: {wrong}") from None


def make_search_scope(arguments: Namespace, view: View) -> Scope:
    """Return the limits of a search in the stores of `view`.

    `parse_around` has read the arguments. Raises UsageError for a wrong time, and for a position without a
    line.
    """
    around = arguments.around
    if around is None:
        return reading.make_scope(arguments)
    if not isinstance(around, Position):
        middle = rfc3339(around)
    elif view.names and around.store not in view.stores and not around.store:
        raise UsageError("--around: a position is of one store; for several stores give a time")
    else:
        middle = _time_of_line(store_of_position(view, around), around)
    span = _SPAN if arguments.span is None else arguments.span
    return Scope(
        since=shift_rfc3339(middle, -span),
        # The moment `until` is excluded, and both ends of the span are included.
        until=shift_rfc3339(middle, span + 1e-6),
        source=arguments.source,
    )


def _time_of_line(view: View, position: Position) -> str:
    with closing(StoredLines(view)) as lines:
        hit = lines.line_at(position)
    if hit is None:
        raise UsageError(f"--around: no line begins at {position}")
    found = ParsedLine(hit.line).time
    if found is None:
        raise UsageError(f"--around: the line at {position} has no time")
    return found
