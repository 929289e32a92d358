"""Answers in columns for the command line: tables of figures, patterns, and lines in order of a number."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from logsrv.cli.arguments import tell
from logsrv.cli.output.bars import step_seconds
from logsrv.cli.output.standard_output import Output
from logsrv.cli.output.table import print_rows
from logsrv.cli.reading import line_renderer, parse_time
from logsrv.errors import UsageError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted, listed
from logsrv.linelog.query.question import (
    Grouping,
    PatternCounts,
    Question,
    Sorting,
)
from logsrv.linelog.read.field_hints import words_that_never_occur
from logsrv.linelog.read.figures.compared_groups import group
from logsrv.linelog.read.figures.groups import MOST_HASHES, Cell, Rows, count_values
from logsrv.linelog.read.figures.numbers import MOST_DISTINCT
from logsrv.linelog.read.figures.row_stages import after_stages
from logsrv.linelog.read.figures.sorted_lines import MOST, sort_lines
from logsrv.linelog.read.figures.text_table import figures_for_text, named_value
from logsrv.linelog.read.patterns.find import Pattern, find_patterns
from logsrv.linelog.read.patterns.skeletons import share_of
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search

_TEN = 10
"""Sorted lines or frequent values, unless another number is asked for."""


def print_answer(search: Search, asked: Question, arguments: Namespace) -> bool:
    """Print the answer of a stage or of options; return whether anything was found."""
    if arguments.top is not None:
        return _print_values(search, asked, arguments)
    assert asked.answer is not None
    if isinstance(asked.answer, Sorting):
        return _print_sorted(search, asked, asked.answer, arguments)
    if isinstance(asked.answer, PatternCounts):
        columns, rows = pattern_table(search, asked, asked.answer, arguments)
        print_rows(columns, rows, arguments)
        return bool(rows)
    grouping = asked.answer
    if arguments.histogram:
        step = step_seconds(arguments.every, search)
        grouping = grouping._replace(every=step)
    return _print_table(search, asked, grouping, arguments)


def _print_values(search: Search, asked: Question, arguments: Namespace) -> bool:
    """Print the most frequent values of a field; return whether there are any."""
    found = count_values(search, arguments.top, asked.extractions)
    values = found.values[: _TEN if asked.limit is None else asked.limit]
    if arguments.output in ("csv", "json"):
        name = arguments.top if arguments.output == "csv" else "value"
        print_rows((name, "count"), values, arguments)
    else:
        for value, count in values:
            print(f"{count:>10}  {one_line(value)}")
    if found.missed:
        tell(
            f"logsrv search: {arguments.top} has so many values that rare ones were forgotten: a count may"
            f" lack up to {counted(found.missed, 'line')}, and no missing value has more"
        )
    return bool(values)


def _print_table(search: Search, asked: Question, grouping: Grouping, arguments: Namespace) -> bool:
    """Print a row for each group of lines; return whether any line was found."""
    found = group(search, grouping, asked.extractions)
    found = after_stages(found, grouping, asked.of_rows, utc=arguments.utc)
    if arguments.local:
        found = _with_local_times(found, grouping)
    if arguments.output == "text":
        found = figures_for_text(found, grouping)
    print_rows(found.columns, found.rows[: asked.limit], arguments)
    _tell_limits(found)
    lines = found.lines + (found.compare.lines if found.compare else 0)
    if not lines:
        words = [f"{one} never occurred" for one in words_that_never_occur(search, asked.node)]
        tell(f"logsrv search: {'; '.join(('no line matches', *words))}")
    return lines > 0 and bool(found.rows)


def _print_sorted(search: Search, asked: Question, sorting: Sorting, arguments: Namespace) -> bool:
    """Print the lines with the largest or smallest numbers in a field; return whether there are any.

    Raises UsageError for too many lines.
    """
    head, render = line_renderer(arguments, asked, search.matcher)
    wanted = _TEN if asked.limit is None else asked.limit
    if wanted > MOST:
        raise UsageError(f"sorted answers have at most {MOST:,} lines; for more: logsrv sql")
    found = sort_lines(search, sorting, asked.extractions, wanted)
    with Output(paged=not arguments.no_pager) as file:
        if head:
            file.write(head)
        for hit in found.hits:
            file.write(render(hit, False))
    if found.lines and not found.with_number:
        tell(
            f"logsrv search: {counted(found.lines, 'line')} match, none has a number in {sorting.field}"
        )
    return found.with_number > 0


def _with_local_times(found: Rows, grouping: Grouping) -> Rows:
    is_time = [one.is_time for one in grouping.columns]
    rows = [
        tuple(
            to_local_time(cell) if known and isinstance(cell, str) else cell
            for known, cell in zip(is_time, row, strict=True)
        )
        for row in found.rows
    ]
    return found._replace(rows=rows)


def _tell_limits(found: Rows) -> None:
    if found.compare is not None and found.compare.missing_until is not None:
        since, until = found.compare.since, found.compare.missing_until
        tell(f"logsrv search: the store has no lines of the earlier time from {since} to {until}")
    one = "line matches" if found.lines == 1 else "lines match"
    for what, fields in (("number in", found.without), ("field", found.absent)):
        if found.lines and fields:
            tell(f"logsrv search: {found.lines:,} {one}, none has a {what} {listed(fields)}")
    if found.missed:
        tell(
            "logsrv search: there are so many groups that those with few lines were forgotten, "
            f"{counted(found.left_out, 'line')} in all: a row may lack up to "
            f"{counted(found.missed, 'line')}, and no missing group has more"
        )
    if bounds := found.at_least:
        tell(
            f"logsrv search: {listed(bounds)} counts up to {MOST_DISTINCT:,} values of a group, and "
            f"{MOST_HASHES:,} of all: ≥ is a lower bound"
        )
    if not found.exact:
        tell("logsrv search: p50, p95 and p99 are of so many numbers that they are within 0.5 %")


_TWENTY = 20
"""Patterns, unless another number is asked for."""
_PATTERN_COLUMNS = ("count", "share", "app", "level", "first", "position", "pattern")


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
    found = find_patterns(search, new_since, wanted.by, asked.extractions)
    chosen = found.patterns[: _TWENTY if asked.limit is None else asked.limit]
    left = len(found.patterns) - len(chosen)
    if left and asked.limit is None:
        tell(f"logsrv search: {counted(left, 'pattern')} more; -n shows more of them")
    if found.forgotten:
        lines = counted(found.forgotten, "line")
        tell(f"logsrv search: there are too many patterns; the rarest, of {lines}, are left out")
    stores = search.view.names
    columns = _PATTERN_COLUMNS + ("store",) * bool(stores)
    rows = [_pattern_row(one, found.lines, arguments, stores) for one in chosen]
    if not wanted.by:
        return columns, rows
    shown = named_value if arguments.output == "text" else (lambda cell: cell)
    by_value = zip(chosen, rows, strict=True)
    return ("value", *columns), [(shown(one.value), *row) for one, row in by_value]


def _pattern_row(
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
