"""Bodies in protobuf: parsed whole, or refused."""

import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from logsrv.kit.framing.frames import Varint
from logsrv.linelog.formats.http.protobuf_body import parse_protobuf
from logsrv.linelog.lines import bodies
from logsrv.linelog.lines.bodies import RequestRefused

REQUEST = service.ExportLogsServiceRequest
MIB = 1 << 14
"""A MiB on the scale of these tests."""


@pytest.fixture(autouse=True)
def less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_MEMORY", bodies.MOST_MEMORY // 64)


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
def test_messages_that_need_more_memory_than_a_worker_has_are_refused(body):
    with pytest.raises(RequestRefused, match="too many values to parse; send fewer") as refused:
        parse_protobuf(REQUEST, body)
    assert refused.value.status == 413


def test_32_mib_of_usual_records_are_parsed():
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
