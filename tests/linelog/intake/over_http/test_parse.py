"""A worker: the same lines, counts and answers as without one; and its process, by itself."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import attrs
import cramjam
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp_logs

from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.framing.frames import Varint
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.intake.over_http.installed_routes import http_routes
from logsrv.linelog.intake.over_http.parse import parse_body
from logsrv.linelog.intake.over_http.routes import find_route
from logsrv.linelog.intake.parsing import Parsed, ParseOrder, read_answer
from logsrv.linelog.intake.worker import NICE
from logsrv.linelog.lines.bodies import LARGE, BodyRules, Reply, RequestRefused
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.child_processes import read_message, send

ROUTES = http_routes()


@dataclass
class Outcome:
    """All that becomes of a body."""

    lines: bytes
    answer: Reply | tuple[int, str, int | None, str] | None
    counts: LineCounts
    closing: str | None = None
    left_out: tuple[int, int, object] = (0, 0, None)


def outcome(find: Callable[[LineCounts], Parsed]) -> Outcome:
    counts = LineCounts()
    try:
        parsed = find(counts)
    except RequestRefused as refusal:
        answer = (refusal.status, refusal.reason, refusal.records, str(refusal))
        return Outcome(b"", answer, counts)
    found = parsed.gathered
    left_out = found.dropped, found.as_text, dict(found.reasons)
    lines = b"".join(map(bytes, found.blocks))
    return Outcome(lines, parsed.reply, counts, found.closing, left_out)


def message_of(
    body: bytes,
    rules: BodyRules,
    line_rules: LineRules = LineRules(),  # noqa: B008
) -> ParseOrder:
    route = find_route(b"POST", rules.path, ROUTES)
    assert route.take is not None and route.count is not None
    rules = attrs.evolve(rules, take=route.take, count=route.count)
    return ParseOrder(parse_body, body, rules, line_rules)


def here(message: ParseOrder) -> Outcome:
    """Parse the body in this process, as the server does it."""
    return outcome(message.parse_here)


def by_worker(message: ParseOrder, size: int) -> Outcome:
    """Parse it as a worker does, through pipes that give `size` bytes at a time."""
    told = ParseOrder.decoded(b"".join(message.encoded()))
    assert told == message
    sent = b"".join(frame_parts(*told.parse_and_answer()))
    reader = MessageReader()
    answers = [
        answer
        for at in range(0, len(sent), size)
        for answer in reader.receive(sent[at : at + size])
    ]
    assert len(answers) == 1
    return outcome(partial(read_answer, answers[0]))


PATHS = LOKI_PATH, OTLP_PATH, BULK_PATH = "/loki/api/v1/push", "/v1/logs", "/index/_bulk"


@pytest.mark.parametrize("oversize", Oversize)
@pytest.mark.parametrize("body", [b'{"a":1}\nno json\n%b\nmore\n{"b":2}\n' % (b"x" * 90), b"more"])
def test_a_worker_makes_the_same(body, oversize):
    rules = BodyRules("application/x-ndjson", "/", 100, coding="gzip")
    message = message_of(gzip.compress(body), rules, LineRules(max_line=80, oversize=oversize))
    assert by_worker(message, 7) == here(message)


def test_too_much_is_refused_as_it_is_here():
    body = json.dumps({"streams": [{"stream": {}, "values": [["1", "text"]] * 9}]}).encode()
    rules = BodyRules("application/json", LOKI_PATH, 100, max_made=500)
    message = message_of(body, rules)
    found = by_worker(message, 7)
    assert found == here(message)
    assert isinstance(found.answer, tuple) and found.answer[0] == 413


ENTRY = {"stream": {"a": "x" * 300}, "values": [["1", "m"]] * 3}
RECORDS = {"resource": {"attributes": [{"key": "k", "value": {"stringValue": "x" * 300}}]},
           "scopeLogs": [{"logRecords": [{"timeUnixNano": "1"}] * 4}]}  # fmt: skip


def otlp_in_protobuf() -> bytes:
    request = otlp_logs.ExportLogsServiceRequest()
    return bytes(ParseDict({"resourceLogs": [RECORDS] * 5}, request).SerializeToString())


def protobuf_field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + Varint().pack(content)


def loki_in_protobuf() -> bytes:
    entry = protobuf_field(2, protobuf_field(2, b"m" * 100))
    stream = protobuf_field(1, protobuf_field(1, b'{a="b"}') + entry * 3)
    return bytes(cramjam.snappy.compress_raw(stream * 7))


@pytest.mark.parametrize(
    ("path", "media", "body", "sent"),
    [
        (LOKI_PATH, "application/json", json.dumps({"streams": [ENTRY] * 6}).encode(), 18),
        (LOKI_PATH, "application/x-protobuf", loki_in_protobuf(), 21),
        (OTLP_PATH, "application/json", json.dumps({"resourceLogs": [RECORDS] * 5}).encode(), 20),
        (OTLP_PATH, "application/x-protobuf", otlp_in_protobuf(), 20),
        (BULK_PATH, "application/x-ndjson", b'{"index":{}}\n{"a":"b"}\n' * 30, 30),
        ("/", "application/json", json.dumps([ENTRY] * 11).encode(), 11),
        ("/", "application/json", json.dumps(["text"] * 40).encode(), 40),
        ("/", "application/x-ndjson", b'{"a":1}\n\n5\n' * 13, 26),
        # Too many values to count them: one.
        (LOKI_PATH, "application/json", b'{"streams":[%b[]]}' % (b"[]," * (12 << 20)), 1),
    ],
)  # fmt: skip
def test_the_records_of_too_much_are_all_counted(path, media, body, sent):
    message = message_of(body, BodyRules(media, path, 1000, max_made=3000))
    found = by_worker(message, 1000)
    assert len(body) > LARGE or found == here(message)
    assert isinstance(found.answer, tuple)
    assert (found.answer[0], found.answer[2]) == (413, sent)


@pytest.mark.parametrize("field", [one.name for one in attrs.fields(LineCounts)])
def test_all_that_is_counted_is_added(field):
    counts = LineCounts(**{field: 2})
    answer = [b'{"counts": {"%b": 3}, "refused": [413, "oversize", 1, "why"]}\n' % field.encode()]
    with pytest.raises(RequestRefused):
        read_answer(answer, counts)
    assert getattr(counts, field) == 5


COMMAND = (sys.executable, "-P", "-m", "logsrv.linelog.intake.worker")


@pytest.mark.slow
def test_a_worker_answers_one_body_after_the_other_until_its_input_ends():
    """Signals that a terminal sends to all processes end it with no body in it."""
    worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None and worker.stdout is not None
    assert read_message(worker.stdout) == b""
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == nice
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker.send_signal(number)
    rules = BodyRules("application/json", LOKI_PATH, 1000)
    bodies = (
        b'{"streams": [{"stream": {}, "values": [["1", "one"]]}]}',
        b'{"streams": [{"stream": {}, "values": [["1", "text"]]}]}',
    )
    for body in bodies:
        send(worker, *message_of(body, rules).encoded())
    worker.stdin.close()
    answers = list(MessageReader().receive(worker.stdout.read()))
    lines = [
        b"".join(map(bytes, read_answer(one, LineCounts()).gathered.blocks)) for one in answers
    ]
    assert len(lines) == 2
    assert b"one" in lines[0]
    assert b"text" in lines[1]
    assert worker.wait(PATIENCE) == 0
    worker.stdout.close()
