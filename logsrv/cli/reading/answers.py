"""Answers in columns for the command line: tables of figures and lines in order of a number, and CSV."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from logsrv.cli.arguments import tell
from logsrv.cli.reading.output import Output
from logsrv.cli.reading.table import Table
from logsrv.errors import UsageError
from logsrv.kit.text.escape import printable
from logsrv.kit.text.words import counted, listed
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.language.pipeline import Extraction, Grouping, Question, Sorting
from logsrv.linelog.query.matching.extract import extracted_fields
from logsrv.linelog.read.counting.groups import Cell, Rows, group
from logsrv.linelog.read.counting.sorted_lines import MOST, sort_lines
from logsrv.linelog.read.render import safe_json, to_local_time
from logsrv.linelog.read.search import Hit, Search

_SORTED = 10
"""Lines of a sorted answer, unless another number is asked for."""
_MOST_VALUES = 8
"""Values with a column of their own in a histogram by a field."""
_OTHER = "(other)"
_NONE = "(none)"
LINE_COLUMNS = ("position", "time", "source", "level", "message")


def print_table(
    search: Search, asked: Question, most: int | None, output: str, *, local: bool, paged: bool
) -> bool:
    """Print a row for each group of lines; return whether any line was found.

    most: rows; None for all. In text, a count by time and one field has a column for each value.
    """
    grouping = asked.answer
    assert isinstance(grouping, Grouping)
    found = group(search, grouping, asked.extractions)
    is_over_time = grouping.every is not None and len(grouping.by) == 1
    if (
        output == "text"
        and is_over_time
        and grouping.figures[0].function == "count"
        and len(grouping.figures) == 1
    ):
        found = _by_value(found)
    rows = found.rows if most is None else found.rows[:most]
    if local:
        rows = [_with_local_time(found.columns, row) for row in rows]
    print_rows(found.columns, rows, output, paged=paged)
    _tell_limits(found)
    return found.lines > 0


def print_sorted(
    search: Search,
    asked: Question,
    most: int | None,
    render: Callable[[Iterable[Hit]], Iterable[bytes]],
    *,
    paged: bool,
) -> bool:
    """Print the lines with the largest or smallest numbers in a field; return whether there are any.

    render: hits → what to print. Raises UsageError for too many lines.
    """
    sorting = asked.answer
    assert isinstance(sorting, Sorting)
    wanted = _SORTED if most is None else most
    if wanted > MOST:
        raise UsageError(f"sorted answers have at most {MOST:,} lines; for more: logsrv sql")
    found = sort_lines(search, sorting, asked.extractions, wanted)
    with Output(paged=paged) as file:
        for text in render(found.hits):
            file.write(text)
    if found.lines and not found.with_number:
        tell(
            f"logsrv search: {counted(found.lines, 'line')} match, none has a number in {sorting.field}"
        )
    return found.with_number > 0


def csv_lines(
    hits: Iterable[Hit], extractions: Sequence[Extraction], *, escaped: bool, local: bool
) -> Iterable[bytes]:
    """Yield lines as CSV: a line of column names, then a row each.

    Behind LINE_COLUMNS come the extracted fields. escaped: whether control characters are made visible.
    """
    names = [name for one in extractions for name in one.names]
    fields = extracted_fields(extractions)
    yield _csv([(*LINE_COLUMNS, *names)], escaped=escaped)
    for hit in hits:
        record = Record(hit.line)
        found = fields(record.body)
        time = to_local_time(record.time) if local and record.time else record.time
        row = (str(hit.position), time, record.source, record.level, record.message)
        yield _csv([(*row, *map(found.get, names))], escaped=escaped)


def _csv(rows: Iterable[Sequence[Cell]], *, escaped: bool) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    found = text.getvalue()
    return (printable(found) if escaped else found).encode(errors="backslashreplace")


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], output: str, *, paged: bool
) -> None:
    """Print rows as a table, as objects of JSON or as CSV. output: `text`, `json` or `csv`."""
    terminal = sys.stdout.isatty()
    with Output(paged=paged) as file:
        if output == "json":
            for row in rows:
                file.write(f"{safe_json(dict(zip(columns, row, strict=True)))}\n".encode())
        elif output == "csv":
            file.write(_csv([columns, *rows], escaped=terminal))
        else:
            width = os.get_terminal_size(sys.stdout.fileno()).columns or 80 if terminal else 0
            table = Table(width)
            kinds = [
                (name, "DOUBLE" if _is_figure(rows, place) else "")
                for place, name in enumerate(columns)
            ]
            texts = [[None if cell is None else _shown(cell) for cell in row] for row in rows]
            for line in [*table.lines(kinds, texts), *table.remaining_lines()]:
                file.write(f"{line}\n".encode())


def _is_figure(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    return all(not isinstance(row[place], str) for row in rows)


def _shown(cell: str | float) -> str:
    """Return a cell for people: a number that is no integer with three decimals, or six digits if small."""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3f}".rstrip("0").rstrip(".") if abs(cell) >= 1 or not cell else f"{cell:.6g}"


def _with_local_time(columns: Sequence[str], row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    first = row[0]
    if columns[0] != "time" or not isinstance(first, str):
        return row
    return (to_local_time(first), *row[1:])


def _by_value(found: Rows) -> Rows:
    """Return counts by time and a field as a row for each time, with a column for each frequent value."""
    totals: Counter[str] = Counter()
    by_time: dict[Cell, Counter[str]] = {}
    for time, value, count in found.rows:
        name = _NONE if value is None else str(value)
        totals[name] += int(count or 0)
        by_time.setdefault(time, Counter())[name] += int(count or 0)
    values = [value for value, _ in totals.most_common()]
    names, others = values[:_MOST_VALUES], values[_MOST_VALUES:]
    columns = ("time", "count", *names, *([_OTHER] if others else ()))
    rows: list[tuple[Cell, ...]] = [
        (
            time,
            counts.total(),
            *(counts[name] for name in names),
            *([sum(counts[name] for name in others)] if others else ()),
        )
        for time, counts in by_time.items()
    ]
    return found._replace(columns=columns, rows=rows)


def _tell_limits(found: Rows) -> None:
    if found.lines and found.without:
        one = "line matches" if found.lines == 1 else "lines match"
        tell(f"logsrv search: {found.lines:,} {one}, none has a number in {listed(found.without)}")
    if found.left_out:
        tell(
            f"logsrv search: {counted(found.left_out, 'line')} are in further groups, which are too many"
        )
    if not found.exact:
        tell("logsrv search: p50, p95 and p99 are of so many numbers that they are within 0.5 %")
