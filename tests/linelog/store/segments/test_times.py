"""The times of some lines have what is in them between their ends, whatever stands in the lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.segments.times import (
    NONE,
    UNKNOWN,
    Times,
    combine_times,
    time_of,
    times_of,
)

TIMES = [
    "2026-11-20T06:18:42.123456Z",
    "2026-11-20T06:18:42.123457Z",
    "2026-11-20T06:00:00.000000Z",
]
MOMENTS = st.sampled_from([*TIMES, "1999-01-01T00:00:00.000000Z", "2026-11-20T06:18:41.999999Z"])
LINES = st.one_of(
    MOMENTS.map(lambda time: f"{time} udp:1 x".encode()),
    MOMENTS.map(lambda time: f"{time} udp:1 x".encode()),
    st.tuples(MOMENTS, st.integers(0, 27)).map(lambda cut: cut[0][: cut[1]].encode()),
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
    st.just(b"2026-13-45T06:18:42.123456Z udp:1 no such day"),
)
TEXTS = st.builds(
    lambda lines, ended: b"".join(line + b"\n" for line in lines)[: None if ended else -1],
    st.lists(LINES, max_size=8),
    st.booleans(),
)


@given(TEXTS, MOMENTS, MOMENTS, st.booleans(), st.booleans())
def test_no_line_that_a_search_would_find_is_left_out(text, since, until, with_since, with_until):
    since, until = since * with_since, until * with_until
    heads = [line[:27].decode("latin-1") for line in text.removesuffix(b"\n").split(b"\n")]
    found = [head for head in heads if head >= since and (not until or head < until)]
    if text and found:
        assert times_of(text).may_reach(since, until)


def test_a_late_line_is_the_smallest_and_not_the_first():
    text = "".join(f"{time} udp:1 x\n" for time in TIMES).encode()
    assert times_of(text) == Times(TIMES[2], TIMES[1], True)
    assert not times_of(text).may_reach("2026-11-20T06:18:42.123458Z", "")
    assert not times_of(text).may_reach("", TIMES[2])
    assert times_of(text).may_reach(TIMES[1], "")


def test_lines_without_a_time_make_the_others_unsure():
    text = f"at main.c:7\n{TIMES[0]} udp:1 x\n\n".encode()
    assert times_of(text) == Times(TIMES[0], TIMES[0], False)
    assert times_of(b"one\ntwo\n") == UNKNOWN
    assert times_of(b"") == NONE


def test_times_of_parts_are_put_together():
    parts = [Times(time, time, True) for time in TIMES]
    assert combine_times(parts) == Times(TIMES[2], TIMES[1], True)
    assert combine_times([*parts, UNKNOWN]) == Times(TIMES[2], TIMES[1], False)
    assert combine_times([]) == NONE


@pytest.mark.parametrize(
    "line",
    [b"", TIMES[0][:26].encode(), b"2026-11-20 06:18:42.123456Z", b"2026-02-30T06:18:42.123456Z"],
)
def test_text_that_is_no_time_is_refused(line):
    assert time_of(line) is None
    assert time_of(TIMES[0].encode() + line) == TIMES[0]
