"""A line that was torn, changed or is another's is noticed, and says why."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.text.checked import checked_line, read_checked

LINE = b'{"a":1} 561bacaf\n'


def signed(text: bytes) -> bytes:
    return b"%s %08x\n" % (text, zlib.crc32(text))


def test_an_object_comes_back_as_it_was() -> None:
    assert checked_line({"a": 1}) == LINE
    assert read_checked(LINE) == {"a": 1}


@given(st.integers(0, len(LINE) - 1), st.integers(1, 255))
def test_a_changed_or_torn_line_is_refused(place: int, change: int) -> None:
    changed = bytearray(LINE)
    changed[place] ^= change
    for line in (bytes(changed), LINE[:place]):
        with pytest.raises(ValueError, match="its checksum is wrong"):
            read_checked(line)


@pytest.mark.parametrize("text", [b"[1]", b"null", b"{", b"[" * 100_000])
def test_what_is_no_object_is_refused_however_it_is_signed(text: bytes) -> None:
    with pytest.raises(ValueError):
        read_checked(signed(text))
