"""Bulk requests: our own input reads the same lines, times and levels out of them."""

import json

import pytest
from hypothesis import given

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.bulk import parse as bulk
from logsrv.linelog.formats.bulk.send import BulkAnswer, bulk_request, read_bulk_answer
from logsrv.linelog.lines.bodies import BodyRules
from tests.parts.records import lines_of, taken_by
from tests.parts.sample_lines import LINES, TIME, line


@given(LINES)
def test_our_own_input_reads_the_same(lines):
    body = bulk_request(OutgoingLines(lines))
    taken = taken_by(
        bulk.add_bulk_documents, body, BodyRules("application/x-ndjson", "/logs/_bulk", 1 << 20)
    )
    assert read_bulk_answer(taken.reply.body, len(lines)) == BulkAnswer([], [], "", "")
    came = [ParsedLine(record) for record in lines_of(taken.records)]
    for sent, received in zip(map(ParsedLine, lines), came, strict=True):
        document = json.loads(received.line)
        assert document["message"] == sent.message
        assert document["@timestamp"] == sent.time
        assert document["source"]["address"] == sent.source
        assert received.level == sent.level


def test_names_are_those_of_the_common_schema():
    body = bulk_request(
        OutgoingLines([line(b'{"app":"shop","level":"error"}'), line(b"x", "unix:uid=0")])
    )
    action, first, again, second = body.splitlines()
    assert action == again == b'{"create":{}}'
    assert json.loads(first) == {
        "@timestamp": TIME, "message": '{"app":"shop","level":"error"}', "log": {"level": "error"},
        "host": {"name": "10.0.0.1"}, "service": {"name": "shop"},
        "source": {"address": "tcp:10.0.0.1:51234"},
    }  # fmt: skip
    assert set(json.loads(second)) == {"@timestamp", "message", "source"}


def item(status: int, **error: str) -> dict[str, object]:
    return {"create": {"status": status, **({"error": error} if error else {})}}


def test_items_tell_which_documents_are_not_stored():
    items = [
        item(201),
        item(429, type="es_rejected_execution_exception", reason="queue is full"),
        item(400, type="document_parsing_exception", reason="failed to\nparse"),
        item(503),
        item(409, type="conflict"),
    ]
    body = json.dumps({"errors": True, "items": items}).encode()
    assert read_bulk_answer(body, 5) == BulkAnswer(
        [1, 3], [2, 4], "429 queue is full", "400 failed to\\x0aparse"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"ok":true}',
        b'{"errors":true}',
        b'{"errors":true,"items":[{"create":{"status":201}}]}',
        b'{"errors":true,"items":[1,2]}',
        b'{"errors":true,"items":[{},{}]}',
    ],
)
def test_a_body_that_is_no_bulk_answer_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"."):
        read_bulk_answer(body, 2)
