"""Drops: exactly the lines that `logsrv search` would find are not stored, and each is counted."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.intake.drops import Drops
from logsrv.linelog.intake.filter_options import FilterCounts, node_of_drop
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse

MOST = 1 << 20
QUERIES = (
    "health",
    "level=debug",
    "NOT level=error",
    "status=200 path:health",
    "/a+b/ OR name=apps",
    "source:10.0.0.1",
    "user=ann -x",
)


def batch(lines: bytes, source: str = "apps@tcp:10.0.0.1:5") -> Batch:
    return Batch(Block.of(lines), source, 1.5)


def kept(lines: bytes, *queries: str, most: int = MOST) -> tuple[bytes, FilterCounts]:
    counts = FilterCounts()
    block = Drops([node_of_drop(one) for one in queries], counts).apply(batch(lines), most)
    return b"" if block is None else bytes(block), counts


def test_matching_lines_are_left_out_and_counted():
    lines = b"GET /health\nlevel=debug a=1\nhello\n"
    stored, counts = kept(lines, "health", "level=debug")
    assert stored == b"hello\n"
    assert (counts.dropped_lines, counts.dropped_bytes) == (2, 26)


def test_nothing_is_left_of_a_block_of_such_lines():
    counts = FilterCounts()
    assert Drops([parse("x")], counts).apply(batch(b"x\nxy\n"), MOST) is None
    assert (counts.dropped_lines, counts.dropped_bytes) == (2, 3)


def test_a_block_without_the_words_is_passed_on_as_it_is():
    some, drops = batch(b"hello\n" * 2000), Drops([parse("Health"), parse("debug")], FilterCounts())
    assert drops.apply(some, MOST) is some.block


def test_the_source_and_the_name_of_the_listener_are_fields():
    assert kept(b"a\n", "source:10.0.0.1")[0] == b""
    assert kept(b"a\n", "name=apps")[0] == b""
    assert kept(b"a\n", "name=other")[0] == b"a\n"


def test_a_line_that_cannot_be_parsed_is_kept():
    """The sender may have cut an object of JSON off; no field of it is known."""
    lines = b'{"level":"debug","a":1}\n{"level":"debug","a":\n'
    assert kept(lines, "a=1")[0] == b'{"level":"debug","a":\n'


def test_each_line_is_asked_about_alone():
    """A stack trace behind a line that is dropped has no level of its own."""
    lines = b"2026-11-30 DEBUG failed\n  at x.y\n"
    assert kept(lines, "level=debug")[0] == b"  at x.y\n"


@pytest.mark.parametrize("most", [100, 1000])
def test_a_block_with_many_short_lines_is_searched_in_pieces(most):
    lines = b"".join(b"%d\n" % number for number in range(200))
    stored, counts = kept(lines, "/7/", most=most)
    assert stored == b"".join(b"%d\n" % number for number in range(200) if "7" not in str(number))
    assert counts.dropped_lines == 200 - stored.count(b"\n")
    assert kept(b"7\n" * 200, "/7/", most=most)[0] == b""


LINE = st.sampled_from(
    [b"GET /health", b"level=debug x=1", b"ERROR failed", b"", b"aab", b"user=ann a=1", b"user=ann x=2",
     b'{"level":"debug","user":"ann"}', b'1.2.3.4 - - [x] "GET /health HTTP/1.1" 200 5 "-" "-"']
)  # fmt: skip


@given(
    st.lists(LINE, min_size=1, max_size=9),
    st.lists(st.sampled_from(QUERIES), min_size=1, max_size=3),
    st.booleans(),
)
def test_what_a_search_finds_is_not_stored(lines, queries, with_head):
    text = b"".join(line + b"\n" for line in lines)
    some = batch(text)
    if with_head:
        head = lines[0] + b"\n"
        block = Block(head, b"t\n" + text[len(head) :] + b"rest", 2, 2 + len(text) - len(head))
        some = attrs.evolve(some, block=block)
    counts = FilterCounts()
    left = Drops([node_of_drop(one) for one in queries], counts).apply(some, MOST)
    matchers = [make_matcher(parse(one)) for one in queries]
    expected = [
        line for line in lines if not any(one.matches(some.stamp + line) for one in matchers)
    ]
    assert (b"" if left is None else bytes(left)) == b"".join(line + b"\n" for line in expected)
    assert counts.dropped_lines == len(lines) - len(expected)
    assert counts.dropped_bytes == sum(map(len, lines)) - sum(map(len, expected))


MORE_LINES = st.one_of(
    LINE,
    st.sampled_from(
        [b"<15>1 2026-11-30T11:00:00Z h app 1 - - text", b"2026-11-30 11:00:00,123 DEBUG app: x",
         b"D/app x", b"11:00:00 D app: x", b'{"severity":"DEBUG","a":1}', b"[debug] x", b"user=debug",
         b"\xff debug"]
    ),
)  # fmt: skip


@given(
    st.lists(MORE_LINES, min_size=1, max_size=9),
    st.sampled_from(["level=debug", "level>=warning", "NOT level=debug", "level!=error"]),
    st.sampled_from([b"a line\n", b"level=debug x=1\n", b"ERROR failed\n"]),
    st.sampled_from([0, 150, 1200]),
)
def test_levels_of_many_lines_are_those_that_each_has_alone(lines, query, other, number):
    """Few with a word such as debug are asked one by one; of many, NumPy finds the levels."""
    text = b"".join(line + b"\n" for line in lines) + other * number + b"another line\n" * 500
    drops, counts = Drops([node_of_drop(query)], FilterCounts()), FilterCounts()
    alone = Drops([node_of_drop(query)], counts)
    for _ in range(2):
        left = drops.apply(batch(text), MOST)
    expected = [alone.apply(batch(line + b"\n"), MOST) for line in text.split(b"\n")[:-1]]
    assert (b"" if left is None else bytes(left)) == b"".join(bytes(one) for one in expected if one)
