"""Records become lines: each of them one, with every byte in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.lines.records import frame_records, without_ending
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize

RECORDS = st.lists(st.binary(max_size=12) | st.sampled_from([b"plain", b"a\nb", "é".encode()]))


def lines(records: list[bytes], **rules: object) -> list[bytes]:
    block, _ = frame_records(records, LineRules(**rules), LineCounts())  # type: ignore[arg-type]
    return bytes(block).split(b"\n")[:-1] if block else []


@given(RECORDS)
def test_the_bytes_of_each_record_can_be_had_from_its_line(records):
    found = lines(records)
    wanted = [record for record in records if record]
    assert len(found) == len(wanted)
    for line, record in zip(found, wanted, strict=True):
        if b"\\x" not in record:
            assert re.sub(rb"\\x(..)", lambda one: bytes.fromhex(one[1].decode()), line) == record


@given(RECORDS)
def test_raw_keeps_all_but_the_newline(records):
    wanted = [record.replace(b"\n", rb"\x0a") for record in records if record]
    assert lines(records, raw=True) == wanted


def test_empty_records_make_no_lines():
    assert lines([]) == lines([b""]) == lines([b"", b""]) == []
    assert lines([b"", b"x", b""]) == [b"x"]


def test_too_long_ones_go_on_in_the_next_line():
    counts = LineCounts()
    block, closing = frame_records([b"abcdef", b"x"], LineRules(max_line=4), counts)
    assert block and bytes(block) == b"abcd\nef\nx\n"
    assert (counts.oversize_lines, closing) == (1, None)


@pytest.mark.parametrize("oversize", Oversize)
def test_a_record_is_not_too_long_for_the_escapes_of_its_newlines(oversize):
    """Neither alone nor beside one that is."""
    counts = LineCounts()
    rules = LineRules(max_line=6, oversize=oversize)
    block, closing = frame_records([b"a\nb\nc"], rules, counts)
    assert block and bytes(block) == rb"a\x0ab\x0ac" + b"\n"
    assert (closing, counts) == (None, LineCounts())
    block, closing = frame_records([b"a\nb\nc", b"too long"], rules, counts)
    assert block and bytes(block).startswith(rb"a\x0ab\x0ac" + b"\ntoo lo\n")
    assert counts.oversize_lines == 1


def test_too_long_ones_close_the_connection():
    counts = LineCounts()
    rules = LineRules(max_line=4, oversize=Oversize.CLOSE)
    block, closing = frame_records([b"ok", b"abcdef", b"x"], rules, counts)
    assert block and bytes(block) == b"ok\nabcd\n"
    assert closing == "a record is longer than 4 bytes"
    assert counts.dropped_closed == len(b"efx")


@pytest.mark.parametrize(
    ("record", "rest"),
    [
        (b"x\n", b"x"),
        (b"x\r\n", b"x"),
        (b"x\0", b"x"),
        (b"x\n\n", b"x\n"),
        (b"x\r", b"x\r"),
        (b"x\n\0", b"x\n"),
        (b"\n", b""),
        (b"", b""),
    ],
)
def test_one_ending_is_taken_off(record, rest):
    assert without_ending(record) == rest
