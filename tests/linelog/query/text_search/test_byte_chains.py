"""Expressions that are chains of runs of bytes, and those that are none."""

import pytest

from tests.linelog.query.text_search.chains import CHAINS, chain_of


@pytest.mark.parametrize("pattern", CHAINS)
def test_these_expressions_are_chains(pattern):
    assert chain_of(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "a?b", "a*", r"a{2}-?\b", "é+", r"a+?b", r"(?:\d{2}-)+", r"\d{0,2}x", "a|b", "(a|bc)d", "^a", "a$",
        r"\pL+", "[^é]+x", r"\Ba", r"a\bb", r"\b.x", r"x.\b", r"\b(\d[ -]?){13,16}\b", r"\w+\w\d",
        "[ab][cd]?b", "(?s)a.*b", "a{65}(bc){40}", r"(\bab){2}",
    ],
)  # fmt: skip
def test_where_a_step_has_a_choice_there_is_none(pattern):
    assert chain_of(pattern) is None


def test_a_chain_that_counts_characters_of_several_bytes_is_only_for_ascii():
    for pattern in (
        "pin=[^ ]{4}",
        "pin=[^ ]{1,8}",
        r"\b\W\b",
        '"k":"[^"]?"',
        r"\d\D",
        "x[^ ][^ ]+",
    ):
        chain = chain_of(pattern)
        assert chain is not None and chain.needs_ascii, pattern
    for pattern in (r"\d{16}", "password=[^ ]+", r"a\S*", r"\b\W+\b"):
        chain = chain_of(pattern)
        assert chain is not None and not chain.needs_ascii, pattern


def test_a_chain_tells_whether_bytes_that_are_not_utf8_may_be_in_a_match():
    for pattern, needs in ((r"\d{16}", False), ("password=[^ ]+", True), (r"\w+@\w+", False)):
        chain = chain_of(pattern)
        assert chain is not None and chain.needs_utf8 is needs
