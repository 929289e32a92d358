"""Bodies in JSON and protobuf: where elements and values are, and which have too many to parse."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from logsrv.kit.framing.frames import Varint
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.intake.over_http import structured_body
from logsrv.linelog.intake.over_http.structured_body import (
    count_elements,
    element_texts,
    parse_json_body,
    parse_json_object,
    parse_protobuf,
    value_ends,
)
from logsrv.linelog.lines.bodies import RequestRefused

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=4)
    | st.sampled_from(["\\", '\\\\"', '"', "],[", '{"', "\\u005c", "x" * 20])
)
JSONISH = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text('ab"\\', max_size=2), inner, max_size=4)
    ),
    max_leaves=10,
)
DUMPED = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lower the limit to a 64th. Returns the size of a body of 64 MiB on this scale."""
    monkeypatch.setattr(structured_body, "MOST_MEMORY", structured_body.MOST_MEMORY // 64)
    return 1 << 20


@given(st.lists(JSONISH, max_size=5), DUMPED)
def test_elements_of_an_array_have_their_own_texts(array, how):
    text = json.dumps(array, **how).encode()
    assert list(map(json.loads, element_texts(b" " + text + b"\n"))) == array


@given(st.lists(st.dictionaries(st.text(max_size=3), JSONISH, max_size=2), max_size=5), DUMPED)
def test_objects_in_a_row_end_where_their_brackets_close(objects, how):
    texts = [json.dumps(one, **how).encode() for one in objects]
    ends = [len(b"".join(texts[: number + 1])) for number in range(len(texts))]
    assert value_ends(b"".join(texts)).tolist() == ends


@pytest.mark.parametrize("body", [b"", b"[", b"{} {}", b'{"a":1,}', b"NaN"])
def test_invalid_json_is_refused_with_400(body):
    with pytest.raises(RequestRefused, match="the body is no JSON") as refused:
        parse_json_body(body)
    assert refused.value.status == 400


def test_an_object_may_have_a_bom_and_another_value_is_refused():
    assert parse_json_object(b'\xef\xbb\xbf {"a":1}\n') == {"a": 1}
    with pytest.raises(RequestRefused, match="no JSON object"):
        parse_json_object(b"[]")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"a": [{"b": [1, 2]}, {"b": []}, {"b": [[]]}]}, 3),
        ({"a": [1, {"b": "x"}, {}]}, 2),
        ({"a": None}, 0),
        ([], 1),
    ],
)
def test_what_stands_in_place_of_a_list_counts_as_one_element(value, number):
    assert count_elements(value, ("a", "b")) == number


@pytest.mark.parametrize("one", [b"[],", b'{"a":1},', b"1,", b"[1.5,2],", b'{"a":{"b":[{}]}},'])
def test_values_that_need_more_memory_than_a_worker_has_are_refused_before_they_are_parsed(
    one, memory
):
    body = b"[%b0]" % (one * (memory // len(one)))
    for read in (parse_json_body, value_ends):
        with pytest.raises(RequestRefused, match="too many values to parse; send fewer") as refused:
            read(body)
        assert refused.value.status == 413


@pytest.mark.parametrize(
    "one",
    [
        b'["1795000000123456789","GET /index.html HTTP/1.1 200 12 ms, from 10.0.0.1"],',
        b'{"timeUnixNano":"1","body":{"stringValue":"out of stock"},"attributes":[{"key":"user"}]},',
        rb'["1795000000123456789","{\"level\":\"info\",\"user\":\"ann\",\"cart\":[1,2,3]}"],',
    ],
)
def test_32_mib_of_usual_records_are_parsed(one, memory):
    number = memory // 2 // len(one)
    assert len(parse_json_body(b"[%b0]" % (one * number))) == number + 1


IN_WORKER = """
import gc, sys
from logsrv.kit.children.child_side import limit_reading_process
from logsrv.linelog.intake.over_http.structured_body import parse_json_body
from logsrv.linelog.lines.bodies import RequestRefused

gc.disable()
limit_reading_process()
one = sys.argv[1].encode()
for size in (64 << 20, 36 << 20, 30 << 20, 14 << 20, 1 << 20):
    try:
        parse_json_body(b"[%b0]" % (one * (size // len(one))))
        print("parsed")
    except RequestRefused as refusal:
        print(refusal.status)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    "one", ["[],", '"é",', pytest.param('{"a":1},', marks=pytest.mark.nightly)]
)
def test_a_process_with_a_workers_limit_survives_what_is_not_refused(one):
    """orjson ends the process if it gets no memory for an object."""
    command = [sys.executable, "-c", IN_WORKER, one]
    said = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout.split()
    assert said[0] == "413" and said[-1] == "parsed" and {*said} == {"413", "parsed"}


REQUEST = service.ExportLogsServiceRequest
MIB = 1 << 14
"""A MiB on the scale of these tests."""


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + Varint().pack(content)


@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\x0b", b"\xff" * 20, b"\x0a"])
def test_a_broken_message_is_refused_with_400(body):
    with pytest.raises(RequestRefused, match="no protobuf message of this kind") as refused:
        parse_protobuf(REQUEST, body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"\n\0" * (32 * MIB),
        field(1, field(2, b"\x12\0" * (24 * MIB))),
        field(1, field(2, field(2, b"\x32\x02\x0a\0" * (10 * MIB)))),
    ],
    ids=["resources", "records", "attributes"],
)
def test_messages_that_need_more_memory_than_a_worker_has_are_refused(body, memory):
    with pytest.raises(RequestRefused, match="too many values to parse; send fewer") as refused:
        parse_protobuf(REQUEST, body)
    assert refused.value.status == 413


def test_32_mib_of_usual_messages_are_parsed(memory):
    request = REQUEST()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for number in range(100):
        one = scope_logs.log_records.add(
            time_unix_nano=1_795_000_000_123_456_789,
            severity_number=9,
            severity_text="INFO",
            trace_id=bytes(range(100, 116)),
        )
        one.body.string_value = "GET /index.html HTTP/1.1 200 12 ms"
        for key in ("http.method", "http.status", "user"):
            one.attributes.add(key=key).value.string_value = f"value {number}"
    hundred = request.SerializeToString()
    number = 32 * MIB // len(hundred)
    assert len(parse_protobuf(REQUEST, hundred * number).resource_logs) == number
