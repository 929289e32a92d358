"""Extracted fields: templates and expressions find the same parts as Python's own expressions do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.text_search.expression import extracted_fields
from logsrv.linelog.stages.extract import expression_of_template

STAMP = b"2026-11-20T06:00:00.000000Z tcp:10.0.0.1:1 "


def fields(query: str, message: bytes) -> dict[str, str]:
    return extracted_fields(parse_question(query).extractions)(message)


@pytest.mark.parametrize(
    ("template", "message", "found"),
    [
        ("took <ms> ms", b"it took 12.5 ms, no more", {"ms": "12.5"}),
        ("took <ms> ms", b"it took long", {}),
        ("took <ms>", b"took 12 ms", {"ms": "12"}),
        (
            "from <ip> port <n>",
            b"x from 10.0.0.1  port 22\tssh2",
            {"ip": "10.0.0.1", "n": "22"},
        ),
        ("user=<user>,", b"user=ann b, user=bob,", {"user": "ann b"}),
        ("[<_>] <what>:", b"[ab] oops: x", {"what": "oops"}),
        (r"\<<a>>", b"see <b c> there", {"a": "b c"}),
        ("TOOK <ms>", b"took 5", {}),
        ("took <ms>", b"TOOK 5", {"ms": "5"}),
        ("é <x>", "é ü".encode(), {"x": "ü"}),
        # RE2 finds text only, as in every expression.
        ("x=<x>", b"x=\xff\xfe", {}),
        ("<a.b> <n>", b"<a.b> 5", {"n": "5"}),
    ],
)
def test_parts_of_a_template(template, message, found):
    assert fields(f'| extract "{template}"', message) == found


@given(
    st.lists(st.text("ab<>.*+?()[]{}|^$ =:-\"'", max_size=4), min_size=2, max_size=4),
    st.text("abAB ", min_size=1, max_size=5),
)
def test_any_text_of_a_template_means_itself(texts, value):
    """Between two texts that are in no value, the value comes back."""
    head, tail = f"«{texts[0].strip()}»", f"«{texts[1].strip()}»"
    template = head.replace("<", r"\<") + "<v>" + tail.replace("<", r"\<")
    pattern = expression_of_template(template)
    groups = re.search(pattern, f"x {head}{value}{tail} y")
    assert groups is not None
    assert groups["v"] == value


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (r"/took (?P<ms>\d+)/ ms>100", True),
        (r"/took (?P<ms>\d+)/ ms>1000", False),
        ('| extract "took <ms>ms" | where ms=250', True),
        ('| extract "took <t> by" | where t>200ms t<1s', True),
        ('| extract "by <who>" | where who=ANN', True),
        ('| extract "by <who>" | where who:Ann', False),
        ('| extract "by <who>" | where who~/^a/', True),
        ('| extract "by <who>" | where NOT who=bob', True),
        ('| extract "by <who>" | where who!=bob', True),
        ('| extract "near <who>" | where who!=bob', False),
        ('| extract "near <who>" | where who=*', False),
        ('| extract "by <who>" | where who=bob OR who=ann', True),
    ],
)
def test_extracted_fields_are_compared_like_others(query, matches):
    """One by one, and in a text, for which candidates and needs are used."""
    line = STAMP + b"request took 250ms by ann"
    matcher = make_matcher(parse_question(query).node)
    other = STAMP + b"nothing here"
    text = other + b"\n" + line + b"\n" + other + b"\n"
    assert matcher.matches(line) is matches
    assert (line in matcher.matching_lines(text)) is matches
    matcher.prepare_for_many()
    assert matcher.count(text) == sum(matcher.matches(one) for one in text.splitlines())


def test_a_named_group_does_not_change_what_an_expression_finds():
    for pattern in (r"(a|b)c", r"^x (?:y|z)$", r"(?i:K)|x"):
        named = pattern.replace("(?:", "(?P<n>").replace("(a", "(?P<n>a")
        for message in (b"ac", b"bc", b"x y", b"x z\n", b"k", b"K", "\u212a".encode(), b"x"):
            one = make_matcher(parse_question(f"/{pattern}/").node).matches(STAMP + message)
            assert make_matcher(parse_question(f"/{named}/").node).matches(STAMP + message) is one
