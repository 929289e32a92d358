"""The stages behind figures, on the rows of their table: `where` and `sort` by columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.values import Number, number_of_value
from logsrv.linelog.query.candidates import levels_satisfying
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.predicates import all_true, any_true, is_false, value_test
from logsrv.linelog.query.question import (
    And,
    Column,
    Compare,
    Grouping,
    HasField,
    Node,
    Not,
    Or,
    RowStage,
    Sorting,
)
from logsrv.linelog.query.times import parse_moment
from logsrv.linelog.read.figures.groups import Cell, Rows

Row = Sequence[Cell]


def after_stages(
    found: Rows, grouping: Grouping, stages: Sequence[RowStage], *, utc: bool = False
) -> Rows:
    """Return a table after its stages. utc: whether times without a zone in them are UTC, not local."""
    test = _RowTests(grouping.columns, time.time(), utc)
    for one in stages:
        if isinstance(one, Sorting):
            place = found.columns.index(one.field)
            rows = _sorted(found.rows, place, ascending=one.ascending)
        else:
            rows = [*filter(test.of(one.node), found.rows)]
        found = found._replace(rows=rows)
    return found


def _sorted(rows: list[tuple[Cell, ...]], place: int, *, ascending: bool) -> list[tuple[Cell, ...]]:
    """Return rows by a column: by numbers if it has only numbers. Missing values are last."""
    known = [row for row in rows if row[place] is not None]
    numbers = [_number(row[place]) for row in known]
    keys: list[Any] = [str(row[place]) for row in known] if None in numbers else numbers
    order = sorted(range(len(known)), key=keys.__getitem__, reverse=not ascending)
    return [known[at] for at in order] + [row for row in rows if row[place] is None]


def _number(cell: Cell) -> Number | None:
    return None if cell is None else number_of_value(cell)


class _RowTests:
    """Functions that tell whether a condition is true for a row. now: seconds since 1970."""

    def __init__(self, columns: Sequence[Column], now: float, utc: bool) -> None:
        self._places = {one.name: (place, one) for place, one in enumerate(columns)}
        self._now, self._utc = now, utc

    def of(self, node: Node) -> Callable[[Row], bool]:
        match node:
            case And():
                return all_true([self.of(part) for part in node.parts])
            case Or():
                return any_true([self.of(part) for part in node.parts])
            case Not():
                return is_false(self.of(node.part))
            case HasField():
                place, _ = self._places[node.field]
                return lambda row: row[place] is not None
            case Compare():
                place, column = self._places[node.field]
                return _of_cell(place, self._cell_test(node, column))
        raise AssertionError(node)

    def _cell_test(self, node: Compare, column: Column) -> Callable[[str | float], bool]:
        if column.is_time:
            order = {"=": float.__eq__, "!=": float.__ne__, **ORDERS}[node.op]
            wanted = parse_moment(node.value, self._now, self._utc)
            return lambda cell: order(parse_rfc3339(str(cell)), wanted)
        if column.field == "level" and not column.is_number:
            levels = levels_satisfying(node.op, node.value)
            return lambda cell: cell in levels
        return value_test(node)


def _of_cell(place: int, test: Callable[[str | float], bool]) -> Callable[[Row], bool]:
    def is_true(row: Row) -> bool:
        cell = row[place]
        return cell is not None and test(cell)

    return is_true
