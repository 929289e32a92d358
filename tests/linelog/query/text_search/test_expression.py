"""Expressions mean what they are written to mean, in ASCII case, in both of their forms."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.text_search.engine import WrongExpression, compile_search
from logsrv.linelog.query.text_search.expression import (
    compile_expression,
    may_match_nothing,
    pattern_has_capital,
    pattern_in_lines,
)
from logsrv.linelog.query.text_search.pattern_reader import lower_ascii_letter
from tests.parts.examples import more

_PIECES = st.sampled_from(
    [
        "a",
        "B",
        "k",
        "é",
        ".",
        "^",
        "$",
        r"\b",
        r"\d",
        r"\W",
        r"\s",
        "[a-c]",
        "[^b-]",
        "[]a]",
        r"[\w-]",
        "[A-k]",
        r"\x41",
        "(",
        ")",
        "(?:",
        "(?i)",
        "(?i:",
        "(?-i:",
        "(?s)",
        "|",
        "*",
        "+?",
        "{2}",
        "{1,}",
        "{x",
        r"\.",
        r"\/",
        "-",
        r"\101",
    ]
)


@pytest.mark.slow
@more(5)
@given(st.lists(_PIECES, max_size=8).map("".join), st.text("abBkK1 -é\u212a.{x", max_size=8))
def test_expressions_match_as_in_python(pattern, text):
    """The standard library's engine for bytes knows the case of ASCII only, too."""
    try:
        found = compile_expression(pattern)
    except WrongExpression:
        return
    if not text.isascii() or not pattern.isascii():
        text, pattern = text.replace("é", "e").replace("\u212a", "q"), pattern.replace("é", "e")
        found = compile_expression(pattern)
    try:
        known = re.compile(
            pattern.replace("(?s)", ""), 0 if pattern_has_capital(pattern) else re.IGNORECASE
        )
    except re.error:
        return
    message = text.encode()
    # Python's (?i) stands at the beginning only, so what it takes means the same; $ needs no LF.
    expected = known.search(text)
    start, end = found.in_message(message, 0, len(message))
    assert (start, end) == (expected.span() if expected else (-1, -1))
    if expected:
        line = b"x y " + message + b"\nb"
        assert compile_search(found.in_text)(line, 4, len(line))[0] >= 0


@pytest.mark.parametrize(
    ("pattern", "capital"),
    [
        *(
            (r"\S\W\D", False),
            ("aS", True),
            (r"\x4F", False),
            (r"\x{4F}", False),
            (r"\p{Lu}\PL", False),
        ),
        *(
            ("(?P<Name>a)", False),
            ("(?P<Name>A)", True),
            ("(?U)a", False),
            (r"\QA\E", True),
            (r"\Qa\E", False),
        ),
        *(("[[:upper:]]", False), ("[A-Z]", True), (r"\\A", True), (r"\A", False)),
    ],
)
def test_a_capital_outside_of_escapes_makes_case_count(pattern, capital):
    assert pattern_has_capital(pattern) is capital


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("k", "\u212a", False),
        ("[k]", "\u212a", False),
        ("s", "ſ", False),
        ("é", "É", False),
        ("(?i)É", "é", False),
        ("[à-é]", "É", False),
        ("[^k]", "K", False),
        ("[^a]x", "[x", True),
        ("[^a]x", "^x", True),
        (r"\x61", "A", True),
        (r"\p{Lu}", "a", False),
        ("(?P<Name>ab)", "AB", True),
        ("(?m)^b", "a", False),
        (r"a\z", "xa", True),
        (r"a\Ab", "ab", False),
        (r"\Qa.b", "A.B", True),
        (r"a\Q*\E+", "a**", True),
        ("a{,2}", "a{,2}", True),
        ("[[:alpha:]-]x", "-x", True),
    ],
)
def test_expressions_keep_syntax_and_ignore_case(pattern, text, found):
    message = text.encode()
    assert (compile_expression(pattern).in_message(message, 0, len(message))[0] >= 0) is found


