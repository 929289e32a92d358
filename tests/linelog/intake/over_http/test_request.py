"""Requests to the HTTP input: stored, safe, answered, in this order; or refused in a sentence."""

import base64
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from logsrv.linelog.intake.over_http.installed_routes import http_routes
from logsrv.linelog.intake.over_http.long_answer import PIECE, STALLED_AFTER, LongAnswer
from logsrv.linelog.intake.over_http.request import ANSWER_SECONDS, LINGER_SECONDS
from logsrv.linelog.intake.over_http.routes import (
    Route,
    TokenMissing,
    TokenWrong,
    check_token,
    find_route,
    request_path,
)
from logsrv.linelog.lines.bodies import RequestRefused
from logsrv.reactor import Timer
from tests.parts.http_senders import Sender, chunked, refused, request


def test_a_request_is_answered_when_it_is_safe():
    sender = Sender()
    sender.post(b"one\r\ntwo\n\nunfinished")
    assert sender.sink.text == b"one\ntwo\n\nunfinished\n"
    assert sender.sink.batches[0].source == "tcp:192.0.2.1:5"
    assert sender.answers() == [] and sender.channel.working and sender.channel.peer_waits
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 4, "as_text": 0})]
    assert not sender.channel.working and not sender.sink.producers
    sender.send(request(b"half")[:-1])
    # It is the peer who is silent: --idle-timeout closes it.
    assert sender.channel.working and not sender.channel.peer_waits


def test_records_that_may_be_lost_are_not_acknowledged():
    sender = Sender()
    sender.post(b"one")
    sender.sink.sync("the disk is broken")
    ((status, body),) = sender.answers()
    assert status == 503 and "the disk is broken" in body["error"]
    # Its sender comes again: that is none of the records that are not stored.
    metrics: Any = sender.intake.metrics
    assert metrics.value("requests_deferred_total") == 1
    assert metrics.value("records_refused_total") == 0
    assert b"Retry-After: " in sender.head


def test_what_comes_in_several_pieces_is_acknowledged_as_a_whole():
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


def test_a_store_that_takes_too_long_is_told_once():
    sender = Sender()
    sender.post(b"one")
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
    with capturedLogs() as events:
        sender.sink.sync()
    assert sender.answers() == [] and not [one for one in events if "log_failure" in one]
    sender.post(b"two")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def test_a_late_answer_does_not_resume_the_request_behind_it():
    """A store that has written the first one may still be too busy for the second."""
    sender = Sender()
    sender.post(b"one")
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
    sender.send(chunked(b"two\n")[:-5])
    (second,) = sender.sink.producers
    sender.sink.closed = True
    second.pauseProducing()
    sender.sink.sync()
    assert sender.transport.producerState == "paused"
    sender.sink.closed = False
    second.resumeProducing()
    assert sender.transport.producerState == "producing"


def test_who_leaves_before_its_lines_are_safe_is_answered_and_waited_for_no_more():
    sender = Sender()
    sender.post(b"one")
    # The store pauses nobody who only waits for it.
    assert not sender.sink.producers
    sender.leave()
    assert not sender.clock.getDelayedCalls()
    sender.sink.sync()
    assert sender.answers() == [] and sender.sink.text == b"one\n"


def test_the_body_of_a_question_is_not_read_for_ever():
    sender = Sender(max_body=10)
    sender.send(request(b"", "/", "GET", Content_Length="", Transfer_Encoding="chunked"))
    sender.send(b"8\r\n01234567\r\n")
    assert sender.answers() == []
    sender.send(b"8\r\n01234567\r\n")
    assert [status for status, _ in sender.answers()] == [413]
    sender = Sender(max_body=10)
    sender.post(b"0123456789ab", "/", "GET")
    assert [status for status, _ in sender.answers()] == [413]


def test_somebody_who_waits_for_100_is_told_to_go_on_only_if_the_body_is_wanted():
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
def test_refused_in_a_sentence_and_the_connection_goes_on(path, method, headers, status, word):
    sender = Sender()
    sender.post(b"no json", path, method, **headers)
    ((found, body),) = sender.answers()
    assert found == status and word in (body.get("error") or body["message"])
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
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        request(b"x", "/nowhere"),
    ],
)
def test_a_refused_request_is_counted_and_said(data):
    """Once for its address, however often it comes."""
    sender = Sender()
    with capturedLogs() as events:
        for peer in (sender, Sender(sender)):
            peer.send(data)
            assert peer.transport.value().startswith(b"HTTP/1.1 4")
    (said,) = map(formatEvent, events)
    assert said.startswith("tcp:192.0.2.1:5: refused: ")
    assert ("it speaks HTTP/2, as gRPC does; set" in said) is data.startswith(b"PRI")
    metrics: Any = sender.intake.metrics
    assert metrics.value("records_refused_total") == 2


