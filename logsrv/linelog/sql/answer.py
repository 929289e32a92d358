"""The answer to a statement: its fields get types, rows stream into DuckDB, and the answer streams out.

If a column cannot hold a value, the statement is run again with a wider column. If rows of the answer were
returned already, or the statement does not allow the wider column, such values are NULL, and counted.

Its connections to DuckDB can only compute: no files, no network, no other statements.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow

from logsrv.errors import QueryError
from logsrv.linelog.read.plan import SearchStats
from logsrv.linelog.sql.binding import OPTIMIZERS, LineSample, StatementBinder
from logsrv.linelog.sql.columns import (
    CREATED,
    NO_COLUMN,
    TYPE,
    ColumnType,
    quoted_identifier,
    replace_level_texts,
)
from logsrv.linelog.sql.fault import NO_MEMORY, parse_fault
from logsrv.linelog.sql.plan import ReadingPlan, plan_everything, plan_from_duckdb
from logsrv.linelog.sql.rows import MisfitValue, StoreReading, TableRows

# Rows in a batch of the answer. An answer with fewer rows is returned when it is complete.
_ROWS = 10_000


class SqlAnswer:
    """The answer to one statement. Raises QueryError.

    utc: times without a zone are UTC, not local. pushed: read only rows that the statement's conditions can
    need. columns: names of the answer's columns with DuckDB's names of their types.
    """

    def __init__(
        self, statement: str, reading: StoreReading, *, utc: bool = False, pushed: bool = True
    ) -> None:
        self.statement = statement.rstrip().rstrip(";")
        self._reading = reading
        self.view = reading.view
        self.on_frame: Callable[[], None] | None = None
        self._utc = utc
        self._pushed = pushed
        # The directory's name is set before it is made: so `close` removes it even if a signal comes in
        # between.
        self._temporary = f"{tempfile.gettempdir()}/logsrv-sql-{secrets.token_hex(8)}"
        self._resources = contextlib.ExitStack()
        self._resources.callback(shutil.rmtree, self._temporary, ignore_errors=True)
        # The rows and the connection of a run of the statement.
        self._running = self._resources.enter_context(contextlib.ExitStack())
        self.rows: TableRows | None = None
        self.columns: list[tuple[str, str]] = []
        try:
            os.mkdir(self._temporary, 0o700)
            self._bind_fields()
        except BaseException:
            self.close()
            raise

    def _bind_fields(self) -> None:
        planning = connect_in_memory(self._temporary, utc=self._utc)
        self._resources.callback(planning.close)
        every = planning.execute("SELECT name FROM duckdb_optimizers()").fetchall()
        others = ",".join(name for (name,) in every if name not in OPTIMIZERS)
        planning.execute(f"SET disabled_optimizers = '{others}'")
        disable_external_access(planning)
        is_explained = require_read_only(planning, self.statement)
        sample = LineSample(self._reading.view, self._reading.question.extractions)
        self._binder = StatementBinder(planning, sample, is_explained=is_explained)
        self.fields = self._binder.bind_fields(self.statement)
        self.statement = replace_level_texts(
            self.statement, self._binder.syntax_tree(self.statement)
        )

    @property
    def stats(self) -> SearchStats:
        """The counts of the reading so far."""
        return self.rows.stats if self.rows is not None else SearchStats()

    def close(self) -> None:
        """End the reading, and remove its temporary files."""
        self._resources.close()

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of the answer. Raises QueryError."""
        lenient: set[tuple[str, bool]] = set()
        while True:
            begun = False
            try:
                for batch in self._run_statement(lenient):
                    # The first batch has no rows: its columns still change if the statement is run again.
                    if batch.num_rows:
                        begun = True
                        assert self.rows is not None
                        self.rows.is_lenient = True
                        yield batch
                    elif not begun:
                        empty = batch
                if not begun:
                    yield empty
                return
            except MisfitValue as misfit:
                assert not begun
                self._widen_field(misfit, lenient)

    def _run_statement(self, lenient: set[tuple[str, bool]]) -> Iterator[pyarrow.RecordBatch]:
        self._running.close()
        self.rows = rows = TableRows(self._reading, self.fields, plan_everything(self.fields))
        rows.lenient = lenient
        rows.on_frame = self.on_frame
        connection = connect_in_memory(self._temporary, utc=self._utc)
        self._running.callback(connection.close)
        self._running.callback(rows.close)
        connection.register("stored", rows)
        connection.execute(
            f"CREATE TEMP VIEW logs AS SELECT * EXCLUDE ({quoted_identifier(NO_COLUMN)}) "
            f"REPLACE (level::{TYPE} AS level) FROM stored"
        )
        disable_external_access(connection)
        if self._pushed and not self._binder.is_explained:
            rows.plan = self._reading_plan(connection)
        try:
            relation = connection.sql(self.statement)
            self.columns = list(zip(relation.columns, map(str, relation.types), strict=True))
            reader = relation.to_arrow_reader(_ROWS)
            # Even an answer without rows has columns.
            yield pyarrow.RecordBatch.from_pylist([], reader.schema)
            yield from reader
        except KeyboardInterrupt:
            raise
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except MemoryError:
            raise QueryError(NO_MEMORY) from None
        except (duckdb.Error, OSError, ValueError, RuntimeError) as error:
            if rows.error is not None:
                raise rows.error from None
            raise parse_fault(error).as_error(self.statement) from None

    def _reading_plan(self, connection: duckdb.DuckDBPyConnection) -> ReadingPlan:
        """Return the plan of what has to be read; everything if DuckDB's plan is not understood."""
        if self._binder.find_fault(self.statement, self.fields) is not None:
            return plan_everything(self.fields)
        try:
            explained: Any = connection.execute(
                f"EXPLAIN (FORMAT JSON) {self.statement}"
            ).fetchall()[0][1]
        except duckdb.Error:
            return plan_everything(self.fields)
        return plan_from_duckdb(
            self._binder.duckdb_plan(self.statement, optimized=True), explained, self.fields
        )

    def _widen_field(self, misfit: MisfitValue, lenient: set[tuple[str, bool]]) -> None:
        """Give a field a wider type. If the statement does not allow that, its bad values become NULL."""
        kinds = [ColumnType.TEXT] * misfit.has_text + [ColumnType.NUMBER] * misfit.has_number
        for kind in kinds:
            fields = self.fields | {misfit.field: kind}
            if self._binder.is_valid_with(self.statement, fields):
                self.fields = fields
                return
        lenient.add((misfit.field, misfit.has_number))


