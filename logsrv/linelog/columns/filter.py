"""Filters over columns: which lines of a row group fulfil a query.

Each condition on a field is tested on the field's different values, by the test that a line's value gets.
Other conditions, such as words, need the text; they are asked only of lines that fulfil the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy

from logsrv.linelog.columns.read_file import GroupColumns, NumberColumn
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.values import EXACT, Number, Value, elements_of_value, number_of_text
from logsrv.linelog.query.candidates import levels_satisfying
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.predicates import (
    ValueTest,
    equal_values_by_field,
    equality_test,
    value_test,
)
from logsrv.linelog.query.question import (
    And,
    Compare,
    HasField,
    Node,
    Not,
    Or,
    all_of,
    leaves,
)
from logsrv.linelog.query.units import NONE, numbers_by_unit

FindInText: TypeAlias = Callable[[Node, Array], Array]
"""A condition, and the lines that are asked → those of them for which it is true."""
Leaf: TypeAlias = Compare | HasField
Tests: TypeAlias = "dict[tuple[Node, ...], KnownTest]"
MOST_KNOWN = 100_000


class ColumnFilter:
    """The filter of a query; it remembers the tests of values between row groups.

    tests: of values, which the filters of several segments share. knows: whether columns know a field.
    """

    def __init__(self, knows: Callable[[str], bool], tests: Tests) -> None:
        self._knows, self._tests = knows, tests

    def needs_text(self, node: Node) -> bool:
        """Return whether a condition, or a part of it, can only be decided by the text."""
        return not all(map(self._is_known, leaves(node)))

    def _is_known(self, leaf: Node) -> bool:
        # A file has the moments of lines, not their texts.
        return isinstance(leaf, Leaf) and leaf.field != "time" and self._knows(leaf.field)

    def lines(self, node: Node, group: GroupColumns, among: Array, in_text: FindInText) -> Array:
        """Return which of the lines `among` fulfil a condition; both are booleans, one for each line."""
        if not self.needs_text(node):
            found: Array = among & self._by_columns(node, group)
            return found
        if not among.any():
            return among
        if not any(map(self._is_known, leaves(node))):
            return in_text(node, among)
        if isinstance(node, And):
            for part in self._in_order(node):
                among = self.lines(part, group, among, in_text)
            return among
        if isinstance(node, Or):
            left = among
            for part in self._in_order(node):
                left = left & ~self.lines(part, group, left, in_text)
            return among & ~left
        assert isinstance(node, Not)
        return among & ~self.lines(node.part, group, among, in_text)

    def _in_order(self, node: And | Or) -> list[Node]:
        """Return the parts: those for columns first, and those for the text last, as one."""
        of_text = [part for part in node.parts if not any(map(self._is_known, leaves(part)))]
        others = [part for part in node.parts if part not in of_text]
        others.sort(key=self.needs_text)
        if of_text:
            others.append(all_of(of_text) if isinstance(node, And) else Or(tuple(of_text)))
        return others

    def _by_columns(self, node: Node, group: GroupColumns) -> Array:
        if isinstance(node, Leaf):
            return self._by_field(node, group)
        if isinstance(node, Not):
            return ~self._by_columns(node.part, group)
        assert isinstance(node, (And, Or))
        found: list[Array] = []
        parts = list(node.parts)
        if isinstance(node, Or):
            # Many values of one field cost no more than one.
            for field, asked in equal_values_by_field(parts).items():
                key = tuple(parts[index] for index, _ in asked)
                found.append(self._by_values(key, equality_test(asked), group.field(field)))
            parts = [part for part in parts if not _is_equality(part)]
        found += [self._by_columns(part, group) for part in parts]
        start = numpy.full(group.lines, isinstance(node, And))
        return reduce(
            numpy.logical_and if isinstance(node, And) else numpy.logical_or, found, start
        )

    def _by_field(self, leaf: Leaf, group: GroupColumns) -> Array:
        numbers = group.numbers(leaf.field)
        if isinstance(leaf, HasField):
            return group.field(leaf.field).codes >= 0 if numbers is None else _present(numbers)
        if numbers is not None:
            found = compared_numbers(leaf, numbers)
            if found is not None:
                return found
        field = group.field(leaf.field)
        if leaf.field == "level":
            wanted = levels_satisfying(leaf.op, leaf.value)
            return spread([text in wanted for text in field.texts], field.codes)
        return self._by_values((leaf,), value_test(leaf), field)

    def _by_values(self, key: tuple[Node, ...], test: ValueTest, field: CodedField) -> Array:
        known = self._tests.setdefault(key, KnownTest(test))
        return spread(known.results(field), field.codes)


def _is_equality(node: Node) -> bool:
    return isinstance(node, Compare) and node.op == "=" and node.field != "level"


class KnownTest:
    """A test of values with its results so far."""

    def __init__(self, test: ValueTest) -> None:
        self._test = test
        self._results: dict[str, bool] = {}

    def results(self, field: CodedField) -> Sequence[bool]:
        if field.lists:
            return [self._is_true(value) for value in field.values()]
        known = self._results
        if len(known) > MOST_KNOWN:
            known.clear()
        for text in field.texts:
            if text not in known:
                known[text] = self._test(text)
        return [known[text] for text in field.texts]

    def _is_true(self, value: Value) -> bool:
        return any(map(self._test, elements_of_value(value)))


def spread(results: Sequence[bool], codes: Array) -> Array:
    """Return the result of each line. A line without the field has the code -1: the last one."""
    table: Array = numpy.array([*results, False], bool)
    return table[codes]


def _present(numbers: NumberColumn) -> Array:
    if numbers.missing is None:
        return numpy.ones(len(numbers.values), bool)
    return ~numbers.missing


def compared_numbers(leaf: Compare, numbers: NumberColumn) -> Array | None:
    """Return for which lines a comparison is true; None if not certain without the texts."""
    if leaf.op not in _OPERATORS:
        return None
    values = numbers.values
    plain = number_of_text(leaf.value)
    if leaf.op in ORDERS:
        plain = numbers_by_unit(leaf.field, leaf.value).get(NONE)
    if plain is None:
        # A text, which no number equals, or an amount of another unit.
        return _present(numbers) & (leaf.op == "!=")
    if values.dtype == numpy.int64:
        found = _compared_integers(values, leaf.op, plain)
    elif isinstance(plain, float) or -EXACT <= plain <= EXACT:
        found = _OPERATORS[leaf.op](values, float(plain))
    else:
        return None
    return found if numbers.missing is None else found & ~numbers.missing


def _compared_integers(values: Array, op: str, plain: Number) -> Array:
    """Compare integers exactly with a number of any size."""
    low, high = math.floor(plain), math.ceil(plain)
    if low != high and op in ("=", "!="):
        return numpy.full(len(values), op == "!=")
    bound = low if op in (">", "<=") else high
    limits = numpy.iinfo(numpy.int64)
    if not limits.min <= bound <= limits.max:
        return numpy.full(len(values), op == "!=" or ((op[0] == ">") == (bound < 0) and op != "="))
    found: Array = _OPERATORS[op](values, bound)
    return found


_OPERATORS: dict[str, Any] = {**ORDERS, "=": numpy.equal, "!=": numpy.not_equal}