def test_each_reason_of_a_refusal_is_said_once_a_minute():
    """An operator who sees only the first mends that, and the others stay hidden."""
    sender = Sender()
    with capturedLogs() as events:
        for _ in range(3):
            sender.post(b"{", "/", Content_Type="application/json")
            sender.post(b"x", "/nowhere")
            sender.post(b"x", "/", Content_Type="application/octet-stream")
    said = [formatEvent(event) or "" for event in events]
    assert [one.partition(": refused: ")[2].split(":")[0].split("/")[0] for one in said] == [
        "the body is no JSON",
        "there is nothing at ",
        "this Content-Type is not accepted; send text, JSON, NDJSON or a form",
    ]


@pytest.mark.parametrize("name", [b"Content-Type", b"Content-Encoding", b"Origin"])
def test_a_header_that_is_no_utf8_is_as_any_unknown_one(name):
    sender = Sender()
    sender.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + name + b": \x80\r\n\r\nx")
    ((status, _),) = sender.answers()
    assert 400 <= status < 500 and not sender.transport.aborted


def test_a_request_needs_the_token():
    sender = Sender(input_token="secret")
    sender.post(b"one")
    assert [status for status, _ in sender.answers()] == [401]
    assert sender.head.count(b"WWW-Authenticate: ") == 2
    sender.post(b"two", Authorization="Bearer secret")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]
    assert sender.sink.text == b"two\n"


def test_what_beats_and_logstash_ask_before_they_send():
    """The version, and whether the license is active; with the header without which they go away."""
    sender = Sender()
    sender.post(b"", "/_license?human=false", "GET", Content_Length="")
    ((status, body),) = sender.answers()
    assert status == 200 and b"X-Elastic-Product: Elasticsearch" in sender.head
    assert (body["license"]["status"], body["license"]["type"]) == ("active", "basic")
    sender = Sender(input_token="secret")
    sender.post(b"", "/_license", "GET", Content_Length="")
    assert [status for status, _ in sender.answers()] == [401]


HEALTH = {
    "/_cluster/health": (b'"status":"green"', "secret"),
    "/_cat/health": (b" logsrv green 1 1 ", "secret"),
    "/ready": (b"ready\n", None),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("path", "answer", "token"), [(one, *HEALTH[one]) for one in HEALTH])
def test_what_vector_and_rsyslog_ask_before_they_send(path, answer, token, method):
    """Vector of Elasticsearch and of Loki, rsyslog of Elasticsearch; 503 while nothing is taken."""
    sender = Sender(input_token="secret")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    sender.post(b"", path, method, Content_Length="", **headers)
    said = sender.transport.value()
    assert said.startswith(b"HTTP/1.1 200 ") and (answer in said) is (method == "GET")
    assert (b"X-Elastic-Product: Elasticsearch" in said) is (token is not None)
    sender = Sender(input_token="secret")
    sender.post(b"", path, method, Content_Length="")
    assert sender.transport.value().startswith(b"HTTP/1.1 401 " if token else b"HTTP/1.1 200 ")
    sender = Sender()
    sender.sink.closed = True
    sender.post(b"", path, method, Content_Length="")
    assert sender.transport.value().startswith(b"HTTP/1.1 503 ")


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
def test_a_page_in_a_browser_cannot_send_from_another_site(path, media):
    """No preflight is asked for with some of these types, so the request itself is refused."""
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
        sender = Sender()
        sender.post(b"{}", path, Content_Type=media, **headers)
        ((status, body),) = sender.answers()
        assert status == 403 and "another site" in (body.get("error") or body["message"])
        assert sender.sink.text == b"" and b"Access-Control" not in sender.head
        sender.post(b"", path, "OPTIONS", Access_Control_Request_Method="POST", **headers)
        assert [status for status, _ in sender.answers()] == [403]


def test_a_page_behind_the_same_name_can_send():
    sender = Sender()
    sender.post(b"hi", Origin="http://x", Sec_Fetch_Site="same-origin")
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def test_a_too_large_body_is_refused_before_it_comes():
    sender = Sender(max_body=2 << 20)
    sender.send(request(b"", Content_Length=str(3 << 20)))
    ((status, body),) = sender.answers()
    assert status == 413 and "2097152 bytes" in body["error"]
    sender.send(b"discarded")
    assert not sender.transport.aborted
    sender.clock.advance(LINGER_SECONDS)
    assert sender.transport.aborted and sender.sink.text == b""


