"""Requests to the HTTP input in memory: stored, safe, answered, in this order; or refused in a sentence."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, cast

import cramjam
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.framing.bodies import bodies
from logsrv.linelog.framing.lines.rules import LineRules, Oversize
from logsrv.linelog.inputs.http import channel as http
from logsrv.linelog.inputs.http.channel import Http, HttpInputFactory
from logsrv.linelog.inputs.http.request import ANSWER_SECONDS, LINGER_SECONDS
from logsrv.linelog.inputs.http.routes import JOURNAL_ROUTES
from logsrv.linelog.inputs.intake import turns
from logsrv.linelog.inputs.intake.intake import Intake
from logsrv.linelog.inputs.intake.options import InputOptions
from tests.linelog.inputs.recording import Sink, intake, turn


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Sender:
    """A connection to a listener of its own, or to that of another sender."""

    def __init__(self, other: Sender | None = None, **options: Any) -> None:
        self.sink: Sink = other.sink if other else Sink()
        rules = LineRules(
            **{key: options.pop(key) for key in ("oversize", "max_line") if key in options}
        )
        self.intake: Intake = (
            other.intake if other else intake(self.sink, rules, options=InputOptions(**options))
        )
        self.factory: HttpInputFactory = other.factory if other else Http().stream(self.intake)
        self.clock: Any = self.intake.clock
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.1", 5))
        self.channel: Any = self.factory.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def post(self, body: bytes, path: str = "/", method: str = "POST", **headers: str) -> None:
        self.send(request(body, path, method, **headers))

    def answers(self) -> list[tuple[int, Any]]:
        """The status and the body of each answer since the last look."""
        text = self.transport.value()
        self.transport.clear()
        found = []
        while text:
            head, _, text = text.partition(b"\r\n\r\n")
            size = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            self.head = head
            body, text = text[:size], text[size:]
            found.append((int(head.split()[1]), json.loads(body) if body else None))
        return found

    def leave(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))


def request(body: bytes, path: str = "/", method: str = "POST", **headers: str) -> bytes:
    given = {"Host": "x", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{key}: {value}" for key, value in given.items() if value),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*pieces: bytes) -> bytes:
    head = request(b"", Content_Length="", Transfer_Encoding="chunked")
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def test_answered_when_it_is_safe() -> None:
    sender = Sender()
    sender.post(b"one\r\ntwo\n\nunfinished")
    assert sender.sink.text == b"one\ntwo\n\nunfinished\n"
    assert sender.sink.batches[0].source == "tcp:192.0.2.1:5"
    assert sender.answers() == [] and sender.channel.working
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 4, "as_text": 0})]
    assert not sender.channel.working and not sender.sink.producers


def test_what_may_be_lost_is_not_acknowledged() -> None:
    sender = Sender()
    sender.post(b"one")
    sender.sink.sync("the disk is broken")
    ((status, body),) = sender.answers()
    assert status == 503 and "the disk is broken" in body["error"]
    assert b"Retry-After: " in sender.head


def test_what_comes_in_several_pieces_is_acknowledged_as_a_whole() -> None:
    """A sync that fails in the middle of a body is one that failed for the request."""
    sender = Sender()
    sender.post(b"before\n")
    sender.sink.sync()
    began = sender.sink.appended
    pieces = chunked(b"one\n", b"two\n")
    sender.send(pieces[:-10])
    sender.send(pieces[-10:])
    assert sender.sink.text == b"before\none\ntwo\n"
    assert sender.sink.since == began


def test_a_store_that_takes_too_long_is_told_once() -> None:
    sender = Sender()
    sender.post(b"one")
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
    sender.sink.sync()
    assert sender.answers() == []
    sender.post(b"two")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r\n", "ü".encode(), b"longer text"]), max_size=20),
    st.integers(1, 40),
    st.booleans(),
)
def test_however_a_body_of_lines_is_cut(parts: list[bytes], size: int, in_chunks: bool) -> None:
    sender = Sender()
    body = b"".join(parts)
    sent = chunked(*filter(None, (body[at : at + 7] for at in range(0, len(body), 7))))
    sent = sent if in_chunks else request(body)
    for at in range(0, len(sent), size):
        sender.send(sent[at : at + size])
    lines = body.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n") if body else []
    assert sender.sink.text == b"".join(line + b"\n" for line in lines)
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": len(lines), "as_text": 0})]


def slowly(monkeypatch: pytest.MonkeyPatch, piece: int = http.PIECE) -> None:
    """Let each step take a turn of the reactor, and a request be parsed in small pieces."""
    monkeypatch.setattr(turns, "SLICE", 0)
    monkeypatch.setattr(http, "PIECE", piece)


def test_one_byte_chunks_let_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch)
    sender = Sender()
    other = Sender(sender)
    sent = chunked(*[b"x"] * 3000)
    sender.send(sent)
    assert sender.transport.producerState == "paused" and sender.channel.working
    other.post(b"y\n")
    number = 0
    while not sender.sink.text.endswith(b"x\n"):
        turn(sender.clock)
        number += 1
    assert number > len(sent) // http.PIECE
    assert sender.sink.text == b"y\n" + b"x" * 3000 + b"\n"
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 1, "as_text": 0})]
    turn(sender.clock)
    assert sender.transport.producerState == "producing" and not sender.channel.working


def test_a_body_that_is_only_kept_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
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


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["lines", "chunks", "json", "get"]), st.binary(max_size=40)),
        max_size=40,
    ),
    st.integers(1, 300),
    st.integers(1, 50),
)
def test_however_requests_are_cut_and_whatever_is_done_meanwhile(
    wanted: list[tuple[str, bytes]], size: int, piece: int
) -> None:
    """Each is answered, in order, and what it has is stored once."""
    sent, stored, accepted = b"", b"", list[int | None]()
    for number, (kind, noise) in enumerate(wanted):
        body = b"%d %s" % (number, noise.hex().encode())
        stored += b"" if kind == "get" else body + b"\n"
        accepted.append(None if kind == "get" else 1)
        sent += {
            "lines": request(body),
            "chunks": chunked(*(bytes([one]) for one in body)),
            "json": request(b'["%s"]' % body, Content_Type="application/json"),
            "get": request(b"", method="GET", Content_Length=""),
        }[kind]
    with pytest.MonkeyPatch.context() as patch:
        slowly(patch, piece)
        sender = Sender()
        came = 0
        answers: list[tuple[int, Any]] = []
        while len(answers) < len(wanted):
            if sender.transport.producerState == "producing" and came < len(sent):
                sender.send(sent[came : came + size])
                came += size
            turn(sender.clock)
            sender.sink.sync()
            answers += sender.answers()
    assert [body.get("accepted") for _, body in answers] == accepted
    assert sender.sink.text == stored
    assert sender.intake.received_bytes == len(sent)


def test_what_came_before_the_end_of_a_connection_is_taken_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slowly(monkeypatch, 10)
    sender = Sender()
    sender.post(b"one\ntwo\n")
    sender.leave()
    assert sender.sink.text == b""
    for _ in range(20):
        turn(sender.clock)
    assert sender.sink.text == b"one\ntwo\n"
    sender.sink.sync()
    assert not sender.sink.producers and sender.clock.getDelayedCalls() == []


def test_who_closes_its_half_gets_all_its_answers() -> None:
    """As `nc -N` does: the store has not written it by then."""
    sender = Sender()
    sender.send(request(b"one") + request(b"two"))
    sender.channel.readConnectionLost()
    assert not sender.transport.disconnecting
    for _ in range(2):
        sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200, 200]
    assert sender.transport.disconnecting and sender.sink.text == b"one\ntwo\n"
    sender.leave()
    assert sender.clock.getDelayedCalls() == []


def test_who_closes_its_half_in_a_request_is_not_waited_for() -> None:
    sender = Sender()
    sender.send(request(b"one")[:-1])
    sender.channel.readConnectionLost()
    assert sender.transport.disconnecting


def test_packed_lines_and_json() -> None:
    sender = Sender()
    sender.post(gzip.compress(b"one\ntwo"), "/lines", Content_Encoding="gzip")
    sender.sink.sync()
    body = b'[{"a": 1}, "text\\nmore"]'
    sender.post(gzip.compress(body), Content_Encoding="gzip", Content_Type="application/json")
    sender.sink.sync()
    assert sender.sink.text == b'one\ntwo\n{"a": 1}\ntext\\x0amore\n'
    assert [body["accepted"] for _, body in sender.answers()] == [2, 2]
    assert sender.factory.held == 0


def test_pipelined_requests_are_answered_in_order() -> None:
    sender = Sender()
    sender.send(request(b"a") + request(b"b\nc") + request(b"", "/", "GET", Content_Length=""))
    for _ in range(2):
        sender.sink.sync()
    answers = sender.answers()
    assert [body.get("accepted") for _, body in answers] == [1, 2, None]
    assert b"X-Elastic-Product: Elasticsearch" in sender.head
    assert sender.sink.text == b"a\nb\nc\n"


def test_http_1_0_is_answered_and_closed() -> None:
    sender = Sender()
    sender.send(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
    sender.sink.sync()
    assert sender.answers()[0][0] == 200 and sender.transport.disconnecting


def test_somebody_who_waits_for_100_is_told_to_go_on_only_if_the_body_is_wanted() -> None:
    sender = Sender(input_token="secret")
    head = request(b"", Content_Length="5", Expect="100-continue")
    sender.send(head)
    assert [status for status, _ in sender.answers()] == [401]
    sender = Sender()
    sender.send(head)
    assert [status for status, _ in sender.answers()] == [100]
    sender.send(b"a\nb\nc")
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 3, "as_text": 0})]


@pytest.mark.parametrize(
    ("path", "method", "headers", "status", "word"),
    [
        ("/nothing", "POST", {}, 404, "/nothing"),
        ("/lines", "GET", {}, 405, "POST"),
        ("/", "POST", {"Content_Type": "application/octet-stream"}, 415, "Content-Type"),
        ("/", "POST", {"Content_Encoding": "br"}, 415, "Content-Encoding"),
        ("/", "POST", {"Content_Encoding": "gzip"}, 400, "Content-Encoding"),
        ("/", "POST", {"Content_Type": "application/json"}, 400, "no JSON"),
        ("/v1/logs", "POST", {"Content_Type": "text/plain"}, 415, "OTLP"),
        ("/_bulk", "POST", {}, 400, "line 1"),
    ],
)
def test_refused_in_a_sentence_and_the_connection_goes_on(
    path: str, method: str, headers: dict[str, str], status: int, word: str
) -> None:
    sender = Sender()
    sender.post(b"no json", path, method, **headers)
    ((found, body),) = sender.answers()
    assert found == status and word in body["error"]
    assert (b"Allow: POST" in sender.head) is (status == 405)
    assert sender.sink.text == b"" and not sender.transport.disconnecting
    sender.post(b"more")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01 hello\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        request(b"x", "/nowhere"),
    ],
)
def test_what_is_refused_is_counted_and_said(data: bytes) -> None:
    """Once for its address, however often it comes."""
    sender = Sender()
    with capturedLogs() as events:
        for peer in (sender, Sender(sender)):
            peer.send(data)
            assert peer.transport.value().startswith(b"HTTP/1.1 4")
    (said,) = map(formatEvent, events)
    assert said.startswith("tcp:192.0.2.1:5: refused: ")
    metrics: Any = sender.intake.metrics
    assert metrics.value("records_refused_total") == 2


def test_the_token() -> None:
    sender = Sender(input_token="secret")
    sender.post(b"one")
    assert [status for status, _ in sender.answers()] == [401]
    assert sender.head.count(b"WWW-Authenticate: ") == 2
    sender.post(b"two", Authorization="Bearer secret")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]
    assert sender.sink.text == b"two\n"


def test_what_beats_and_logstash_ask_before_they_send() -> None:
    """The version, and whether the license is active; with the header without which they go away."""
    sender = Sender()
    sender.post(b"", "/_license?human=false", "GET", Content_Length="")
    ((status, body),) = sender.answers()
    assert status == 200 and b"X-Elastic-Product: Elasticsearch" in sender.head
    assert (body["license"]["status"], body["license"]["type"]) == ("active", "basic")
    sender = Sender(input_token="secret")
    sender.post(b"", "/_license", "GET", Content_Length="")
    assert [status for status, _ in sender.answers()] == [401]


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/", "text/plain"),
        ("/lines", "application/x-www-form-urlencoded"),
        ("/v1/logs", "application/json"),
        ("/loki/api/v1/push", "application/json"),
        ("/_bulk", "application/x-ndjson"),
    ],
)
def test_a_page_in_a_browser_cannot_send_from_another_site(path: str, media: str) -> None:
    """No preflight is asked for with some of these types, so the request itself is refused."""
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        sender = Sender()
        sender.post(b"{}", path, Content_Type=media, **headers)
        ((status, body),) = sender.answers()
        assert status == 403 and "another site" in body["error"]
        assert sender.sink.text == b"" and b"Access-Control" not in sender.head
        sender.post(b"", path, "OPTIONS", Access_Control_Request_Method="POST", **headers)
        assert [status for status, _ in sender.answers()] == [403]


def test_a_page_behind_the_same_name_can_send() -> None:
    sender = Sender()
    sender.post(b"hi", Origin="http://x", Sec_Fetch_Site="same-origin")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def test_too_large_is_refused_before_it_comes() -> None:
    sender = Sender(max_body=2 << 20)
    sender.send(request(b"", Content_Length=str(3 << 20)))
    ((status, body),) = sender.answers()
    assert status == 413 and "2097152 bytes" in body["error"]
    sender.send(b"discarded")
    assert not sender.transport.aborted
    sender.clock.advance(LINGER_SECONDS)
    assert sender.transport.aborted and sender.sink.text == b""


def test_too_large_in_pieces_is_refused_as_soon_as_it_is() -> None:
    sender = Sender(max_body=10)
    body = b"0123456789ab"
    sent = request(
        b"", Content_Length="", Transfer_Encoding="chunked", Content_Type="application/json"
    )
    sender.send(sent + b"%x\r\n" % len(body) + body + b"\r\n")
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.factory.held == 0
    sender.send(b"0\r\n\r\n")
    assert sender.transport.disconnecting and sender.answers() == []
    sender.leave()
    assert sender.clock.getDelayedCalls() == []


def test_what_is_refused_and_ends_in_the_same_piece_is_closed_in_order() -> None:
    sender = Sender(max_body=10)
    head = request(
        b"", Content_Length="", Transfer_Encoding="chunked", Content_Type="application/json"
    )
    sender.send(head + b"c\r\n0123456789ab\r\n0\r\n\r\n" + request(b"more"))
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.transport.disconnecting and not sender.transport.aborted
    assert sender.transport.producerState == "producing"


def test_a_bomb_is_refused_and_nothing_of_it_stored() -> None:
    sender = Sender(max_body=1 << 20)
    sender.post(gzip.compress(bytes(2 << 20)), Content_Encoding="gzip")
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.sink.text == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("line", [b"\n", b"a\n", b"\r\n", b"\0\n"])
def test_packed_text_that_becomes_too_much_in_the_store(
    monkeypatch: pytest.MonkeyPatch, coding: str, media: str, line: bytes
) -> None:
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
    assert refused(sender, "oversize") == 1


def test_lines_that_are_not_packed_are_taken_however_short_they_are() -> None:
    """Their sender has sent every one of them."""
    sender = Sender(max_body=1 << 16)
    sender.post(b"\n" * (1 << 16))
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def refused(sender: Sender, reason: str) -> float:
    """How many records were counted that are not stored."""
    metrics: Any = sender.intake.metrics
    number: float = metrics.value("records_refused_total", listener="tcp:1234", reason=reason)
    return number


def test_nothing_is_taken_while_the_store_takes_nothing() -> None:
    sender = Sender()
    sender.sink.closed = True
    sender.post(b"one")
    assert [status for status, _ in sender.answers()] == [503]
    assert b"Retry-After: " in sender.head and sender.sink.text == b""
    sender.post(b"", method="HEAD")
    assert b"200 OK" in sender.transport.value()


@pytest.mark.parametrize("media", ["text/plain", "application/json", "application/x-ndjson"])
def test_nobody_is_refused_while_the_store_has_enough_for_a_moment(media: str) -> None:
    """As it has again and again while others send more than the disk takes."""
    sender = Sender()
    sender.sink.closed, sender.sink.seconds_closed = True, 0.5
    sender.post(b'{"a":1}', Content_Type=media)
    assert sender.answers() == []
    sender.sink.closed = False
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]
    assert sender.sink.text == b'{"a":1}\n'


def test_a_sender_of_lines_waits_with_the_store_and_not_for_ever() -> None:
    sender = Sender()
    sender.send(request(b"", Content_Length="8") + b"one\n")
    (producer,) = sender.sink.producers
    producer.pauseProducing()
    assert sender.transport.producerState == "paused"
    producer.resumeProducing()
    assert sender.transport.producerState == "producing"
    producer.pauseProducing()
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
    assert sender.transport.producerState == "producing" and not sender.sink.producers


def test_so_many_bodies_at_a_time() -> None:
    first = Sender(max_body=10)
    half = request(b"", Content_Length="10", Content_Type="application/json")
    senders = [first, *(Sender(first) for _ in range(4))]
    for sender in senders:
        sender.send(half + b'["a", "bc')
    assert first.factory.held == 36
    senders[4].send(b'"')
    assert [status for status, _ in senders[4].answers()] == [503]
    senders[0].leave()
    assert first.factory.held == 27
    senders[4].post(b"{}", Content_Type="application/json")
    first.sink.sync()
    assert [status for status, _ in senders[4].answers()] == [200]


def test_an_unfinished_line_of_an_unfinished_request_is_not_stored() -> None:
    """It comes again, with all the rest."""
    sender = Sender()
    sender.send(request(b"", Content_Length="100") + b"one\nunfini")
    sender.leave()
    assert sender.sink.text == b"one\n" and not sender.sink.producers


@pytest.mark.parametrize(
    ("media", "body", "counted"),
    [("", b"one\ntw", 1), ("", b"one\n", 0), ("application/json", b'{"a"', 1), ("", b"", 0)],
)
def test_what_breaks_off_is_counted(media: str, body: bytes, counted: int) -> None:
    sender = Sender()
    sender.send(request(b"", Content_Length="100", Content_Type=media) + body)
    sender.leave()
    metrics = cast(Metrics, sender.intake.metrics)
    assert metrics.value("records_refused_total", reason="unfinished") == counted


def test_who_leaves_before_the_answer_has_sent_all() -> None:
    sender = Sender()
    sender.post(b'{"a":1}', Content_Type="application/json")
    sender.leave()
    sender.sink.sync()
    metrics = cast(Metrics, sender.intake.metrics)
    assert metrics.value("records_refused_total", reason="unfinished") == 0


def test_too_long_a_line_by_the_rule_that_closes() -> None:
    sender = Sender(oversize=Oversize.CLOSE, max_line=5)
    sender.post(b"short\nmuch too long\n")
    assert sender.answers()[0][0] == 413
    sender = Sender(oversize=Oversize.CLOSE, max_line=5)
    sender.post(b'["much too long"]', Content_Type="application/json")
    assert sender.answers()[0][0] == 413


def test_a_document_too_long_is_told_in_its_item_and_counted() -> None:
    sender = Sender(max_record=40, max_line=10)
    body = b'{"index":{}}\n{"a":"' + b"x" * 50 + b'"}\n{"index":{}}\n{"b":1}\n'
    sender.post(body, "/logs/_bulk")
    sender.sink.sync()
    ((status, answer),) = sender.answers()
    assert status == 200 and answer["errors"]
    assert sender.sink.text == b'{"b":1,"_index":"logs"}\n'


def test_a_failure_of_ours_is_no_secret_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender()

    def broken(*_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(type(sender.intake), "take", broken)
    sender.post(b"{}", Content_Type="application/json")
    ((status, body),) = sender.answers()
    assert status == 500 and "inside" not in body["error"]


def test_a_push_to_loki_may_say_that_it_is_in_snappy() -> None:
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


def test_snappy_is_for_loki_alone() -> None:
    sender = Sender()
    sender.post(b"x", Content_Encoding="snappy")
    ((status, body),) = sender.answers()
    assert status == 415 and "gzip" in body["error"]


def test_what_is_complete_does_not_give_way() -> None:
    """An upload that only waits for the disk is not what takes the place of unfinished ones."""
    sender = Sender(max_body=100, max_record=100)
    sender.factory.routes = JOURNAL_ROUTES
    head = request(b"", "/upload", Content_Length="", Transfer_Encoding="chunked")
    sender.send(head + b"C8\r\nA=%b\n\r\n0\r\n\r\n" % (b"x" * 197))
    other = Sender(sender)
    other.send(head + b"C8\r\nB=%b\n\r\n" % (b"y" * 197))
    sender.sink.sync()
    assert sender.transport.value().startswith(b"HTTP/1.1 202 ")
