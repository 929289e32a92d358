"""The HTTP input as a listener has it, and its connections: whatever is cut, pipelined or half closed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.web.channel import MOST_IN_A_TURN
from logsrv.linelog.intake.over_http import input as http
from tests.parts.examples import more
from tests.parts.http_senders import Sender, chunked, request, slowly
from tests.parts.sinks import turn


def test_one_byte_chunks_let_others_have_their_turn(monkeypatch):
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
    assert number >= len(sent) // http.PIECE
    assert sender.sink.text == b"y\n" + b"x" * 3000 + b"\n"
    sender.sink.sync()
    assert sender.answers() == [(200, {"accepted": 1, "as_text": 0})]
    turn(sender.clock)
    assert sender.transport.producerState == "producing" and not sender.channel.working


@more(1)
@given(
    st.lists(
        st.tuples(st.sampled_from(["lines", "chunks", "json", "get"]), st.binary(max_size=40)),
        max_size=40,
    ),
    st.integers(1, 300),
    st.integers(1, 50),
)
def test_however_requests_are_cut_and_whatever_is_done_meanwhile(wanted, size, piece):
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


def test_what_came_before_the_end_of_a_connection_is_taken_in(monkeypatch):
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


def test_who_closes_its_half_gets_all_its_answers():
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


def test_a_peer_that_lets_its_answers_lie_is_not_read_from():
    sender = Sender()
    sender.channel.pauseProducing()
    assert sender.transport.producerState == "paused"
    sender.channel.resumeProducing()
    assert sender.transport.producerState == "producing"


def test_who_closes_its_half_in_a_request_is_not_waited_for():
    sender = Sender()
    sender.send(request(b"one")[:-1])
    sender.channel.readConnectionLost()
    assert sender.transport.disconnecting


def test_reading_may_come_to_the_same_end_more_than_once():
    """As a transport's does that is paused and resumed behind the end of its peer's half."""
    sender = Sender()
    sender.post(b"one")
    for _ in range(2):
        sender.channel.readConnectionLost()
    sender.sink.sync()
    assert [status for status, _ in sender.answers()] == [200]


def test_a_connection_may_end_between_an_answer_and_the_next_request():
    """After so many answers others have their turn first."""
    sender = Sender()
    question = request(b"", method="GET", Content_Length="")
    sender.send(question * (MOST_IN_A_TURN + 1))
    sender.leave()
    turn(sender.clock)
    assert [status for status, _ in sender.answers()] == [200] * MOST_IN_A_TURN
    assert sender.clock.getDelayedCalls() == []


def test_http_1_0_is_answered_and_closed():
    sender = Sender()
    sender.send(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
    sender.sink.sync()
    assert sender.answers()[0][0] == 200 and sender.transport.disconnecting


def test_what_is_refused_and_ends_in_the_same_piece_is_closed_in_order():
    sender = Sender(max_body=10)
    head = request(
        b"", Content_Length="", Transfer_Encoding="chunked", Content_Type="application/json"
    )
    sender.send(head + b"c\r\n0123456789ab\r\n0\r\n\r\n" + request(b"more"))
    assert [status for status, _ in sender.answers()] == [413]
    assert sender.transport.disconnecting and not sender.transport.aborted
    assert sender.transport.producerState == "producing"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(b"x", Host=""), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\nx", 200),
        (b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 200),
        (b"POST http://h/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 200),
        (request(b"", "example.com:443", "CONNECT"), 405),
        (request(b"", "/lines", "CONNECT"), 405),
        (request(b"abc", method="DELETE"), 405),
        (request(b"", method="DELETE", Content_Length="999999999"), 405),
    ],
)
def test_rules_of_http_for_the_host_and_the_method(sent, status):
    sender = Sender()
    sender.send(sent)
    sender.sink.sync()
    assert [found for found, _ in sender.answers()] == [status]
