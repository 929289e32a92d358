"""Numbers at the beginning of frames: counts that fit, and numbers. All of it: test_syslog.py."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.formats.syslog.fits import (
    CountVerdict,
    NextBytes,
    judge_count,
    longest_line_span,
    looks_counted,
    may_be_counted,
)

FITS, NONE, OPEN = CountVerdict.FITS, CountVerdict.NONE, CountVerdict.OPEN


def verdicts(data: bytes, *, first: bool = False) -> tuple[CountVerdict, ...]:
    """The verdicts if more bytes may follow, if a second is silent, and at the end."""
    return tuple(
        judge_count(data, 0, 20, first=first, following=following) for following in NextBytes
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"3 <13>", (FITS, FITS, FITS)),
        (b"30 <", (FITS, FITS, FITS)),
        (b"9 \xef\xbb\xbf<13>", (FITS, FITS, FITS)),
        # Its end is the last byte.
        (b"2 {}", (OPEN, FITS, FITS)),
        (b"8 packets\n", (OPEN, FITS, FITS)),
        (b"5 \xef\xbb\xbf{}", (OPEN, FITS, FITS)),
        # The frame after it is whole, may become so, is none.
        (b"2 {}3 abc", (FITS, FITS, FITS)),
        (b"2 {}3 a\nbc", (FITS, FITS, FITS)),
        (b"2 {}3 ", (OPEN, OPEN, NONE)),
        (b"2 {}3 ab", (OPEN, OPEN, NONE)),
        (b"2 {}3", (OPEN, OPEN, NONE)),
        (b"2 {}21 ab", (NONE, NONE, NONE)),
        (b"2 {}999999999 ab", (NONE, NONE, NONE)),
        (b"2 {}0 ", (NONE, NONE, NONE)),
        (b"2 {", (OPEN, OPEN, NONE)),
        (b"2 {}\n", (NONE, NONE, NONE)),
        (b"2 {}x", (NONE, NONE, NONE)),
        (b"30 {", (NONE, NONE, NONE)),
        (b"999999999 {", (NONE, NONE, NONE)),
        (b"9 a\nb", (NONE, NONE, NONE)),
        (b"3 a\nb", (NONE, NONE, NONE)),
        (b"text", (NONE, NONE, NONE)),
    ],
)
def test_the_bytes_behind_a_number_decide_whether_it_is_a_count(data, expected):
    assert verdicts(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"3 a\nb", (OPEN, FITS, FITS)),
        (b"3 a\nb3 c\nd", (FITS, FITS, FITS)),
        (b"3 a\nb3 c\n", (OPEN, NONE, NONE)),
        (b"3 a\nb1", (OPEN, NONE, NONE)),
        (b"9 a\nb", (OPEN, NONE, NONE)),
        (b"3 a\nbtext", (NONE, NONE, NONE)),
        (b"9 1 2 3\n9 1 2 3\n9 1 2 3\n", (NONE, NONE, NONE)),
    ],
)
def test_the_first_message_of_a_connection_may_have_lines(data, expected):
    assert verdicts(data, first=True) == expected
    assert verdicts(data) == (NONE, NONE, NONE)


LINES = st.lists(
    st.sampled_from(
        [b"2 {}", b"3 {}", b"2 {}4 x", b"200 OK", b"8 packets", b"3 <x", b"9", b"a 1 2", b"0 x"]
    )
)


@given(LINES, st.sampled_from([b"", b"9 is cut"]))
@example([b"x", b"8 packets"], b"")
def test_lines_are_judged_all_at_once_as_one_by_one(lines, last):
    data = b"".join(line + b"\n" for line in [b"x", *lines]) + last
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes[:-1] == 10)
    digits = (codes[1:][ends] >= 49) & (codes[1:][ends] <= 57)
    senses = [
        judge_count(data, int(end) + 1, 50, first=False, following=NextBytes.BYTES) for end in ends
    ]
    whole = [sense for end, sense in zip(ends, senses, strict=True) if b"\n" in data[end + 1 :]]
    if any(sense is not CountVerdict.NONE for sense in whole):
        assert may_be_counted(codes, ends, digits, 50)


def test_lines_whose_numbers_do_not_fit_are_told_all_at_once():
    for lines in (b"200 OK\n9 of 12\n12 of 9\n5 hello\n", b"2026-11-20 x\n1 2 3\n", b"60 x\n" * 20):
        codes = np.frombuffer(b"x\n" + lines, np.uint8)
        ends = np.flatnonzero(codes[:-1] == 10)
        assert not may_be_counted(codes, ends, np.ones(len(ends), bool), 50)


def test_the_longest_line_is_found_at_any_place():
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


def test_three_counts_that_lead_to_each_other_look_like_frames():
    for data, looks in (
        (b"so 2 {}2 {}2 {}", True),
        (b"2 {}2 {}2 ", True),
        (b"2 {}2 {}", False),
        (b"5 of 7 and 12 of 13", False),
        (b"<38>1 2026-11-26T09:38:29.5Z db7 sshd 3463 - - so 2 {}2 {}2 {}", False),
    ):
        assert looks_counted(data, 0, len(data)) is looks
