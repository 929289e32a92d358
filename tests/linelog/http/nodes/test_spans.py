"""The lines of a node in pieces: together all of them by time, few questions where little is."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.nodes.answer import EARLIEST, LATEST, NodeFailure, NodeLine
from logsrv.linelog.http.nodes.spans import (
    AnswerSize,
    NodeQuestion,
    SpanLines,
    TimeSpan,
    fetch_lines_by_time,
)
from tests.linelog.http.nodes.samples import BEGIN, EVERYTHING, ListedNode, node_line

DAY = 86_400_000_000
MOST = AnswerSize(99_999, 1 << 30)


def store(moments: list[int]) -> ListedNode:
    return ListedNode([node_line(one, str(number)) for number, one in enumerate(moments)])


def pieces(
    node: ListedNode, most: int, span: TimeSpan = EVERYTHING, *, reverse: bool
) -> list[SpanLines]:
    question = NodeQuestion("", span, reverse=reverse)
    found = []
    for piece in fetch_lines_by_time(node, question, AnswerSize(most, 1 << 20), MOST):
        found.append(piece)
        assert len(node.spans) < 100 + 100 * len(node.stored)
    return found


def lines(found: list[SpanLines]) -> list[NodeLine]:
    return [line for piece in found for line in piece.lines]


MOMENTS = st.lists(
    st.one_of(
        st.integers(BEGIN, BEGIN + 30),
        st.integers(BEGIN, BEGIN + 3 * DAY),
        st.integers(EARLIEST, LATEST - 1),
    ),
    max_size=40,
)


@given(MOMENTS, st.booleans(), st.integers(1, 10), st.booleans(), st.booleans())
def test_spans_have_every_line(moments, reverse, most, has_begin, has_end):
    """Whatever order the store has, and however little an answer may have."""
    span = TimeSpan(BEGIN if has_begin else EARLIEST, BEGIN + DAY if has_end else LATEST)
    node = store(moments)
    found = pieces(node, most, span, reverse=reverse)
    wanted = [one for one in node.stored if span.begin <= one.moment < span.end]
    wanted.sort(key=lambda line: line.moment)
    if reverse:
        wanted.sort(key=lambda line: line.moment, reverse=True)
        assert [one.moment for one in lines(found)] == [one.moment for one in wanted]
        assert sorted(lines(found)) == sorted(wanted)
    else:
        assert lines(found) == wanted
    edges = [span.end if reverse else span.begin, *[piece.edge for piece in found]]
    for piece, (before, edge) in zip(found, pairwise(edges), strict=True):
        low, high = min(before, edge), max(before, edge)
        assert low < high and all(low <= line.moment < high for line in piece.lines)
        assert len(piece.lines) <= most or len({line.moment for line in piece.lines}) == 1
    assert edges[-1] == (span.begin if reverse else span.end)


def test_few_lines_take_one_request():
    node = store([BEGIN, BEGIN + 1])
    assert len(lines(pieces(node, 10, reverse=False))) == 2 and node.spans == [EVERYTHING]


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_many_lines_take_few_more_requests_than_needed(reverse):
    node = store([BEGIN + 1000 * number for number in range(20_000)])
    assert len(lines(pieces(node, 500, reverse=reverse))) == 20_000
    assert len(node.spans) < 2.2 * 20_000 / 500


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_a_store_in_the_opposite_order_takes_little_more(reverse):
    """As one into which the older of two files was imported last."""
    node = store([BEGIN + 1000 * number for number in range(20_000)][::-1])
    assert len(lines(pieces(node, 500, reverse=reverse))) == 20_000
    assert len(node.spans) < 3 * 20_000 / 500


@pytest.mark.slow
def test_an_old_block_at_the_end_of_the_store_holds_nothing_up():
    """As a centre has it when one of its origins was away for a day."""
    new = [BEGIN + DAY - 1_000_000 + number for number in range(5000)]
    node = store(new + [BEGIN + number for number in range(5000)])
    question = NodeQuestion("", EVERYTHING, reverse=True)
    found = next(
        one
        for one in fetch_lines_by_time(node, question, AnswerSize(1000, 1 << 20), MOST)
        if one.lines
    )
    assert found.lines[0].moment == new[-1] and len(node.spans) < 50


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_a_moment_with_very_many_lines_is_left_by_a_few_steps(reverse):
    """The next lines are an hour away."""
    node = store([BEGIN] * 5000 + [BEGIN + DAY // 24 + number for number in range(100)])
    assert len(lines(pieces(node, 500, reverse=reverse))) == 5100
    assert len(node.spans) < 16


@pytest.mark.parametrize("reverse", [False, True])
def test_few_questions_lead_to_the_first_lines(reverse):
    """Also where many are of a moment: 31 were asked before."""
    node = store([BEGIN + number // 200 * 6000 for number in range(9000)])
    question = NodeQuestion("", EVERYTHING, reverse=reverse)
    first = next(
        one
        for one in fetch_lines_by_time(node, question, AnswerSize(1000, 1 << 20), MOST)
        if one.lines
    )
    assert len(first.lines) >= 200 and len(node.spans) <= 4


def test_bytes_have_a_bound_as_lines_have():
    node = ListedNode([node_line(BEGIN + number, "x" * 1000) for number in range(100)])
    found = [
        *fetch_lines_by_time(node, NodeQuestion("", EVERYTHING), AnswerSize(1000, 10_000), MOST)
    ]
    assert len(lines(found)) == 100
    assert max(sum(len(one.line) for one in piece.lines) for piece in found) <= 10_000


def test_more_lines_of_a_moment_than_fit_are_told():
    node = store([BEGIN, *[BEGIN + 7] * 200, BEGIN + 9])
    found = [
        *fetch_lines_by_time(
            node, NodeQuestion("", EVERYTHING), AnswerSize(100, 1 << 20), AnswerSize(150, 1 << 20)
        )
    ]
    assert len(lines(found)) == 153
    [missing] = [piece.missing for piece in found if piece.missing]
    assert missing.startswith("it has more than 150 lines of 2025-") and "missing" in missing


def test_a_line_that_was_not_asked_for_is_not_taken():
    class Strange(ListedNode):
        def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Any:
            return super().answer_pieces(endpoint, {**asked, "since": ""})

    question = NodeQuestion("", TimeSpan(BEGIN + 1, LATEST))
    with pytest.raises(NodeFailure, match="not asked for"):
        next(
            fetch_lines_by_time(Strange([node_line(BEGIN, "x")]), question, AnswerSize(9, 99), MOST)
        )