def test_a_body_in_pieces_is_refused_as_soon_as_it_is_too_large():
    sender = Sender(max_body=10)
    body = b"0123456789ab"
    sent = request(
        b"", Content_Length="", Transfer_Encoding="chunked", Content_Type="application/json"
    )
    sender.send(sent + b"%x\r\n" % len(body) + body + b"\r\n")
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.intake.unfinished.held == 0
    sender.send(b"0\r\n\r\n")
    assert sender.transport.disconnecting and sender.answers() == []
    sender.leave()
    assert sender.clock.getDelayedCalls() == []


def test_nothing_is_taken_while_the_store_takes_nothing():
    sender = Sender()
    sender.sink.closed = True
    sender.post(b"one")
    assert [status for status, _ in sender.answers()] == [503]
    assert b"Retry-After: " in sender.head and sender.sink.text == b""
    sender.post(b"", method="HEAD")
    assert b"200 OK" in sender.transport.value()


@pytest.mark.parametrize("media", ["text/plain", "application/json", "application/x-ndjson"])
def test_nobody_is_refused_while_the_store_has_enough_for_a_moment(media):
    """As it has again and again while others send more than the disk takes."""
    sender = Sender()
    sender.sink.closed, sender.sink.seconds_closed = True, 0.5
    sender.post(b'{"a":1}', Content_Type=media)
    assert sender.answers() == []
    sender.sink.closed = False
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]
    assert sender.sink.text == b'{"a":1}\n'


def test_a_sender_of_lines_waits_with_the_store_and_not_for_ever():
    sender = Sender()
    sender.send(request(b"", Content_Length="2000000") + b"one\n")
    (producer,) = sender.sink.producers
    producer.pauseProducing()
    assert sender.transport.producerState == "paused"
    producer.resumeProducing()
    assert sender.transport.producerState == "producing"
    producer.pauseProducing()
    sender.clock.advance(ANSWER_SECONDS)
    assert [status for status, _ in sender.answers()] == [503]
    assert sender.transport.producerState == "producing" and not sender.sink.producers


@pytest.mark.parametrize(
    ("media", "body", "length", "counted"),
    [
        ("", b"one\ntw", "100", 1),
        ("", b"one\n", "100", 1),
        ("", b"one\ntw", "2000000", 1),
        ("", b"one\n", "2000000", 0),
        ("application/json", b'{"a"', "100", 1),
        ("application/json", b'{"a":1}', "7", 0),
        ("", b"", "100", 0),
    ],
)
def test_a_request_that_breaks_off_is_counted(media, body, length, counted):
    """But not one whose sender leaves before its answer."""
    sender = Sender()
    sender.send(request(b"", Content_Length=length, Content_Type=media) + body)
    sender.leave()
    sender.sink.sync()
    assert refused(sender, "unfinished") == counted


def test_a_failure_of_ours_is_no_secret_of_the_log(monkeypatch):
    sender = Sender()

    def broken(*_: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(type(sender.intake), "take", broken)
    sender.post(b"{}", Content_Type="application/json")
    ((status, body),) = sender.answers()
    assert status == 500 and "inside" not in body["error"]
    assert refused(sender, "failed") == 1


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        (b"POST", "/", True),
        (b"POST", "/lines/", True),
        (b"GET", "/", False),
        (b"HEAD", "/", False),
        (b"GET", "/_license", False),
        (b"POST", "/_bulk", False),
        (b"PUT", "/logs-2026/_bulk", False),
        (b"POST", "/loki/api/v1/push", False),
        (b"POST", "/v1/logs", False),
    ],
)
def test_every_path_and_method_has_its_route(method, path, text):
    route = find_route(method, path, http_routes())
    assert (route.is_text is not None) is text and (route.take is None) is (route.about is not None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        (b"DELETE", "/", 405),
        (b"GET", "/lines", 405),
        (b"GET", "/x/_bulk", 405),
        (b"POST", "/_license", 405),
        (b"POST", "/a/b/_bulk", 404),
        (b"POST", "/a/_bulk/", 404),
        (b"POST", "//_bulk", 404),
        (b"POST", "/\x1b[1m", 404),
    ],
)
def test_unknown_paths_and_methods_are_refused(method, path, status):
    with pytest.raises(RequestRefused) as caught:
        find_route(method, path, http_routes())
    assert caught.value.status == status and "\x1b" not in str(caught.value)


def test_paths_without_what_is_behind_them():
    assert request_path(b"/a%20b/_bulk?refresh=true") == "/a b/_bulk"


