"""A query after parsing: conditions on lines as a tree, extracted fields, and the wanted answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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


FUNCTIONS = ("sum", "avg", "min", "max", "p50", "p95", "p99")
"""Functions of a field's numbers in a group of lines; `count` counts the lines."""
STAGES = ("extract", "where", "sort", "patterns", "limit", "count", *FUNCTIONS)
EACH_POSITION = "each line has another position; group by another field"


class Extraction(NamedTuple):
    """Parts of a message as fields: the groups `names` of the expression `pattern`, in its first match."""

    pattern: str
    names: tuple[str, ...]


class Sorting(NamedTuple):
    """The lines with the largest numbers in `field`, or the smallest if `ascending`."""

    field: str
    ascending: bool = False


class Figure(NamedTuple):
    """A column of numbers. function: `count`, or one of FUNCTIONS of the numbers in `field`."""

    function: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.function} {self.field}".rstrip()


class Grouping(NamedTuple):
    """A table of `figures` with a row for each combination of the values of the fields `by`.

    every: seconds of a step of time, by which rows are parted, too; None for none.
    """

    figures: tuple[Figure, ...]
    by: tuple[str, ...] = ()
    every: float | None = None


class PatternCounts(NamedTuple):
    """The patterns of messages, with the number of lines of each.

    new_since: a time as it was typed; only patterns that no line before it has. "" for all patterns.
    """

    new_since: str = ""


Answer: TypeAlias = Sorting | Grouping | PatternCounts


class Question(NamedTuple):
    """A query with its stages.

    node: the conditions on a line, those of `where` included. extractions: fields that its messages have in
    addition. answer: None for the lines themselves. limit: the most lines or rows; None for the usual.
    """

    node: Node = EVERYTHING
    extractions: tuple[Extraction, ...] = ()
    answer: Answer | None = None
    limit: int | None = None

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
