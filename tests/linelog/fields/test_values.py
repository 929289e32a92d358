"""Values look like numbers where a person would say so, and integers stay exact."""

import pytest

from logsrv.linelog.fields.values import (
    WrittenFloat,
    displayable_text,
    elements_of_value,
    number_of_text,
    number_of_value,
    text_of_value,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", 500),
        ("-7", -7),
        ("007", 7),
        ("5e2", 500.0),
        ("500.0", 500.0),
        (".5", 0.5),
        ("9223372036854775809", 2**63 + 1),
    ],
)
def test_texts_that_look_like_numbers(text, expected):
    assert number_of_text(text) == expected
    assert number_of_value(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "-", "NaN", "Infinity", "-inf", "1_000", " 5", "0x1f", "1e999", "٣", "10.0.0.1", "1e"],
)
def test_texts_that_are_no_numbers(text):
    assert number_of_text(text) is None


def test_integers_of_thousands_of_digits_are_compared_exactly():
    """Python refuses to convert more than 4,300 digits."""
    long, longer = "9" * 5000, "1" + "0" * 5000
    assert number_of_text(long) < number_of_text(longer)  # type: ignore[operator]
    assert number_of_value(WrittenFloat(long)) == number_of_text(long)
    assert number_of_text("1" + "0" * 4500) > 10**400  # type: ignore[operator]


def test_truth_values_and_what_is_not_finite_are_no_numbers():
    assert [number_of_value(value) for value in (True, float("nan"), float("inf"))] == [
        None,
        None,
        None,
    ]


def test_text_is_as_it_was_written():
    assert text_of_value(WrittenFloat("1.10")) == "1.10" and WrittenFloat("1.10") == 1.1
    assert [text_of_value(value) for value in (True, False, 7, "x")] == ["true", "false", "7", "x"]
    assert elements_of_value([1, 2]) == [1, 2] and elements_of_value("a") == ["a"]


def test_readable_text_has_no_surrogates():
    assert displayable_text("é\udcff") == "é\\xff" and displayable_text("\ud800").encode()
