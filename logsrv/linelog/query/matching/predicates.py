"""Predicates: a tree becomes a function that tells whether the query is true for one line."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.stored import bytes_of
from logsrv.linelog.fields.values import (
    Number,
    Scalar,
    elements,
    number,
    text_of,
)
from logsrv.linelog.query.language.tree import And, Compare, Has, Node, Or, Regex, Term
from logsrv.linelog.query.language.units import NONE, Amount, amount, bounds
from logsrv.linelog.query.matching.expression import read_expression
from logsrv.linelog.query.matching.needs import has_capital
from logsrv.linelog.query.matching.shapes import levels_of

Predicate: TypeAlias = Callable[[Record], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate(node: Node) -> Predicate:
    """Return the function that tells whether `node` is true for a record."""
    if isinstance(node, Term):
        return _text(node.text)
    if isinstance(node, Regex):
        return _regex(node.pattern)
    if isinstance(node, Compare):
        return _comparison(node)
    if isinstance(node, Has):
        field = node.field
        return lambda record: record.get(field) is not None
    if isinstance(node, And):
        return _all([predicate(part) for part in sorted(node.parts, key=_cost)])
    if isinstance(node, Or):
        values = values_by_field(node.parts)
        joined = {place for asked in values.values() for place, _ in asked}
        others = [part for place, part in enumerate(node.parts) if place not in joined]
        tests = [predicate(part) for part in sorted(others, key=_cost)]
        return _any(tests + [_equals(field, asked) for field, asked in values.items()])
    return _not(predicate(node.part))


def _cost(node: Node) -> int:
    """Return the key for sorting tests, the cheapest first: a test of a field has to parse the line."""
    if isinstance(node, Term):
        return 0
    return 1 if isinstance(node, Regex) else 2


def _all(parts: list[Predicate]) -> Predicate:
    def test(record: Record) -> bool:
        for part in parts:  # noqa: SIM110 - a generator for each level of nesting doubles the depth
            if not part(record):
                return False
        return True

    return test


def _any(parts: list[Predicate]) -> Predicate:
    def test(record: Record) -> bool:
        for part in parts:  # noqa: SIM110
            if part(record):
                return True
        return False

    return test


def _not(part: Predicate) -> Predicate:
    return lambda record: not part(record)


def _text(text: str) -> Predicate:
    needle = bytes_of(text)
    if has_capital(text):
        return lambda record: needle in record.body
    # Case is ignored for ASCII only.
    needle = needle.lower()
    return lambda record: needle in record.folded


def _regex(pattern: str) -> Predicate:
    search = read_expression(pattern).in_message
    return lambda record: search(record.body, 0, len(record.body))[0] >= 0


def _comparison(node: Compare) -> Predicate:
    field, op, value = node.field, node.op, node.value
    if field == "level":
        wanted = levels_of(op, value)
        return lambda record: record.level in wanted
    if op in _ORDERS:
        return _ordered(field, _ORDERS[op], value)
    if op == ":":
        return _text(value) if field == "message" else _contains(field, value)
    if op == "~":
        return _regex(value) if field == "message" else _found(field, value)
    return _equals(field, [(0, value)], op == "=")


def _ordered(field: str, order: Callable[[Any, Any], bool], value: str) -> Predicate:
    wanted = bounds(field, value)
    if not wanted:
        return lambda record: False
    plain = wanted.get(NONE)

    def test(item: Scalar) -> bool:
        if (known := number(item)) is not None:
            return plain is not None and order(known, plain)
        found = amount(item)
        return found is not None and found.unit in wanted and order(found[1], wanted[found.unit])

    return _of_elements(field, test)


def _equals(field: str, asked: Iterable[tuple[int, str]], wanted: bool = True) -> Predicate:
    """Return a test whether a field equals one of these values; many values cost no more than one."""
    values = WantedValues(asked)
    return _of_elements(field, lambda item: bool(values.of(item)) is wanted)


def values_by_field(nodes: Sequence[Node]) -> dict[str, list[tuple[int, str]]]:
    """Return for each field the nodes that compare it with `=`: each node's index, and the value.

    `level` is missing: it is compared by rank.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for place, node in enumerate(nodes):
        if isinstance(node, Compare) and node.op == "=" and node.field != "level":
            found.setdefault(node.field, []).append((place, node.value))
    return found


class WantedValues:
    """The values with which several queries compare one field: (the query's number, the value).

    Two values are equal if they are the same number or amount. If one of them is neither, their texts are
    compared, without case.
    """

    def __init__(self, asked: Iterable[tuple[int, str]]) -> None:
        self._texts: dict[bytes, list[int]] = {}
        self._kinds = [_SameAmounts(number), _SameAmounts(amount)]
        for who, value in asked:
            text = bytes_of(value).lower()
            if not any(kind.add(who, value, text) for kind in self._kinds):
                self._texts.setdefault(text, []).append(who)

    def of(self, item: Scalar) -> list[int]:
        """Return the numbers of the queries that ask for a value."""
        text = bytes_of(text_of(item)).lower()
        found = self._texts.get(text, [])
        for kind in self._kinds:
            if kind.texts:
                found = found + kind.of(item, text)
        return found


class _SameAmounts:
    """Values that are numbers, or amounts. find: returns a value's number or amount, or None."""

    def __init__(self, find: Callable[[Scalar], Number | Amount | None]) -> None:
        self._find = find
        self._wanted: dict[Number | Amount, list[int]] = {}
        # These values as texts, for a record's value that is no number or amount.
        self.texts: dict[bytes, list[int]] = {}

    def add(self, who: int, value: str, text: bytes) -> bool:
        if (known := self._find(value)) is None:
            return False
        self._wanted.setdefault(known, []).append(who)
        self.texts.setdefault(text, []).append(who)
        return True

    def of(self, item: Scalar, text: bytes) -> list[int]:
        known = self._find(item)
        return self.texts.get(text, []) if known is None else self._wanted.get(known, [])


def _contains(field: str, value: str) -> Predicate:
    needle = bytes_of(value)
    if has_capital(value):
        return _of_texts(field, lambda text: needle in text)
    needle = needle.lower()
    return _of_texts(field, lambda text: needle in text.lower())


def _found(field: str, pattern: str) -> Predicate:
    search = read_expression(pattern).in_message
    return _of_texts(field, lambda text: search(text, 0, len(text))[0] >= 0)


def _of_texts(field: str, test: Callable[[bytes], bool]) -> Predicate:
    return _of_elements(field, lambda item: test(bytes_of(text_of(item))), as_written=True)


def _of_elements(
    field: str, test: Callable[[Scalar], bool], *, as_written: bool = False
) -> Predicate:
    """Return a test of a field, or of each element if it is a list. A missing field is false."""

    def check(record: Record) -> bool:
        found = record.get(field, as_written=as_written)
        return found is not None and any(map(test, elements(found)))

    return check
