"""DuckDB's plan of a statement: the columns and the rows of `logs` that it needs.

DuckDB moves all conditions as far down as possible, through aliases, WITH and subqueries. So the conditions
at a scan of `logs` are about its rows only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from logsrv.linelog.sql.columns import ALWAYS, NO_COLUMN, ColumnType, quoted_identifier
from logsrv.linelog.sql.push import WantedRows, rows_in_all, rows_in_any, rows_of_condition

# The optimizers of DuckDB that move conditions. Others use the table's number of rows, which is 0 here, or
# make plans that DuckDB cannot serialize.
OPTIMIZERS = frozenset(
    (
        "expression_rewriter",
        "filter_pushdown",
        "filter_pullup",
        "cte_filter_pusher",
        "cte_inlining",
    )
)
_UNKNOWN = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
_SCAN = "PYTHON_ARROW_SCAN"
# A function that takes no conditions, as the scan of a table does: all of them stand above it, in one form.
_EMPTY_SCAN = "repeat_row"


def empty_table(kinds: Mapping[str, ColumnType]) -> str:
    """Return the statement that makes `logs` without rows, for plans."""
    columns = ALWAYS | {name: kind.value for name, kind in kinds.items()}
    nulls = ", ".join(f"NULL::{kind}" for kind in columns.values())
    names = ", ".join(map(quoted_identifier, columns))
    return (
        f"CREATE OR REPLACE VIEW logs AS FROM {_EMPTY_SCAN}({nulls}, num_rows := 0) logs({names})"
    )


class ReadingPlan(NamedTuple):
    """The part of the store that has to be read.

    columns: names of the needed columns. wanted: the needed rows.
    """

    columns: frozenset[str]
    wanted: WantedRows


def plan_everything(kinds: Mapping[str, ColumnType]) -> ReadingPlan:
    """Return the plan to read everything."""
    return ReadingPlan(frozenset((*ALWAYS, *kinds)), WantedRows())


def plan_from_duckdb(plans: Any, explained: Any, kinds: Mapping[str, ColumnType]) -> ReadingPlan:
    """Return the needed columns and rows.

    plans: DuckDB's plans of the statement on `empty_table`. explained: the result of EXPLAIN in JSON for it
    on the stream. If they differ, or one is not understood, more is read than needed.
    """
    known = {name.lower(): name for name in (*ALWAYS, *kinds)}
    try:
        read = list(_projected_columns(json.loads(explained)))
        columns = frozenset(
            known[name.lower()] for some in read for name in some if name != NO_COLUMN
        )
    except _UNKNOWN:
        return plan_everything(kinds)
    try:
        wanted = list(_rows_of_scans(plans, (), kinds))
    except _UNKNOWN:
        wanted = []
    return ReadingPlan(columns, rows_in_any(wanted) if len(wanted) == len(read) else WantedRows())


def _rows_of_scans(
    nodes: Any, conditions: Iterable[Any], kinds: Mapping[str, ColumnType]
) -> Iterator[WantedRows]:
    """Yield the rows that each scan of the table needs. conditions: of the node right above `nodes`."""
    for node in nodes:
        if node["type"] == "LOGICAL_GET" and node["qname"]["path"][-1] == _EMPTY_SCAN:
            names = node["names"]
            yield rows_in_all([rows_of_condition(one, names, kinds) for one in conditions])
        below = node["expressions"] if node["type"] == "LOGICAL_FILTER" else ()
        yield from _rows_of_scans(node["children"], below, kinds)


def _projected_columns(explained: Any) -> Iterator[list[str]]:
    """Yield the columns that each scan of the stream reads."""
    for node in explained:
        if node["name"].strip() == _SCAN:
            found = node["extra_info"].get("Projections", [])
            yield [found] if isinstance(found, str) else list(found)
        yield from _projected_columns(node["children"])
