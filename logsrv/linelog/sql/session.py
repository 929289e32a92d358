"""Connections to DuckDB that can compute and nothing else: no files, no network, no other statements."""

from __future__ import annotations

import contextlib

import duckdb

from logsrv.linelog.sql.fault import StatementError, fault
from logsrv.linelog.sql.levels import CREATED

# All of a command may take 500 MB; this is the share of DuckDB.
_MEMORY = "200MB"


def connect(temporary: str, *, utc: bool) -> duckdb.DuckDBPyConnection:
    """Return a connection to a new, empty database in memory.

    temporary: the directory in which DuckDB puts what does not fit into memory.
    utc: times without a zone are UTC, not local.
    """
    found = duckdb.connect(
        config={
            # The rows come one batch at a time, and processes are forked beside it.
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


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Take from a connection, for good, all that leads out of it."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def check(connection: duckdb.DuckDBPyConnection, statement: str) -> bool:
    """Raise StatementError unless `statement` is one that only asks; return whether it is an EXPLAIN."""
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise fault(error).as_error(statement) from None
    if not found:
        raise StatementError("there is no statement; a simple one is: select count(*) from logs")
    if len(found) > 1:
        at = len(found[0].query.encode())
        before = statement.encode()[:at].decode(errors="replace")
        raise StatementError("this is more than one statement", len(before) + 1)
    kind = found[0].type
    if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        name = str(kind).rpartition(".")[2].lower()
        with contextlib.suppress(IndexError):
            name = statement.split()[0].upper()
        raise StatementError(
            f"{name[:20]} is not possible here: only SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW "
            "and EXPLAIN are, which change nothing"
        )
    return bool(kind == duckdb.StatementType.EXPLAIN)
