"""Bodies by their Content-Type: what of them becomes a record, byte for byte."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.ndjson import parse as http_lines
from logsrv.linelog.formats.ndjson.parse import (
    add_body_records,
    body_parser,
)
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused
from logsrv.linelog.lines.records import RecordRun
from tests.parts.records import Taken, lines_of, runs_of, taken_by

JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def taken(body: bytes, media: str, most: int = 1000) -> Taken:
    return taken_by(add_body_records, body, BodyRules(media, "/", most))


def records(body: bytes, media: str = "application/json") -> list[bytes]:
    return lines_of(taken(body, media).records)


def refused(body: bytes, media: str = "application/json", most: int = 1000) -> RequestRefused:
    with pytest.raises(RequestRefused) as found:
        taken_by(add_body_records, body, BodyRules(media, "/", most))
    return found.value


def test_media_types_map_to_kinds_of_bodies():
    kinds = {
        "": None,
        "text/plain": None,
        "text/csv": None,
        "application/json": http_lines.add_json,
        "application/cloudevents+json": http_lines.add_json,
        "application/x-ndjson": http_lines.add_json_lines,
        "application/jsonl": http_lines.add_json_lines,
        "application/x-www-form-urlencoded": http_lines.add_form,
    }
    assert {media: body_parser(media) for media in kinds} == kinds


@pytest.mark.parametrize(
    "media",
    [
        "application/octet-stream",
        "multipart/form-data",
        "image/png",
        "application/x-protobuf",
        "application/zip",
        "nonsense",
    ],
)
def test_a_binary_content_type_is_refused_with_415(media):
    with pytest.raises(RequestRefused) as found:
        body_parser(media)
    assert found.value.status == 415


def test_json_stays_as_it_was_written():
    """Order, digits and duplicate keys; only what would be more than a line is changed."""
    line = b'{"b": 1.10, "a":12345678901234567890123, "a":2}'
    assert records(line) == [line]
    assert records(b'{\n  "b": 1.10\n}\n') == [b'{"b":1.10}']
    assert records(b'[{"a": 1} , "text\\nmore", "\\n", 3.00, null, ["x"]]') == [
        b'{"a": 1}', b"text\nmore", b"", b"3.00", b"null", b'["x"]',
    ]  # fmt: skip


@given(st.lists(JSONISH.filter(lambda value: not isinstance(value, str)), min_size=1, max_size=5))
def test_arrays_and_lines_of_json_are_cut_alike(values):
    as_array = records(json.dumps(values, indent=2).encode())
    as_lines = records("\n".join(map(json.dumps, values)).encode(), "application/x-ndjson")
    assert [json.loads(one) for one in as_array] == values
    assert [json.loads(one) for one in as_lines] == values


LINES = st.lists(
    st.sampled_from(
        [
            b'{"a":1}',
            b'{ "a" : 1.10 }',
            b"{}",
            b'{"a":1',
            b'"text"',
            b"[1]",
            b"",
            b"no",
            b'{"\xc3\xa9":1}',
        ]
    ),
    min_size=1,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_json_lines_together_are_those_one_by_one(lines, ending, ended):
    body = ending.join(lines) + ending * ended
    expected, found = Records(), Records()
    http_lines.add_json_lines_singly(expected, body, 1000)
    http_lines.add_json_lines(body, BodyRules("", "/", 1000), found)
    assert runs_of(found) == runs_of(expected)
    assert found.as_text == expected.as_text


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_large_body_is_cut_behind_a_line(end, monkeypatch):
    """It is gone through in pieces of 256 KiB and what is left of a line there; no line by itself."""
    monkeypatch.delattr(http_lines, "add_json_lines_singly")
    lines = [b'{"number":%d,"text":"%s"}' % (number, b"x" * 80) for number in range(6000)]
    found = Records()
    http_lines.add_json_lines(b"\n".join(lines) + end, BodyRules("", "/", 1000), found)
    assert lines_of(found) == lines


def test_a_line_that_is_no_json_is_text_and_counted():
    found = taken(b'{"a":1}\r\n\nno json\r\n"its text"\n[1]', "application/x-ndjson")
    assert runs_of(found.records) == [
        RecordRun([b'{"a":1}'], True),
        RecordRun([b"no json", b"its text"], False),
        RecordRun([b"[1]"], True),
    ]
    assert found.records.as_text == 1
    assert json.loads(found.reply.body) == {"accepted": 4, "as_text": 1}


def test_an_empty_record_is_not_said_to_be_accepted():
    """It is not stored, and counted among those that are refused."""
    found = taken(b'["", {"a":1}, "text", ""]', "application/json")
    assert json.loads(found.reply.body) == {"accepted": 2, "as_text": 0}
    assert found.records.empty == 2


def test_a_form_becomes_one_json_record():
    fields = {"name": "app", "msg": "Grüße\nzwei", "args": "()", "empty": ""}
    (record,) = records(urlencode(fields).encode(), "application/x-www-form-urlencoded")
    assert json.loads(record) == fields
    (record,) = records(b"a=1&a=2&a=%ff\r\n", "application/x-www-form-urlencoded")
    assert json.loads(record) == {"a": ["1", "2", "\\xff"]}


@pytest.mark.parametrize("body", [b"a line", b"a=1\nb=2\n", b"\n", b""])
def test_lines_sent_by_curl_without_a_content_type_are_lines(body):
    for media in ("application/x-www-form-urlencoded", "text/plain"):
        assert add_body_records(body, BodyRules(media, "/", 100), Records()) is None


def test_bad_bodies_are_refused_with_400_and_long_records_with_413():
    assert refused(b"{").status == refused(b"3").status == refused(b'"text"').status == 400
    assert refused(b"&".join([b"a=1"] * 20_000), "application/x-www-form-urlencoded").status == 400
    long = b'{"a": "' + b"x" * 100 + b'"}'
    assert refused(b"[1," + long + b"]", most=50).status == 413
    assert refused(b"{}\n" + long, "application/jsonl", 50).status == 413
    assert refused(b"a=" + b"x" * 100, "application/x-www-form-urlencoded", 50).status == 413
    # Text among JSON lines may be cut by --oversize, but not if no cut makes a line of it.
    assert lines_of(taken(b"{}\n" + b"x" * 100, "application/jsonl", 50).records)[1] == b"x" * 100
    assert refused(b"{}\n" + b"x" * 300_000, "application/jsonl", 50).status == 413


@pytest.mark.parametrize(
    ("media", "body"),
    [("application/json", b"[" + b"1," * 999 + b"1]"), ("application/x-ndjson", b"1\n" * 1000)],
)
def test_records_of_a_byte_are_not_countless(media, body):
    assert taken_by(add_body_records, body, BodyRules(media, "/", 100, 300_000))
    with pytest.raises(
        RequestRefused, match="the message becomes records of more than 150000 bytes"
    ):
        taken_by(add_body_records, body, BodyRules(media, "/", 100, 150_000))


NUMBERS = [
    b"1E400", b"-1E400", b"1e-400", b"0.1000", b"-0", b"1" * 5000, b"123456789012345678901234567890",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("beside", [b"", rb',"\udce9"'])
def test_numbers_in_json_bodies_keep_their_digits(number, beside):
    """In whatever they stand, and whatever stands beside them."""
    one = b'{"a":[%b%b]}' % (number, beside)
    kept = one.replace(rb"\udce9", rb"\\xe9")
    for media, body in (
        ("application/json", one),
        ("application/json", b"[%b, %b]" % (one, one)),
        ("application/x-ndjson", b"%b\n%b\n" % (one, one)),
    ):
        found = taken(body, media, most=6000).records
        assert set(lines_of(found)) == {kept}
        assert found.as_text == 0


def test_a_string_that_is_half_of_a_surrogate_pair():
    stored = [rb"caf\xe9", "\U0001f600".encode()]
    assert records(rb'["caf\udce9", "\ud83d\ude00"]') == stored
