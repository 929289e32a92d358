"""What all bodies of HTTP requests have in common: runs of records, JSON that is none."""

from __future__ import annotations

import pytest

from logsrv.linelog.framing.bodies.bodies import Records, json_line, malformed, parsed, too_long
from logsrv.linelog.framing.lines.records import RecordRun


def test_records_of_a_kind_are_kept_together_and_in_order() -> None:
    records = Records()
    for record, structured in ((b"{}", True), (b"[]", True), (b"x", False), (b"1", True)):
        records.add(record, structured=structured)
    assert records.take() == [
        RecordRun([b"{}", b"[]"], True),
        RecordRun([b"x"], False),
        RecordRun([b"1"], True),
    ]
    assert records.take() == [] and len(records) == 4


def test_half_of_a_surrogate_pair_is_json() -> None:
    assert parsed(rb'{"a": "\ud800"}') == {"a": "\ud800"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"NaN",
        rb'["\ud800", NaN]',
        b'"\n"',
        b"\xff",
        b"[" * 3000 + b'"\\u0041',
        b"[1e400",
    ],
)
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text)


def test_refusals_say_what_happened_to_the_sender() -> None:
    assert (malformed("no").status, too_long(5).status) == (400, 413)
    assert "5 bytes" in str(too_long(5))
    assert json_line(error="ü") == b'{"error": "\\u00fc"}\n'


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1E+400", b"9e308", b"1" * 5000, b"1" * 290 + b"e20", b"9" * 309]
)
def test_numbers_beyond_all_floats_are_json_and_keep_their_digits(number: bytes) -> None:
    for beside in (b"1", b'"\\ud800"'):
        _, found = parsed(b"[%b,%b]" % (beside, number))
        assert found.digits == number.decode() and abs(found) == float("inf")
