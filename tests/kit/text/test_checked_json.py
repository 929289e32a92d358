"""A line that was torn, changed or is another's is noticed, and says why."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.checked_json import (
    json_then_checksum,
    json_with_checksum,
    read_json_then_checksum,
    read_json_with_checksum,
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
