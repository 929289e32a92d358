"""Moments as text and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.time import (
    exact_rfc3339,
    file_stamp,
    parse_rfc3339,
    rfc3339,
    shift_rfc3339,
)


def test_a_moment_is_shown_as_rfc3339():
    assert rfc3339(1795155522.123456) == "2026-11-20T06:18:42.123456Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00.000000Z", "0999-12-31T23:59:59.000000Z", "9999-12-31T23:59:59.999999Z"],
)
def test_any_year_has_four_digits(text):
    moment = parse_rfc3339(text)
    assert rfc3339(moment)[:19] == text[:19]
    for beyond in (moment - 1, moment + 1):
        assert len(rfc3339(beyond)) == len(text)


@given(st.integers(0, 999_999))
def test_microseconds_are_not_rounded(rest):
    assert exact_rfc3339(1795155522_000_000 + rest) == f"2026-11-20T06:18:42.{rest:06}Z"


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_text_sorts_as_time_does(one, other):
    """grep, sort and a binary search over a log depend on it."""
    if one < other:
        assert rfc3339(one) <= rfc3339(other)


def test_whole_microseconds_are_shown_exactly_in_every_year():
    assert exact_rfc3339(253_402_300_799_999_999) == "9999-12-31T23:59:59.999999Z"
    assert exact_rfc3339(-62_135_596_799_999_999) == "0001-01-01T00:00:00.000001Z"
    assert exact_rfc3339(-1) == "1969-12-31T23:59:59.999999Z"


def test_a_file_stamp_has_no_special_characters():
    assert file_stamp(1795155522.9) == "20261120T061842Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-20", "2026-11-20T06:18:42"])
def test_text_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_a_shifted_time_is_exact():
    assert shift_rfc3339("2026-11-20T06:18:42.123456Z", 5) == "2026-11-20T06:18:47.123456Z"
    assert (
        shift_rfc3339("2026-11-20T07:18:42.123456+01:00", -0.000001)
        == "2026-11-20T06:18:42.123455Z"
    )
    assert shift_rfc3339("9999-12-31T23:59:59.000000Z", 60) == "9999-12-31T23:59:59.000000Z"
    assert shift_rfc3339("0001-01-01T00:00:00.000000Z", -60) == "0001-01-01T00:00:00.000000Z"
