"""A query after parsing: conditions on lines as a tree, extracted fields, and the wanted answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from logsrv.value import Value


class Term(Value):
    """The message contains `text`: a word or a phrase."""

    text: str


class Regex(Value):
    """The expression `pattern` is found in the message."""

    pattern: str


class Compare(Value):
    """The line has the field `field`, and comparing it with `value` by `op` is true.

    op: `=` `!=` `<` `<=` `>` `>=`; `:` the field contains `value`; `~` it matches the expression `value`.
    """

    field: str
    op: str
    value: str


class HasField(Value):
    """The line has the field `field`."""

    field: str


class Extracted(Value):
    """`test` is true for a part of the message: the group `test.field` of the expression `pattern`."""

    pattern: str
    test: Compare | HasField


class And(Value):
    """All of `parts` are true. Without parts it is true."""

    parts: tuple[Node, ...]


class Or(Value):
    """At least one of `parts` is true."""

    parts: tuple[Node, ...]


class Not(Value):
    """`part` is not true."""

    part: Node


Node: TypeAlias = Term | Regex | Compare | HasField | Extracted | And | Or | Not

EVERYTHING = And(())
"""The empty query: every line."""


def all_of(nodes: Iterable[Node]) -> Node:
    """Return the node that is true if all of `nodes` are."""
    conditions = tuple(one for one in nodes if one != EVERYTHING)
    return conditions[0] if len(conditions) == 1 else And(conditions)


def leaves(node: Node) -> Iterator[Node]:
    """Yield the conditions of a query that are no combination of others, in order."""
    waiting = [node]
    while waiting:
        match waiting.pop():
            case And() | Or() as joined:
                waiting += reversed(joined.parts)
            case Not() as negated:
                waiting.append(negated.part)
            case leaf:
                yield leaf


PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FUNCTIONS = ("sum", "avg", "min", "max", *PERCENTILES, "count_distinct", "first", "last")
"""Functions of a field in a group of lines; `count` counts the lines."""
STAGES = ("extract", "where", "sort", "patterns", "limit", "count", *FUNCTIONS)
OF_TIME = ("min", "max")
"""Functions of `time`, the only one of a line's own fields that has an order."""
EACH_POSITION = "each line has another position; group by another field"


class Extraction(NamedTuple):
    """Parts of a message as fields: the groups `names` of the expression `pattern`, in its first match."""

    pattern: str
    names: tuple[str, ...]


class Sorting(NamedTuple):
    """The lines with the largest numbers in `field`, or the smallest if `ascending`."""

    field: str
    ascending: bool = False


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

    @property
    def is_number(self) -> bool:
        """True if its figures are numbers."""
        return self.needs_numbers or self is MeasureKind.VALUES


_KINDS = {
    **dict.fromkeys(PERCENTILES, MeasureKind.NUMBERS),
    "count_distinct": MeasureKind.VALUES,
    "first": MeasureKind.FIRST,
    "last": MeasureKind.LAST,
}


class Measure(NamedTuple):
    """A field, and the way in which it is measured in each group of lines."""

    kind: MeasureKind
    field: str


class Figure(NamedTuple):
    """A column of an answer. function: `count`, or one of FUNCTIONS of `field`."""

    function: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.function} {self.field}".rstrip()

    @property
    def is_time(self) -> bool:
        """True if its cells are times."""
        return self.field == "time" and self.function in OF_TIME

    @property
    def kind(self) -> MeasureKind:
        """The way in which its field is measured."""
        return MeasureKind.TIMES if self.is_time else _KINDS.get(self.function, MeasureKind.SUMS)


class Column(NamedTuple):
    """A column of a table of figures. field: the one that it tells of; is_time: whether it has times."""

    name: str
    field: str
    is_time: bool = False
    is_number: bool = False


class Grouping(NamedTuple):
    """A table of `figures` with a row for each combination of the values of the fields `by`.

    every: seconds of a step of time, by which rows are parted, too; None for none. compare: each figure is
    followed by the same one of lines that are so many seconds older, and a number by the change since; None
    for not.
    """

    figures: tuple[Figure, ...]
    by: tuple[str, ...] = ()
    every: float | None = None
    compare: float | None = None

    def measure_of(self, figure: Figure) -> Measure:
        """Return the measure of each group that a figure of a field needs."""
        kind = figure.kind
        if kind is MeasureKind.SUMS and any(
            one.kind is MeasureKind.NUMBERS and one.field == figure.field for one in self.figures
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
        found = [Column("time", "time", is_time=True)] if self.every is not None else []
        found += [Column(name, name) for name in self.by]
        found += [
            Column(str(one).replace(" ", "_"), one.field, one.is_time, one.kind.is_number)
            for one in self.figures
        ]
        found = [*_with_different_names(found)]
        if self.compare is not None:
            first = len(found) - len(self.figures)
            found[first:] = [each for one in found[first:] for each in _compared(one)]
        return tuple(_with_different_names(found))


def _compared(column: Column) -> tuple[Column, ...]:
    name = column.name
    before = column._replace(name=f"{name}_before", field="")
    change = Column(f"{name}_change", "", is_number=True)
    return (column, before, change) if column.is_number else (column, before)


def _with_different_names(columns: Iterable[Column]) -> Iterator[Column]:
    """Yield columns, the second of two with equal names with a number: `count by count`."""
    known: set[str] = set()
    for one in columns:
        names = (one.name, *(f"{one.name}_{number}" for number in range(2, len(known) + 2)))
        name = next(each for each in names if each not in known)
        known.add(name)
        yield one._replace(name=name)


class RowFilter(NamedTuple):
    """`where` behind figures. node: comparisons of columns, by their names."""

    node: Node


RowStage: TypeAlias = RowFilter | Sorting
"""A stage of the rows of a table of figures."""


class PatternCounts(NamedTuple):
    """The patterns of messages, with the number of lines of each.

    new_since: a time as it was typed; only patterns that no line before it has. "" for all patterns.
    by: a field, of which each value has patterns of its own; "" for none.
    """

    new_since: str = ""
    by: str = ""


Answer: TypeAlias = Sorting | Grouping | PatternCounts


class Question(NamedTuple):
    """A query with its stages.

    node: the conditions on a line, those of `where` included. extractions: fields that its messages have in
    addition. answer: None for the lines themselves. limit: the most lines or rows; None for the usual.
    of_rows: the stages behind figures.
    """

    node: Node = EVERYTHING
    extractions: tuple[Extraction, ...] = ()
    answer: Answer | None = None
    limit: int | None = None
    of_rows: tuple[RowStage, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all extracted fields, in order."""
        return tuple(name for one in self.extractions for name in one.names)

    def narrowed(self, node: Node) -> Node:
        """Return the question's conditions and those of `node`, in which its extracted fields are known."""
        patterns = {name: one.pattern for one in self.extractions for name in one.names}
        return all_of((self.node, _with_extracted(node, patterns)))


def _with_extracted(node: Node, patterns: Mapping[str, str]) -> Node:
    """Return `node` with tests of the fields named in `patterns` as tests of extracted fields."""
    if isinstance(node, (Compare, HasField)):
        pattern = patterns.get(node.field)
        return node if pattern is None else Extracted(pattern, node)
    if isinstance(node, (And, Or)):
        return type(node)(tuple(_with_extracted(part, patterns) for part in node.parts))
    return Not(_with_extracted(node.part, patterns)) if isinstance(node, Not) else node
