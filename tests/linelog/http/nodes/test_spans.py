"""The spans that nodes are asked for: together all of the time, none twice, few where little is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, SpanWalk, TimeSpan
from tests.linelog.http.nodes.samples import BEGIN

DAY = 86_400_000_000


def walked(
    moments: list[int], whole: TimeSpan, *, reverse: bool, most: int
) -> tuple[list[TimeSpan], int]:
    """Return the spans that were answered, and how many questions it took."""
    walk = SpanWalk(whole, BEGIN + DAY, reverse=reverse, most=most)
    spans, asked = [], 0
    while (span := walk.span) is not None:
        asked += 1
        assert asked < 100 + 100 * len(moments)
        found = [one for one in moments if span.begin <= one < span.end]
        if len(found) > most and not span.is_moment:
            walk.cut(found[-most:] if reverse else found[:most])
        else:
            walk.answered(len(found))
            spans.append(span)
    return spans, asked


MOMENTS = st.lists(
    st.one_of(
        st.integers(BEGIN, BEGIN + 30),
        st.integers(BEGIN, BEGIN + 3 * DAY),
        st.integers(EARLIEST, LATEST - 1),
    ),
    max_size=40,
)


@given(MOMENTS, st.booleans(), st.integers(1, 10), st.booleans(), st.booleans())
def test_together_they_are_the_whole(
    moments: list[int], reverse: bool, most: int, has_begin: bool, has_end: bool
) -> None:
    """Whatever order the store has, and however little an answer may have."""
    whole = TimeSpan(BEGIN if has_begin else EARLIEST, BEGIN + DAY if has_end else LATEST)
    spans, _ = walked(moments, whole, reverse=reverse, most=most)
    if reverse:
        spans = spans[::-1]
    assert spans[0].begin == whole.begin and spans[-1].end == whole.end
    assert all(one.end == other.begin for one, other in pairwise(spans))
    for span in spans:
        found = sum(span.begin <= one < span.end for one in moments)
        assert found <= most or span.is_moment


def test_what_is_little_takes_one_question() -> None:
    everything = TimeSpan(EARLIEST, LATEST)
    assert walked([BEGIN, BEGIN + 1], everything, reverse=False, most=10) == ([everything], 1)


def test_much_takes_little_more_than_its_size() -> None:
    moments = [BEGIN + 1000 * number for number in range(20_000)]
    for reverse in (False, True):
        _, asked = walked(moments, TimeSpan(EARLIEST, LATEST), reverse=reverse, most=500)
        assert asked < 2.2 * len(moments) / 500


def test_an_old_block_at_the_end_of_the_store_holds_nothing_up() -> None:
    """As a centre has it when one of its origins was away for a day."""
    new = [BEGIN + DAY - 1_000_000 + number for number in range(5000)]
    old = [BEGIN + number for number in range(5000)]
    walk = SpanWalk(TimeSpan(EARLIEST, LATEST), BEGIN + DAY, reverse=True, most=1000)
    for _ in range(50):
        span = walk.span
        assert span is not None
        found = [one for one in new + old if span.begin <= one < span.end]
        if found and len(found) <= 1000:
            break
        if found:
            walk.cut(found[-1000:])
        else:
            walk.answered(0)
    assert found[-1] == new[-1]


def test_a_moment_with_very_many_lines_is_left_by_a_few_steps() -> None:
    """The next lines are an hour away."""
    moments = [BEGIN] * 5000 + [BEGIN + DAY // 24 + number for number in range(100)]
    for reverse in (False, True):
        _, asked = walked(moments, TimeSpan(EARLIEST, LATEST), reverse=reverse, most=500)
        assert asked < 12
