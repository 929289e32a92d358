"""Many queries in one pass find what each of them finds by itself."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.query.many import (
    FEW,
    ManyQueries,
    fields_compared_often,
    trigger_choices,
    triggers_suffice,
)
from logsrv.linelog.query.match import TextPosition, make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import Compare, Node
from tests.parts.examples import more

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
_LENIENT = more(1.5)

Found = list[list[tuple[int, int]]]


def together(nodes: list[Node], text: bytes, text_position: TextPosition | None = None) -> Found:
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, lines in ManyQueries([make_matcher(node) for node in nodes]).find(
        text, text_position
    ):
        assert len(lines) and lines[-1] == list(lines)[-1]
        found[number] += lines
    return [found[number] for number in range(len(nodes))]


def one_by_one(nodes: list[Node], text: bytes, text_position: TextPosition | None = None) -> Found:
    return [list(make_matcher(node).find(text, text_position)) for node in nodes]


def counts(text: bytes, *queries: str) -> list[int]:
    found = together([parse(query) for query in queries], text)
    assert found == one_by_one([parse(query) for query in queries], text)
    return list(map(len, found))


WORDS = st.text(st.sampled_from("abAB01 é_.\0"), min_size=1, max_size=70)


@pytest.mark.slow
@_LENIENT
@given(st.lists(WORDS, max_size=20), st.data())
def test_words_of_any_length_are_found_in_any_case(words, data):
    parts = st.sampled_from(words or ["x"])
    messages = data.draw(st.lists(st.lists(parts | parts.map(str.upper) | WORDS), max_size=6))
    text = b"".join(STAMP + "".join(some).encode() + b"\n" for some in messages)
    nodes = [parse('"' + word.replace("\\", "\\\\") + '"') for word in words]
    assert together(nodes, text) == one_by_one(nodes, text)


def test_a_thousand_words_each_find_their_lines():
    queries = [f"service{number}x" for number in range(1000)]
    text = b"".join(STAMP + b"oops in SERVICE%dx\n" % (number * 10) for number in range(300))
    found = counts(text, *queries)
    assert [number for number, count in enumerate(found) if count] == list(range(0, 1000, 10))


def test_the_word_that_few_queries_have_decides_who_is_asked():
    """With the one that all of them have, each line with `error` would be tested a thousand times."""
    many = ManyQueries([make_matcher(parse(f"error app{number}")) for number in range(1000)])
    tested = []
    text = (STAMP + b"error in app17\n") * 20
    for number, lines in many.find(text):
        tested.append((number, len(lines)))
    assert sorted(tested) == [(1, 20), (17, 20)]


def test_words_in_stamps_are_not_found_and_fields_of_stamps_are():
    text = STAMP + b"x\n" + STAMP + b"a web of tcp:10\n" + b"web without a stamp\n"
    assert counts(text, "web", '"tcp:10"', "name=web", "source:10.0", "51234") == [2, 1, 2, 2, 0]


def test_lines_that_only_look_as_if_they_had_a_stamp():
    broken = (
        b"2026-11-20T06:18:42.123456Z  web\n"
        b"2026-11-20T06:18:42.123456Z web\n"
        b"2026-11-20T06:18:42.123456Z \n"
        b"2026-11-2xT06:18:42.123456Z web x\n"
        b"2026-11-20T06:18:42.123456Z"
    )
    assert counts(broken, "web", "2026", "x") == [3, 5, 1]


def test_queries_without_a_literal_go_by_themselves():
    text = STAMP + b"ERROR a\n" + STAMP + b"b\n" + STAMP + b"debug a=500 b=1\n"
    queries = ("level>=error", "NOT debug", r"/\d+$/", "", '""', "-a")
    assert counts(text, *queries) == [1, 2, 1, 3, 3, 1]


@pytest.mark.parametrize("text", [b"", b"\n", b"x", b"\n\n", b"x\n\n"])
def test_nearly_empty_texts_are_searched(text):
    counts(text, "x", "", "NOT x", "x OR y", "user=x")


def test_without_queries_nothing_is_found():
    assert list(ManyQueries([]).find(b"x\n")) == []


def test_a_flood_of_one_word_is_counted_without_an_object_for_each_line():
    text = (STAMP + b"error\n") * 10_000
    [*found] = ManyQueries([make_matcher(parse("error")), make_matcher(parse("err"))]).find(text)
    assert sum(len(lines) for number, lines in found if number == 0) == 10_000
    assert list(found[0][1][:1]) == [(0, len(STAMP) + 5)]


@pytest.mark.parametrize(
    ("query", "literals"),
    [
        ("timeout", [["timeout"]]),
        ("Timeout login", [["Timeout"], ["login"]]),
        ("timeout OR reset", [["timeout", "reset"]]),
        ("(timeout OR reset) -login", [["timeout", "reset"]]),
        (r"/user=\d+ from/", [["user="], [" from"]]),
        ("host=web7", [["web7"]]),
        ("NOT timeout", []),
        ("timeout OR NOT reset", []),
        ("level>=error", []),
        (r"/\d+/", []),
        ('""', []),
    ],
)
def test_each_query_has_its_triggers(query, literals):
    found = trigger_choices(parse(query))
    assert [[one.literal.text.decode() for one in some] for some in found] == literals


@pytest.mark.parametrize("query", ["a", "a b", "(a OR b) c", "a OR (b OR c)"])
def test_words_need_no_test_of_the_line(query):
    assert triggers_suffice(parse(query))


@pytest.mark.parametrize("query", ["/a/", "a (b c OR d)", "x=a", 'a OR "b\nc"', "NOT a", "a -b"])
def test_queries_of_more_than_words_are_tested(query):
    assert not triggers_suffice(parse(query))


@pytest.mark.parametrize(
    "value", ["500", "[499, 500, 500]", '"500"', "5.0e2", "true", "null", "{}"]
)
def test_values_of_json_of_any_type_are_compared(value):
    text = STAMP + b'{"status": ' + value.encode() + b"}\n"
    counts(text, *(f"status={number}" for number in (499, 500, "true", "null", '"5e2"', 7, 8)))


def test_a_thousand_values_are_found_in_their_lines():
    queries = [f"status={number}" for number in range(1000)]
    text = b"".join(STAMP + b"status=%d user=x\n" % (number * 10) for number in range(200))
    found = counts(text, *queries)
    assert [number for number, count in enumerate(found) if count] == list(range(0, 1000, 10))


def test_only_the_asked_queries_are_answered():
    many = ManyQueries([make_matcher(parse(f"status={number}")) for number in range(10)])
    text = STAMP + b"status=3 a=b\n" + STAMP + b"status=4 a=b\n"
    assert [number for number, _ in many.find(text, among={4, 99})] == [4]
    assert list(many.find(text, among={99})) == []


def test_fields_of_which_few_values_are_wanted_are_not_read_for_them():
    nodes: list[Node] = [Compare("a", "=", str(number)) for number in range(FEW + 1)]
    assert fields_compared_often(nodes[:-1]) == {}
    assert fields_compared_often(
        [*nodes, Compare("b", "=", "1"), Compare("level", "=", "error")]
    ) == {"a": [(number, str(number)) for number in range(FEW + 1)]}
