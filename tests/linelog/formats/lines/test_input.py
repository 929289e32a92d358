"""One connection of the `lines` input, on a transport in memory."""

from typing import Any, cast

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from logsrv.kit.connections.source import Sender
from logsrv.linelog.formats.lines.input import LineDatagrams, Lines
from logsrv.linelog.formats.syslog.input import Syslog
from logsrv.linelog.intake.connections import AnswerState
from logsrv.linelog.intake.line_receiver import LONGEST, LineReceiver, sentence_about
from logsrv.linelog.intake.turns import LITTLE, MOST_IN_A_TURN
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.receivers import Peer
from tests.parts.sinks import InputSettings, Sink, connected, intake, refused, turn
from tests.parts.stack_traces import JOINED, TRACE


def opened(sink: Sink, rules: LineRules | None = None) -> tuple[LineReceiver, StringTransport]:
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514))
    return connected(Lines(), intake(sink, rules), transport)


def test_lines_and_the_unfinished_last_one():
    sink = Sink()
    receiver, _ = opened(sink)
    receiver.dataReceived(b"one\r\ntw")
    receiver.dataReceived(b"o\nthr")
    assert sink.text == b"one\ntwo\n"
    receiver.connectionLost(connectionDone)
    assert sink.text == b"one\ntwo\nthr\n"
    assert {batch.source for batch in sink.batches} == {"tcp:192.0.2.7:514"}


@pytest.mark.parametrize("data", [b"one\n", b"one\n" * LITTLE], ids=["at once", "in its turn"])
@pytest.mark.parametrize("error", [KeyError("gone"), SystemExit("an end of its own")])
def test_an_error_in_its_own_code_is_counted_and_said_once(monkeypatch, error, data):
    def fail(*_: object) -> None:
        raise error

    way = intake(Sink())
    monkeypatch.setattr("logsrv.linelog.lines.framer.LineFramer.receive", fail)
    with capturedLogs() as events:
        for _ in range(3):
            receiver, peer = connected(Lines(), way, Peer())
            # Then only large chunks wait for their turn.
            way.turns.count(MOST_IN_A_TURN)
            receiver.dataReceived(data)
            turn(way.clock)
            assert isinstance(peer, Peer) and peer.aborted
    assert refused(way, "failed") == 3
    assert len([one for one in events if "log_failure" in one]) == 1


@pytest.mark.parametrize("kind", [Lines, Syslog])
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_http_is_stored_and_said_once(kind, size):
    sink = Sink()
    way = intake(sink)
    requests = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n"
    with capturedLogs() as events:
        for port in range(3):
            transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", port))
            receiver: Any = connected(kind(), way, transport)[0]
            for at in range(0, len(requests), size):
                receiver.dataReceived(requests[at : at + size])
            assert not transport.disconnecting
    assert sink.text == b"GET / HTTP/1.1\nHost: a\nAccept: */*\n" * 3
    (said,) = map(formatEvent, events)
    assert said.startswith("tcp:192.0.2.7:0: it speaks HTTP, which is stored as lines here: ")


def test_the_last_line_of_who_has_gone_is_stored_behind_those_that_wait_for_their_turn():
    sink = Sink()
    receiver, _ = opened(sink)
    receiver.intake.turns.count(MOST_IN_A_TURN)
    receiver.dataReceived(b"x" * LITTLE + b"\nunfinished")
    receiver.connectionLost()
    assert receiver.working and not sink.text
    turn(receiver.intake.clock)
    assert sink.text == b"x" * LITTLE + b"\nunfinished\n"


def test_the_store_can_pause_a_connection_while_it_is_open():
    sink = Sink()
    receiver, transport = opened(sink)
    verifyObject(IPushProducer, receiver)
    assert sink.producers == [receiver]
    receiver.pauseProducing()
    assert transport.producerState == "paused"
    receiver.resumeProducing()
    assert transport.producerState == "producing"
    receiver.connectionLost(connectionDone)
    assert sink.producers == []


def test_telnet_is_answered_and_not_stored():
    sink = Sink()
    receiver, transport = opened(sink)
    receiver.dataReceived(b"he\xff\xfd\x01llo\n")
    assert transport.value() == b"\xff\xfc\x01"
    assert sink.text == b"hello\n"


def test_a_peer_that_does_not_read_our_answers_is_not_read_either():
    """And the store cannot resume it over that, nor the peer over the store."""
    sink = Sink()
    receiver, transport = opened(sink)
    for closed_last in (False, True):
        receiver.dataReceived(b"\xff\xfd\x01")
        assert transport.producer is not None
        answers = transport.producer
        answers.pauseProducing()
        assert transport.producerState == "paused"
        sink.closed = True
        receiver.pauseProducing()
        if closed_last:
            answers.resumeProducing()
            assert transport.producerState == "paused"
        sink.closed = False
        receiver.resumeProducing()
        if not closed_last:
            assert transport.producerState == "paused"
            answers.resumeProducing()
        assert (transport.producerState, transport.producer) == ("producing", None)


