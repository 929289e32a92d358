"""DuckDB's plan of a statement: the columns and the rows of `logs` that it needs.

DuckDB moves all conditions as far down as possible, through aliases, WITH and subqueries. So the conditions
at a scan of `logs` are about its rows only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from logsrv.linelog.sql.columns import ALWAYS, ColumnType
from logsrv.linelog.sql.push import (
    WantedRows,
    rows_in_all,
    rows_in_any,
    rows_of_condition,
    rows_of_filter,
)

# The optimizers of DuckDB that move conditions. Others use the table's number of rows, which is 0 here, or
# make plans that DuckDB cannot serialize.
OPTIMIZERS = frozenset(
    (
        "expression_rewriter",
        "filter_pushdown",
        "filter_pullup",
        "cte_filter_pusher",
        "cte_inlining",
        "in_clause",
    )
)
_UNKNOWN = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
_SCAN = "PYTHON_ARROW_SCAN"


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

    plans: DuckDB's plans of the statement on a table. explained: the result of EXPLAIN in JSON for the same
    statement on the stream. If they differ, or one is not understood, more is read than needed.
    """
    names = (*ALWAYS, *kinds)
    known = {name.lower(): name for name in names}
    try:
        read = list(_projected_columns(json.loads(explained)))
        columns = frozenset(known[name.lower()] for some in read for name in some)
    except _UNKNOWN:
        return plan_everything(kinds)
    try:
        scans = list(_table_scans(plans, None))
        if len(scans) != len(read):
            return ReadingPlan(columns, WantedRows())
        wanted = rows_in_any([_wanted_rows(scan, above, names, kinds) for scan, above in scans])
        # A plan that only counts rows reads some column without using it.
        used = any(name for scan, _ in scans for name in _scanned_columns(scan, names))
    except _UNKNOWN:
        return ReadingPlan(columns, WantedRows())
    return ReadingPlan(columns if used else frozenset(), wanted)


def _table_scans(nodes: Any, above: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each scan of the table, with the plan's node directly above it."""
    for node in nodes:
        if (node.get("function_data") or {}).get("table") == "logs":
            yield node, above
        yield from _table_scans(node["children"], node)


def _scanned_columns(scan: Any, names: Sequence[str]) -> list[str | None]:
    """Return the columns that a scan reads; None for others than the table's, such as the row number."""
    places = [column["index"] for column in scan["column_indexes"]]
    return [names[place] if 0 <= place < len(names) else None for place in places]


def _wanted_rows(
    scan: Any, above: Any, names: Sequence[str], kinds: Mapping[str, ColumnType]
) -> WantedRows:
    read = _scanned_columns(scan, names)
    found = []
    for item in scan["table_filters"]["filters"]:
        column = read[item["key"]]
        if column is not None:
            found.append(rows_of_filter(item["value"], column, kinds))
    if above is not None and above["type"] == "LOGICAL_FILTER":
        kept = scan["projection_ids"] or range(len(read))
        shown = [read[place] for place in kept]
        for expression in above["expressions"]:
            found.append(rows_of_condition(expression, lambda place: shown[place], kinds))
    return rows_in_all(found)


def _projected_columns(explained: Any) -> Iterator[list[str]]:
    """Yield the columns that each scan of the stream reads."""
    for node in explained:
        if node["name"].strip() == _SCAN:
            found = node["extra_info"].get("Projections", [])
            yield [found] if isinstance(found, str) else list(found)
        yield from _projected_columns(node["children"])
