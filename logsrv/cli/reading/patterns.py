"""Patterns for the command line: a row for each, with its number, share, program and first line."""

from __future__ import annotations

import time
from argparse import Namespace

from logsrv.cli.arguments import tell
from logsrv.cli.reading.answers import print_rows
from logsrv.errors import UsageError
from logsrv.kit.text.time import rfc3339
from logsrv.kit.text.words import counted
from logsrv.linelog.query.language.times import parse_moment
from logsrv.linelog.read.counting.groups import Cell
from logsrv.linelog.read.patterns.find import Pattern, find_patterns
from logsrv.linelog.read.patterns.templates import share_of
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search

_TWENTY = 20
COLUMNS = ("count", "share", "app", "first", "position", "pattern")


def print_patterns(search: Search, arguments: Namespace) -> bool:
    """Print the patterns of the lines that a search finds; return whether there are any.

    Raises UsageError.
    """
    typed, most = arguments.new_since, arguments.number
    since = _parse_new_since(typed, search.scope.since, arguments.utc) if typed else ""
    found = find_patterns(search, since)
    chosen = found.patterns[: _TWENTY if most is None else most]
    rows = [_row(one, found.lines, arguments) for one in chosen]
    print_rows(COLUMNS, rows, arguments.output, paged=not arguments.no_pager)
    left = len(found.patterns) - len(chosen)
    if left and most is None:
        tell(f"logsrv search: {counted(left, 'pattern')} more; -n shows more of them")
    if found.forgotten:
        lines = counted(found.forgotten, "line")
        tell(f"logsrv search: there are too many patterns; the rarest, of {lines}, are left out")
    return bool(found.patterns)


def _row(pattern: Pattern, lines: int, arguments: Namespace) -> tuple[Cell, ...]:
    share = pattern.lines / lines
    first = pattern.time
    if first is not None and arguments.local:
        first = to_local_time(first)
    return (
        pattern.lines,
        share_of(share) if arguments.output == "text" else round(share, 6),
        pattern.app,
        first,
        str(pattern.position),
        pattern.template,
    )


def _parse_new_since(text: str, since: str, utc: bool) -> str:
    try:
        found = rfc3339(parse_moment(text, time.time(), utc=utc))
    except ValueError as error:
        raise UsageError(f"--new-since: {error}") from None
    if since and since >= found:
        raise UsageError("--since must be before --new-since, or all patterns are new")
    return found
