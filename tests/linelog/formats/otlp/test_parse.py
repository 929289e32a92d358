"""Logs over OTLP, as JSON and as protobuf: the same records of both, with flat keys."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from logsrv.linelog.formats.otlp.parse import PROTOBUF, add_otlp_records
from logsrv.linelog.lines.bodies import BodyRules, RequestRefused
from tests.parts.records import Taken, lines_of, taken_by

TIME = 1_795_000_000_123_456_789
AT = "2026-11-18T11:06:40.123456789Z"


def export(body: bytes, media: str = "application/json", most: int = 2000) -> Taken:
    return taken_by(add_otlp_records, body, BodyRules(media, "/v1/logs", most))


def records(found: Taken) -> list[Any]:
    return [json.loads(record) for record in lines_of(found.records)]


def as_json(*logs: dict[str, Any], resource: Any = None, scope: str = "") -> bytes:
    scoped = {"scope": {"name": scope}, "logRecords": list(logs)}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [scoped]}]}).encode()


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def test_both_ways_say_the_same():
    request = service.ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    scoped = logs.scope_logs.add()
    scoped.scope.name = "lib"
    one = scoped.log_records.add(
        time_unix_nano=TIME, severity_number=10, trace_id=b"\x01" * 16, span_id=b"\x02" * 8
    )
    one.body.string_value = "paid, ü\nmore"
    one.attributes.add(key="n").value.int_value = 2**63 - 1
    one.attributes.add(key="raw").value.bytes_value = b"a\xff"
    some = one.attributes.add(key="m").value.kvlist_value.values
    some.add(key="x").value.double_value = 1.5
    some.add(key="y").value.array_value.values.add().bool_value = True
    as_text = as_json(
        {
            "timeUnixNano": str(TIME),
            "severityNumber": 10,
            "body": {"stringValue": "paid, ü\nmore"},
            "attributes": [
                {"key": "n", "value": {"intValue": str(2**63 - 1)}},
                {"key": "raw", "value": {"bytesValue": "Yf8="}},
                {
                    "key": "m",
                    "value": {
                        "kvlistValue": {
                            "values": [
                                {"key": "x", "value": {"doubleValue": 1.5}},
                                {
                                    "key": "y",
                                    "value": {"arrayValue": {"values": [{"boolValue": True}]}},
                                },
                            ]
                        }
                    },
                },
            ],
            "traceId": "01" * 16,
            "spanId": "02" * 8,
        },
        resource={"attributes": [text("service.name", "shop")]},
        scope="lib",
    )
    wanted = {
        "time": AT,
        "severity": "INFO2",
        "severity_number": 10,
        "body": "paid, ü\nmore",
        "attributes.n": 2**63 - 1,
        "attributes.raw": "a\\xff",
        "attributes.m.x": 1.5,
        "attributes.m.y": [True],
        "resource.service.name": "shop",
        "scope": "lib",
        "trace_id": "01" * 16,
        "span_id": "02" * 8,
    }
    binary = export(request.SerializeToString(), PROTOBUF)
    (record,) = records(binary)
    assert [record] == records(export(as_text)) == [wanted]
    assert list(record) == list(wanted)
    assert binary.reply.body == b"" and binary.reply.type == PROTOBUF


def test_a_body_of_keys_is_flat_too():
    body = {"kvlistValue": {"values": [text("a", "x"), {"key": "b", "value": {"kvlistValue": {}}}]}}
    found = export(as_json({"body": body, "observedTimeUnixNano": str(TIME)}))
    assert records(found) == [{"time": AT, "body.a": "x", "body.b": {}}]


@pytest.mark.parametrize(
    ("given", "severity"),
    [
        ({"severityNumber": 1}, ("TRACE", 1)),
        ({"severityNumber": 24}, ("FATAL4", 24)),
        ({"severityNumber": 9, "severityText": "note"}, ("note", 9)),
        ({"severityNumber": "SEVERITY_NUMBER_WARN2"}, ("WARN2", 14)),
        ({"severityNumber": 99}, ("99", 99)),
        ({"severityText": "odd"}, ("odd", None)),
        ({}, (None, None)),
    ],
)
def test_a_severity_has_text_and_number(given, severity):
    (found,) = records(export(as_json(given)))
    assert (found.get("severity"), found.get("severity_number")) == severity


def test_keys_that_become_the_same_are_both_kept():
    inner = {"kvlistValue": {"values": [text("b", "2")]}}
    found = export(as_json({"attributes": [text("a.b", "1"), {"key": "a", "value": inner}]}))
    assert records(found) == [{"attributes.a.b": "1", "_attributes.a.b": "2"}]


def test_a_record_too_long_is_rejected_and_the_others_are_stored():
    logs = [{"body": {"stringValue": body}} for body in ("x" * 200, "short")]
    found = export(as_json(*logs), most=100)
    assert records(found) == [{"body": "short"}]
    assert json.loads(found.reply.body)["partialSuccess"]["rejectedLogRecords"] == "1"
    request = service.ExportLogsServiceRequest()
    one = request.resource_logs.add().scope_logs.add().log_records.add()
    one.body.string_value = "x" * 200
    answer = service.ExportLogsServiceResponse()
    answer.ParseFromString(export(request.SerializeToString(), PROTOBUF, most=100).reply.body)
    assert answer.partial_success.rejected_log_records == 1


def nested(times: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(times):
        value = {"arrayValue": {"values": [value]}}
    return value


def same_keys(dots: int) -> list[dict[str, Any]]:
    """As many attributes as there are ways to write one key of so many dots."""
    rest = {"key": "." * dots, "value": {"intValue": "1"}}
    maps = [
        {"key": "." * first, "value": {"kvlistValue": {"values": same_keys(dots - first - 1)}}}
        for first in range(dots)
    ]
    return [rest, *maps]


BAD = [
    1,
    {"timeUnixNano": "x"},
    {"attributes": [{"value": 1}]},
    {"body": nested(150)},
    {"severityNumber": [1]},
    {"attributes": same_keys(8)},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_record_costs_nobody_else_anything(bad):
    """Those around it are stored; it is rejected, and its sender told."""
    good = {"body": {"stringValue": "good"}}
    found = export(as_json(good, bad, good))
    assert records(found) == [{"body": "good"}] * 2
    assert found.records.reasons == {"protocol": 1}
    partial = json.loads(found.reply.body)["partialSuccess"]
    assert (
        partial["rejectedLogRecords"] == "1"
        and "invalid, or longer than" in partial["errorMessage"]
    )


@pytest.mark.parametrize(
    ("bad", "rejected"),
    [
        (1, 1),
        ({"scopeLogs": 1}, 1),
        ({"scopeLogs": [{"logRecords": "x"}]}, 1),
        ({"scopeLogs": [{"scope": 5, "logRecords": [{}, {}]}]}, 2),
        ({"resource": {"attributes": 5}, "scopeLogs": [{"logRecords": [{}, {}]}, 1]}, 3),
    ],
)
def test_a_bad_resource_or_scope_costs_its_records(bad, rejected):
    good = {"scopeLogs": [{"logRecords": [{"body": {"stringValue": "good"}}]}]}
    found = export(json.dumps({"resourceLogs": [good, bad, good]}).encode())
    assert records(found) == [{"body": "good"}] * 2
    assert found.records.reasons == {"protocol": rejected}


def test_records_that_are_none_are_not_countless():
    body = b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [%b1]}]}]}' % (b"1," * 10_000)
    with pytest.raises(RequestRefused, match="becomes records of more than"):
        taken_by(add_otlp_records, body, BodyRules("application/json", "/v1/logs", 2000, 1_000_000))


def test_a_body_of_another_type_or_without_its_form_is_refused():
    for media, status in (("text/plain", 415), (PROTOBUF, 400)):
        with pytest.raises(RequestRefused) as refused:
            export(b"\xff\xff", media)
        assert refused.value.status == status


def test_keys_that_become_the_same_one_are_not_countless():
    assert len(records(export(as_json({"attributes": same_keys(5)}))))
    with pytest.raises(RequestRefused, match="no valid log record"):
        export(as_json({"attributes": same_keys(8)}))


def test_keys_are_not_multiplied_without_end():
    value: dict[str, Any] = {"kvlistValue": {"values": [text(str(n), "") for n in range(20_000)]}}
    body = as_json({"attributes": [{"key": "x" * 1000, "value": value}]})
    with pytest.raises(RequestRefused, match="no valid log record"):
        export(body, most=1 << 20)


def test_a_resource_is_not_multiplied_without_end():
    body = as_json(*[{}] * 100, resource={"attributes": [text("k", "x" * 900)]})
    with pytest.raises(
        RequestRefused, match="the message becomes records of more than 50000 bytes"
    ):
        taken_by(add_otlp_records, body, BodyRules("application/json", "/v1/logs", 2000, 50_000))


@pytest.mark.parametrize("body", [b"\n\0" * 1000, b"\n\xd0\x0f" + b"\x12\0" * 1000])
def test_empty_messages_of_protobuf_are_not_countless(body):
    assert not len(
        taken_by(add_otlp_records, body, BodyRules(PROTOBUF, "/v1/logs", 2000, 2_000_000)).records
    )
    with pytest.raises(
        RequestRefused, match="the message becomes records of more than 500000 bytes"
    ):
        taken_by(add_otlp_records, body, BodyRules(PROTOBUF, "/v1/logs", 2000, 500_000))
