"""Sizes of expressions: never less than what RE2 makes of them, seldom much more."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.text_search.engine import (
    LARGEST_EXPRESSIONS,
    LONGEST_EXPRESSIONS,
    MOST_EXPRESSIONS,
    TooLargeExpressions,
    WrongExpression,
    check_expression_sizes,
    compile_search,
    most_re2_instructions,
    require_valid_expression,
)
from logsrv.linelog.query.text_search.expression import compile_expression
from tests.parts.examples import more

ITEMS = (
    *"abAZ09.^$|()é日-",
    *(
        r"\pL",
        r"\PL",
        r"\p{Lo}",
        r"[^\p{Lo}]",
        r"[\x{81}-\x{10fffe}]",
        "[^é-ž日]",
        "[a-z0-9]",
        "[^a]",
    ),
    *(
        r"\d",
        r"\D",
        r"\S",
        r"\W",
        r"\b",
        r"[\W\D]",
        "[[:^alpha:]]",
        "(?:",
        "(?i)",
        "(?P<x>",
        r"\Qab\E",
    ),
    *(r"\x{10ffff}", r"\xff", r"\n", "[kKsS]"),
)
REPEATS = ("", "", "", "*", "+", "?", "{2}", "{0,3}", "{3,}", "{0}", "{1,7}", "{20}")


def programs(pattern: str) -> int:
    """The size of what is compiled for a pattern."""
    options = re2.Options()
    options.never_nl = options.never_capture = True
    options.log_errors = False
    written = compile_expression(pattern).in_text
    return int(re2.compile(written.encode(), options).programsize)


@more(3)
@given(st.lists(st.tuples(st.sampled_from(ITEMS), st.sampled_from(REPEATS)), max_size=7))
def test_the_size_is_never_less_than_that_of_the_program(parts):
    pattern = "".join(item + repeat for item, repeat in parts)
    try:
        size = most_re2_instructions(pattern)
        require_valid_expression(pattern)
    except WrongExpression:
        return
    if size <= LARGEST_EXPRESSIONS:
        assert programs(pattern) <= size


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
        r"user=\w+ .* took [0-9]{4,}ms",
        r"^(GET|POST|PUT) /api/v[12]/[^ ?]{1,200}\?",
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"(\pL+ ){2}\pN",
        "|".join(rf"10\.0\.{one}\.1" for one in range(100)),
    ],
)
def test_expressions_that_people_write_are_small_enough(pattern):
    check_expression_sizes([pattern])
    require_valid_expression(pattern)


@pytest.mark.parametrize(
    "patterns",
    [
        [r"\pL{400}XX"],
        [".{1000}XX"] * 5,
        ["(x{500}|y){40}"],
        ["a"] * (MOST_EXPRESSIONS + 1),
        ["a" * LONGEST_EXPRESSIONS, "b"],
        [r"\pL" * 16],
    ],
)
def test_what_would_take_long_is_too_large(patterns):
    with pytest.raises(TooLargeExpressions):
        check_expression_sizes(patterns)
    check_expression_sizes(patterns[:1] if len(patterns) > 1 else [patterns[0][:3]])


@pytest.mark.parametrize("pattern", [r"a\Cb", "a+(?i)*", r"a+\Q\E*"])
def test_what_cannot_be_written_anew_is_wrong(pattern):
    with pytest.raises(WrongExpression):
        most_re2_instructions(pattern)


def test_a_match_never_leaves_its_line():
    text = b"a\nb c"
    for pattern in (r"a\s+b", "a[^x]b", "(?s)a.b", r"a\nb", r"a\x{a}b"):
        assert compile_search(pattern)(text, 0, len(text)) == (-1, -1)
    assert compile_search(r"b\s")(text, 0, len(text)) == (2, 4)


def test_bytes_that_are_no_text_hinder_nothing():
    assert compile_search("é.b")(b"\xff\xc3\xa9\xc3\xa8b\xfe", 0, 7) == (1, 6)


@pytest.mark.parametrize("pattern", ["(", "a**", r"\1", "(a{1,1000}){1,1000}", "\ud800", "(?<=a)b"])
def test_what_is_wrong_is_known_without_compiling(pattern, capfd):
    with pytest.raises(WrongExpression) as compiling:
        compile_search(pattern)
    with pytest.raises(WrongExpression) as checking:
        require_valid_expression(pattern)
    assert str(checking.value) == str(compiling.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["", "a", "$", r"\b", "(a|b)*c", r"\pL{400}XX", ".{1000}" * 9])
def test_what_is_right_passes_whatever_its_size(pattern):
    require_valid_expression(pattern)
