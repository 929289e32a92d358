"""Dates are found as people write them, and what is no date is none."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.follow.dates import date_in, without_date

TODAY = date(2026, 11, 21)
# The latest there can be: the clock of a server may be in another time zone.
TOMORROW = date(2026, 11, 22)
THE_20TH = date(2026, 11, 20)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20",
        "2026-11-20 a title",
        "[2026/11/20] a title",
        "a title (2026.11.20)",
        "20261120",
        "/phlog/20261120-title.txt",
        "/phlog/2026/11/20/title",
        "20261120T1830",
        "202611201830 title",
        "02026-11-20_Title",
        "Nov 20 2026",
        "Title. Nov. 20, 2026",
        "November 20th, 2026: title",
        "20 Nov 2026",
        "20-Nov-2026",
        "20. November 2026",
        "20th NOV, 2026",
        "a.txt  2026-Nov-20 14:33    1.2 KB",
        "20.11.2026",
        "No. 2026-13-45, of 2026-11-20",
    ],
)
def test_dates_as_phlogs_write_them(text):
    assert date_in(text, TODAY) == THE_20TH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11/12/2026",  # in November, or in December
        "2026-11",
        "2026-02-30",
        "2026-11-23",  # to come
        "1066-10-14",
        "1989-12-31",
        "12026112099",
        "Marker 20 2026",
        "ISBN 978-2026112012",
        "2026-11/20",
        "2.0.2026",
        "\u0662\u0660\u0662\u0666-11-20",
    ],
)
def test_what_is_no_date(text):
    assert date_in(text, TODAY) is None


@given(st.dates(date(1990, 1, 1), TOMORROW), st.sampled_from(("%Y-%m-%d", "%Y%m%d", "%b %d %Y")))
def test_every_day_is_found_in_every_form(day, form):
    assert date_in(f"x {day.strftime(form)} y", TODAY) == day


@pytest.mark.parametrize(
    ("title", "rest"),
    [
        ("2026-11-20 About trains", "About trains"),
        ("[20261120] - About trains", "About trains"),
        ("Nov 20, 2026: About trains", "About trains"),
        ("2026-11-20", "2026-11-20"),
        ("2026-13-20 About", "2026-13-20 About"),
        ("Trains of 2026-11-20", "Trains of 2026-11-20"),
        ("", ""),
    ],
)
def test_a_title_beside_its_date_need_not_say_it_again(title, rest):
    assert without_date(title) == rest
