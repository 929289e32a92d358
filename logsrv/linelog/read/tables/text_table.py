"""Rows of an answer as a table of text, as people read it: in a terminal, in a pipe, in a download.

In a table the widest columns of texts are shortened first; times and numbers stay whole. A table that is
too wide even so has one value a line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

from logsrv.kit.text.escape import one_line
from logsrv.linelog.query.caret import terminal_columns
from logsrv.linelog.query.parse import phrase_of
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import MOST_VALUES
from logsrv.linelog.read.render import cut_to_width
from logsrv.linelog.read.tables.shown_numbers import column_formats

Columns: TypeAlias = Sequence[tuple[str, str]]
"""The names of columns, and DuckDB's names of their types."""
# The widths of the columns are computed from the first rows, at most this many.
_LOOKED_AT = 1000
_BETWEEN = "  "
_NARROWEST = 6
# In a pipe no text is shortened, but a long text makes its column at most this wide.
_WIDEST_IN_PIPE = 200
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)|\(none\)")
# The part of a second in a time that has none.
_NO_PART = ".000000"
# The column of rare values.
_OTHER = "(other)"
# The word for a missing value.
_NONE = "(none)"


def table_text(
    columns: Sequence[str], units: Sequence[str | None], rows: Sequence[Sequence[Any]]
) -> bytes:
    """Return rows of texts, numbers and None as the lines of a table, as wide as it is."""
    table = Table(0)
    lines = table.lines(column_kinds(columns, rows), shown_rows(columns, units, rows))
    return "".join(f"{line}\n" for line in [*lines, *table.remaining_lines()]).encode()


def figures_for_text(found: Rows, grouping: Grouping) -> Rows:
    """Return rows of figures as text has them: with words for missing values.

    A count by time and one field has a column for each value.
    """
    found = _named_groups(found, (grouping.every is not None) + len(grouping.by))
    is_count = grouping.figures == (COUNT,) and grouping.compare is None
    if grouping.every is not None and len(grouping.by) == 1 and is_count:
        return _by_value(found)
    return found


def _named_groups(found: Rows, columns: int) -> Rows:
    """Return rows with a word instead of a missing value in their first columns."""
    rows = [(*map(named_value, row[:columns]), *row[columns:]) for row in found.rows]
    return found._replace(rows=rows)


def named_value(cell: Cell) -> Cell:
    """Return a word for a missing value; a value that looks like it is quoted."""
    if cell is None:
        return _NONE
    return phrase_of(cell) if isinstance(cell, str) and cell[:1] in ("(", '"') else cell


def _by_value(counts_by_time: Rows) -> Rows:
    """Return counts by time and a field as a row for each time, with a column for each frequent value."""
    totals: Counter[str] = Counter()
    by_time: dict[Cell, Counter[str]] = {}
    for time, value, count in counts_by_time.rows:
        totals[str(value)] += int(count or 0)
        by_time.setdefault(time, Counter())[str(value)] += int(count or 0)
    values = [value for value, _ in totals.most_common()]
    names, others = values[:MOST_VALUES], values[MOST_VALUES:]
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
    return counts_by_time._replace(columns=columns, units=(None,) * len(columns), rows=rows)


