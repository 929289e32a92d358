"""Numbers at the beginning of frames: counts that fit, and numbers. All of it: test_syslog.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.framing.lines.fits import (
    CountVerdict,
    judge_count,
    longest_line_span,
    looks_counted,
    may_be_counted,
)


@pytest.mark.parametrize(
    ("data", "sense"),
    [
        (b"2 {}", CountVerdict.FITS),
        (b"2 {}3 ", CountVerdict.FITS),
        (b"3 <13>", CountVerdict.FITS),
        (b"2 {}3", CountVerdict.OPEN),
        (b"2 {", CountVerdict.OPEN),
        (b"2 {}\n", CountVerdict.NONE),
        (b"2 {}x", CountVerdict.NONE),
        (b"30 {", CountVerdict.NONE),
        (b"9 a\nb", CountVerdict.NONE),
        (b"text", CountVerdict.NONE),
    ],
)
def test_the_sense_of_a_number(data: bytes, sense: CountVerdict) -> None:
    assert judge_count(data, 0, 20, first=False) is sense


@pytest.mark.parametrize(
    ("data", "fits"),
    [
        (b"3 a\nb", True),
        (b"3 a\nb3 c\nd", True),
        (b"4 a\nb\n9 c\nd", True),
        (b"3 a\nbtext", False),
        (b"4 a\nb", False),
        (b"9 1 2 3\n9 1 2 3\n9 1 2 3\n", False),
    ],
)
def test_the_first_message_of_a_connection_may_have_lines(data: bytes, fits: bool) -> None:
    assert judge_count(data, 0, 20, first=True) is (
        CountVerdict.FITS if fits else CountVerdict.NONE
    )
    assert judge_count(data, 0, 20, first=False) is CountVerdict.NONE


LINES = st.lists(
    st.sampled_from(
        [b"2 {}", b"3 {}", b"2 {}4 x", b"200 OK", b"8 packets", b"3 <x", b"9", b"a 1 2", b"0 x"]
    )
)


@given(LINES, st.sampled_from([b"", b"9 is cut"]))
@example([b"x", b"8 packets"], b"")
def test_lines_are_judged_all_at_once_as_one_by_one(lines: list[bytes], last: bytes) -> None:
    data = b"".join(line + b"\n" for line in [b"x", *lines]) + last
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes[:-1] == 10)
    digits = (codes[1:][ends] >= 49) & (codes[1:][ends] <= 57)
    senses = [judge_count(data, int(end) + 1, 50, first=False) for end in ends]
    whole = [sense for end, sense in zip(ends, senses, strict=True) if b"\n" in data[end + 1 :]]
    if any(sense is not CountVerdict.NONE for sense in whole):
        assert may_be_counted(codes, ends, digits, 50)


def test_lines_whose_numbers_do_not_fit_are_told_all_at_once() -> None:
    for lines in (b"200 OK\n9 of 12\n12 of 9\n5 hello\n", b"2026-11-20 x\n1 2 3\n", b"60 x\n" * 20):
        codes = np.frombuffer(b"x\n" + lines, np.uint8)
        ends = np.flatnonzero(codes[:-1] == 10)
        assert not may_be_counted(codes, ends, np.ones(len(ends), bool), 50)


def test_the_longest_line_is_found_at_any_place() -> None:
    for data, line in (
        (b"", b""),
        (b"ab", b"ab"),
        (b"abc\nb\nab", b"abc"),
        (b"a\nabc\nb", b"abc"),
        (b"a\nbc", b"bc"),
    ):
        begin, end = longest_line_span(
            np.flatnonzero(np.frombuffer(data, np.uint8) == 10), len(data)
        )
        assert data[begin:end] == line


def test_three_counts_that_lead_to_each_other_look_like_frames() -> None:
    for data, looks in (
        (b"so 2 {}2 {}2 {}", True),
        (b"2 {}2 {}2 ", True),
        (b"2 {}2 {}", False),
        (b"5 of 7 and 12 of 13", False),
        (b"<38>1 2026-11-26T09:38:29.5Z db7 sshd 3463 - - so 2 {}2 {}2 {}", False),
    ):
        assert looks_counted(data, 0, len(data)) is looks
