"""Numbers of a column have one unit and the same number of decimals."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.tables.shown_numbers import column_formats, format_of
from logsrv.linelog.read.tables.text_table import table_text


def column(numbers: list[float], unit: str | None = None) -> list[str]:
    shown = format_of(numbers, unit)
    return [shown.text(one) for one in numbers]


@pytest.mark.parametrize(
    ("numbers", "unit", "texts"),
    [
        ([1.24, 0.035, 3.8111], "s", ["1.240 s", "0.035 s", "3.811 s"]),
        ([0.039, 0.0412], "s", ["39.0 ms", "41.2 ms"]),
        ([0.000_004_2], "s", ["4.2 µs"]),
        ([2e-9, 3e-9], "s", ["2 ns", "3 ns"]),
        ([95.0, 299.0], "s", ["95 s", "299 s"]),
        ([1800, 5400], "s", ["30 min", "90 min"]),
        ([86_400], "s", ["24 h"]),
        ([864_000], "s", ["10 d"]),
        ([412.0, 1240.5], "ms", ["412 ms", "1240 ms"]),
        ([12 * 1024, 3 << 20, 5 << 20], "B", ["0.012 MiB", "3.000 MiB", "5.000 MiB"]),
        ([512, 100], "B", ["512 B", "100 B"]),
        ([1.5, 2], "kB", ["1.5 kB", "2.0 kB"]),
        ([0, 0], "s", ["0 s", "0 s"]),
        ([0.6019, 0.0258, 0], "share", ["60.2 %", "2.6 %", "0.0 %"]),
        ([0.5, 1], "share", ["50 %", "100 %"]),
        ([0, 0], "share", ["0 %", "0 %"]),
        ([0.00021, 0.0004], "share", ["0.021 %", "0.040 %"]),
        ([], "s", []),
        # Without a unit.
        ([1, 20, 1 << 80], None, ["1", "20", str(1 << 80)]),
        ([0.25, 0.5], None, ["0.25", "0.50"]),
        ([1 / 3, 2.0, 100.0], None, ["0.33", "2.00", "100.00"]),
        ([1234.5678, 2000.0], None, ["1235", "2000"]),
        ([2.0, 3.0], None, ["2", "3"]),
        ([0.000_000_25], None, ["0.00000025"]),
        ([5.25, -0.001, 6.5], None, ["5.250", "-0.001", "6.500"]),
        ([5.25, -1e-9, 6.5], None, ["5.25", "0.00", "6.50"]),
        ([1e-300, 2.5e-300], None, ["1e-300", "2.5e-300"]),
        ([AtLeast(100), 3], None, ["≥ 100", "3"]),
        ([(1 << 60) + 1, 0.5], None, [f"{(1 << 60) + 1}.0", "0.5"]),
    ],
)
def test_a_column_has_one_unit_and_agreeing_digits(numbers, unit, texts):
    assert column(numbers, unit) == texts


@given(
    st.lists(st.floats(-1e280, 1e280) | st.integers(-(1 << 70), 1 << 70), max_size=8),
    st.sampled_from([None, "s", "ms", "B", "KiB", "share"]),
)
def test_any_column_has_one_unit_and_agreeing_digits(numbers, unit):
    """Numbers of so many decimals that none would be seen are apart."""
    numbers = [one for one in numbers if not 0 < abs(one) < 1e-9]
    texts = column(numbers, unit)
    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?( [a-zµA-Z%]+)?", one) for one in texts)
    assert len({one.partition(" ")[2] for one in texts}) <= 1
    assert len({len(one.partition(" ")[0].partition(".")[2]) for one in texts}) <= 1
    assert all(type(one) is int for one in numbers) <= (
        "." not in "".join(texts) or unit in ("s", "B", "share")
    )


def test_a_figure_and_the_one_before_have_one_unit():
    columns = ["app", "avg_rt", "avg_rt_before", "avg_rt_change", "count"]
    units = [None, "s", "s", "s", None]
    rows: list[list[Any]] = [
        ["shop", 1.5, 0.035, 1.465, 7],
        ["mail", 2.5, 2.25, 0.25, 12],
        ["x", None, 2, None, 1],
    ]
    assert table_text(columns, units, rows).decode().splitlines() == [
        "app    avg_rt  avg_rt_before  avg_rt_change  count",
        "────  ───────  ─────────────  ─────────────  ─────",
        "shop  1.500 s        0.035 s        1.465 s      7",
        "mail  2.500 s        2.250 s        0.250 s     12",
        "x                    2.000 s                     1",
    ]
    assert len({*column_formats(columns, units, rows)[1:4]}) == 1


def test_a_table_without_rows_has_no_line():
    assert table_text(["n"], [None], []) == b""


def test_times_of_steps_have_no_parts_of_seconds_unless_one_has():
    whole = [["2026-11-20T06:00:00.000000Z", "a", 1], ["2026-11-20T06:05:00.000000Z", "b", 2]]
    columns, units = ["time", "app", "count"], [None, None, None]
    assert table_text(columns, units, whole).decode().splitlines()[2:] == [
        "2026-11-20T06:00:00Z  a        1",
        "2026-11-20T06:05:00Z  b        2",
    ]
    parts = [*whole, ["2026-11-20T06:05:00.250000Z", "c", 3]]
    assert "06:00:00.000000Z" in table_text(columns, units, parts).decode()
