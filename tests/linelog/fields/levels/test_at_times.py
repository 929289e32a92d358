"""Levels at the times of many beginnings are those that the same text tells by itself."""

import numpy
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.level import LEVELS, level_after_time
from logsrv.linelog.fields.levels.at_times import levels_at_times
from logsrv.linelog.fields.levels.names import UNSURE
from tests.parts.examples import more

PIECES = st.sampled_from(
    ["2026-11-20 06:00:00", "2026/11/20T06:00:00", "[2026.11.20 06:00:00", "(", "0", "Z",
     "12-17 19:31:36.263 ", "I1123 10:00:00.000000 ", "info", "Alert", "error", "ERROR", "V", "W", "E",
     "/", " ", ",", ": ", "-", "]", ".123", " 1795 ", "x", "_", "s", "|" * 30, " " * 8,
     "nova.log 2026-11-20 06:00:00.008 25746 INFO ",
     "- 1117838570 2005.06.03 R0 2005-06-03-15.42.50.363779 R0 RAS KERNEL FATAL x", "INFO "]
)  # fmt: skip


@more(4)
@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=1, max_size=4))
@example(["2026-11-20 06:00:00" + "-" * 31 + "info", "2026-11-20 06:00:00" + "-" * 32 + "info"])
@example(["2026-11-20 06:00:00," + " " * 7 + "info", "2026-11-20 06:00:00," + " " * 8 + "info"])
@example(["12-17 19:31:36.263 " + "1" * 30 + " I x", "12-17 19:31:36.263 " + "1" * 31 + " I x"])
def test_levels_at_times_are_those_of_the_text(texts):
    raw = b"".join(text.encode().ljust(80, b"\n")[:80] for text in texts)
    found = levels_at_times(numpy.frombuffer(raw, numpy.uint8).reshape(-1, 80))
    for text, number in zip(texts, found.tolist(), strict=True):
        level = level_after_time(text)
        if number != UNSURE and len(text) <= 80:
            assert (None, *LEVELS)[number] == level


def test_a_time_behind_a_token_is_looked_at_by_itself():
    raw = b"nova.log 2026-11-20 06:00:00.008 25746 INFO x".ljust(80, b"\n")
    assert levels_at_times(numpy.frombuffer(raw, numpy.uint8).reshape(-1, 80)).tolist() == [UNSURE]
