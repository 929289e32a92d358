"""Text in quotation marks ends at the first one that has no backslash before it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.quoted_text import pattern_until


def end_of(text: str, mark: str) -> int | None:
    """Where it ends, a character after the other."""
    at = 0
    while at < len(text):
        if text[at] == mark:
            return at
        at += 2 if text[at] == "\\" else 1
    return None


@given(st.text('ab"/\\\n'), st.sampled_from('"/'))
def test_a_quoted_text_ends_at_the_same_place_as_letter_by_letter(text, mark):
    found = re.compile(pattern_until(mark) + mark, re.DOTALL).match(text)
    assert (found and found.end() - 1) == end_of(text, mark)


@given(st.text('ab"\\\n'))
def test_a_quoted_text_stays_in_its_line(text):
    found = re.match(pattern_until('"', never=r"\n") + '"', text)
    assert (found and found.end() - 1) == end_of(text.partition("\n")[0], '"')


@pytest.mark.parametrize("text", ["a" * 500_000, r"\a" * 250_000, r"\\" * 250_000])
def test_an_endless_quoted_text_takes_linear_time(text):
    """Expressions that can match it in two ways would not be done this year."""
    pattern = re.compile(pattern_until('"') + '"')
    assert pattern.match(text) is None
    assert pattern.fullmatch(text + '"')