WRITE, TURN, FULL, ROOM, GONE = "write", "turn", "full", "room", "gone"


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([WRITE], AnswerState.ON_THE_WAY),
        ([WRITE, TURN], AnswerState.NOTHING),
        ([WRITE, WRITE, TURN, TURN], AnswerState.NOTHING),
        ([WRITE, FULL], AnswerState.UNREAD),
        ([WRITE, FULL, TURN], AnswerState.UNREAD),
        ([WRITE, FULL, WRITE], AnswerState.UNREAD),
        ([WRITE, FULL, TURN, ROOM], AnswerState.NOTHING),
        ([WRITE, FULL, ROOM, TURN], AnswerState.NOTHING),
        ([WRITE, GONE, TURN], AnswerState.NOTHING),
        ([WRITE, FULL, GONE, TURN], AnswerState.NOTHING),
    ],
)
def test_a_producer_is_there_only_while_answers_are_under_way(events, state, closing):
    """TLS cannot close while there is one. A connection that closes is let go in the same way."""
    receiver, transport = opened(Sink(), LineRules(max_line=5, oversize=Oversize.CLOSE))
    clock: Any = receiver.intake.clock
    # A real one can be paused and resumed also when it is about to close.
    closed: list[bool] = []
    transport.loseConnection = lambda: closed.append(True)  # type: ignore[method-assign]
    for number, event in enumerate(events):
        producer: Any = transport.producer
        if event == WRITE:
            receiver.dataReceived(b"\xff\xfd\x01")
        elif event == TURN:
            clock.advance(0)
        elif event == FULL:
            producer.pauseProducing()
        elif event == ROOM:
            producer.resumeProducing()
        else:
            producer.stopProducing()
            transport.unregisterProducer()
        if closing and not number:
            receiver.dataReceived(b"too long")
    assert receiver.answers and receiver.answers.state is state
    assert (transport.producer is None) == (state is AnswerState.NOTHING)
    assert closed == [True] * closing


def test_oversize_close_tells_the_peer_why():
    sink = Sink()
    receiver, transport = opened(sink, LineRules(max_line=5, oversize=Oversize.CLOSE))
    receiver.dataReceived(b"far too long\nnext\n")
    assert transport.disconnecting
    assert b"longer than 5 bytes" in transport.value()
    receiver.connectionLost(connectionDone)
    assert sink.text == b"far t\n"


def test_what_comes_after_oversize_close_is_only_counted():
    """TLS goes on delivering until the peer has closed as well; it is said twice: who, and where."""
    sink = Sink()
    receiver, transport = opened(sink, LineRules(max_line=5, oversize=Oversize.CLOSE))
    with capturedLogs() as events:
        receiver.dataReceived(b"too long")
        said = transport.value()
        for _ in range(200):
            receiver.dataReceived(b"\xff\xfd\x01more\n")
    receiver.connectionLost(connectionDone)
    assert (len(events), transport.value(), sink.text) == (2, said, b"too l\n")
    counts = receiver.intake.counts
    assert (counts.oversize_lines, counts.dropped_closed) == (1, 3 + 200 * 4)


def test_who_came_and_went_in_one_turn_is_one_event():
    way = intake(Sink(), name="apps")
    way.apply(InputSettings(LineRules(), "apps", log_connections=True))
    clock: Any = way.clock
    with capturedLogs() as events:
        receiver = Lines().stream(way).buildProtocol(None)
        receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514)))
        receiver.connectionLost(connectionDone)
        assert not events
        clock.advance(0)
    (event,) = events
    assert event["connections"].splitlines() == [
        "Got connection from apps@tcp:192.0.2.7:514 on tcp:1234",
        "Lost connection from apps@tcp:192.0.2.7:514 on tcp:1234: Connection was closed cleanly.",
    ]


def test_datagrams_of_one_sender_are_one_batch():
    """Each is one or more lines; those that came together from one sender are one batch."""
    sink = Sink()
    way = intake(sink)
    LineDatagrams(way).datagrams_received(
        [b"one", b"two\nthree\n", b""], Sender("192.0.2.7", "udp:192.0.2.7:514")
    )
    (batch,) = sink.batches
    assert bytes(batch.block) == b"one\ntwo\nthree\n\n"
    assert batch.source == "udp:192.0.2.7:514"
    assert way.received_bytes == 13


@pytest.mark.parametrize("input_", [Lines(), Syslog()])
def test_a_joined_record_is_stored_a_second_after_its_last_line(input_):
    sink = Sink()
    way = intake(sink, LineRules(join=True))
    receiver, _ = connected(input_, way)
    clock: Any = way.clock
    first, rest = TRACE[:9], TRACE[9:]
    receiver.dataReceived(first)
    clock.advance(0.9)
    receiver.dataReceived(rest)
    clock.advance(0.1)
    receiver.dataReceived(b"unfinished")
    clock.advance(0.89)
    assert not sink.text
    clock.advance(0.02)
    assert sink.text == JOINED
    assert way.received_lines == 1
    assert not clock.calls
    receiver.connectionLost()
    assert sink.text == JOINED + b"unfinished\n"