def test_only_ascii_letters_are_lowered():
    assert [lower_ascii_letter(character) for character in "AzÉ\u212a"] == ["a", "z", "É", "\u212a"]


def by_classes(classes: tuple[frozenset[int], ...], text: bytes) -> bool:
    """Whether bytes of these classes stand side by side."""
    return any(
        all(byte in allowed for byte, allowed in zip(text[at:], classes, strict=False))
        for at in range(len(text) - len(classes) + 1)
    )


_FIXED = st.sampled_from(
    ["a", "B", "k", "-", " ", r"\d", r"\w", "[a-c]", "[b1-]", "[^b]", r"[\d_]", r"\x41", "é", "."]
)
_REPEATS = st.sampled_from(
    ["", "", "", "+", "*", "?", "+?", "{2}", "{1,2}", "{0}", "{0,1}", "{2,}"]
)


@pytest.mark.slow
@more(5)
@given(
    st.lists(st.tuples(_FIXED, _REPEATS).map("".join), min_size=1, max_size=4).map("".join),
    st.text("abBkK1 -é_A", max_size=10),
)
def test_classes_find_what_the_expression_finds(pattern, text):
    found = compile_expression(pattern)
    if found.classes:
        message = text.encode()
        expected = found.in_message(message, 0, len(message))[0] >= 0
        assert by_classes(found.classes, message) is expected


@pytest.mark.parametrize(
    ("pattern", "width"),
    [
        (r"user=\d+", 6),
        (r"Failed password for \w+", 21),
        (r"\d+ ms[a-z]?", 4),
        (r"port \d{4,5}x*", 9),
        (r"[0-9a-f_]{4}-", 5),
        (r"ab{2}c", 4),
        (r"ab{1,2}c", 0),
        (r"ab{2,}c", 0),
        (r"a\d+b", 0),
        ("a.b", 0),
        ("^ab", 0),
        ("(ab)+", 0),
        ("ab|cd", 0),
        (r"ab\b", 0),
        ("é", 0),
        ("[a-é]x", 0),
        (r"a\nb", 0),
        (r"\s+x", 0),
        ("a{201}", 0),
    ],
)
def test_expressions_of_a_fixed_width_have_their_classes(pattern, width):
    """What may be more of the first or the last is no more than it has to be."""
    assert len(compile_expression(pattern).classes) == width


def test_a_class_has_its_characters_in_both_cases_and_those_of_its_escapes():
    found = compile_expression(r"[\d_b-]x").classes
    assert found == (frozenset(b"0123456789_bB-"), frozenset(b"xX"))


@pytest.mark.parametrize(
    "pattern",
    ["^a", "b$", "^ab$", r"\Aa\b", r"b\z", "(?s)a.b", r"a\s+b", r"[^x]b", "(^a|b$)", r"\Qa\E$"],
)
def test_many_lines_have_the_matches_that_each_has_alone(pattern):
    lines = [b"ab", b"a", b"b", b"", b"aab b", b"a b", b"xb"]
    exact = compile_expression(pattern).exact
    alone = [compile_search(exact)(line, 0, len(line)) for line in lines]
    text, search = b"\n".join(lines) + b"\n", compile_search(pattern_in_lines(exact))
    start = 0
    for line, (begin, end) in zip(lines, alone, strict=True):
        found = search(text, start, start + len(line) + 1)
        assert found == ((start + begin, start + end) if begin >= 0 else (-1, -1)), line
        start += len(line) + 1


@pytest.mark.parametrize(
    "pattern", ["x*", "", "a|", r"\b", "^$", r"\bx*$", "(a?)(b?)", "x{0,3}", "(?i)"]
)
def test_an_expression_with_an_empty_match_is_known(pattern):
    assert may_match_nothing(compile_expression(pattern).exact)


@pytest.mark.parametrize("pattern", ["x", "x+", "^x", "a|b", r"\bx", "(a?)b", "[*]", r"\*"])
def test_an_expression_without_an_empty_match_is_known(pattern):
    assert not may_match_nothing(compile_expression(pattern).exact)
