"""Quantiles lie between two numbers, as in Python (inclusive) and DuckDB (quantile_cont)."""

import statistics

import pytest

from logsrv.linelog.read.counting.quantiles import QuantileNumbers

PARTS = [0.5, 0.95, 0.99]
TEN = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.5]


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
        ([1e300, -1e300, 0], [0, 9e299, 9.8e299]),
        (range(1, 101), [50.5, 95.05, 99.01]),
    ],
)
def test_few_numbers_give_the_values_of_duckdb_and_python(values, duckdb):
    """Those of DuckDB 2.0 are written down: `quantile_cont(v, [0.5, 0.95, 0.99])`."""
    numbers = QuantileNumbers()
    numbers.add(values)
    found = numbers.quantiles(PARTS)
    assert found == pytest.approx(duckdb)
    if len(values) > 1:
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        assert found == pytest.approx([cuts[49], cuts[94], cuts[98]])


@pytest.mark.parametrize("values", [[7.0], [1.0, 2.0], [-3.0, 1.0, 2.0], TEN, list(range(1, 1001))])
def test_compressed_numbers_are_within_half_a_percent_of_one_of_them(values):
    numbers = QuantileNumbers()
    numbers.add(values)
    numbers.compress()
    for part, found in zip(PARTS, numbers.quantiles(PARTS), strict=True):
        wanted = sorted(values)[int(part * (len(values) - 1))]
        assert found == pytest.approx(wanted, rel=0.0051)
