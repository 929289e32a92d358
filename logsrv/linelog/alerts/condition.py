"""A condition of an alert: figures of lines in a window of time, what is computed of them, and comparisons.

`grammar` reads it from the text of an alert, `windows` asks it about each group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.question import (
    PURE,
    And,
    Cell,
    Column,
    ColumnKind,
    Compare,
    Node,
    Not,
    Or,
    RowStage,
    leaves,
)
from logsrv.linelog.query.units import NONE, numbers_by_unit
from logsrv.linelog.read.figures.grouping import Grouping
from logsrv.linelog.stages.where import RowFilter
from logsrv.value import Value

LONGEST_VALUE = 200
"""Characters of a value of a group; longer ones that begin alike are one group."""

Values: TypeAlias = tuple[float | None, ...]
"""The figures of a group, in the order of `Condition.shown`."""


class ComparedFigure(NamedTuple):
    """A comparison of a figure with a number, in the unit of its field."""

    column: Column
    operator: str
    threshold: float


class Label(NamedTuple):
    """The words for a figure in a message. unit: "" for none."""

    name: str
    unit: str


class WindowFigures(NamedTuple):
    """The figures of a group in a window, and whether they fulfil the condition."""

    values: Values
    is_met: bool


class Condition(Value):
    """Figures of the lines in a window of `window` seconds, and the stages behind them.

    grouping: the figures, and the fields by whose values the lines are grouped; each group has its own
    figures. stages: what is computed of these, and the comparisons, all of which have to be true.
    """

    grouping: Grouping
    window: float
    stages: tuple[RowStage, ...]

    @property
    def by(self) -> tuple[str, ...]:
        return self.grouping.by

    @cached_property
    def _columns(self) -> list[Sequence[Column]]:
        """The columns before each stage, and behind the last one."""
        found: list[Sequence[Column]] = [self.grouping.columns]
        for stage in self.stages:
            found.append(stage.columns_behind(found[-1]))
        return found

    @cached_property
    def _filters(self) -> list[RowFilter]:
        return [one for one in self.stages if isinstance(one, RowFilter)]

    @cached_property
    def comparisons(self) -> tuple[ComparedFigure, ...]:
        """The comparisons of figures with numbers, in order."""
        columns = {one.name: one for one in self._columns[-1]}
        found = []
        for one in self._filters:
            for leaf in leaves(one.node):
                if isinstance(leaf, Compare) and columns[leaf.field].kind.is_number:
                    threshold = numbers_by_unit(leaf.field, leaf.value).get(NONE)
                    if threshold is not None and leaf.op in ("=", "!=", *ORDERS):
                        known = ComparedFigure(columns[leaf.field], leaf.op, float(threshold))
                        found.append(known)
        return tuple(found)

    @cached_property
    def shown(self) -> tuple[Column, ...]:
        """The figures that a message tells: first those that are compared."""
        compared = [one.column for one in self.comparisons]
        others = [one for one in self._columns[-1] if one.kind.is_number]
        return tuple(dict.fromkeys((*compared, *others)))

    @cached_property
    def _shown_at(self) -> list[int]:
        columns = [*self._columns[-1]]
        return [columns.index(one) for one in self.shown]

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The name and the unit of each shown figure: a figure without a name is told by its words."""
        figures = self.grouping.figures
        columns = self.grouping.columns[len(self.by) :]
        words = {
            column: str(one)
            for one, column in zip(figures, columns, strict=True)
            if not one.name and one.condition is None
        }
        units = (None if one.unit == PURE else one.unit for one in self.shown)
        return tuple(
            Label(words.get(one, one.name), unit or "")
            for one, unit in zip(self.shown, units, strict=True)
        )

    @cached_property
    def _single(self) -> ComparedFigure | None:
        """The comparison, by an order, if nothing else is asked of one figure."""
        filters = self._filters
        is_one = len(self.grouping.figures) == len(self.stages) == len(filters) == 1
        if not is_one or not isinstance(filters[0].node, Compare) or not self.comparisons:
            return None
        [found] = self.comparisons
        return found if found.operator in ORDERS else None

    @cached_property
    def only_rises(self) -> bool:
        """True if further lines can only make it true: more than so many lines."""
        single, [figure, *_] = self._single, self.grouping.figures
        is_count = figure.function == "count" and figure.condition is None
        return is_count and single is not None and single.operator in (">", ">=")

    @cached_property
    def is_absence(self) -> bool:
        """True if a group without lines may fulfil it."""
        columns = self.grouping.columns
        row = (*[None] * len(self.by), *(one.of_no_lines for one in self.grouping.figures))
        row = self._with_computed(row)
        every = And(tuple(one.node for one in self._filters))
        groups = {one.name for one in columns if one.kind is ColumnKind.GROUP}

        def is_true(leaf: Node) -> bool | None:
            if getattr(leaf, "field", "") in groups:
                return None
            return RowFilter(leaf).test(self._columns[-1], utc=False)(row)

        return True in _outcomes(every, is_true)

    @cached_property
    def _tests(self) -> list[Callable[[Sequence[Cell]], bool]]:
        return [one.test(self._columns[-1], utc=False) for one in self._filters]

    def _with_computed(self, row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        for stage, columns in zip(self.stages, self._columns, strict=False):
            if not isinstance(stage, RowFilter):
                [row] = stage.apply([row], columns, utc=False)
        return row

    def figures(self, key: Sequence[Cell], cells: Sequence[Cell]) -> WindowFigures:
        """Return what a message shows of a group, and whether it fulfils the condition.

        key: its values of the fields of `by`; none for other groups. cells: its figures.
        """
        if (single := self._single) is not None:
            value = cells[0]
            assert not isinstance(value, str)
            is_met = value is not None and ORDERS[single[1]](value, single[2])
            return WindowFigures((value,), is_met)
        row = self._with_computed((*(key or [None] * len(self.by)), *cells))
        return WindowFigures(
            tuple([_number(row[at]) for at in self._shown_at]),
            all(test(row) for test in self._tests),
        )


def _number(cell: Cell) -> float | None:
    return None if isinstance(cell, str) else cell


def _outcomes(node: Node, is_true: Callable[[Node], bool | None]) -> set[bool]:
    """Return what a condition may be. is_true: tells it of a leaf; None for either."""
    match node:
        case And() | Or():
            parts = [_outcomes(part, is_true) for part in node.parts]
            # One such part decides: a false one of "all", a true one of "any".
            decides = isinstance(node, Or)
            found = {decides} if any(decides in one for one in parts) else set()
            return found | ({not decides} if all((not decides) in one for one in parts) else set())
        case Not():
            return {not one for one in _outcomes(node.part, is_true)}
    known = is_true(node)
    return {True, False} if known is None else {known}
