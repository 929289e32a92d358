"""A line with its sum: any bit that changes and any cut is noticed, and one bit is put right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.sums import before_one_bit_changed, with_sum, without_sum


def is_whole(line: bytes) -> bool:
    try:
        without_sum(line)
    except ValueError:
        return False
    return True


@given(st.binary(max_size=60))
def test_a_text_comes_back_as_it_was(text: bytes) -> None:
    assert without_sum(with_sum(text)) == text


def test_the_checksum_follows_the_text() -> None:
    assert with_sum(b"17:52311") == b"17:52311 662d6800\n"


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_bit_that_changed_is_noticed_and_found(text: bytes, data: st.DataObject) -> None:
    line = with_sum(text)
    bit = data.draw(st.integers(0, 8 * len(line) - 1))
    changed = bytearray(line)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="its checksum is wrong"):
        without_sum(bytes(changed))
    assert before_one_bit_changed(bytes(changed), is_whole) == line


def test_two_changed_bits_are_not_repaired() -> None:
    assert before_one_bit_changed(with_sum(b"17:52311").replace(b"52", b"61"), is_whole) is None
    assert before_one_bit_changed(with_sum(b"17:52311")[:-1], is_whole) is None