def column_kinds(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    """Return the columns of figures or values, with their types, as far as these tell how to show them."""
    return [(name, _kind_of_column(rows, column)) for column, name in enumerate(columns)]


def shown_rows(
    columns: Sequence[str], units: Sequence[str | None], rows: Sequence[Sequence[Any]]
) -> list[list[str | None]]:
    """Return rows of texts, numbers and None as texts for people. units: of each column; empty for none."""
    formats = column_formats(columns, units, rows)
    is_whole = [_has_whole_seconds([row[index] for row in rows]) for index in range(len(formats))]
    return [
        [
            cell
            if cell is None
            else (cell.replace(_NO_PART, "") if whole else cell)
            if isinstance(cell, str)
            else shown.text(cell)
            for cell, shown, whole in zip(row, formats, is_whole, strict=True)
        ]
        for row in rows
    ]


def _has_whole_seconds(cells: Sequence[Any]) -> bool:
    """Return whether all cells are times without a part of a second, as the starts of steps are."""
    texts = [cell for cell in cells if isinstance(cell, str) and cell != _NONE]
    return bool(texts) and all(_NO_PART in cell and _TIME.fullmatch(cell) for cell in texts)


def _kind_of_column(rows: Sequence[Sequence[Any]], column: int) -> str:
    """Return a type of DuckDB for a column of figures or of times, "" for any other."""
    texts = [cell for row in rows if isinstance(cell := row[column], str)]
    if not texts:
        return "DOUBLE"
    return "TIMESTAMP" if all(map(_TIME.fullmatch, texts)) else ""


class Table:
    """The lines of a table, whose rows arrive in pieces. width: columns of the terminal; 0 for none."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._kept: list[list[str | None]] = []
        self._columns: Columns = ()
        self._widths: list[int] | None = None
        self._is_upright = False

    def lines(self, columns: Columns, rows: list[list[str | None]]) -> list[str]:
        """Return the lines that can be shown now; the first rows are buffered."""
        if self._widths is not None:
            return [self._row_line(columns, row) for row in rows]
        self._columns = columns
        self._kept += rows
        return self.remaining_lines() if len(self._kept) >= _LOOKED_AT else []

    def remaining_lines(self) -> list[str]:
        """Return the names of the columns and the buffered lines."""
        columns = self._columns
        if self._widths is not None or not self._kept:
            return []
        rows, self._kept = self._kept, []
        self._widths = self._fitting_widths(columns, rows[:_LOOKED_AT])
        lines = [self._row_line(columns, row) for row in rows]
        if self._is_upright:
            return lines
        rule = _BETWEEN.join("─" * width for width in self._widths)
        return [self._row_line(columns, [name for name, _ in columns]), rule, *lines]

    def _fitting_widths(self, columns: Columns, rows: list[list[str | None]]) -> list[int]:
        widths = [0] * len(columns)
        for row in rows:
            for column, text in enumerate(row):
                if text:
                    # `one_line` shortens a very long text, as it will be shown.
                    widths[column] = max(widths[column], terminal_columns(one_line(text)))
        names = [terminal_columns(one_line(name)) for name, _ in columns]
        least = [
            width if _is_number(type_) or type_.startswith("TIMESTAMP") else _NARROWEST
            for width, (_, type_) in zip(widths, columns, strict=True)
        ]
        widths = list(map(max, widths, names))
        if not self._width:
            return [min(width, _WIDEST_IN_PIPE) for width in widths]
        widths = [min(width, self._width) for width in widths]
        room = self._width - len(_BETWEEN) * (len(widths) - 1)
        while sum(widths) > room:
            wide = [column for column, width in enumerate(widths) if width > least[column]]
            if not wide:
                self._is_upright = True
                return [max(names)]
            widths[max(wide, key=widths.__getitem__)] -= 1
        return widths

    def _row_line(self, columns: Columns, row: Sequence[str | None]) -> str:
        assert self._widths is not None
        if self._is_upright:
            pairs = zip(columns, row, strict=True)
            lines = [
                f"{one_line(name):<{self._widths[0]}}{_BETWEEN}{one_line(text or '', 4096)}".rstrip()
                for (name, _), text in pairs
            ]
            return "\n".join([*lines, ""])
        shown = []
        for (_, type_), width, text in zip(columns, self._widths, row, strict=True):
            safe = one_line(text, 4096) if text is not None else ""
            if self._width:
                safe = cut_to_width(safe, width)
            room = " " * max(0, width - terminal_columns(safe))
            shown.append(room + safe if _is_number(type_) else safe + room)
        return _BETWEEN.join(shown).rstrip()


def _is_number(type_: str) -> bool:
    return any(word in type_ for word in _NUMBERS) and "[" not in type_ and "(" not in type_[:6]
