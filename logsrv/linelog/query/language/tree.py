"""The tree of a query: conditions on a line. `matching` tests them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias


class TreeNode:
    """A node of a tree, never changed. Nodes of the same class with the same values are equal.

    Not named tuples: defining seven of them takes a millisecond, a fiftieth of a search for a rare word.
    """

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._slot_values() == other._slot_values()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self._slot_values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._slot_values()))})"

    def _slot_values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])


class Term(TreeNode):
    """The message contains `text`: a word or a phrase."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Regex(TreeNode):
    """The expression `pattern` is found in the message."""

    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern


class Compare(TreeNode):
    """The line has the field `field`, and comparing it with `value` by `op` is true.

    op: `=` `!=` `<` `<=` `>` `>=`; `:` the field contains `value`; `~` it matches the expression `value`.
    """

    __slots__ = ("field", "op", "value")

    def __init__(self, field: str, op: str, value: str) -> None:
        self.field = field
        self.op = op
        self.value = value


class HasField(TreeNode):
    """The line has the field `field`."""

    __slots__ = ("field",)

    def __init__(self, field: str) -> None:
        self.field = field


class Extracted(TreeNode):
    """`test` is true for a part of the message: the group `test.field` of the expression `pattern`."""

    __slots__ = ("pattern", "test")

    def __init__(self, pattern: str, test: Compare | HasField) -> None:
        self.pattern = pattern
        self.test = test


class And(TreeNode):
    """All of `parts` are true. Without parts it is true."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        self.parts = parts


class Or(TreeNode):
    """At least one of `parts` is true."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        self.parts = parts


class Not(TreeNode):
    """`part` is not true."""

    __slots__ = ("part",)

    def __init__(self, part: Node) -> None:
        self.part = part


Node: TypeAlias = Term | Regex | Compare | HasField | Extracted | And | Or | Not

EVERYTHING = And(())
"""The empty query: every line."""


def all_of(nodes: Iterable[Node]) -> Node:
    """Return the node that is true if all of `nodes` are."""
    conditions = tuple(one for one in nodes if one != EVERYTHING)
    return conditions[0] if len(conditions) == 1 else And(conditions)
