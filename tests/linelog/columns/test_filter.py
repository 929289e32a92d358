"""Filters over columns: each line gets the answer that the predicate gives for its record."""

import math
import tracemalloc

import numpy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.columns import filter as module
from logsrv.linelog.columns.filter import KnownTest, compared_numbers
from logsrv.linelog.columns.read_file import NumberColumn
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.query.predicates import value_test
from logsrv.linelog.query.question import Compare

INTEGERS = [0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 10**15]
_NEAR = [2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1]
TEXTS = (
    st.sampled_from(["-0", "1.5", "2.0", f"{2**53}.5", "1e15", "1e18", "1e290", "-1e290", "1e999"])
    | st.sampled_from([f"{2**53 + one}.{two}" for one in range(3) for two in "01"])
    | st.sampled_from(["5ms", "1.5kB", "abc", "nan", "", ".5", *map(str, _NEAR)])
    | st.integers(-(2**65), 2**65).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@given(
    st.lists(st.sampled_from(INTEGERS) | st.integers(-(2**63), 2**63 - 1), min_size=1),
    OPERATORS,
    TEXTS,
)
def test_integers_are_compared_exactly_with_numbers_of_any_size(values, op, wanted):
    test = value_test(Compare("a", op, wanted))
    column = NumberColumn(numpy.array(values, numpy.int64), None, True)
    found = compared_numbers(Compare("a", op, wanted), column)
    assert found is not None
    assert found.tolist() == [test(str(value)) for value in values]


@given(
    st.lists(st.floats(-1e290, 1e290, allow_nan=False).filter(math.isfinite), min_size=1),
    OPERATORS,
    TEXTS,
)
# As doubles these numbers would be one.
@example([2.0**53], "=", str(2**53 + 1))
@example([2.0**53], "<", str(2**53 + 1))
@example([2.0**63], ">=", str(2**63 + 1))
def test_decimals_are_compared_as_their_texts_are(values, op, wanted):
    test = value_test(Compare("a_ms", op, wanted))
    found = compared_numbers(
        Compare("a_ms", op, wanted), NumberColumn(numpy.array(values), None, False)
    )
    if found is not None:
        assert found.tolist() == [test(repr(value)) for value in values]


@pytest.mark.parametrize("op", ["=", "!=", "<", ">="])
def test_a_line_without_the_field_fulfils_no_comparison(op):
    column = NumberColumn(numpy.array([5, 5]), numpy.array([True, False]), True)
    found = compared_numbers(Compare("a", op, "6"), column)
    assert found is not None
    assert not found[0]


def test_what_is_remembered_of_different_values_has_a_bound(monkeypatch):
    """A question over years meets more different values than a process has memory."""
    monkeypatch.setattr(module, "MOST_KNOWN", 1000)
    known = KnownTest(lambda value: str(value).endswith("7"))
    tracemalloc.start()
    try:
        for one in range(40):
            texts = [f"{one}.{number}".rjust(100) for number in range(500)]
            field = CodedField(numpy.arange(500), texts)
            assert known.results(field) == [text.endswith("7") for text in texts]
        del texts, field
        assert tracemalloc.get_traced_memory()[0] < 2000 * 300
    finally:
        tracemalloc.stop()
