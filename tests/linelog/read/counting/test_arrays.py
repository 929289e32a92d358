"""Lines counted at once are those counted one by one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.counting.arrays import timed_by_arrays
from tests.linelog.read.stores import line

LINES = st.one_of(
    st.builds(line, st.sampled_from(["x", "ERROR", "<15>x", '{"level":"warn"}']), st.floats(0, 9)),
    st.sampled_from([b"\n", b"x\n", b"2026-11-20T06:00:0\n", b"ERROR\n"]),
)


@given(st.lists(LINES, min_size=1), st.sampled_from([0, 19, 26]))
def test_times_and_levels(lines: list[bytes], size: int) -> None:
    wanted = Counter((one[:-1][:size], Record(one[:-1]).level) for one in lines)
    assert timed_by_arrays(b"".join(lines), size, levels=True) == wanted
