"""Chains of runs of bytes: all matches of a text at once, the same as RE2 finds one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.text_search.byte_chains import ByteChain, byte_chain_of
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.expression import compile_expression, pattern_in_lines
from tests.parts.examples import more

CHAINS = (
    r"\b\d{16}\b", r"\d{16}", r"\d{8,}", r"\b\d{13,19}\b", r"\d{3}-\d{2}-\d{4}", r"\b\d{3}-\d{2}-\d{4}\b",
    r"[\w.+-]+@[\w.-]+\.[a-z]{2,}", r"[\w.]+@[\w.]+", r"\S+@\S+\.\S+", r"\S+@\S+", r"\b\w+@",
    r"\b\d{1,3}(\.\d{1,3}){3}\b", r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", r"\b(\d{1,3}\.){3}\d{1,3}\b",
    "password=[^ ]+", "bob", "Bob", r"pw=\S*", r"\bann\b", r"\b4\d{15}\b", r"4\d{3,}", r'"k": *"[^"]*"',
    r"\b\d{4}[ -]?\d{4}\b", r"\d{2}[ -]?x", r"a[bB]c", r"\ba+\.", r"\.\.\b", r"\b\.a", r"a{2,3}b?",
    r"a{2,3}", r"\d+\b", r"DE\d{2}( ?\d{4}){2}", r"a+@a+b", r"\w+@\w+\.", "(?:ab){2}", "[ab]{1,2}-",
    "-+a{1,2}", r"\b[0-9a-f]{8}-[0-9a-f]{4}\b", "x[^x]*y", "[^ ]+=1", r"\d{1,2}\d", "1a?1", "11?1",
    r"a{3}x{0}", "(?:1{2}){3}", r"\D+1", r"1\W*a", "=[^1]+", r"\b\W+\b",
)  # fmt: skip


def chain_of(pattern: str) -> ByteChain | None:
    return byte_chain_of(compile_expression(pattern).exact)


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


PARTS = st.sampled_from(
    [b"1", b"12", b"1234", b"4111111111111111", b"12345678", b"a", b"aa", b"b", b"ab", b"Bob", b"bob", b".",
     b"..", b"@", b"-", b" ", b"  ", b"=", b"password=", b"pw=", b'"k": "', b'"', b"x", b"y", b"10.0.0.1",
     b"ann@ex.org", b"\n", b"_", b"A", b"c", "é".encode(), b"DE12", b"ann", rb"\n", b"/", b"a" * 40]
)  # fmt: skip


def found_by_re2(pattern: str, line: bytes) -> list[tuple[int, int]]:
    search = compile_search(pattern_in_lines(compile_expression(pattern).exact))
    spans, (begin, end) = [], search(line, 0, len(line))
    while begin >= 0:
        spans.append((begin, end))
        begin, end = search(line, end, len(line))
    return spans


@more(8)
@given(st.lists(PARTS, max_size=60), st.sampled_from(CHAINS), st.sampled_from([0, 3000]))
def test_a_chain_finds_what_re2_finds_in_each_line_alone(parts, pattern, others):
    """With others around, few of all bytes are looked at, else all runs of the text are found."""
    text = b"".join(parts) + b"\n" + b"-" * others + b"\n"
    chain = chain_of(pattern)
    assert chain is not None
    matches = chain.find(text)
    begins, ends, unsure = (array.tolist() for array in matches)
    assert begins == sorted(begins)
    found = list(zip(begins, ends, strict=True))
    start = 0
    for line in text.splitlines(keepends=True):
        stop = start + len(line)
        if not any(start <= at < stop for at in unsure):
            here = [(begin - start, end - start) for begin, end in found if start <= begin < stop]
            assert here == found_by_re2(pattern, line)
        start = stop
    assert all(0 <= at < len(text) for at in unsure)


def test_a_line_in_which_a_match_touches_the_next_is_unsure():
    chain = chain_of(r"\d{16}")
    assert chain is not None
    assert chain.find(b"4" * 40 + b"\n").unsure.tolist() == [0]
    assert not len(chain.find(b"4" * 16 + b" " + b"4" * 16 + b"\n").unsure)


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
