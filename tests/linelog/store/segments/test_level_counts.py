"""Lines of a frame are counted by level where each begins with a TIME that exists."""

import numpy
import pytest

from logsrv.linelog.store.segments.level_counts import count_levels

STAMP = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:1 "


def count(text: bytes) -> tuple[int, ...] | None:
    return count_levels(text, numpy.flatnonzero(numpy.frombuffer(text, numpy.uint8) == ord("\n")))


def test_lines_are_counted_by_level():
    text = b"".join(STAMP + one + b"\n" for one in (b"x", b"ERROR y", b"<15>z", b"y"))
    assert count(text) == (2, 1, 0, 0, 0, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "time",
    [b"2026-11-20T06:18:42.12345xZ", b"2026-11-20T24:18:42.123456Z", b"2026-11-20T06:60:42.123456Z",
     b"2026-11-20T06:18:61.123456Z", b"2026-11-31T06:18:42.123456Z", b"2026-11-20 06:18:42.123456Z",
     b"ERROR"]
)  # fmt: skip
def test_a_frame_with_a_line_without_a_time_is_not_counted(time):
    assert count(STAMP + b"x\n" + time + b" tcp:1:2 x\n" + STAMP + b"x\n") is None


def test_days_are_counted_wherever_they_change():
    text = b"".join(STAMP.replace(b"-20T", b"-%02dT" % day) + b"x\n" for day in range(1, 31))
    assert count(text) == (30, 0, 0, 0, 0, 0, 0, 0, 0)


def test_an_unended_line_is_not_counted():
    assert count(STAMP + b"x\n" + STAMP + b"x") is None


def test_lines_that_take_long_are_not_counted():
    """One by one, that would slow down sealing; one among many does not."""
    slow, quick = STAMP + b"\xc3\xa9 x\n", STAMP + b"x\n"
    assert count(slow * 100) is None
    assert count(slow + quick * 99) == (100, 0, 0, 0, 0, 0, 0, 0, 0)