def test_a_joined_record_ends_with_its_connection_or_with_the_next_one():
    sink = Sink()
    way = intake(sink, LineRules(join=True))
    one, _ = connected(Lines(), way)
    other, _ = connected(Lines(), way)
    for line in TRACE.splitlines(keepends=True):
        one.dataReceived(line)
        other.dataReceived(line)
    other.dataReceived(b"next\n")
    assert sink.text == JOINED
    one.connectionLost()
    other.connectionLost()
    assert sink.text == JOINED + JOINED + b"next\n"
    assert not way.clock.calls  # type: ignore[attr-defined]


def test_a_joined_record_waits_for_lines_that_a_paused_connection_has():
    sink = Sink()
    way = intake(sink, LineRules(join=True))
    transport = StringTransport()
    unread = [5]
    transport.unread = lambda: unread[0]  # type: ignore[attr-defined]
    receiver, _ = connected(Lines(), way, transport)
    clock: Any = way.clock
    receiver.dataReceived(TRACE)
    clock.pump([1] * 10)
    assert not sink.text
    unread[0] = 0
    clock.advance(1)
    assert sink.text == JOINED


class Closing(StringTransport):
    """As a real one it may be resumed while it closes: under TLS the peer's end must be read."""

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            super().resumeProducing()


def test_many_joined_lines_are_taken_in_in_turns_and_the_end_is_told_once():
    sink = Sink()
    way = intake(sink, LineRules(join=True, max_line=100, oversize=Oversize.CLOSE))
    receiver, transport = connected(Lines(), way, Closing())
    receiver.dataReceived(b"x\n" * 3000 + b"x\n" + b"\ty\n" * 200 + b"z\n" * 3000)
    while receiver.working:
        cast(Any, way.clock).advance(0.01)
    receiver.dataReceived(b"more\n" * 1000)
    receiver.connectionLost()
    assert sink.text.startswith(b"x\n" * 3000 + b"x" + rb"\x0a" + b"\ty")
    assert sink.text.count(b"\n") == 3001
    assert transport.value().count(b"logsrv: ") == 1


def test_lines_of_a_record_in_one_datagram_are_joined_as_the_settings_say_now():
    sink = Sink()
    way = intake(sink)
    receiver = Lines().datagrams(way)
    sender = Sender("192.0.2.7", "udp:192.0.2.7:514")
    for join, wanted in ((False, TRACE), (True, JOINED), (False, TRACE)):
        way.apply(InputSettings(LineRules(join=join)))
        sink.batches.clear()
        receiver.datagrams_received([TRACE[:-1], b"\tat g"], sender)
        assert sink.text == wanted + b"\tat g\n"
    way.apply(InputSettings(LineRules(join=True)))
    sink.batches.clear()
    receiver.datagrams_received([b"a\n\tb\n" * 9000], sender)
    assert sink.text == b"a\n\tb\n" * 9000


def said_of(data: bytes, size: int) -> str:
    """Return what is said when `size` bytes come at a time."""
    for end in range(size, len(data) + size, size):
        sentence = sentence_about(data[:end])
        if sentence is not None:
            return sentence
    return ""


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP"),
        (b"OPTIONS / HTTP/1.0\r\n\r\n", "HTTP"),
        (b"HEAD /health HTTP/1.1\nHost: a\n\n", "HTTP"),
        (b"POST /v1/logs HTTP/1.1\r\n", "HTTP"),
        (b"CONNECT mail:25 HTTP/1.1\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 1514\r\n<13>x\n", "PROXY"),
        (b"PROXY UNKNOWN\r\n", "PROXY"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "PROXY"),
        (b"1 open 85 relp_version=0\nrelp_software=librelp,1.11.0\n", "RELP"),
        # Lines of logs.
        (b"GET /index.html 200\n", ""),
        (b"GET / HTTP/1.1 200 12ms\n", ""),
        (b'192.0.2.1 - - [x] "GET / HTTP/1.1" 200\n', ""),
        (b"get / HTTP/1.1\n", ""),
        (b"PROXY is down\n", ""),
        (b"1 open 2\n", ""),
        (b"text\nGET / HTTP/1.1\r\n", ""),
        (b"<13>GET / HTTP/1.1\n", ""),
        (b"\r\n\r\ntext\n", ""),
        (b"GET /" + b"x" * LONGEST + b" HTTP/1.1\r\n", ""),
        (b"x" * 5000, ""),
        (b"\xff\xf4\xff\xfd\x06", ""),
    ],
)
def test_another_protocol_is_known_by_its_first_bytes(data, protocol):
    for size in (1, 2, 7, len(data)):
        sentence = said_of(data, size)
        assert (protocol in sentence and "listen" in sentence) if protocol else not sentence
