"""Patterns for the command line: a row for each, with its number, share, program and first line."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from logsrv.cli.arguments import tell
from logsrv.cli.reading.arguments import parse_time
from logsrv.errors import UsageError
from logsrv.kit.text.words import counted
from logsrv.linelog.query.language.question import PatternCounts, Question
from logsrv.linelog.read.counting.groups import Cell
from logsrv.linelog.read.patterns.find import Pattern, find_patterns
from logsrv.linelog.read.patterns.templates import share_of
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search

_TWENTY = 20
_COLUMNS = ("count", "share", "app", "level", "first", "position", "pattern")


def pattern_table(
    search: Search, asked: Question, wanted: PatternCounts, arguments: Namespace
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Return columns, and a row for each pattern of the lines that a search finds; tell what is left out.

    Raises UsageError for a wrong time.
    """
    option = "--new-since" if arguments.patterns else "patterns since"
    new_since = parse_time(wanted.new_since or None, option, arguments.utc)
    if search.scope.since and search.scope.since >= new_since > "":
        raise UsageError(f"--since must be before {option}, or all patterns are new")
    found = find_patterns(search, new_since)
    chosen = found.patterns[: _TWENTY if asked.limit is None else asked.limit]
    left = len(found.patterns) - len(chosen)
    if left and asked.limit is None:
        tell(f"logsrv search: {counted(left, 'pattern')} more; -n shows more of them")
    if found.forgotten:
        lines = counted(found.forgotten, "line")
        tell(f"logsrv search: there are too many patterns; the rarest, of {lines}, are left out")
    stores = search.view.names
    columns = _COLUMNS + ("store",) * bool(stores)
    return columns, [_row(one, found.lines, arguments, stores) for one in chosen]


def _row(
    pattern: Pattern, lines: int, arguments: Namespace, stores: Sequence[str]
) -> tuple[Cell, ...]:
    share = pattern.lines / lines
    first = pattern.time
    if first is not None and arguments.local:
        first = to_local_time(first)
    return (
        pattern.lines,
        share_of(share) if arguments.output == "text" else round(share, 6),
        *(
            one or (None if arguments.output == "csv" else "")
            for one in (pattern.app, pattern.level)
        ),
        first,
        str(pattern.position),
        pattern.template,
        *((stores[pattern.position.store - 1],) if stores else ()),
    )