# Beyond this DuckDB writes to its temporary directory. It is DuckDB's share of the 500 MB that a command
# may take.
_MEMORY = "200MB"


def connect_in_memory(temporary: str, *, utc: bool) -> duckdb.DuckDBPyConnection:
    """Return a connection to a new, empty database in memory.

    temporary: the directory for data that does not fit into DuckDB's memory.
    utc: whether times without a zone are UTC, not local.
    """
    found = duckdb.connect(
        config={
            # Only one thread, because rows arrive one batch at a time, and processes are forked meanwhile.
            "threads": 1,
            "memory_limit": _MEMORY,
            "temp_directory": temporary,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    found.execute("SET errors_as_json = true")
    found.execute("SET enable_progress_bar = false")
    found.execute(CREATED)
    if utc:
        found.execute("SET TimeZone = 'UTC'")
    return found


def disable_external_access(connection: duckdb.DuckDBPyConnection) -> None:
    """Disable a connection's access to files and network, irrevocably."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def require_read_only(connection: duckdb.DuckDBPyConnection, statement: str) -> bool:
    """Raise QueryError unless `statement` only reads; return whether it is an EXPLAIN."""
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise parse_fault(error).as_error(statement) from None
    if not found:
        raise QueryError("there is no statement; a simple one is: select count(*) from logs")
    if len(found) > 1:
        at = len(found[0].query.encode())
        before = statement.encode()[:at].decode(errors="replace")
        raise QueryError("this is more than one statement", len(before) + 1)
    kind = found[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        name = str(kind).rpartition(".")[2].lower()
        with contextlib.suppress(IndexError):
            name = statement.split()[0].upper()
        raise QueryError(
            f"{name[:20]} is not possible here: only SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW "
            "and EXPLAIN are, which change nothing"
        )
    return bool(kind == duckdb.StatementType.EXPLAIN)
