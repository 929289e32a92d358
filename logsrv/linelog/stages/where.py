"""`where ms>500`: another filter of lines. Behind a table it compares columns: `where count > 5`.

Behind a table an atom of the filter is COLUMN OP VALUE, with or without spaces:

COLUMN     = the name of a column, such as `avg_ms`, or the field that only one of the figures tells of
VALUE      = as of a filter; of a time also `now` and `now - 10m`
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.time import parse_rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.query.field_names import (
    FIELD,
    field_as_written,
    name_of_field,
    require_closed,
)
from logsrv.linelog.query.parse import (
    ORDERS,
    ExtractedNames,
    LineConditions,
    Parsed,
    parse_comparison,
    parse_tree,
)
from logsrv.linelog.query.question import (
    SHARE,
    And,
    Cell,
    Column,
    ColumnKind,
    Compare,
    HasField,
    Node,
    Not,
    Or,
)
from logsrv.linelog.query.stage import Completion, Stage
from logsrv.linelog.query.stage_words import StageWords, find_column
from logsrv.linelog.query.times import SOME_DAY, parse_moment
from logsrv.linelog.query.units import numbers_by_unit
from logsrv.value import Value

if TYPE_CHECKING:
    from logsrv.linelog.query import candidates, predicates
else:
    candidates = later_module("logsrv.linelog.query.candidates")
    predicates = later_module("logsrv.linelog.query.predicates")

_COMPARISON = re.compile(rf"({FIELD})\s*(!=|>=|<=|[=<>~:])\s*")
ORDER = re.compile(r"()(>=|<=|[<>])\s*")
"""An operator that compares numbers, as the second group."""
_PERCENT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?%", re.ASCII)
_NOW = re.compile(r"now(?:\s*-\s*[0-9]{1,12}[smhdw])?(?=[\s)]|\Z)", re.ASCII)


def _of_lines(words: StageWords, lines: LineConditions) -> None:
    lines.add(words.filter())


class RowFilter(Value):
    """`where` behind a table. node: comparisons of columns, by their names."""

    node: Node

    def columns_behind(self, columns: Sequence[Column]) -> Sequence[Column]:
        return columns

    def apply(
        self, rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], *, utc: bool
    ) -> list[tuple[Cell, ...]]:
        return [*filter(self.test(columns, utc=utc), rows)]

    def test(self, columns: Sequence[Column], *, utc: bool) -> Callable[[Sequence[Cell]], bool]:
        """Return the function that tells whether it is true for a row, which may have further cells."""
        return _RowTests(columns, time.time(), utc).of(self.node)


def _of_rows(words: StageWords, columns: Sequence[Column]) -> RowFilter:
    return RowFilter(words.read(lambda text, at: _parse_rows(text, at, columns)))


def _parse_rows(text: str, start: int, columns: Sequence[Column]) -> tuple[Node, int]:
    """Return the tree of `where` behind figures, and the offset of the `|` or the end behind it.

    Its comparisons have the names of columns. Raises QueryError.
    """
    extracted = ExtractedNames()

    def atom(text: str, at: int) -> Parsed:
        found = _COMPARISON.match(text, at)
        name = name_of_field(found[1]) if found else None
        if found is None or name is None:
            require_closed(text, at)
            raise QueryError("after figures, where compares columns: where count > 5", at + 1)
        column = find_column(name, columns, at)
        test, end = _parse_test(text, found, column, extracted)
        if isinstance(test, Compare):
            _check_value(test, column, found.end())
        return test.replace(field=column.name), end

    node, end = parse_tree(text, start, atom)
    if not text[start:end].strip():
        raise QueryError("where needs a column to compare: where count > 5", start + 1)
    return node, end


def take_order(words: StageWords, column: Column) -> Compare:
    """Take `> VALUE`, which compares a column of numbers. Raises QueryError."""
    found = ORDER.match(words.text, words.at)
    assert found is not None
    test, words.at = _parse_test(words.text, found, column, ExtractedNames())
    assert isinstance(test, Compare)
    _check_value(test, column, found.end())
    return test


def _parse_test(
    text: str, found: re.Match[str], column: Column, extracted: ExtractedNames
) -> tuple[Compare | HasField, int]:
    now = _NOW.match(text, found.end()) if column.kind is ColumnKind.TIME else None
    if now:
        return Compare(column.name, found[2], now[0]), now.end()
    is_level = column.field == "level" and not column.kind.is_number
    parsed = parse_comparison(text, found, "level" if is_level else column.name, extracted)
    if parsed is None:
        raise QueryError(": needs a value after it", found.end() + 1)
    test, end = parsed
    if isinstance(test, Compare) and column.unit == SHARE and _PERCENT.fullmatch(test.value):
        test = test.replace(value=f"{float(test.value[:-1]) / 100:.15g}")
    return test, end


def _check_value(test: Compare, column: Column, at: int) -> None:
    """Raise QueryError for a value, at offset `at`, with which such a column cannot be compared."""
    value = one_line(test.value, 60)
    if column.kind is ColumnKind.TIME:
        if test.op not in ("=", "!=", *ORDERS):
            raise QueryError(f"{column.name} is a time: compare it by <, <=, > or >=", at + 1)
        try:
            parse_moment(test.value, SOME_DAY, utc=False)
        except ValueError as error:
            raise QueryError(str(error), at + 1) from None
    elif (
        column.kind.is_number and test.op in ORDERS and not numbers_by_unit(column.name, test.value)
    ):
        shown = one_line(field_as_written(column.name), 60)
        raise QueryError(f"{shown} is a number, and {value} is not", at + 1)


class _RowTests:
    """Functions that tell whether a condition is true for a row. now: seconds since 1970."""

    def __init__(self, columns: Sequence[Column], now: float, utc: bool) -> None:
        self._columns = {one.name: (index, one) for index, one in enumerate(columns)}
        self._now, self._utc = now, utc

    def of(self, node: Node) -> Callable[[Sequence[Cell]], bool]:
        match node:
            case And():
                return predicates.all_true([self.of(part) for part in node.parts])
            case Or():
                return predicates.any_true([self.of(part) for part in node.parts])
            case Not():
                return predicates.is_false(self.of(node.part))
            case HasField():
                index, _ = self._columns[node.field]
                return lambda row: row[index] is not None
            case Compare():
                index, column = self._columns[node.field]
                return _of_cell(index, self._cell_test(node, column))
        raise AssertionError(node)

    def _cell_test(self, node: Compare, column: Column) -> Callable[[str | float], bool]:
        if column.kind is ColumnKind.TIME:
            order = {"=": float.__eq__, "!=": float.__ne__, **ORDERS}[node.op]
            wanted = parse_moment(node.value, self._now, self._utc)
            return lambda cell: order(parse_rfc3339(str(cell)), wanted)
        if column.field == "level" and not column.kind.is_number:
            levels = candidates.levels_satisfying(node.op, node.value)
            return lambda cell: cell in levels
        # A number has the unit of its field, whatever the column is called.
        name = column.field if column.field and column.kind.is_number else column.name
        return predicates.value_test(node.replace(field=name))


def _of_cell(index: int, test: Callable[[str | float], bool]) -> Callable[[Sequence[Cell]], bool]:
    def is_true(row: Sequence[Cell]) -> bool:
        cell = row[index]
        return cell is not None and test(cell)

    return is_true


STAGE = Stage(
    ("where",),
    "lines",
    parse_filter=_of_lines,
    parse_rows=_of_rows,
    instead={"grep": "the words before the |", "filter": "where FIELD>5"},
    completion=Completion(takes="filter"),
)
