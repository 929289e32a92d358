"""The words of figures: a table of `count`, `avg ms` … of lines, by fields and by steps of time.

Everything here is made of texts and numbers alone: whoever reads a query need not load what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from logsrv.linelog.query.question import PURE, Cell, Column, ColumnKind, Node
from logsrv.linelog.query.units import unit_of_figures
from logsrv.linelog.steps.steps import Steps

OF_TIME = ("min", "max")
"""Functions of `time`, the only one of a line's own fields that has an order."""


class MeasureKind(StrEnum):
    """The way in which a field is measured in a group of lines; several figures may have it in common."""

    SUMS = "sums"
    NUMBERS = "numbers"
    """Its sums, and all numbers, for percentiles."""
    VALUES = "values"
    FIRST = "first"
    LAST = "last"
    TIMES = "times"

    @property
    def needs_numbers(self) -> bool:
        """True if only lines with a number in the field are measured."""
        return self in (MeasureKind.SUMS, MeasureKind.NUMBERS)


class Function(NamedTuple):
    """A function of figures.

    measure: what is kept of its field for each group; None for the number of lines. cells: what its column
    has. part: of a percentile, from 0 to 1.
    """

    measure: MeasureKind | None
    cells: ColumnKind
    part: float = 0.0


FUNCTIONS = {
    "count": Function(None, ColumnKind.COUNT),
    "rate": Function(None, ColumnKind.COUNT),
    "sum": Function(MeasureKind.SUMS, ColumnKind.SUM),
    "avg": Function(MeasureKind.SUMS, ColumnKind.NUMBER),
    "min": Function(MeasureKind.SUMS, ColumnKind.NUMBER),
    "max": Function(MeasureKind.SUMS, ColumnKind.NUMBER),
    "p50": Function(MeasureKind.NUMBERS, ColumnKind.NUMBER, 0.5),
    "p95": Function(MeasureKind.NUMBERS, ColumnKind.NUMBER, 0.95),
    "p99": Function(MeasureKind.NUMBERS, ColumnKind.NUMBER, 0.99),
    "count_distinct": Function(MeasureKind.VALUES, ColumnKind.DISTINCT),
    "first": Function(MeasureKind.FIRST, ColumnKind.TEXT),
    "last": Function(MeasureKind.LAST, ColumnKind.TEXT),
}
"""All functions, in the order in which they are listed."""
OF_FIELDS = tuple(name for name, one in FUNCTIONS.items() if one.measure)
"""Those of a field in a group of lines; the others count the lines."""
PERCENTILES = {name: one.part for name, one in FUNCTIONS.items() if one.part}


ADDED_UP = ("count", "rate", "sum", "count_distinct")
"""Figures of which that of some lines is a part of that of all."""


class Measure(NamedTuple):
    """A field, and the way in which it is measured in each group of lines."""

    kind: MeasureKind
    field: str


class Figure(NamedTuple):
    """A column of an answer. function: `count`, `rate`, or a function of `field`.

    condition: only lines for which it is true, too, are counted; None for all that the query finds. name:
    of the column, if the query gives one. per: the seconds of a rate.
    """

    function: str
    field: str = ""
    condition: Node | None = None
    name: str = ""
    per: float = 0.0

    def __str__(self) -> str:
        return f"{self.function} {self.field}".rstrip()

    @property
    def counted(self) -> Figure:
        """The figure without its condition and name, as it is counted; of a rate the number of lines."""
        return Figure("count" if self.function == "rate" else self.function, self.field)

    @property
    def of_no_lines(self) -> Cell:
        """The figure of no lines."""
        kind = self.column_kind
        return 0 if kind in (ColumnKind.COUNT, ColumnKind.DISTINCT) else None

    @property
    def column(self) -> str:
        """The name of its column, such as `avg_ms`."""
        return self.name or f"{self} {'' if self.condition is None else 'if'}".rstrip().replace(
            " ", "_"
        )

    @property
    def column_kind(self) -> ColumnKind:
        """The kind of its cells."""
        if self.is_time:
            return ColumnKind.TIME
        return FUNCTIONS[self.function].cells

    def unit(self, ways: int) -> str | None:
        """Return the unit of its numbers. ways: how the numbers are written that it is of."""
        if self.function in ("count", "count_distinct"):
            return PURE
        is_of_field = self.field and self.kind.needs_numbers
        return unit_of_figures(self.field, ways) if is_of_field else None

    @property
    def is_time(self) -> bool:
        """True if its cells are times."""
        return self.field == "time" and self.function in OF_TIME

    @property
    def kind(self) -> MeasureKind:
        """The way in which its field is measured."""
        found = MeasureKind.TIMES if self.is_time else FUNCTIONS[self.function].measure
        assert found is not None, f"{self.function} has no field"
        return found


