"""Rows of an answer, printed as CSV, as JSON, or as a table that fits the terminal.

In a table the widest columns of texts are shortened first; times and numbers stay whole. A table that is
too wide even so has one value a line.
"""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

from logsrv.cli.output import Output
from logsrv.kit.text import terminal
from logsrv.kit.text.escape import one_line
from logsrv.linelog.query.caret import terminal_columns
from logsrv.linelog.read.figures import AtLeast
from logsrv.linelog.read.render import csv_rows, cut_to_width, safe_json

Columns: TypeAlias = Sequence[tuple[str, str]]
ByteSink: TypeAlias = BinaryIO | Output
# The widths of the columns are computed from the first rows, at most this many.
_LOOKED_AT = 1000
_BETWEEN = "  "
_NARROWEST = 6
# In a pipe no text is shortened, but a long text makes its column at most this wide.
_WIDEST_IN_PIPE = 200
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)|\(none\)")


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], arguments: Namespace) -> None:
    """Print rows of texts, numbers and None, as `--output` of a command says."""
    kinds = [(name, _kind_of_column(rows, place)) for place, name in enumerate(columns)]
    if arguments.output not in ("csv", "json"):
        rows = [[None if cell is None else _shown(cell) for cell in row] for row in rows]
    with Output(paged=not arguments.no_pager) as file:
        writer = RowWriter(file, arguments.output, for_terminal=sys.stdout.isatty())
        writer.write(kinds, rows)
        writer.end()


class RowWriter:
    """Writes rows that arrive in pieces: as CSV with a line of names, as an object a line, as a table.

    for_terminal: whether the output is a terminal, which CSV may not drive, and which a table has to fit.
    """

    def __init__(self, file: ByteSink, output: str, *, for_terminal: bool) -> None:
        self._file = file
        self._output = output
        self._escaped = for_terminal
        self._table = Table(terminal.terminal_columns(sys.stdout) if for_terminal else 0)
        self._is_begun = False

    def write(self, columns: Columns, rows: Iterable[Sequence[Any]]) -> None:
        """Write some rows of values: of JSON's for JSON, of texts for a table; None is NULL.

        columns: their names, and DuckDB's names of their types.
        """
        names = [name for name, _ in columns]
        if self._output == "json":
            self.write_lines([safe_json(dict(zip(names, row, strict=True))) for row in rows])
        elif self._output == "csv":
            head = [] if self._is_begun else [names]
            self._is_begun = True
            self._file.write(csv_rows(chain(head, rows), escaped=self._escaped))
        else:
            self.write_lines(self._table.lines(columns, [list(row) for row in rows]))

    def write_lines(self, lines: Sequence[str]) -> None:
        """Write lines that are no rows, as the plan of a query."""
        if lines:
            self._file.write("".join(f"{line}\n" for line in lines).encode())

    def end(self) -> None:
        """Write the rows of a table that are buffered."""
        self.write_lines(self._table.remaining_lines())


def _kind_of_column(rows: Sequence[Sequence[Any]], place: int) -> str:
    """Return a type of DuckDB for a column of figures or of times, "" for any other."""
    texts = [cell for row in rows if isinstance(cell := row[place], str)]
    if not texts:
        return "DOUBLE"
    return "TIMESTAMP" if all(map(_TIME.fullmatch, texts)) else ""


def _shown(cell: str | float) -> str:
    """Return a cell for people: a number that is no integer with three decimals, or six digits if small."""
    if not isinstance(cell, float):
        return f"≥ {cell}" if isinstance(cell, AtLeast) else str(cell)
    return f"{cell:.3f}".rstrip("0").rstrip(".") if abs(cell) >= 1 or not cell else f"{cell:.6g}"


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
            for place, text in enumerate(row):
                if text:
                    # `one_line` shortens a very long text, as it will be shown.
                    widths[place] = max(widths[place], terminal_columns(one_line(text)))
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
            wide = [place for place, width in enumerate(widths) if width > least[place]]
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
