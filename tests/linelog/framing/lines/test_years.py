"""Dates without a year: the New Years between them, counted back from the file's last change."""

from datetime import datetime

import pytest

from logsrv.linelog.framing.lines.years import LEAP_YEAR, NewYears


@pytest.mark.parametrize(
    ("dates", "written", "years"),
    [
        (["01-05", "05-05", "01-06"], "2026-01-07", [2025, 2025, 2026]),
        (["01-05", "05-05", "01-06"], "2026-12-07", [2025, 2025, 2026]),
        (["11-05", "12-05"], "2026-01-07", [2025, 2025]),
        (["12-30", "12-31", "01-01"], "2026-01-01", [2025, 2025, 2026]),
        ([f"{month:02}-03" for month in range(1, 13)] * 2, "2025-12-31", [2024] * 12 + [2025] * 12),
        (
            [f"{month:02}-03" for month in range(1, 13)] * 3,
            "2026-02-01",
            [2023] * 12 + [2024] * 12 + [2025] * 12,
        ),
        # A step back of days is disorder.
        (["11-20", "11-10", "11-21", "11-19"], "2026-11-25", [2026] * 4),
        (
            ["12-31", "01-01", "12-31", "01-02", "12-30", "01-03"],
            "2026-02-01",
            [2025, 2026, 2025, 2026, 2025, 2026],
        ),
        (["01-01", "12-31", "01-01", "01-02"], "2026-01-03", [2026, 2025, 2026, 2026]),
        (["01-03", "12-20", "01-03"], "2026-01-04", [2025, 2025, 2026]),
        (["06-01", "05-20", "05-10", "04-25"], "2026-07-01", [2025, 2025, 2025, 2026]),
        # 29 February is only in leap years.
        (["02-29"], "2026-01-07", [2024]),
        (["02-29"], "1903-01-07", [1896]),
        (["02-29", "05-05", "01-06"], "2026-01-07", [2024, 2024, 2025]),
        (["05-05", "02-29", "03-01"], "2024-03-02", [2023, 2024, 2024]),
        (["02-28", "02-29", "02-28", "03-01"], "2024-03-02", [2024] * 4),
        (["12-31", "01-01"] * 2, "2026-06-01", [2025, 2026, 2025, 2026]),
    ],
)
def test_years_are_counted_back_from_the_last_change(dates, written, years):
    found = NewYears()
    passed = [found.passed_before(datetime.fromisoformat(f"{LEAP_YEAR}-{date}")) for date in dates]
    first = found.first_year(datetime.fromisoformat(written))
    assert [first + number for number in passed] == years
