"""The numbers of many groups: each figure is that of a list of numbers, in little memory too."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.units import PLAIN
from logsrv.linelog.read.figures.counted_measures import LineNumbers, sums_by_group
from logsrv.linelog.read.figures.grouping import PERCENTILES
from logsrv.linelog.read.figures.kept_numbers import KeptNumbers

TEN = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.5]
Portion = Mapping[int, Sequence[int | float]]
NUMBERS = st.lists(st.floats(-1e12, 1e12) | st.integers(-5, 5), min_size=1, max_size=5)
PORTIONS = st.lists(st.dictionaries(st.integers(0, 6), NUMBERS))


def add(kept: KeptNumbers, portion: Portion) -> None:
    rows = [(group, number) for group, some in portion.items() for number in some]
    groups = numpy.array([group for group, _ in rows], numpy.intp)
    values = numpy.array([number for _, number in rows], float)
    whole = numpy.array([type(number) is int for _, number in rows], bool)
    numbers = LineNumbers(numpy.arange(len(rows)), values, whole)
    kept.add(*sums_by_group(groups, numbers, 7, is_kept=True))


def kept_of(*portions: Portion) -> KeptNumbers:
    kept = KeptNumbers()
    for portion in portions:
        add(kept, portion)
    return kept


@given(PORTIONS, st.lists(st.integers(0, 6), unique=True), PORTIONS)
def test_figures_are_those_of_lists(before, groups, after):
    """Also after some groups were forgotten, and the others have other numbers."""
    kept = kept_of(*before)
    truth: dict[int, list[float]] = defaultdict(list)
    for portion in before:
        for group, some in portion.items():
            truth[group] += some
    kept.keep(groups)
    truth = defaultdict(list, {number: truth[group] for number, group in enumerate(groups)})
    for portion in after:
        add(kept, portion)
        for group, some in portion.items():
            truth[group] += some
    assert bool(kept) is any(truth.values())
    assert kept.size == sum(map(len, truth.values()))
    for name, compute in (("sum", sum), ("min", min), ("max", max), ("avg", statistics.fmean)):
        expected = [compute(truth[n]) if truth[n] else None for n in range(7)]
        # The numbers are added in another order.
        assert kept.figures(name, 7) == pytest.approx(expected, abs=0.01)
    for name, part in PERCENTILES.items():
        expected = [float(numpy.quantile(truth[n], part)) if truth[n] else None for n in range(7)]
        # Asked twice: the numbers are sorted now.
        assert kept.figures(name, 7) == kept.figures(name, 7) == pytest.approx(expected)


@given(PORTIONS, PORTIONS, st.lists(st.integers(0, 6), unique=True))
def test_quantiles_in_little_memory_are_near(before, after, groups):
    kept = kept_of(*before)
    kept.compress()
    assert not kept.size
    for portion in after:
        add(kept, portion)
    kept.keep(groups)
    for part in (0.0, 0.25, 0.5, 0.95, 1.0):
        found = kept.percentiles(part)
        for number, group in enumerate(groups):
            some = sorted(chain.from_iterable(one.get(group, ()) for one in (*before, *after)))
            if some and any(before):
                # Without all numbers the lower of the two neighbours is taken.
                lower = some[math.floor(part * (len(some) - 1))]
                assert found[number] == pytest.approx(lower, rel=0.006, abs=1e-9)


def test_sums_of_integers_are_integers_of_any_size():
    kept = KeptNumbers()
    for total in (1 << 80, 7):
        kept.add([2], ([2], [total], [-1], [total], b"", PLAIN))
    kept.add([0], ([1], [2.5], [2.5], [2.5], b"", PLAIN))
    assert kept.figures("sum", 4) == [2.5, None, (1 << 80) + 7, None]
    assert [type(one) for one in kept.figures("min", 3)] == [float, type(None), int]
    assert kept.figures("max", 3)[2] == 1 << 80


@pytest.mark.parametrize(
    ("values", "duckdb"),
    [
        ([], [None, None, None]),
        ([7], [7, 7, 7]),
        ([1, 2], [1.5, 1.95, 1.99]),
        ([-5, 0.5], [-2.25, 0.225, 0.445]),
        ([3, 1, 2], [2, 2.9, 2.98]),
        ([0, 0, 10], [0, 9, 9.8]),
        (TEN, [3.75, 7.65, 8.73]),
        ([1e280, -1e280, 0], [0, 9e279, 9.8e279]),
        (range(1, 101), [50.5, 95.05, 99.01]),
    ],
)
def test_few_numbers_give_the_values_of_duckdb_and_python(values, duckdb):
    """Those of DuckDB 2.0 are written down: `quantile_cont(v, [0.5, 0.95, 0.99])`."""
    kept = kept_of({0: values} if values else {})
    found = [kept.figures(name, 1)[0] for name in PERCENTILES]
    assert found == pytest.approx(duckdb)
    if len(values) > 1:
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        assert found == pytest.approx([cuts[49], cuts[94], cuts[98]])
