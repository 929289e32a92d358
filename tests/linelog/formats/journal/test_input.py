"""The journal's entries: uploaded over HTTP as long as it takes, or as datagrams."""

import gzip
import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.kit.children.pool import WorkerEndedError
from logsrv.kit.web.channel import REQUEST_SECONDS
from logsrv.linelog.formats.journal.input import Journal
from logsrv.linelog.intake import turns
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.over_http.input import PIECE
from logsrv.linelog.intake.over_http.request import ANSWER_SECONDS
from logsrv.linelog.lines import bodies
from logsrv.linelog.lines.rules import LineRules
from tests.parts.sinks import Sink, SlowStore, intake, turn
from tests.parts.workers import WorkersHere

HEAD = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.fdo.journal\r\n"


class Uploading:
    """A connection of systemd-journal-upload."""

    def __init__(self, sink: Sink | None = None, **options: Any) -> None:
        self.sink: Any = sink or Sink()
        self.workers = WorkersHere(waits=True)
        rules, given = LineRules(max_line=20), InputOptions(**options)
        way = intake(self.sink, rules, options=given, workers=self.workers)
        self.clock: Any = way.clock
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        self.channel: Any = Journal().stream(way).buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        self.channel.dataReceived(data)
        return bytes(self.transport.value())

    def chunk(self, data: bytes) -> bytes:
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))


def test_entries_are_stored_as_they_are_whole_and_answered_at_the_end():
    """However long that is, and however much: --max-body is not for it."""
    peer = Uploading(max_body=10)
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    peer.chunk(b"MESSAGE=one\n_PID=1\n\nMESSAGE=tw")
    assert peer.sink.text == b'{"MESSAGE":"one","_PID":"1"}\n'
    peer.clock.advance(10 * REQUEST_SECONDS)
    assert not peer.transport.disconnecting and not peer.channel.working
    peer.chunk(b"o\n\n")
    assert peer.chunk(b"") == b""
    assert peer.channel.working
    peer.sink.sync()
    assert b" 202 Accepted\r\n" in peer.transport.value()
    assert [json.loads(line)["MESSAGE"] for line in peer.sink.text.splitlines()] == ["one", "two"]
    peer.clock.advance(REQUEST_SECONDS)
    assert peer.transport.disconnecting


def test_tiny_entries_let_others_have_their_turn(monkeypatch):
    monkeypatch.setattr(turns, "LONG", -1.0)
    peer = Uploading()
    body = b"A=\n\n" * 4000
    peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    number = 0
    while peer.sink.text.count(b"\n") < 4000:
        turn(peer.clock)
        number += 1
    assert number >= len(body) // PIECE
    turn(peer.clock)
    peer.sink.sync()
    assert b" 202 " in peer.transport.value()


def test_packed_entries_that_become_too_much(monkeypatch):
    """Of an entry of four bytes a line of sixty is stored: nothing is, if all are too much."""
    monkeypatch.setattr(bodies, "_LEAST_MADE", 1 << 16)
    peer = Uploading(max_body=1 << 14)
    body = gzip.compress(b"A=\n\n" * 2000)
    peer.send(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert b" 413 " in peer.transport.value() and peer.sink.text == b""


def test_an_upload_waits_for_the_store_as_long_as_it_takes():
    peer = Uploading()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    (producer,) = peer.sink.producers
    producer.pauseProducing()
    peer.clock.advance(2 * ANSWER_SECONDS)
    assert peer.transport.producerState == "paused" and peer.transport.value() == b""
    producer.resumeProducing()
    peer.channel.connectionLost(Failure(ConnectionDone()))
    assert not peer.sink.producers


def test_an_upload_waits_if_the_store_has_enough_when_it_begins():
    peer = Uploading(SlowStore())
    peer.sink.valve.close()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    assert peer.transport.producerState == "paused"
    peer.clock.advance(2 * ANSWER_SECONDS)
    assert peer.transport.producerState == "paused" and peer.transport.value() == b""
    peer.sink.valve.open()
    assert peer.transport.producerState == "producing"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nnothi", b" 400 "),
        (HEAD.replace(b"vnd.fdo.journal", b"json") + b"Content-Length: 2\r\n\r\n{}", b" 415 "),
        (HEAD.replace(b"/upload", b"/lines") + b"Content-Length: 2\r\n\r\n{}", b" 404 "),
        (HEAD.replace(b"POST", b"GET") + b"\r\n", b" 405 "),
    ],
)
def test_bad_uploads_are_refused(request_, status):
    assert status in Uploading().send(request_)


