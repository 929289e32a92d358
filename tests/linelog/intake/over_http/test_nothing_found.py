"""A body with nothing of its protocol is never a plain success: stored + refused = sent."""

import json
from codecs import BOM_UTF8
from typing import Any

import cramjam
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from logsrv.linelog.intake.over_http.installed_routes import http_routes
from logsrv.linelog.intake.over_http.routes import find_route
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused
from tests.parts.records import lines_of

JSON, NDJSON, PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"
OTLP, LOKI, BULK = "/v1/logs", "/loki/api/v1/push", "/_bulk"


def taken(path: str, body: Any, media: str = JSON) -> tuple[int, str, list[bytes], int]:
    """The status, the answer, the records stored, and the number of those refused."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    records = Records()
    take = find_route(b"POST", path, http_routes()).take
    assert take is not None
    try:
        reply = take(data, BodyRules(media, path, 1 << 20), records)
    except RequestRefused as refusal:
        return refusal.status, str(refusal), [], max(1, records.refused_count)
    assert reply is not None
    return (
        reply.status,
        reply.body.decode(errors="replace"),
        lines_of(records),
        records.refused_count,
    )


def trace() -> bytes:
    request = traces.ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"1" * 16)
    span.start_time_unix_nano = 1
    return bytes(request.SerializeToString())


def old_loki(*lines: str) -> dict[str, Any]:
    return {
        "labels": '{a="b"}',
        "entries": [{"ts": "2026-01-01T00:00:00Z", "line": one} for one in lines],
    }


RECORD = {"timeUnixNano": "1", "body": {"stringValue": "text"}}
GOOD = {"scopeLogs": [{"logRecords": [RECORD]}]}
LOKI_BODY = {"streams": [{"stream": {}, "values": [["1", "text"]]}]}
SPLUNK = {"event": "hello", "sourcetype": "x"}
SNAPPY = cramjam.snappy.compress_raw


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        (OTLP, b"{", JSON),
        (OTLP, {"resourceLogs": 1}, JSON),
        (OTLP, {"resourceLogs": [1]}, JSON),
        (OTLP, b"", JSON),
        (OTLP, [1], JSON),
        (OTLP, 0, JSON),
        (OTLP, "", JSON),
        (OTLP, False, JSON),
        (OTLP, {"message": "hello"}, JSON),
        (OTLP, LOKI_BODY, JSON),
        (OTLP, SPLUNK, JSON),
        (OTLP, {"resourceSpans": [GOOD]}, JSON),
        (OTLP, {"resourceMetrics": []}, JSON),
        (OTLP, trace(), PROTOBUF),
        (OTLP, b"\x9a\x06\x01x", PROTOBUF),
        (OTLP, b"\x08\x01", PROTOBUF),
        (LOKI, b"{", JSON),
        (LOKI, {}, JSON),
        (LOKI, None, JSON),
        (LOKI, {"streams": [1]}, JSON),
        (LOKI, [], JSON),
        (LOKI, {"streams": []}, JSON),
        (LOKI, {"streams": None}, JSON),
        (LOKI, {"streams": [{}]}, JSON),
        (LOKI, {"streams": [{"stream": {}, "values": []}]}, JSON),
        (LOKI, {"Streams": LOKI_BODY["streams"]}, JSON),
        (LOKI, {"resourceLogs": [GOOD]}, JSON),
        (LOKI, {"streams": [old_loki("one")]}, JSON),
        (LOKI, {"streams": [{"stream": {}, "value": [["1", "text"]]}]}, JSON),
        (LOKI, bytes(SNAPPY(b"")), PROTOBUF),
        (LOKI, bytes(SNAPPY(trace())), PROTOBUF),
        (BULK, b"", NDJSON),
        (BULK, b"\n\n", NDJSON),
        (BULK, {}, NDJSON),
        (BULK, [], NDJSON),
        (BULK, LOKI_BODY, NDJSON),
        ("/", [], JSON),
        ("/", None, JSON),
        ("/", b"", JSON),
        ("/", b" \n\n", NDJSON),
    ],
)  # fmt: skip
def test_a_body_with_nothing_of_its_protocol_is_refused(path, body, media):
    status, sentence, stored, refused = taken(path, body, media)
    assert (status, stored) == (400, []), sentence
    assert sentence and refused == (len(SPLUNK) if body is SPLUNK else 1)


@pytest.mark.parametrize(
    ("body", "sent", "said"),
    [
        ({"resource_logs": [{"scope_logs": [{"log_records": [RECORD] * 3}]}]}, 3, "mean resourceLogs?"),
        ({"ResourceLogs": [GOOD]}, 1, "did you mean resourceLogs?"),
        ({"resourceLog": [GOOD, GOOD]}, 2, "did you mean resourceLogs?"),
        ({"resourceLogs": [{"instrumentationLibraryLogs": [{"logRecords": [RECORD]}]}]}, 1, "scopeLogs"),
        ({"resourceLogs": [{"scope_logs": [{"logRecords": [RECORD] * 2}]}]}, 2, "did you mean scopeLogs?"),
        ({"resourceLogs": [{"scopeLogs": [{"log_records": [RECORD] * 2}]}]}, 2, "did you mean logRecords?"),
        ({"resourceLogs": [{"scopeLogs": [{"logs": [RECORD] * 2}]}]}, 2, "only logRecords"),
        ({"resourceLogs": [GOOD, {"scope_logs": [{"logRecords": [RECORD]}]}]}, 2, "scopeLogs?"),
        ({"resourceLogs": [GOOD], "resource_logs": [GOOD]}, 2, "did you mean resourceLogs?"),
    ],
)  # fmt: skip
def test_otlp_says_which_key_is_meant_and_stored_and_refused_is_sent(body, sent, said):
    status, answer, stored, refused = taken(OTLP, body)
    partial = json.loads(answer)["partialSuccess"]
    assert status == 200 and partial["rejectedLogRecords"] == "0"
    assert said in partial["errorMessage"]
    assert len(stored) + refused == sent


@pytest.mark.parametrize(
    ("body", "media"),
    [
        ({}, JSON),
        ([], JSON),
        (None, JSON),
        (b" {}\n", JSON),
        (BOM_UTF8 + b"{}", JSON),
        ({"resourceLogs": None}, JSON),
        ({"resourceLogs": []}, JSON),
        ({"resourceLogs": {}}, JSON),
        ({"resourceLogs": [{}]}, JSON),
        ({"resourceLogs": [{"scopeLogs": None, "resource": None}]}, JSON),
        ({"resourceLogs": [{"scopeLogs": []}]}, JSON),
        ({"resourceLogs": [{"scopeLogs": [{"logRecords": []}]}]}, JSON),
        (b"", PROTOBUF),
        (b"\n\0", PROTOBUF),
        (b"\n\2\x12\0", PROTOBUF),
    ],
)
def test_all_empty_pushes_over_otlp_are_the_same_thing(body, media):
    """OTLP: a request without telemetry succeeds; errorMessage may carry a warning. It is counted."""
    status, answer, stored, refused = taken(OTLP, body, media)
    assert (status, stored, refused) == (200, [], 1)
    assert "the body has no log records: there is none under resourceLogs" in answer
    if media == JSON:
        assert json.loads(answer)["partialSuccess"]["rejectedLogRecords"] == "0"


@pytest.mark.parametrize(
    "record",
    [
        {"time_unix_nano": "1", "severity_text": "INFO", "body": {"string_value": "found"}},
        {"timeUnixNano": "1", "body": {"stringVal": "found"}},
        {"body": {"String": {"deep": ["found"]}}},
        {"message": "found"},
        {"Body": {"stringValue": "found"}},
        {"attributes": [{"key": "a", "val": {"stringValue": "found"}}]},
        {"attributes": [{"key": "a", "value": {"array_value": {"values": [{"string_value": "found"}]}}}]},
        {"body": {"stringValue": "x"}, "time": "found", "_time": 1},
        {"observed_time_unix_nano": 1, "body": {"kvlist_value": {"values": [{"key": "found"}]}}},
    ],
)  # fmt: skip
def test_unknown_keys_of_a_log_record_are_kept(record):
    status, answer, stored, refused = taken(
        OTLP, {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    )
    assert (status, refused, len(stored)) == (200, 0, 1), answer
    assert b"found" in stored[0]


def test_keys_in_snake_case_mean_what_they_say():
    record = {"time_unix_nano": "1", "severity_text": "INFO", "body": {"string_value": "x"}}
    _, _, stored, _ = taken(OTLP, {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    assert json.loads(stored[0]) == {
        "time": "1970-01-01T00:00:00.000000001Z", "severity": "INFO", "body": "x",
    }  # fmt: skip


def test_a_deep_unknown_key_is_rejected_without_an_error_of_ours():
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"x":%b},{"y":1}]}]}]}' % deep
    _, _, stored, refused = taken(OTLP, body)
    assert (stored, refused) == ([b'{"y":1}'], 1)


def test_a_large_body_with_an_unknown_key_counts_it_once():
    many = {"scopeLogs": [{"logRecords": [RECORD] * 100}]}
    body = {"resourceLogs": [many] * 200, "resource_logs": [GOOD]}
    _, answer, stored, refused = taken(OTLP, body)
    assert (len(stored), refused) == (20_000, 1) and "resource_logs" in answer


def test_good_streams_are_stored_and_others_are_told():
    body = {"streams": [*LOKI_BODY["streams"], old_loki("one", "two")]}
    status, answer, stored, refused = taken(LOKI, body)
    assert (status, len(stored), refused) == (400, 1, 2)
    assert "2 of 3 entries" in answer and "values" in answer


@pytest.mark.parametrize(
    ("beside", "refused"),
    [
        ({"entries": old_loki("one", "two")["entries"]}, 2),
        ({"Values": [["1", "text"]]}, 1),
        ({"value": [["1", "text"]], "lines": ["a", "b", "c"]}, 4),
        ({"entries": [["1", "text"]] * 3000}, 3000),
        ({"entries": []}, 0),
        ({"entries": None, "labels": '{a="b"}', "hash": 7}, 0),
    ],
)
@pytest.mark.parametrize("number", [1, 5000])
def test_entries_under_other_keys_beside_the_values_are_told(number, beside, refused):
    """Five thousand values make a stream that is parsed in parts, which share the other keys."""
    stream = {"stream": {"a": "b"}, "values": [["1", "text"]] * number, **beside}
    status, answer, stored, told = taken(LOKI, {"streams": [stream, *LOKI_BODY["streams"]]})
    assert (len(stored), told) == (number + 1, refused)
    assert status == (400 if refused else 204)
    assert not refused or f"{refused} of {refused + number + 1} entries are under keys" in answer


@pytest.mark.parametrize(
    ("values", "streams", "why"),
    [
        (["x", "text"], [], "are invalid, or longer than"),
        (["1", "text"], [old_loki("one")], '"LINE"]]}]}), or longer than'),
        (["x", "text"], [old_loki("one")], '"LINE"]]}]}), invalid, or longer than'),
    ],
)
def test_loki_names_each_reason_once(values, streams, why):
    body = {"streams": [*LOKI_BODY["streams"], {"stream": {}, "values": [values]}, *streams]}
    assert why in json.loads(taken(LOKI, body)[1])["error"]


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        ("/", b'{"a":"text"}', JSON),
        ("/", b'[{"a":"text"}]', JSON),
        ("/", b'{"a":"text"}\n', NDJSON),
        ("/", b'["text"]\n', NDJSON),
        ("/", b"a=text", "application/x-www-form-urlencoded"),
        (BULK, b'{"index":{}}\n{"a":"text"}\n', NDJSON),
        (LOKI, json.dumps(LOKI_BODY).encode(), JSON),
        (OTLP, json.dumps({"resourceLogs": [GOOD]}).encode(), JSON),
    ],
)
def test_a_bom_in_front_of_a_body_costs_nothing(path, body, media):
    assert taken(path, BOM_UTF8 + body, media) == taken(path, body, media)
    assert b"text" in taken(path, body, media)[2][0]


def test_a_log_record_of_a_later_version_is_no_foreign_one():
    request = logs.ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1)
    later = request.SerializeToString() + b"\x9a\x06\x01x"
    assert len(taken(OTLP, later, PROTOBUF)[2]) == 1


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ({"resource": {"Attributes": []}}, "Attributes in resource: did you mean attributes?"),
        ({"resource": {"attribute": []}}, "did you mean attributes?"),
        ({"resource": {"ATTRIBUTES": [], "attributes": []}}, "did you mean attributes?"),
        ({"resource": {"dropped_attributes_count": 1}}, "did you mean droppedAttributesCount?"),
        ({"scope": {"Name": "n"}}, "Name in scope: did you mean name?"),
        ({"scope": {"names": "n"}}, "did you mean name?"),
        ({"scope": {"Version": "1", "name": "n"}}, "did you mean version?"),
        ({"resource": {"attributes": [], "ofALaterVersion": 1}}, None),
        ({"scope": {"name": "n", "version": "1", "attributes": []}}, None),
        ({"resource": None, "scope": None}, None),
    ],
)
def test_misspelt_keys_of_a_resource_or_a_scope_are_named(inside, said):
    scope_logs = {"scope": inside.get("scope"), "logRecords": [RECORD]}
    body = {"resourceLogs": [{"resource": inside.get("resource"), "scopeLogs": [scope_logs]}]}
    status, answer, stored, refused = taken(OTLP, body)
    assert (status, len(stored), refused) == (200, 1, 0)
    assert said in answer if said else json.loads(answer) == {"partialSuccess": {}}


def test_a_refusal_names_the_keys_too():
    long = {"timeUnixNano": "1", "body": {"stringValue": "x" * (3 << 20)}}
    for invalid in ([5], [5, long]):
        logs = [{"scopeLogs": [{"logRecords": invalid}]}]
        status, sentence, _, refused = taken(OTLP, {"resourceLogs": logs, "resource_logs": [GOOD]})
        assert (status, refused) == (400, 1 + len(invalid))
        assert "did you mean resourceLogs?" in sentence


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"Streams": LOKI_BODY["streams"] * 2}, 2),
        ({"stream": [{"values": [["1", "a"], ["2", "b"]]}]}, 2),
        ({"streamss": []}, 1),
        ({"STREAMS": {"stream": {}, "values": []}}, 1),
        ({"of_a_later_version": [1]}, 0),
    ],
)
def test_misspelt_streams_beside_good_ones_are_told(more, refused):
    many = {"streams": LOKI_BODY["streams"] * 20_000}
    for push in (LOKI_BODY, many):
        status, _, stored, found = taken(LOKI, {**push, **more})
        assert (status, len(stored), found) == (
            400 if refused else 204,
            len(push["streams"]),
            refused,
        )
