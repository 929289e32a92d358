"""Requests of OTLP: our own input reads the same lines, times and levels out of them."""

import json

import pytest
from hypothesis import example, given

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.otlp import parse as otlp
from logsrv.linelog.formats.otlp.send import export_request, rejected_count_and_reason
from logsrv.linelog.lines.bodies import JSON, BodyRules
from tests.parts.records import lines_of, taken_by
from tests.parts.sample_lines import LINES, line

# The time 0 means "unknown" in OTLP, so that its receiver has none for a line of this moment.
UNKNOWN = "1970-01-01T00:00:00.000000000Z"


@given(LINES)
@example([line(b"hello", time="1970-01-01T00:00:00.000000Z"), line(b"hello")])
@example([line(rb"\x1b"), line(rb"\x1b[31mERROR\x1b[0m failed")])
def test_our_own_input_reads_the_same(lines):
    body = export_request(OutgoingLines(lines))
    taken = taken_by(otlp.add_otlp_records, body, BodyRules(JSON, "/v1/logs", 1 << 20))
    assert taken.reply.status == 200 and rejected_count_and_reason(taken.reply.body) == (0, "")
    came = [ParsedLine(record) for record in lines_of(taken.records)]
    assert sorted(
        (str(one.get("body")), json.loads(one.line).get("time", UNKNOWN), one.level or "",
         str(one.get("attributes.logsrv.source")))
        for one in came
    ) == sorted(
        (one.message, f"{str(one.time)[:-1]}000Z", one.level or "", str(one.source))
        for one in map(ParsedLine, lines)
    )  # fmt: skip


def test_a_resource_is_a_program_on_a_machine():
    shop = b'{"app":"shop","hostname":"web1","level":"alert","n":%d}'
    lines = [line(shop % 1), line(b"hello"), line(shop % 2)]
    first, second = json.loads(export_request(OutgoingLines(lines)))["resourceLogs"]
    assert first["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "shop"}},
        {"key": "host.name", "value": {"stringValue": "web1"}},
    ]
    records = first["scopeLogs"][0]["logRecords"]
    assert [record["severityNumber"] for record in records] == [22, 22]
    assert second["resource"]["attributes"] == [
        {"key": "host.name", "value": {"stringValue": "10.0.0.1"}}
    ]
    [hello] = second["scopeLogs"][0]["logRecords"]
    assert "severityNumber" not in hello and hello["body"] == {"stringValue": "hello"}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"{}", (0, "")),
        (b'{"partialSuccess":{}}', (0, "")),
        (b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too\\nlong"}}', (3, "too\\x0along")),
        (b'{"partialSuccess":{"errorMessage":"mind the version"}}', (0, "mind the version")),
        (b"", (0, "")),
        (b"<html>", (0, "")),
        (b'{"partialSuccess":{"rejectedLogRecords":"many"}}', (0, "")),
    ],
)  # fmt: skip
def test_an_answer_may_reject_some(answer, found):
    assert rejected_count_and_reason(answer) == found
