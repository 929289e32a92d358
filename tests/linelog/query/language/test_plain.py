"""A plain word is what the grammar makes of it; all else is left to the grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.language.plain import plain_word
from logsrv.linelog.query.language.tree import Term


@given(st.one_of(st.text(), st.text('aB0_.-/:=<>~!@"() ANDORT²')))
def test_it_is_read_as_the_grammar_reads_it(query: str) -> None:
    found = plain_word(query)
    if found is not None:
        assert found == parse(query)


@pytest.mark.parametrize("query", ["quetzalcoatl", "198.51.100.77", "4bf92f3577b34da6", "a_B.c"])
def test_words_ids_and_addresses_are_plain(query: str) -> None:
    assert plain_word(query) == Term(query)


@pytest.mark.parametrize("query", ["", "...", "AND", "a b", "-a", "level=error", "/a/", '"a"', "é"])
def test_others_are_not(query: str) -> None:
    assert plain_word(query) is None
    try:
        parse(query)
    except QueryError:
        assert query == "AND"
