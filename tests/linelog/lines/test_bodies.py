"""What all bodies of requests have in common: runs of records, JSON, parsers that are not installed."""

import pytest

from logsrv.linelog.intake.over_http.structured_body import import_extra, parse_protobuf
from logsrv.linelog.lines.bodies import (
    Records,
    RequestRefused,
    parse_json_text,
)
from logsrv.linelog.lines.records import RecordRun
from tests.parts.records import lines_of


def test_records_of_a_kind_are_kept_together_and_in_order():
    records = Records()
    for record, structured in ((b"{}", True), (b"[]", True), (b"x", False), (b"1", True)):
        records.add(record, structured=structured)
    assert records.take_runs() == [
        RecordRun([b"{}", b"[]"], True),
        RecordRun([b"x"], False),
        RecordRun([b"1"], True),
    ]
    assert records.take_runs() == [] and len(records) == 4


def test_many_records_at_once_are_bounded_as_single_ones_are():
    """By their bytes as well, before any of them is kept."""
    for add in (
        lambda records: records.add_texts([b"x" * 900]),
        lambda records: records.add_whole_lines(b"x" * 900 + b"\n", 1),
        lambda records: records.add_dicts_as_json([{"a": "x" * 900}], 1000),
    ):
        records = Records(1000)
        with pytest.raises(RequestRefused, match="becomes records of more than 1000 bytes"):
            add(records)
        assert records.take_runs() == []


def test_a_dict_that_is_too_long_refuses_the_message():
    """A format that forgets to look for the missing record does not acknowledge it."""
    records = Records()
    with pytest.raises(
        RequestRefused, match="longer than 50 bytes, the limit of --max-record"
    ) as refused:
        records.add_dicts_as_json([{"a": 1}, {"a": "x" * 100}, {"a": 3}], 50)
    assert (refused.value.status, refused.value.reason) == (413, "oversize")


def test_dicts_become_lines_and_those_that_are_too_long_are_left_out_if_the_answer_says_so():
    records = Records()
    records.add_dicts_as_json([{"a": 1}, {"b": b"2"}], 1000)
    records.add_dicts_as_json([{"a": "x" * 100}, {"a": 3}], 50, leave_out=True)
    assert lines_of(records) == [b'{"a":1}', b'{"b":"2"}', b'{"a":3}']
    assert records.reasons == {"oversize": 1}


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
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_json_text(text)


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1E+400", b"9e308", b"1" * 5000, b"1" * 290 + b"e20", b"9" * 309]
)
def test_numbers_beyond_all_floats_are_json_and_keep_their_digits(number):
    for beside in (b"1", b'"\\ud800"'):
        _, found = parse_json_text(b"[%b,%b]" % (beside, number))
        assert found.digits == number.decode() and abs(found) == float("inf")


def test_a_missing_parser_is_told_in_a_sentence():
    with pytest.raises(
        RequestRefused, match="pushes need the extra senders on the server"
    ) as refused:
        import_extra("no_such_module_anywhere", "pushes")
    assert refused.value.status == 501


def test_a_body_that_is_no_message_is_refused():
    kind = import_extra("google.protobuf.timestamp_pb2", "it").Timestamp
    assert parse_protobuf(kind, b"\x08\x05").seconds == 5
    with pytest.raises(RequestRefused) as refused:
        parse_protobuf(kind, b"\xff\xff")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "protocol"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (409, "misplaced"),
        (413, "oversize"),
    ],
)
def test_a_refusal_has_its_label_in_the_metrics(status, reason):
    assert RequestRefused(status, "no").reason == reason


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            "text",
            r"add takes bytes, not str; encode the text: add\(text.encode\(\), structured=False\)",
        ),
        ({"a": 1}, "add takes bytes, not dict; for JSON, use add_dicts_as_json"),
        (7, "add takes bytes, not int"),
    ],
)
def test_a_record_that_is_no_bytes_is_refused_at_the_call(record, sentence):
    """Not in the store, where nobody knows any more who added it."""
    with pytest.raises(TypeError, match=sentence):
        Records().add(record)
    with pytest.raises(TypeError, match="add_texts takes bytes, not"):
        Records().add_texts([record])
    assert not Records().take_runs()
