"""Bodies of requests: lines, packed ones, too large ones, several at a time."""

import gzip
import json
import zlib
from types import SimpleNamespace
from typing import Any, cast

import cramjam
import pytest
import zstandard
from twisted.internet.defer import Deferred

from logsrv.kit.children.pool import ProcessPool
from logsrv.linelog.formats.journal.input import routes as journal_routes
from logsrv.linelog.lines import bodies
from logsrv.linelog.lines.bodies import LARGE
from logsrv.linelog.lines.rules import Oversize
from tests.parts.http_senders import Sender, refused, request, slowly
from tests.parts.sinks import turn


def test_a_body_that_is_only_kept_is_taken_at_once(monkeypatch):
    slowly(monkeypatch)
    sender = Sender()
    body = b"x" * 99_999 + b"\n"
    for sent in (
        request(b"", Content_Length="100000"),
        request(b"", Content_Length="", Transfer_Encoding="chunked") + b"186a0\r\n",
    ):
        sender.send(sent)
        turn(sender.clock)
        sender.send(body)
        number = 0
        while sender.sink.text.count(b"\n") < 2:
            turn(sender.clock)
            number += 1
        assert number <= 2
        sender = Sender()


def test_packed_lines_and_packed_json_are_stored():
    sender = Sender()
    sender.post(gzip.compress(b"one\ntwo"), "/lines", Content_Encoding="gzip")
    sender.sink.sync()
    body = b'[{"a": 1}, "text\\nmore"]'
    sender.post(gzip.compress(body), Content_Encoding="gzip", Content_Type="application/json")
    sender.sink.sync()
    assert sender.sink.text == b'one\ntwo\n{"a": 1}\ntext\\x0amore\n'
    assert [body["accepted"] for _, body in sender.answers()] == [2, 2]
    assert sender.intake.unfinished.held == 0


