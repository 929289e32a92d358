"""Runs of bytes that every match of an expression is: found by a look at few bytes of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.text_search.byte_runs import ByteRun, byte_run_of
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.expression import compile_expression
from tests.parts.examples import more

DIGITS = b"0123456789"


def run_of(pattern: str) -> ByteRun | None:
    return byte_run_of(compile_expression(pattern).exact)


@pytest.mark.parametrize(
    ("pattern", "least", "allowed"),
    [
        (r"\b\d{16}\b", 16, DIGITS),
        (r"\b(\d[ -]?){13,16}\b", 13, b" -" + DIGITS),
        (r"\d{3}-\d{2}-\d{4}", 11, b"-" + DIGITS),
        (r"(?P<a>\d{8}|\d{9}-)", 8, b"-" + DIGITS),
        (r"^[0-9]+[0-9]{7}$", 8, DIGITS),
        (r"(\d{4}){2,}x?", 8, b"" + DIGITS + b"Xx"),
        (r"DE\d{8,}", 10, DIGITS + b"DE"),
        (r"\x31{8}", 8, b"1"),
        (r"\d{1000}", 64, DIGITS),
    ],
)
def test_the_bytes_of_a_match_and_their_least_number_are_known(pattern, least, allowed):
    run = run_of(pattern)
    assert run is not None
    assert (run.least, run.allowed) == (least, bytes(sorted(allowed)))


@pytest.mark.parametrize(
    "pattern",
    [r"\d{7}", r"\d{16}|x", r"(\d{16})?", r"\d{16}.", r"\D{16}", r"\d{16}é", r"[^a]{16}", r"\w{16}",
     r"\d{16}\pL", r"[a-é]{9}", r"\d{0,16}", r"(\d{16}){0}", r"[[:^digit:]]{9}"],
)  # fmt: skip
def test_there_is_none_if_a_match_may_be_short_or_of_many_bytes(pattern):
    assert run_of(pattern) is None


PATTERNS = (r"\b\d{16}\b", r"\b(\d[ -]?){13,16}\b", r"(\d{4}){2}", r"[ab]{9}|\d{8}", r"^\d{9}-?$")


@more(4)
@given(
    st.sampled_from(PATTERNS),
    st.lists(
        st.sampled_from([b"1", b"1234", b"12345678", b" ", b"-", b"x", b"ab", b"\n"]), max_size=40
    ),
)
def test_every_match_has_an_offset_of_its_run_in_it(pattern, parts):
    text = b"".join(parts)
    run, search = run_of(pattern), compile_search(compile_expression(pattern).exact)
    assert run is not None
    begin, end = search(text, 0, len(text))
    if begin >= 0:
        assert any(begin <= at < end for at in run.offsets(text))


def test_a_text_without_such_a_run_has_no_offsets():
    text = (b"a word or two, and then " * 9 + b"1234567 ") * 100 + b"12 345 67" * 9
    for allowed in (DIGITS, DIGITS + b"-"):
        assert not len(ByteRun(8, allowed).offsets(text))
        assert not len(ByteRun(8, allowed).offsets(b""))
        assert len(ByteRun(8, allowed).offsets(text + b"12345678"))
