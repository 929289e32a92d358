"""Predicates: a tree becomes a function that tells whether the query is true for one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import to_stored_bytes
from logsrv.linelog.fields.values import (
    Number,
    Scalar,
    elements_of_value,
    number_of_value,
    text_of_value,
)
from logsrv.linelog.query.candidates import levels_satisfying
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.question import (
    And,
    Compare,
    Extracted,
    HasField,
    Node,
    Or,
    Regex,
    Term,
)
from logsrv.linelog.query.text_search.expression import compile_expression, extractor
from logsrv.linelog.query.text_search.literals import has_ascii_capital
from logsrv.linelog.query.units import NONE, Amount, numbers_by_unit, parse_amount

Predicate: TypeAlias = Callable[[ParsedLine], bool]
ValueTest: TypeAlias = Callable[[Scalar], bool]
"""A value of a field, or an element of its list → whether a comparison is true for it."""
Asked = TypeVar("Asked")
"""What a test is of: a line, or the lines of a record."""


def predicate(node: Node) -> Predicate:
    """Return the function that tells whether `node` is true for a record."""
    if isinstance(node, Term):
        return _message_contains(node.text)
    if isinstance(node, Regex):
        return _message_matches(node.pattern)
    if isinstance(node, Compare):
        return _comparison_test(node)
    if isinstance(node, HasField):
        field = node.field
        return lambda record: record.get(field) is not None
    if isinstance(node, Extracted):
        return _of_extracted(node)
    if isinstance(node, And):
        return all_true([predicate(part) for part in sorted(node.parts, key=_cost)])
    if isinstance(node, Or):
        values = equal_values_by_field(node.parts)
        joined = {index for asked in values.values() for index, _ in asked}
        others = [part for index, part in enumerate(node.parts) if index not in joined]
        tests = [predicate(part) for part in sorted(others, key=_cost)]
        equal = [
            _test_field_elements(field, equality_test(asked)) for field, asked in values.items()
        ]
        return any_true(tests + equal)
    return is_false(predicate(node.part))


def _cost(node: Node) -> int:
    """Return the key for sorting tests, the cheapest first: a test of a field has to parse the line."""
    if isinstance(node, Term):
        return 0
    return 1 if isinstance(node, (Regex, Extracted)) else 2


def all_true(parts: Sequence[Callable[[Asked], bool]]) -> Callable[[Asked], bool]:
    """Return a function that tells whether all tests are true."""

    def test(asked: Asked) -> bool:
        for part in parts:  # noqa: SIM110 - a generator for each level of nesting doubles the depth
            if not part(asked):
                return False
        return True

    return test


def any_true(parts: Sequence[Callable[[Asked], bool]]) -> Callable[[Asked], bool]:
    """Return a function that tells whether at least one test is true."""

    def test(asked: Asked) -> bool:
        for part in parts:  # noqa: SIM110
            if part(asked):
                return True
        return False

    return test


def is_false(part: Callable[[Asked], bool]) -> Callable[[Asked], bool]:
    """Return a function that tells whether a test is not true."""
    return lambda asked: not part(asked)


def _message_contains(text: str) -> Predicate:
    needle = to_stored_bytes(text)
    if has_ascii_capital(text):
        return lambda record: needle in record.body
    # Case is ignored for ASCII only.
    needle = needle.lower()
    return lambda record: needle in record.lowercase_message


def _message_matches(pattern: str) -> Predicate:
    search = compile_expression(pattern).in_message
    return lambda record: search(record.body, 0, len(record.body))[0] >= 0


def _comparison_test(node: Compare) -> Predicate:
    field, op, value = node.field, node.op, node.value
    if field == "level":
        wanted = levels_satisfying(op, value)
        return lambda record: record.level in wanted
    if field == "message" and op == ":":
        return _message_contains(value)
    if field == "message" and op == "~":
        return _message_matches(value)
    return _test_field_elements(field, value_test(node), as_written=op in (":", "~"))


def value_test(node: Compare) -> ValueTest:
    """Return the test of a value by a comparison of any field but `level`."""
    if node.op in ORDERS:
        return _number_comparison(node.field, ORDERS[node.op], node.value)
    if node.op == ":":
        return _text_contains(node.value)
    if node.op == "~":
        return _text_matches(node.value)
    return equality_test([(0, node.value)], node.op == "=")


def _of_extracted(node: Extracted) -> Predicate:
    name = node.test.field
    values = extractor(node.pattern, [name])
    test = predicate(node.test)

    def check(record: ParsedLine) -> bool:
        [value] = values(record.body)
        return value is not None and test(ParsedLine.of_object(b"", {name: value}))

    return check


def _number_comparison(field: str, order: Callable[[Any, Any], bool], value: str) -> ValueTest:
    wanted = numbers_by_unit(field, value)
    if not wanted:
        return lambda item: False
    plain = wanted.get(NONE)

    def test(item: Scalar) -> bool:
        if (known := number_of_value(item)) is not None:
            return plain is not None and order(known, plain)
        found = parse_amount(item)
        return found is not None and found.unit in wanted and order(found[1], wanted[found.unit])

    return test


def equality_test(asked: Iterable[tuple[int, str]], wanted: bool = True) -> ValueTest:
    """Return a test whether a value equals one of these; many cost no more than one."""
    values = WantedValues(asked)
    return lambda item: bool(values.queries_asking_for(item)) is wanted


def equal_values_by_field(nodes: Sequence[Node]) -> dict[str, list[tuple[int, str]]]:
    """Return for each field the nodes that compare it with `=`: each node's index, and the value.

    `level` is missing: it is compared by rank.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for index, node in enumerate(nodes):
        if isinstance(node, Compare) and node.op == "=" and node.field != "level":
            found.setdefault(node.field, []).append((index, node.value))
    return found


