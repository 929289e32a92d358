"""The tree of a query: conditions on a line. `matching` tests them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

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
