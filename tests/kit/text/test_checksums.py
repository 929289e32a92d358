"""A line with its sum: one that was torn, changed or is another's is noticed, and says why."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.checksums import (
    json_then_checksum,
    json_with_checksum,
    line_with_checksum,
    read_json_then_checksum,
    read_json_with_checksum,
    repair_one_bit,
    strip_checksum,
)

LINE = b'{"a":1} 561bacaf\n'


def signed(text: bytes) -> bytes:
    return b"%s %08x\n" % (text, zlib.crc32(text))


def test_an_object_comes_back_as_it_was():
    assert json_then_checksum({"a": 1}) == LINE
    assert read_json_then_checksum(LINE) == {"a": 1}


@given(st.integers(0, len(LINE) - 1), st.integers(1, 255))
def test_a_changed_or_torn_line_is_refused(place, change):
    changed = bytearray(LINE)
    changed[place] ^= change
    for line in (bytes(changed), LINE[:place]):
        with pytest.raises(ValueError, match="its checksum is wrong"):
            read_json_then_checksum(line)


@pytest.mark.parametrize("text", [b"[1]", b"null", b"{", b"[" * 100_000])
def test_json_that_is_no_object_is_refused_despite_its_sum(text):
    with pytest.raises(ValueError):
        read_json_then_checksum(signed(text))


INSIDE = b'{"a":1,"crc":"a702fc6e"}\n'


def test_a_sum_may_stand_in_the_object_for_others_to_read():
    assert json_with_checksum({"a": 1}) == INSIDE
    assert read_json_with_checksum(INSIDE) == {"a": 1}
    assert json.loads(INSIDE)["a"] == 1


KEYS = st.sampled_from(["store", "began", "a"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.mark.slow
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_no_bit_and_no_cut_makes_one_that_an_older_version_wrote(found):
    line, old = json_with_checksum(found), ("store", "began", "a")
    assert read_json_with_checksum(line, old) == found
    assert read_json_with_checksum(json.dumps(found).encode() + b"\n", old) == found
    bits = (
        line[: bit // 8] + bytes([line[bit // 8] ^ 1 << bit % 8]) + line[bit // 8 + 1 :]
        for bit in range(8 * len(line))
    )
    for changed in (*bits, *(line[:size] for size in range(len(line)))):
        with pytest.raises(ValueError):
            read_json_with_checksum(changed, old)


@pytest.mark.parametrize("line", [b"{}\n", b'{"a":1}', b'{"b":1}\n', b"[]\n", b"[" * 100_000])
def test_another_line_without_a_sum_is_refused(line):
    with pytest.raises(ValueError):
        read_json_with_checksum(line, ("a",))


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
