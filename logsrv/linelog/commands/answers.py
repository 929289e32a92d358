"""Answers of stages for the command line, by kind: tables, lists, lines in an order of their own."""

from __future__ import annotations

from argparse import Namespace

from logsrv.cli.arguments import tell
from logsrv.errors import UsageError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import counted, listed
from logsrv.linelog.commands.bars import bar_steps, reader_zone
from logsrv.linelog.commands.field_hints import words_that_never_occur
from logsrv.linelog.commands.reading import line_renderer
from logsrv.linelog.commands.standard_output import Output
from logsrv.linelog.commands.table import print_rows
from logsrv.linelog.query.question import ColumnKind, Question
from logsrv.linelog.read.answer_kinds import (
    MOST_ORDERED,
    LinesAnswer,
    ListBeside,
    Looks,
    TableAnswer,
    after_stages,
)
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.groups import MOST_HASHES, count_values
from logsrv.linelog.read.figures.numbers import MOST_DISTINCT
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search

_TEN = 10
"""Frequent values, unless another number is asked for."""


def print_answer(search: Search, asked: Question, arguments: Namespace) -> bool:
    """Print the answer of a stage or of options; return whether anything was found."""
    if arguments.top is not None:
        return _print_values(search, asked, arguments)
    match asked.answer:
        case LinesAnswer() as answer:
            return _print_ordered(search, asked, answer, arguments)
        case ListBeside() as answer:
            return _print_list(search, asked, answer, arguments)
        case TableAnswer() as answer:
            if arguments.histogram:
                answer = answer.in_steps(bar_steps(search, arguments))
            return _print_table(search, asked, answer, arguments)
    raise AssertionError(asked.answer)


def _print_list(search: Search, asked: Question, answer: ListBeside, arguments: Namespace) -> bool:
    """Print a list such as patterns; return whether it has a row. Raises UsageError for a wrong time."""
    looks = Looks(arguments.output, arguments.local, arguments.utc)
    columns, rows, notes = answer.listed(search, asked, looks)
    for each in notes:
        tell(f"logsrv search: {each}")
    print_rows(columns, rows, arguments)
    return bool(rows)


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


def _print_table(
    search: Search, asked: Question, answer: TableAnswer, arguments: Namespace
) -> bool:
    """Print a row for each group of lines; return whether any line was found."""
    answer = answer.for_reader(search, reader_zone(arguments))
    found = answer.rows(search, asked.extractions)
    found = after_stages(found, answer, asked.row_stages, utc=arguments.utc)
    if arguments.local:
        found = _with_local_times(found)
    if arguments.output == "text":
        found = answer.as_text(found)
    print_rows(found.columns, found.rows[: asked.limit], arguments, found.units)
    _tell_limits(found)
    lines = found.lines + (found.compare.lines if found.compare else 0)
    if not lines:
        words = [f"{one} never occurred" for one in words_that_never_occur(search, asked.node)]
        tell(f"logsrv search: {'; '.join(('no line matches', *words))}")
    return lines > 0 and bool(found.rows)


def _print_ordered(
    search: Search, asked: Question, answer: LinesAnswer, arguments: Namespace
) -> bool:
    """Print lines in an order of their own; return whether there are any.

    Raises UsageError for too many lines.
    """
    head, render = line_renderer(arguments, asked, search.matcher)
    wanted = answer.usual if asked.limit is None else asked.limit
    if wanted > MOST_ORDERED:
        raise UsageError(
            f"{answer.adjective} answers have at most {MOST_ORDERED:,} lines; for more: logsrv sql"
        )
    found = answer.find(search, asked.extractions, wanted)
    with Output(paged=not arguments.no_pager) as file:
        if head:
            file.write(head)
        for hit in found.hits:
            file.write(render(hit, False))
    if found.note:
        tell(f"logsrv search: {found.note}")
    return found.found > 0


def _with_local_times(found: Rows) -> Rows:
    is_time = [one is ColumnKind.TIME for one in found.kinds]
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
