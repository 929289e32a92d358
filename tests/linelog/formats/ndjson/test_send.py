"""Lines as NDJSON: our own input takes them as they are, and they say what the HTTP API says."""

import json

from hypothesis import given

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.ndjson import parse as http_lines
from logsrv.linelog.formats.ndjson.send import encode_ndjson
from logsrv.linelog.lines.bodies import BodyRules
from logsrv.linelog.read.render import record_document
from tests.parts.records import lines_of, taken_by
from tests.parts.sample_lines import LINES, TIME, line


@given(LINES)
def test_our_own_input_reads_the_same(lines):
    taken = taken_by(
        http_lines.add_body_records,
        encode_ndjson(lines),
        BodyRules("application/x-ndjson", "/", 1 << 20),
    )
    assert json.loads(taken.reply.body) == {"accepted": len(lines), "as_text": 0}
    for sent, received in zip(map(ParsedLine, lines), lines_of(taken.records), strict=True):
        found = json.loads(received)
        assert (found["message"], found["time"]) == (sent.message, sent.time)
        assert ParsedLine(received).level == sent.level


def test_an_object_is_that_of_the_api():
    sent = line(b'{"level":"error","service":"cache","n":123456789012345678901234567890}')
    [found] = [json.loads(one) for one in encode_ndjson([sent]).splitlines()]
    assert found == record_document(ParsedLine(sent))
    assert found["time"] == TIME and found["app"] == "cache"
    assert found["fields"]["n"] == 123456789012345678901234567890
