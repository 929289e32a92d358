"""All matches of a chain in a text at once, the same as RE2 finds one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.text_search.chain_search import find_matches
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.expression import compile_expression, pattern_in_lines
from tests.linelog.query.text_search.chains import CHAINS, chain_of
from tests.parts.examples import more

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
    matches = find_matches(chain, text)
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
    assert find_matches(chain, b"4" * 40 + b"\n").unsure.tolist() == [0]
    assert not len(find_matches(chain, b"4" * 16 + b" " + b"4" * 16 + b"\n").unsure)


@pytest.mark.parametrize("pattern", [r"\d{15}", r"\b\d{15,19}\b", r"\d{16,}", r"[a-f0-9]{32}x"])
def test_long_runs_are_found_wherever_they_begin(pattern):
    """Runs of fifteen bytes or more are found by eight bytes together."""
    chain = chain_of(pattern)
    assert chain is not None
    lines = [
        b" " * before + b"4" * size + end + b"\n"
        for before in range(9)
        for size in range(12, 42)
        for end in (b"", b"x", b" 1", b"-" + b"5" * size)
    ]
    text = b"".join(lines)
    begins, ends, unsure = (array.tolist() for array in find_matches(chain, text))
    start = number = 0
    for line in lines:
        if not any(start <= at < start + len(line) for at in unsure):
            for begin, end in found_by_re2(pattern, line):
                assert (begins[number], ends[number]) == (start + begin, start + end)
                number += 1
        else:
            while number < len(begins) and begins[number] < start + len(line):
                number += 1
        start += len(line)
    assert number == len(begins)
