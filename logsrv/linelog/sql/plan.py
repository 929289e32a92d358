"""The columns and the rows of `logs` that a statement needs, by DuckDB's plan.

DuckDB moves all conditions as far down as possible, through aliases, WITH and subqueries. So the conditions
at a scan of `logs` are about its rows only. They become a query, which is true for every line whose row
DuckDB may need. A condition is used only if it cannot leave out a row that DuckDB would keep; DuckDB tests
all conditions again. Conditions that are unknown here, such as those of a later DuckDB, are not used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.values import EXACT
from logsrv.linelog.query.question import (
    EVERYTHING,
    And,
    Compare,
    HasField,
    Node,
    Or,
    Term,
    all_of,
)
from logsrv.linelog.sql.columns import ALWAYS, NO_COLUMN, ColumnType

Expression: TypeAlias = Mapping[str, Any]

_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
}
_TURNED = {"=": "=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
# Microseconds since 1970. A moment outside these limits limits nothing: its text may not have the usual
# length.
_FIRST, _LAST = 0, 32503680000 * 1_000_000
# A condition with more values is not used: a search for them costs more than parsing all lines.
_MOST_VALUES = 50
# With more alternatives, none is used: each takes 2.5 µs a line, and parsing a line in vain 10 µs. Values
# of one field, and texts, do not count: they are searched at once, however many they are.
_MOST_ALTERNATIVES = 6
# Matches a text that may begin within \xNN, which DuckDB gets for a byte that is not UTF-8: the stored line
# has that byte, and not this text.
_MAYBE_ESCAPED = re.compile(r"x[0-9a-f]{2}|x[0-9a-f]?\Z|[0-9a-f]{1,2}")
# A query ignores case only in ASCII, but DuckDB lowers all letters: the two non-ASCII ones in _ALSO become
# i and k.
_ASCII = re.compile(r"[\x20-\x7e]+")
_ALSO = {"i": "\u0130", "k": "\u212a"}
_MOST_SPELLINGS = 4


_UNKNOWN = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
_SCAN = "PYTHON_ARROW_SCAN"
EMPTY_SCAN = "repeat_row"
"""A function instead of the table. It takes no conditions, as a table does: all stand above it."""


class WantedRows(NamedTuple):
    """Rows that DuckDB may need: those for which `node` is true, between two moments.

    since, until: microseconds since 1970, the first moment and the first that is too late; None: no limit.
    """

    node: Node = EVERYTHING
    since: int | None = None
    until: int | None = None

    @property
    def times(self) -> tuple[str, str]:
        """The two moments in the format of a `Scope`."""
        return _rfc3339_time(self.since), _rfc3339_time(self.until)


def rows_in_all(parts: list[WantedRows]) -> WantedRows:
    """Return the rows that are in all of `parts`."""
    node = all_of(dict.fromkeys(part.node for part in parts))
    since = max((part.since for part in parts if part.since is not None), default=None)
    until = min((part.until for part in parts if part.until is not None), default=None)
    return WantedRows(node, since, until)


def rows_in_any(parts: list[WantedRows]) -> WantedRows:
    """Return rows that include the rows of each part."""
    if not parts:
        return WantedRows()
    # Flatten: DuckDB nests some ORs, a hundred in each other.
    nodes = tuple(dict.fromkeys(one for part in parts for one in _or_parts(part.node)))
    costly = sum(not _is_cheap(node) for node in nodes)
    is_any = EVERYTHING in nodes or costly > _MOST_ALTERNATIVES
    node = EVERYTHING if is_any else nodes[0] if len(nodes) == 1 else Or(nodes)
    sinces = [part.since for part in parts if part.since is not None]
    untils = [part.until for part in parts if part.until is not None]
    return WantedRows(
        node,
        min(sinces) if len(sinces) == len(parts) else None,
        max(untils) if len(untils) == len(parts) else None,
    )


def _or_parts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, Or) else (node,)


def _is_cheap(node: Node) -> bool:
    return isinstance(node, Term) or (isinstance(node, Compare) and node.op == "=")


def rows_of_condition(
    found: Expression, names: Sequence[str], kinds: Mapping[str, ColumnType]
) -> WantedRows:
    """Return the rows for which a condition is true, or more. names: of the columns, by their numbers."""
    kind = found["type"]
    children = found.get("children") or []
    if kind in ("CONJUNCTION_AND", "CONJUNCTION_OR"):
        parts = [rows_of_condition(child, names, kinds) for child in children]
        return rows_in_all(parts) if kind == "CONJUNCTION_AND" else rows_in_any(parts)
    if kind == "BOUND_FUNCTION" and len(children) == 2:
        return _rows_of_function(found["qname"]["path"][-1], children, names)
    op = _COMPARISONS.get(kind)
    if op and children[0]["type"] == "VALUE_CONSTANT":
        children, op = children[::-1], _TURNED[op]
    column = _column_of(children[0], names) if children else None
    values = [child.get("value") for child in children[1:]]
    if column is None or not all(values):
        return WantedRows()
    if op:
        return _rows_compared(column, op, values[0], kinds)
    if kind == "COMPARE_BETWEEN":
        bounds = zip((">=", "<="), values, strict=True)
        return rows_in_all([_rows_compared(column, one, value, kinds) for one, value in bounds])
    if kind == "COMPARE_IN" and len(values) <= _MOST_VALUES:
        return rows_in_any([_rows_compared(column, "=", value, kinds) for value in values])
    if kind == "OPERATOR_IS_NOT_NULL" and column in kinds:
        return WantedRows(HasField(column))
    return WantedRows()


def _column_of(found: Expression, names: Sequence[str]) -> str | None:
    return names[found["index"]] if found["type"] == "BOUND_REF" else None


def _rows_of_function(name: str, children: list[Expression], names: Sequence[str]) -> WantedRows:
    subject, pattern = children
    small = name == "~~*"
    if _is_lower_call(subject):
        subject, small = subject["children"][0], True
    constant = (pattern.get("value") or {}).get("value")
    if _column_of(subject, names) != "message" or not isinstance(constant, str):
        return WantedRows()
    if name in ("contains", "prefix", "suffix", "starts_with", "ends_with"):
        pieces = [constant]
    elif name in ("~~", "~~*"):
        pieces = re.split("[%_]", constant)
    else:
        return WantedRows()
    return rows_in_all([WantedRows(_query_containing(piece, small)) for piece in pieces])


def _is_lower_call(found: Expression) -> bool:
    path = (found.get("qname") or {}).get("path") or [""]
    return found.get("type") == "BOUND_FUNCTION" and path[-1] in ("lower", "lcase")


def _query_containing(piece: str, small: bool) -> Node:
    """Return a query that is true for every line whose message, as DuckDB gets it, contains `piece`.

    small: whether DuckDB lowers the message before it compares it.
    """
    if "\\" in piece:
        return EVERYTHING
    escaped = _MAYBE_ESCAPED.match(piece.lower() if small else piece)
    rest = piece[escaped.end() :] if escaped else piece
    if not small:
        return Term(rest) if rest else EVERYTHING
    run = max(_ASCII.findall(rest.lower()), key=len, default="")
    spellings = [""]
    for part in re.split("([ik])", run):
        others = (part, _ALSO[part]) if part in _ALSO else (part,)
        spellings = [begun + other for begun in spellings for other in others]
        if len(spellings) > _MOST_SPELLINGS:
            return _any_term([max(re.split("[ik]", run), key=len)])
    return _any_term(spellings) if run else EVERYTHING


def _any_term(texts: list[str]) -> Node:
    if not all(texts):
        return EVERYTHING
    return Or(tuple(map(Term, texts))) if len(texts) > 1 else Term(texts[0])


def _rows_compared(
    column: str, op: str, constant: Mapping[str, Any], kinds: Mapping[str, ColumnType]
) -> WantedRows:
    """Return the rows for which `column op constant` is true, or more."""
    value = constant.get("value")
    type_ = (constant.get("type") or {}).get("id")
    if constant.get("is_null") or value is None:
        return WantedRows()
    if column == "time":
        return _rows_by_time(op, value) if type_ == "TIMESTAMP WITH TIME ZONE" else WantedRows()
    kind = kinds.get(column)
    if kind is not None and kind.is_number:
        return _rows_by_number(column, op, value, kind)
    if column == "level":
        is_level = type_ == "ENUM" and isinstance(value, int)
        return WantedRows(Compare(column, op, LEVELS[value])) if is_level else WantedRows()
    if op != "=" or not isinstance(value, str) or type_ != "VARCHAR" or "\\" in value:
        return WantedRows()
    if column in ("source", "name", "host"):
        return WantedRows(Compare(column, "=", value))
    # A list is JSON in the column, but a query compares its elements one by one.
    if kind is None or column in ALWAYS or value.startswith("["):
        return WantedRows()
    return WantedRows(Compare(column, "=", value))


def _rows_by_number(column: str, op: str, value: Any, kind: ColumnType) -> WantedRows:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < EXACT:
        return WantedRows()
    if op == "=" and kind is ColumnType.NUMBER:
        # The column has `39ms` as 0.039; in a query, = needs a unit on both sides or none.
        return WantedRows(
            And((Compare(column, ">=", repr(value)), Compare(column, "<=", repr(value))))
        )
    return WantedRows(Compare(column, op, repr(value)))


def _rows_by_time(op: str, value: Any) -> WantedRows:
    if not isinstance(value, int) or not _FIRST <= value < _LAST:
        return WantedRows()
    if op == "=":
        return WantedRows(since=value, until=value + 1)
    if op in (">", ">="):
        return WantedRows(since=value)
    return WantedRows(until=value + 1 if op == "<=" else value)


def _rfc3339_time(microseconds: int | None) -> str:
    return "" if microseconds is None else exact_rfc3339(microseconds)


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

    plans: DuckDB's plans of the statement on `EMPTY_SCAN`. explained: the result of EXPLAIN in JSON for it
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
        if node["type"] == "LOGICAL_GET" and node["qname"]["path"][-1] == EMPTY_SCAN:
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
