"""Skeletons: one byte for each number, id and quoted part, on all lines of a text at once."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.patterns.skeletons import LONGEST, skeletons


def of_lines(*lines: bytes) -> list[bytes]:
    text = b"".join(line + b"\n" for line in lines)
    ends = numpy.flatnonzero(numpy.frombuffer(text, numpy.uint8) == ord("\n"))
    return skeletons(text, numpy.concatenate(([0], ends[:-1] + 1)), ends)


@pytest.mark.parametrize(
    ("line", "skeleton"),
    [
        (b"took 15 ms", b"took \x01 ms"),
        (b"took 15ms on eth0", b"took \x01ms on eth\x01"),
        (b"id a3f9c2 of 0x1f", b"id \x02 of \x02"),
        (b"key cffcabeabbaeefab", b"key \x02"),
        (b"a bad face faded", b"a bad face faded"),
        (b"job 4c6fa87e-0b1d-4e55-9d3c-aaaaaaaaaaaa done", b"job \x03 done"),
        (b"4c6fa87e-0b1d-4e55-9d3c", b"\x02-\x02-\x02-\x02"),
        (b"token Zk3jPq91xW ok", b"token \x04 ok"),
        (b'table "users" is "gone"', b"table \x05 is \x05"),
        (b'an odd " stays', b'an odd " stays'),
        (b'level=info msg="took 3 ms" user="ann"', b'level=info msg="took \x01 ms" user=\x05'),
        (rb'in "an \"escaped\" part"', b"in \x05"),
        (b"a3\\x0aline12\\x1B[0m", b"a\x01\\x0aline\x01\\x1B[\x01m"),
        (b"no escapes: \\x0 \\xg0 \\y00 \\", b"no escapes: \\x\x01 \\xg\x01 \\y\x01 \\"),
        (b"", b""),
    ],
)
def test_what_varies_in_a_line_is_one_byte(line, skeleton):
    assert of_lines(line) == [skeleton]
    assert of_lines(b"before 1", line, b'after "2"') == [b"before \x01", skeleton, b"after \x05"]


def test_a_quote_does_not_reach_into_the_next_line():
    assert of_lines(b'one " quote', b'another " quote') == [b'one " quote', b'another " quote']


def test_a_long_line_is_cut():
    assert of_lines(b"x " * 100_000, b"y 1") == [b"x " * (LONGEST // 2), b"y \x01"]


def test_only_the_wanted_part_of_a_line_is_kept():
    text = b"stamp 12 message 7\nall 8\nnothing\n"
    starts, ends = numpy.array([9, 19, 25]), numpy.array([18, 24, 25])
    assert skeletons(text, starts, ends) == [b"message \x01", b"all \x01", b""]
    assert skeletons(b"", starts[:0], ends[:0]) == []


@given(st.lists(st.binary(max_size=60).map(lambda one: one.replace(b"\n", b"")), min_size=1))
def test_each_line_of_random_bytes_has_a_skeleton_of_its_own(lines):
    found = of_lines(*lines)
    assert found == [of_lines(line)[0] for line in lines]
