"""Many queries for values of one field find what each of them finds by itself."""

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.language.tree import Compare, Node
from logsrv.linelog.query.matching.many import ManyQueries
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.query.matching.values import FEW, fields_compared_often
from tests.linelog.query.matching.test_many import STAMP, counts


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