class Consumer:
    """Is full behind each piece. producer: what is registered."""

    def __init__(self) -> None:
        self.producer: Any = None
        self.pieces: list[bytes] = []

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.producer.pauseProducing()


def long_answer(body: bytes) -> tuple[Any, Clock, list[str]]:
    """Who gets a long answer, the clock, and how it ended."""
    consumer: Any = Consumer()
    clock, said = Clock(), list[str]()
    ends = (lambda: said.append("ended"), lambda: said.append("stalled"))
    LongAnswer(consumer, memoryview(body), Timer(clock), *ends)
    return consumer, clock, said


def test_a_long_answer_goes_out_as_it_is_read():
    body = bytes(range(256)) * (PIECE // 128) + b"end"
    consumer, clock, said = long_answer(body)
    while consumer.producer is not None:
        clock.advance(STALLED_AFTER - 1)
        consumer.producer.resumeProducing()
    assert b"".join(consumer.pieces) == body and max(map(len, consumer.pieces)) == PIECE
    assert said == ["ended"]


def test_a_sender_that_reads_nothing_is_cut_off():
    consumer, clock, said = long_answer(bytes(3 * PIECE))
    clock.advance(STALLED_AFTER)
    assert said == ["stalled"] and len(consumer.pieces) == 1


TOKEN = "gehäim"


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}".encode(), f"bearer  {TOKEN}".encode(), basic(f"any one:{TOKEN}")]
)
def test_a_header_with_the_token_is_accepted(header):
    check_token({b"Authorization": header}.get, (TOKEN,))


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer", b"Bearer wrong", b"Basic !", basic(TOKEN), basic("x:"), b"Digest x"],
)
def test_a_header_without_the_token_is_refused_with_401(header):
    with pytest.raises(RequestRefused) as caught:
        check_token({b"Authorization": header}.get, (TOKEN,))
    assert caught.value.status == 401
    check_token({b"Authorization": header}.get, ())


OWN = Route((b"POST",), token_headers=("DD-API-KEY", "Api-Key"))


@pytest.mark.parametrize("name", [b"DD-API-KEY", b"Api-Key"])
def test_a_header_of_the_formats_own_has_the_token(name):
    check_token({name: f" {TOKEN} ".encode()}.get, (TOKEN,), OWN)
    check_token({b"Authorization": b"Bearer old", name: TOKEN.encode()}.get, (TOKEN,), OWN)
    with pytest.raises(TokenMissing):
        check_token({name: TOKEN.encode()}.get, (TOKEN,))


def test_during_a_rotation_each_of_the_tokens_is_accepted(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("new\nold\n")
    sender = Sender(input_token_file=file)
    for token in ("new", "old", "older"):
        sender.post(b"x", Authorization=f"Bearer {token}")
        sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200, 200, 401]


def test_a_mistyped_path_is_named_for_the_token_of_any_format():
    sender = Sender(input_token="secret")
    sender.post(b"x", "/services/colector", Authorization="Splunk secret")
    ((status, refusal),) = sender.answers()
    assert (status, refusal["error"][:42]) == (404, "there is nothing at /services/colector, on")


def test_the_refusal_names_the_headers_of_the_format():
    with pytest.raises(TokenWrong):
        check_token({b"DD-API-KEY": b"wrong", b"Api-Key": b""}.get, (TOKEN,), OWN)
    with pytest.raises(TokenMissing) as caught:
        check_token({b"DD-API-KEY": b" "}.get, (TOKEN,), OWN)
    assert str(caught.value) == (
        "a token is needed: DD-API-KEY: TOKEN, or Api-Key: TOKEN, or Authorization: Bearer TOKEN,"
        " or as the password of Basic"
    )


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"token_headers": "DD-API-KEY"}, "token_headers of a Route has to be a tuple of str"),
        ({"token_headers": (b"DD-API-KEY",)}, "has to be a tuple of str, with a comma after"),
        ({"token_headers": ("DD API KEY",)}, "'DD API KEY' is no name of a header"),
        ({"token_headers": ("X\r\nY",)}, "is no name of a header"),
        ({"schemes": b"splunk"}, "schemes of a Route has to be a tuple of bytes"),
        ({"methods": b"POST"}, "methods of a Route has to be a tuple of bytes"),
        ({"methods": ("POST",)}, r"has to be a tuple of bytes, .* not \('POST',\)"),
    ],
)
def test_a_route_that_could_never_be_found_is_refused(wrong, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Route(**{"methods": (b"POST",), **wrong})
