"""Rows of an answer, printed as CSV, as JSON, or as a table that fits the terminal."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

from logsrv.kit.text import terminal
from logsrv.linelog.commands.standard_output import Output
from logsrv.linelog.read.render import csv_rows, safe_json
from logsrv.linelog.read.tables.text_table import Columns, Table, column_kinds, shown_rows

ByteSink: TypeAlias = BinaryIO | Output


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    arguments: Namespace,
    units: Sequence[str | None] = (),
) -> None:
    """Print rows of texts, numbers and None, as `--output` of a command says.

    units: of the numbers of each column, for a table; empty for none.
    """
    kinds = column_kinds(columns, rows)
    if arguments.output not in ("csv", "json"):
        rows = shown_rows(columns, units, rows)
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
