"""A query after parsing: conditions on lines as a tree, extracted fields, and the wanted answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

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


class Extraction(NamedTuple):
    """Parts of a message as fields: the groups `names` of the expression `pattern`, in its first match."""

    pattern: str
    names: tuple[str, ...]


class ColumnKind(StrEnum):
    """Kinds of cells in a column: times, texts, or numbers of one of four kinds."""

    GROUP = "group"
    """Values of a field of `by`."""
    TIME = "time"
    TEXT = "text"
    COUNT = "count"
    """A number of lines: those of groups add up, and without lines it is 0."""
    SUM = "sum"
    """The same, but without lines there is none."""
    DISTINCT = "distinct"
    """A number of values, which may be those of another group, too; without lines it is 0."""
    NUMBER = "number"

    @property
    def is_number(self) -> bool:
        """True if the cells are numbers."""
        return self not in (ColumnKind.GROUP, ColumnKind.TIME, ColumnKind.TEXT)


PURE = ""
"""The unit of numbers that have none: such a number times a time is a time."""
SHARE = "share"
"""The unit of a part of a whole: people see 11.3 % for 0.113."""


class Column(NamedTuple):
    """A column of a table of figures. field: the one that it tells of.

    is_compared: whether the same of the earlier range follows. unit: of its numbers: `ms`, `B` …, PURE for
    numbers of things, SHARE, None if it is unknown. whole: the column of which it is a part, as it counts
    some of the lines; "" for none.
    """

    name: str
    field: str
    kind: ColumnKind = ColumnKind.NUMBER
    is_compared: bool = False
    unit: str | None = None
    whole: str = ""


class StageAnswer(Value):
    """Another answer than the lines as they come. A stage has its own, of a kind of `read/answer_kinds.py`.

    is_lines: whether it is made of lines, in an order of its own. elsewhere: words for whoever asks for it
    where only lines are taken.
    """

    is_lines = False
    elsewhere = ""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a table, behind which stages of rows may stand; none for another answer."""
        return ()


Cell: TypeAlias = str | int | float | None
"""A value in a row of a table."""


class RowStage(Protocol):
    """A stage behind a table, of its rows."""

    def columns_behind(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the columns of the table after it."""
        ...

    def apply(
        self, rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], *, utc: bool
    ) -> list[tuple[Cell, ...]]:
        """Return the rows after it. utc: whether times without a zone in it are UTC, not local."""
        ...


class Question(NamedTuple):
    """A query with its stages.

    node: the conditions on a line, those of `where` included. extractions: fields that its messages have in
    addition. answer: None for the lines themselves. limit: the most lines or rows; None for the usual.
    row_stages: the stages behind a table.
    """

    node: Node = EVERYTHING
    extractions: tuple[Extraction, ...] = ()
    answer: StageAnswer | None = None
    limit: int | None = None
    row_stages: tuple[RowStage, ...] = ()

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
