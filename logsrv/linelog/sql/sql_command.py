"""Ask a store in SQL: counts, averages, groups, joins, with all that DuckDB can compute.

There is one table, logs(time, source, name, host, level, message, fields, segment, "offset"); every
other column that the statement names is a field, as in: select status, count(*) from logs group by
status. Needs the extra sql, on Debian the package logsrv-sql.

Examples:

  logsrv sql 'select app, count(*) from logs group by all order by 2 desc'
  logsrv sql 'select * from logs where status >= 500' --output csv
  logsrv sql --query '| extract "took <ms> ms"' 'select avg(ms) from logs'

Exit status: 0 when there are rows, 1 when there are none, 2 when something is wrong.
"""

from __future__ import annotations

import argparse
import os
import signal
from itertools import chain
from typing import TYPE_CHECKING

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import LogsrvError, QueryError, UsageError
from logsrv.installation import how_to_install
from logsrv.kit.children.child_side import limit_extra_memory
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line
from logsrv.linelog.commands.progress import ProgressLine
from logsrv.linelog.commands.reading import (
    declare_store,
    declare_zone,
    question_with_hints,
    search_status,
)
from logsrv.linelog.commands.stores import open_view
from logsrv.linelog.query.caret import error_with_caret

if TYPE_CHECKING:
    from logsrv.linelog.sql.answer import SqlAnswer

command = Command(
    "sql", "ask a store in SQL (extra sql)", __name__, searches=True, limits_memory=True
)

_NOT_INSTALLED = "SQL needs DuckDB and PyArrow, which are not installed; this installs them: {}"
# Bytes of memory; with more, the command ends with NO_MEMORY. This is twice what the largest answer needs.
# DuckDB's own limit is not enough: it does not count a text that is made in one step.
MEMORY = 1 << 30


def declare(parser: Parser) -> None:
    parser.add_argument("statement", metavar="STATEMENT", help="SQL, as one argument")
    parser.add_argument(
        "--query", metavar="QUERY", default="",
        help="only lines that match; fields of its extract are columns",
    )  # fmt: skip
    declare_store(parser)
    parser.add_argument(
        "--output", choices=("table", "csv", "json", "parquet"), default="table",
        help="a table that fits the terminal, CSV, an object a line, or a Parquet file",
    )  # fmt: skip
    parser.add_argument("--to", metavar="FILE", help="write into this file instead")
    declare_zone(parser)
    parser.add_argument(
        "--no-index", action="store_true", help="do not use word indexes and columns"
    )
    parser.add_argument("--stats", action="store_true", help="say at the end how much was read")
    parser.add_argument("--no-pager", action="store_true", help="use no pager on a terminal")


def run(arguments: argparse.Namespace) -> int:
    terminated = []

    def end(*_: object) -> None:
        terminated.append(True)
        raise KeyboardInterrupt

    # A handler for SIGTERM, so that DuckDB's temporary files are removed.
    signal.signal(signal.SIGTERM, end)
    try:
        with limit_extra_memory(MEMORY):
            return _run_statement(arguments)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if terminated:
            os.kill(os.getpid(), signal.SIGTERM)


def _run_statement(arguments: argparse.Namespace) -> int:
    # Imported here, so that help works without the extra `sql`.
    try:
        from logsrv.linelog.sql import answer, fault, rows
    except ImportError as error:
        raise LogsrvError(_NOT_INSTALLED.format(how_to_install("sql"))) from error

    asked = question_with_hints([arguments.query], "sql", only_lines="--query")
    with open_view(arguments, "sql") as view:
        answered = None
        try:
            reading = rows.StoreReading(view, asked, with_index=not arguments.no_index)
            answered = answer.SqlAnswer(arguments.statement, reading, utc=arguments.utc)
            found = _write_answer(answered, arguments)
            _report_odd_fields(answered)
        except QueryError as error:
            raise UsageError(_error_with_caret(arguments.statement, error)) from None
        except MemoryError:
            raise LogsrvError(fault.NO_MEMORY) from None
        finally:
            if answered is not None:
                answered.close()
                if arguments.stats and answered.rows is not None:
                    tell(str(answered.rows.stats))
        return search_status(view.damaged, found)


def _write_answer(answer: SqlAnswer, arguments: argparse.Namespace) -> bool:
    """Write the answer; return whether it has rows."""
    # Imported here, because it needs Arrow, of the extra `sql`.
    from logsrv.linelog.commands.rows import writer

    with writer(arguments.output, arguments.to, arguments.local, not arguments.no_pager) as out:
        found = False
        batches = answer.batches()
        begun = []
        with ProgressLine(answer, alone=True):
            for batch in batches:
                begun.append(batch)
                if batch.num_rows:
                    break
        for batch in chain(begun, batches):
            out.write(answer.columns, batch)
            found = found or batch.num_rows > 0
    return found


def _report_odd_fields(answer: SqlAnswer) -> None:
    """Report fields that no line has, and values that became NULL because they are not numbers."""
    rows = answer.rows
    if rows is None:
        return
    for field, count in rows.missing.items():
        tell(
            f"logsrv sql: {one_line(field)} is no number in {count} lines, or one that does not "
            "fit: there it counts as NULL"
        )
    for field in answer.fields:
        if rows.lines and field in rows.plan.columns and field not in rows.seen | {*rows.missing}:
            tell(f"logsrv sql: no line that was read has a field {one_line(field)}")


def _error_with_caret(statement: str, error: QueryError) -> str:
    """Return the sentence of the error, with a caret under the position in the statement if it is known."""
    if not error.at:
        return error.sentence
    # The statement on one line, because the caret stands below one line.
    shown = statement.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    return error_with_caret(shown, error)
