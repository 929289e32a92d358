"""Lines as messages for Kafka: what the HTTP API says of them, and a key for each machine."""

import json

from hypothesis import given

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.formats.kafka.send import kafka_messages
from logsrv.linelog.read.render import record_document
from tests.parts.sample_lines import LINES, SOURCES, line


@given(LINES)
def test_a_value_is_an_object_of_the_api(lines):
    for message, one in zip(kafka_messages(lines), map(ParsedLine, lines), strict=True):
        assert json.loads(message.value) == json.loads(json.dumps(record_document(one)))
        assert message.moment >= 0


def test_lines_of_a_machine_have_one_key():
    lines = [line(b"a", source) for source in (*SOURCES, "tcp:10.0.0.1:1", "w@udp:10.0.0.1:514")]
    keys = [message.key for message in kafka_messages(lines)]
    assert keys == [b"10.0.0.1", b"::1", b"unix:uid=0,pid=77", b"h", b"10.0.0.1", b"10.0.0.1"]


def test_a_line_without_a_stamp_has_an_empty_key():
    [message] = kafka_messages([b"torn"])
    assert message.moment == 0 and message.key == b""