class WantedValues:
    """The values with which several queries compare one field: (the query's number, the value).

    Two values are equal if they are the same number or amount. If one of them is neither, their texts are
    compared, without case.
    """

    def __init__(self, asked: Iterable[tuple[int, str]]) -> None:
        self._texts: dict[bytes, list[int]] = {}
        self._kinds = [_SameAmounts(number_of_value), _SameAmounts(parse_amount)]
        for who, value in asked:
            text = to_stored_bytes(value).lower()
            if not any(kind.add_if_amount(who, value, text) for kind in self._kinds):
                self._texts.setdefault(text, []).append(who)

    def queries_asking_for(self, item: Scalar) -> list[int]:
        """Return the numbers of the queries that ask for a value."""
        text = to_stored_bytes(text_of_value(item)).lower()
        found = self._texts.get(text, [])
        for kind in self._kinds:
            if kind.texts:
                found = found + kind.queries_asking_for(item, text)
        return found


class _SameAmounts:
    """Values that are numbers, or amounts. find: returns a value's number or amount, or None."""

    def __init__(self, find: Callable[[Scalar], Number | Amount | None]) -> None:
        self._find = find
        self._wanted: dict[Number | Amount, list[int]] = {}
        # These values as texts, for a record's value that is no number or amount.
        self.texts: dict[bytes, list[int]] = {}

    def add_if_amount(self, who: int, value: str, text: bytes) -> bool:
        if (known := self._find(value)) is None:
            return False
        self._wanted.setdefault(known, []).append(who)
        self.texts.setdefault(text, []).append(who)
        return True

    def queries_asking_for(self, item: Scalar, text: bytes) -> list[int]:
        known = self._find(item)
        return self.texts.get(text, []) if known is None else self._wanted.get(known, [])


def _text_contains(value: str) -> ValueTest:
    needle = to_stored_bytes(value)
    if has_ascii_capital(value):
        return lambda item: needle in to_stored_bytes(text_of_value(item))
    needle = needle.lower()
    return lambda item: needle in to_stored_bytes(text_of_value(item)).lower()


def _text_matches(pattern: str) -> ValueTest:
    search = compile_expression(pattern).in_message

    def test(item: Scalar) -> bool:
        text = to_stored_bytes(text_of_value(item))
        return search(text, 0, len(text))[0] >= 0

    return test


def _test_field_elements(field: str, test: ValueTest, *, as_written: bool = False) -> Predicate:
    """Return a test of a field, or of each element if it is a list. A missing field is false."""

    def check(record: ParsedLine) -> bool:
        found = record.get(field, as_written=as_written)
        return found is not None and any(map(test, elements_of_value(found)))

    return check
