"""A line with its sum: any bit that changes and any cut is noticed, and one bit is put right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.sums import line_with_checksum, repair_one_bit, strip_checksum


def is_whole(line: bytes) -> bool:
    try:
        strip_checksum(line)
    except ValueError:
        return False
    return True


@given(st.binary(max_size=60))
def test_a_text_comes_back_as_it_was(text):
    assert strip_checksum(line_with_checksum(text)) == text


def test_the_checksum_follows_the_text():
    assert line_with_checksum(b"17:52311") == b"17:52311 662d6800\n"


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_bit_that_changed_is_noticed_and_found(text, data):
    line = line_with_checksum(text)
    bit = data.draw(st.integers(0, 8 * len(line) - 1))
    changed = bytearray(line)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="its checksum is wrong"):
        strip_checksum(bytes(changed))
    assert repair_one_bit(bytes(changed), is_whole) == line


def test_two_changed_bits_are_not_repaired():
    assert repair_one_bit(line_with_checksum(b"17:52311").replace(b"52", b"61"), is_whole) is None
    assert repair_one_bit(line_with_checksum(b"17:52311")[:-1], is_whole) is None