def test_datagrams_that_are_no_entry_or_too_long_are_stored_as_text():
    """One that is no entry is kept as text, and so is one that is too long."""
    sink = Sink()
    way = intake(sink, LineRules(max_line=20), options=InputOptions(max_record=40))
    payloads = [b"MESSAGE=a longer message", b"no entry", b"", b"A=" + b"x" * 50]
    Journal().datagrams(way).datagrams_received(payloads, UNIXAddress(None))
    assert sink.text.splitlines() == [
        b'{"MESSAGE":"a longer message"}',
        b"no entry",
        b'{"A":"xxxxxxxxxxxxxx',
        b"x" * 20,
        b"x" * 16 + b'"}',
    ]
    assert way.counts.empty == 1


def test_a_worker_parses_a_long_entry_and_nothing_is_read_meanwhile():
    """A sender beside three of 15 MB waited 16 seconds."""
    peer = Uploading()
    workers = peer.workers
    body = b"A=0\n\nA=" + b"x" * (3 << 20) + b"\n\nB=1\n\n"
    peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    for at in range(0, len(body), 1 << 16):
        peer.send(body[at : at + (1 << 16)])
    assert peer.sink.text == b'{"A":"0"}\n'
    assert peer.transport.producerState == "paused"
    # The store opens, for all.
    peer.sink.producers[0].resumeProducing()
    assert peer.transport.producerState == "paused"
    workers.answer_next()
    assert peer.sink.text.startswith(b'{"A":"0"}\nA=xxx') or b"xxx" in peer.sink.text
    assert peer.sink.text.endswith(b'{"B":"1"}\n')
    peer.sink.sync()
    assert b" 202 " in peer.transport.value()


@pytest.mark.parametrize(
    ("error", "status"), [(WorkerEndedError("it was killed"), 503), (ValueError("a fault"), 500)]
)
@pytest.mark.parametrize("is_whole", [False, True])
def test_a_long_entry_that_no_worker_parses_is_refused_with_all_behind_it(error, status, is_whole):
    peer = Uploading()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    peer.chunk(b"A=0\n\nA=" + b"x" * 100_000 + b"\n\nB=1\n\n")
    if not is_whole:
        peer.workers.fail_next(error)
        assert b" %d " % status in peer.transport.value()
    peer.chunk(b"B=2\n\n")
    peer.chunk(b"")
    if is_whole:
        peer.workers.fail_next(error)
        assert b" %d " % status in peer.transport.value()
    peer.sink.sync()
    assert b" 202 " not in peer.transport.value()
    assert peer.sink.text == b'{"A":"0"}\n'


def test_reading_goes_on_when_a_worker_has_parsed_an_entry_unless_the_store_is_closed():
    peer = Uploading()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    peer.chunk(b"A=" + b"x" * 100_000 + b"\n\n")
    assert peer.transport.producerState == "paused"
    peer.workers.answer_next()
    assert peer.transport.producerState == "producing"
    peer.sink.batches.clear()
    peer.chunk(b"A=" + b"x" * 100_000 + b"\n\n")
    peer.sink.closed = True
    peer.workers.answer_next()
    assert peer.transport.producerState == "paused" and peer.sink.text == b""
    peer.sink.open()
    peer.sink.producers[0].resumeProducing()
    assert peer.transport.producerState == "producing" and b"xxx" in peer.sink.text
