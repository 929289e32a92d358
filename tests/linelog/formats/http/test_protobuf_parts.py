"""Large protobuf messages taken apart: the same records, with what stands beside them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as service

from logsrv.kit.framing.frames import Varint
from logsrv.linelog.formats.http import protobuf_parts
from logsrv.linelog.formats.http.protobuf_parts import message_parts
from logsrv.linelog.lines.bodies import Records, RequestRefused

PATH = (1, 2, 2)


def gathered(body: bytes, most: int = 1000) -> tuple[list[Any], Records]:
    records, found = Records(), []
    for part in message_parts(body, PATH, most, records):
        request = service.ExportLogsServiceRequest()
        request.ParseFromString(part or b"")
        for logs in request.resource_logs:
            for scope in logs.scope_logs:
                for one in scope.log_records:
                    found.append((logs.schema_url, scope.scope.name, one.body.string_value))
    return found, records


@given(
    st.lists(
        st.lists(st.lists(st.text(max_size=30), max_size=4), max_size=3),
        max_size=3,
    ),
    st.sampled_from([0, 10, 40, 1 << 18]),
)
def test_parts_of_a_message_have_all_its_records(shape, size):
    request = service.ExportLogsServiceRequest()
    expected = []
    for number, scopes in enumerate(shape):
        logs = request.resource_logs.add(schema_url=f"url {number}")
        for scope, texts in enumerate(scopes):
            scope_logs = logs.scope_logs.add()
            scope_logs.scope.name = f"scope {scope}"
            for text in texts:
                scope_logs.log_records.add().body.string_value = text
                expected.append((f"url {number}", f"scope {scope}", text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf_parts, "PIECE", size)
        assert gathered(request.SerializeToString())[0] == expected


def test_a_record_far_too_long_is_told():
    request = service.ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    for text in ("a", "x" * 300_000, "b"):
        scope_logs.log_records.add().body.string_value = text
    found, records = gathered(request.SerializeToString())
    assert [text for _, _, text in found] == ["a", "b"]
    assert records.reasons == {"oversize": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\x0a\x05ab", 400),
        (b"\x0b", 400),
        (b"\xff" * 20, 400),
        (b"\x0a", 400),
        (b"\x12\xff\xff\x7f" + b"x" * 2_097_151, 413),
        (b"\x08\x01" * 2_100_000, 413),
    ],
)
def test_broken_or_large_messages_are_refused(body, status, monkeypatch):
    monkeypatch.setattr(protobuf_parts, "PIECE", 0)
    with pytest.raises(RequestRefused) as refused:
        for _ in message_parts(body, PATH, 100, Records()):
            pass
    assert refused.value.status == status


def test_fields_of_any_kind_are_passed():
    """Those that nobody knows too."""
    unknown = b"\x98\x06\x05" + b"\x9d\x06abcd" + b"\x99\x06abcdefgh"
    request = service.ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "x"
    body = unknown + request.SerializeToString() + unknown
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protobuf_parts, "PIECE", 0)
        assert [text for _, _, text in gathered(body)[0]] == ["x"]


@pytest.mark.parametrize("number", [1, 2, 5, 40])
@pytest.mark.parametrize("behind", [False, True])
def test_all_that_stands_beside_the_records_has_one_limit(number, behind):
    """A field alone is below it."""
    request = service.ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "x"
    records = request.SerializeToString()
    for size, is_refused in ((1_030_000, False), (1_060_000, True)):
        content = b"x" * (size // number)
        beside = (b"\x12" + Varint().pack(content)) * number
        body = records + beside if behind else beside + records
        if is_refused:
            with pytest.raises(RequestRefused, match="too much beside its records"):
                gathered(body)
        else:
            assert [text for _, _, text in gathered(body)[0]] == ["x"]