def test_a_bomb_is_refused_and_nothing_of_it_stored():
    sender = Sender(max_body=1 << 20)
    sender.post(gzip.compress(bytes(2 << 20)), Content_Encoding="gzip")
    for _ in range(9):
        turn(sender.clock)
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.sink.text == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("line", [b"\n", b"a\n", b"\r\n", b"\0\n"])
def test_packed_text_that_becomes_too_much_in_the_store(monkeypatch, coding, media, line):
    """Its stamps are measured before anything is stored: an empty line takes 47 bytes there."""
    monkeypatch.setattr(bodies, "_LEAST_MADE", 1 << 16)
    pack: Any = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}[
        coding
    ]
    sender = Sender(max_body=1 << 16)
    for number in (4000, (1 << 16) // len(line)):
        body = pack(line * number)
        sender.post(body, Content_Encoding=coding, Content_Type=media)
    sender.sink.sync()
    (taken, _), (status, answer) = sender.answers()
    assert (taken, status) == (200, 413)
    assert sender.sink.text.count(b"\n") == 4000
    assert "becomes lines" in answer["error"] and "262144 bytes; send fewer" in answer["error"]
    assert refused(sender, "oversize") == number


def test_lines_that_are_not_packed_are_taken_however_short_they_are():
    """Their sender has sent every one of them."""
    sender = Sender(max_body=1 << 16)
    sender.post(b"\n" * (1 << 16))
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def test_so_many_bodies_at_a_time():
    first = Sender(max_body=20)
    half = request(b"", Content_Length="10", Content_Type="application/json")
    senders = [first, *(Sender(first) for _ in range(4))]
    for sender in senders:
        sender.send(half + b'["a", "bc')
    assert first.intake.unfinished.held == 36
    senders[4].send(b'"')
    assert [status for status, _ in senders[4].answers()] == [503]
    senders[0].leave()
    assert first.intake.unfinished.held == 27
    senders[4].post(b"{}", Content_Type="application/json")
    first.sink.sync()
    assert [status for status, _ in senders[4].answers()] == [200]


def test_an_unfinished_line_of_an_unfinished_request_is_not_stored():
    """It comes again, with all the rest."""
    sender = Sender()
    sender.send(request(b"", Content_Length="2000000") + b"one\nunfini")
    sender.leave()
    assert sender.sink.text == b"one\n" and not sender.sink.producers


def test_too_long_a_line_by_the_rule_that_closes():
    sender = Sender(oversize=Oversize.CLOSE, max_line=5)
    sender.post(b"short\nmuch too long\n")
    assert sender.answers()[0][0] == 413
    sender = Sender(oversize=Oversize.CLOSE, max_line=5)
    sender.post(b'["much too long"]', Content_Type="application/json")
    assert sender.answers()[0][0] == 413


def test_a_document_too_long_is_told_in_its_item_and_counted():
    sender = Sender(max_record=40, max_line=10)
    body = b'{"index":{}}\n{"a":"' + b"x" * 50 + b'"}\n{"index":{}}\n{"b":1}\n'
    sender.post(body, "/logs/_bulk")
    sender.sink.sync()
    ((status, answer),) = sender.answers()
    assert status == 200 and answer["errors"]
    assert sender.sink.text == b'{"b":1,"_index":"logs"}\n'


def test_an_answer_of_many_items_arrives_whole_and_says_its_length():
    sender = Sender()
    sender.post(b'{"create":{}}\n{}\n' * 2000, "/_bulk")
    sender.sink.sync()
    ((status, answer),) = sender.answers()
    assert status == 200 and len(answer["items"]) == 2000
    assert b"Content-Type: application/json" in sender.head


def test_a_push_to_loki_may_say_that_it_is_in_snappy():
    """Loki's own server takes it with that header and without; some senders set it, others do not."""
    stream = b'\x0a\x09{app="a"}' + b"\x12\x0a\x0a\x02\x08\x01\x12\x04text"
    push = cramjam.snappy.compress_raw(b"\x0a%c" % len(stream) + stream)
    sender = Sender()
    for coding in ("", "snappy"):
        sender.post(
            bytes(push),
            "/loki/api/v1/push",
            Content_Type="application/x-protobuf",
            Content_Encoding=coding,
        )
        sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [204, 204]
    line = b'{"app":"a","time":"1970-01-01T00:00:01.000000000Z","message":"text"}\n'
    assert sender.sink.text == 2 * line


def test_snappy_is_for_loki_alone():
    sender = Sender()
    sender.post(b"x", Content_Encoding="snappy")
    ((status, body),) = sender.answers()
    assert status == 415 and "gzip" in body["error"]


def test_a_complete_body_does_not_give_way():
    """An upload that only waits for the disk is not what takes the place of unfinished ones."""
    sender = Sender(max_body=150, max_record=100)
    sender.factory.routes = journal_routes()
    head = request(b"", "/upload", Content_Length="", Transfer_Encoding="chunked")
    sender.send(head + b"C8\r\nA=%b\n\r\n0\r\n\r\n" % (b"x" * 197))
    other = Sender(sender)
    other.send(head + b"C8\r\nB=%b\n\r\n" % (b"y" * 197))
    sender.sink.sync()
    assert sender.transport.value().startswith(b"HTTP/1.1 202 ")


def test_bodies_whose_senders_leave_before_the_answer_take_no_room_from_later_ones():
    """As those that give up sooner than the disk has synced. Their records are stored all the same."""
    first = Sender(max_body=100, max_record=100)
    for _ in range(20):
        sender = Sender(first)
        sender.post(b"{}", Content_Type="application/json")
        sender.leave()
        first.sink.sync()
    last = Sender(first)
    last.post(b"{}", Content_Type="application/json")
    last.sink.sync()
    assert [status for status, _ in last.answers()] == [200]
    assert first.sink.text == b"{}\n" * 21


def test_small_bodies_that_become_large_are_bounded_together():
    """Twelve pushes of 126 KB became records of 260 MB each, and were in memory at once."""
    sender = Sender()
    others = sender.intake.unfinished.admit(sender.intake.unfinished.most_held - (1 << 20))
    resource = {"attributes": [{"key": "a", "value": {"stringValue": "x" * 10_000}}]}
    scopes = [{"logRecords": [{"body": {"stringValue": "y"}}] * 2000}]
    body = json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}).encode()
    sender.send(request(body, "/v1/logs", Content_Type="application/json"))
    assert sender.sink.text == b""
    sender.intake.unfinished.release(others)
    assert sender.sink.text.count(b"\n") == 2000
    sender.sink.sync()
    assert [found for found, _ in sender.answers()] == [200]
    assert sender.intake.unfinished.held == 0


@pytest.mark.parametrize("media", ["application/json", "application/x-protobuf"])
@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_a_worker_takes_apart_what_small_bodies_become(media, coding):
    """OTLP of 4 KB in gzip, one record of 4 MB, had the reactor for more than a second."""
    sender = Sender()
    asked: list[Deferred[list[bytes]]] = []

    def answer(*parts: object, admit: object) -> Deferred[list[bytes]]:
        asked.append(Deferred())
        return asked[-1]

    sender.intake.workers = cast(ProcessPool, SimpleNamespace(most=1, answer=answer))
    packed: Any = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[coding]
    for path, way in (("/loki/api/v1/push", cramjam.snappy.compress_raw), ("/v1/logs", bytes)):
        way = bytes if media == "application/json" else way
        for size in (LARGE, LARGE + 1):
            body = packed(bytes(way(b" " * size)))
            assert len(body) < 32 << 10 or body == b" " * size
            sender.post(body, path, Content_Type=media, Content_Encoding=coding)
            assert len(asked) == (size > LARGE)
        sender.leave()
        asked.pop().callback([])
        sender = Sender(sender)
