"""Lines of several nodes put together: by time, each once, in an order that every node knows."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.nodes.answer import NodeLine
from logsrv.linelog.http.nodes.merge import MergedLine, merge_by_time
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.http.nodes.samples import node_line

LINES = st.builds(node_line, st.integers(0, 3), st.sampled_from("abc"))
STORES = st.lists(st.lists(LINES, max_size=12), min_size=1, max_size=4)


def fetch_lines_by_time(stores: list[list[NodeLine]], *, reverse: bool = False) -> list[MergedLine]:
    """The lines of stores in any order, put together as those of nodes are."""
    answers = [sorted(store, key=lambda one: one.moment) for store in stores]
    moments = merge_by_time([one[::-1] if reverse else one for one in answers], reverse=reverse)
    return [line for lines in moments for line in lines]


def texts(lines: list[NodeLine]) -> list[bytes]:
    return [one.line for one in lines]


@given(STORES)
def test_each_line_comes_as_often_as_the_node_has_it_that_has_it_most_often(stores):
    most: Counter[bytes] = Counter()
    for store in stores:
        most |= Counter(texts(store))
    found = fetch_lines_by_time(stores)
    assert Counter(one.line for one in found) == most
    assert [one.moment for one in found] == sorted(one.moment for one in found)


@given(STORES)
def test_each_place_of_each_node_is_told_once(stores):
    numbered = [
        [one._replace(position=Position(1, place)) for place, one in enumerate(store)]
        for store in stores
    ]
    found = [
        (node, place) for one in fetch_lines_by_time(numbered) for node, place in one.places.items()
    ]
    assert sorted(found) == [
        (node, one.position) for node, store in enumerate(numbered) for one in store
    ]


@given(st.lists(LINES, max_size=12), st.integers(1, 4))
def test_nodes_that_have_the_same_are_as_one(store, nodes):
    """Also if one has the blocks of its origins in another order."""
    ordered = sorted(store, key=lambda one: one.moment)
    assert [one.line for one in fetch_lines_by_time([store] * nodes)] == texts(ordered)


@given(STORES)
def test_the_newest_first_is_the_same_turned(stores):
    """Else pages that are asked for from both ends would not meet."""
    assert fetch_lines_by_time(stores, reverse=True) == fetch_lines_by_time(stores)[::-1]


@given(st.data())
def test_what_nodes_lack_does_not_change_the_order_of_the_one_that_has_all(data):
    """Lines of one moment, different ones, of which the other nodes have some."""
    history = [node_line(7, f"line {number}") for number in range(data.draw(st.integers(0, 12)))]
    stores = [history]
    for _ in range(data.draw(st.integers(1, 3))):
        kept = data.draw(st.lists(st.booleans(), min_size=len(history), max_size=len(history)))
        stores.append([one for one, has in zip(history, kept, strict=True) if has])
    order = data.draw(st.permutations(stores))
    assert [one.line for one in fetch_lines_by_time(order)] == texts(history)


def test_lines_of_another_source_or_moment_are_others():
    one = node_line(1, "a")
    other = NodeLine(1, one.line.replace(b"1.2.3.4", b"1.2.3.5"), one.position)
    assert len(fetch_lines_by_time([[one], [other], [node_line(2, "a")]])) == 3