COUNT = Figure("count")


class Grouping(NamedTuple):
    """A table of `figures` with a row for each combination of the values of the fields `by`.

    every: steps of time, by which rows are parted, too; None for none. compare: each figure is followed by
    the same one of lines that are so many seconds older, and a number by the change since; None for not.
    zone: of the clock that tells which lines are whole days older.
    """

    figures: tuple[Figure, ...]
    by: tuple[str, ...] = ()
    every: Steps | None = None
    compare: float | None = None
    zone: str = ""

    def by_condition(self) -> dict[Node | None, Grouping]:
        """Return for each condition what is counted of its lines; for None, the first one, of all lines."""
        by_condition: dict[Node | None, list[Figure]] = {None: []}
        for one in self.figures:
            by_condition.setdefault(one.condition, []).append(one.counted)
        return {
            condition: Grouping(tuple(dict.fromkeys(figures)) or (COUNT,), self.by, self.every)
            for condition, figures in by_condition.items()
        }

    def measure_of(self, figure: Figure) -> Measure:
        """Return the measure of each group that a figure of a field needs."""
        kind = figure.kind
        if kind is MeasureKind.SUMS and any(
            one.field == figure.field and one.kind is MeasureKind.NUMBERS for one in self.figures
        ):
            kind = MeasureKind.NUMBERS
        return Measure(kind, figure.field)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures of each group, for all figures."""
        return tuple(dict.fromkeys(self.measure_of(one) for one in self.figures if one.field))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of its figures, but for the times of lines."""
        return tuple(
            dict.fromkeys(one.field for one in self.measures if one.kind is not MeasureKind.TIMES)
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the table: `time`, the fields of `by`, then such as `avg_ms`."""
        return self.columns_of([0] * len(self.figures))

    def columns_of(self, ways: Sequence[int]) -> tuple[Column, ...]:
        """Return the columns. ways: for each figure, how the numbers that it is of are written."""
        columns = [Column("time", "time", ColumnKind.TIME)] if self.every is not None else []
        columns += [Column(name, name, ColumnKind.GROUP) for name in self.by]
        columns += [
            Column(
                one.column,
                one.field,
                one.column_kind,
                unit=one.unit(way),
                whole=self._whole_of(one),
            )
            for one, way in zip(self.figures, ways, strict=True)
        ]
        columns = [*_with_different_names(columns)]
        if self.compare is not None:
            first = len(columns) - len(self.figures)
            columns[first:] = [each for one in columns[first:] for each in _compared(one)]
        return tuple(_with_different_names(columns))

    def _whole_of(self, figure: Figure) -> str:
        """Return the column of the same figure of all lines, if there is one that parts add up to."""
        if figure.condition is None or figure.function not in ADDED_UP:
            return ""
        counted = (figure.function, figure.field, None)
        wholes = (one.column for one in self.figures if (*one[:2], one.condition) == counted)
        return next(wholes, "")

    def name_given_twice(self) -> str:
        """Return a name that the query gives to a figure, and that another column has; "" for none."""
        of_figures = [one.column for one in self.figures]
        names = ["time"] * (self.every is not None) + [*self.by, *of_figures]
        if self.compare is not None:
            names += [f"{name}_{end}" for name in of_figures for end in ("before", "change")]
        given = [one.name for one in self.figures if one.name]
        return next((one for one in given if names.count(one) > 1), "")


def _compared(column: Column) -> tuple[Column, ...]:
    name = column.name
    before = column._replace(name=f"{name}_before", field="")
    change = Column(f"{name}_change", "", unit=column.unit)
    column = column._replace(is_compared=True)
    return (column, before, change) if column.kind.is_number else (column, before)


def _with_different_names(columns: Iterable[Column]) -> Iterator[Column]:
    """Yield columns, the second of two with equal names with a number: `count by count`."""
    known: set[str] = set()
    for one in columns:
        names = (one.name, *(f"{one.name}_{number}" for number in range(2, len(known) + 2)))
        name = next(each for each in names if each not in known)
        known.add(name)
        yield one._replace(name=name)
