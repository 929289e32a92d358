"""The `syslog` input, on transports in memory."""

from itertools import count
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.connections.source import Sender
from logsrv.linelog.formats.syslog.input import Syslog
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.turns import LONG, MOST_IN_A_TURN
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.sinks import Sink, connected, intake, turn

SENDER = Sender("192.0.2.7", "udp:192.0.2.7:514")


def test_a_connection_that_mixes_everything():
    """And Telnet is nothing here: what looks like a command is part of the message."""
    sink = Sink()
    receiver = Syslog().stream(intake(sink)).buildProtocol(None)
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514))
    receiver.makeConnection(transport)
    receiver.dataReceived(b"5 <1>ab<13>line\n<12>one\0<12>t")
    receiver.dataReceived(b"wo\nlines\0<13>\xff\xfd\x01\n<13>x\n9 <1>cut")
    receiver.connectionLost()
    assert sink.text == (
        b"<1>ab\n<13>line\n<12>one\n<12>two\\x0alines\n<13>\\xff\\xfd\\x01\n<13>x\n<1>cut\n"
    )
    assert transport.value() == b""
    assert {batch.source for batch in sink.batches} == {"tcp:192.0.2.7:514"}


def test_counted_messages_that_are_stored_as_one_line_are_said_once():
    frames = b"".join(b'%d {"n":%d}' % (len(b'{"n":%d}' % number), number) for number in range(9))
    sink = Sink()
    receiver, _ = connect(intake(sink))
    with capturedLogs() as events:
        for _ in range(3):
            receiver.dataReceived(b"a stray text " + frames + b"\n")
    assert sink.text.count(b"\n") == 3
    [line] = map(formatEvent, events)
    assert line is not None
    assert line.startswith(
        "tcp:192.0.2.7:514: a line looks like several counted messages without <PRI>"
    )


def connect(way: Intake) -> tuple[Any, StringTransport]:
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514))
    return connected(Syslog(), way, transport)


@pytest.mark.parametrize("goes", [False, True])
def test_a_chunk_of_many_changes_is_taken_in_in_turns(goes):
    """256 KiB of it kept all others waiting for half a second; nothing is lost if its peer goes."""
    sink = Sink()
    # All looks at the CPU's clock are a turn apart.
    way = intake(sink, cpu=count(step=2 * LONG).__next__)
    receiver, transport = connect(way)
    clock: Any = way.clock
    receiver.dataReceived(b"1 <9x\n" * 10_000)
    assert sink.text.count(b"\n") < 1000
    assert transport.producerState == "paused"
    assert receiver.working
    receiver.dataReceived(b"<13>later\n<13>last")
    if goes:
        receiver.connectionLost()
    for _ in range(1000):
        turn(clock)
    assert not receiver.working
    if not goes:
        assert transport.producerState == "producing"
        receiver.connectionLost()
    assert sink.text == b"<\n9x\n" * 10_000 + b"<13>later\n<13>last\n"


def test_many_costly_chunks_in_one_turn_wait_for_each_other():
    """A hundred peers that send together kept all others waiting for many seconds."""
    sink = Sink()
    way = intake(sink, cpu=count(step=MOST_IN_A_TURN).__next__)
    peers = [connect(way) for _ in range(5)]
    for number, (receiver, _) in enumerate(peers):
        receiver.dataReceived(b"<13>%d %s\n" % (number, b"x" * 1000))
    assert sink.text.count(b"\n") == 1
    # The first one waits as well: what it sent was costly.
    assert {transport.producerState for _, transport in peers} == {"paused"}
    clock: Any = way.clock
    clock.advance(0)
    for _ in range(9):
        turn(clock)
    assert sink.text.count(b"\n") == 5
    assert {transport.producerState for _, transport in peers} == {"producing"}


@pytest.mark.parametrize("join", [False, True])
def test_a_count_that_fits_is_stored_after_a_second_without_a_byte(join):
    sink = Sink()
    way = intake(sink, LineRules(join=join))
    receiver, transport = connect(way)
    clock: Any = way.clock
    unread = [0]
    transport.unread = lambda: unread[0]  # type: ignore[attr-defined]
    receiver.dataReceived(b"2 {")
    clock.advance(5)
    receiver.dataReceived(b"}")
    clock.advance(0.9)
    assert not sink.batches
    unread[0] = 7
    clock.advance(0.2)
    assert not sink.batches
    unread[0] = 0
    clock.advance(1)
    assert sink.text.endswith(b"{}\n")
    assert not clock.calls
    receiver.dataReceived(b"5 a\nbc\n")
    assert sink.text.count(b"\n") == 2 - join
    receiver.connectionLost()
    assert sink.text == b"{}\na\\x0abc\n"
    assert not clock.calls


@pytest.mark.parametrize(
    ("pieces", "stored"),
    [
        ([b"plain\n", b"5 abcde", b"fghij\n"], b"plain\n5 abcdefghij\n"),
        ([b"12 digits first"], b"digits first\n"),
        ([b"2 {}", b"5 <13>a"], b"{}\n<13>a\n"),
        ([b"x\n8 packets\n", b"9 lives\n"], b"x\n8 packets\n9 lives\n"),
    ],
)
def test_what_waits_is_stored_when_its_peer_goes_or_the_server_stops(pieces, stored):
    sink = Sink()
    receiver, _ = connect(way := intake(sink))
    clock: Any = way.clock
    for piece in pieces:
        receiver.dataReceived(piece)
        clock.advance(0.9)
    receiver.connectionLost()
    assert sink.text == stored
    assert not clock.calls


def test_a_bom_in_front_of_a_datagram_is_left_out():
    sink = Sink()
    way = intake(sink)
    receiver = Syslog().datagrams(way)
    receiver.datagrams_received(
        [b"\xef\xbb\xbf<13>x", b"<13>\xef\xbb\xbfy", b"\xef\xbb\xbf"], SENDER
    )
    assert sink.text == b"<13>x\n<13>\xef\xbb\xbfy\n"
    assert (way.counts.dropped_bom, way.counts.empty) == (6, 1)


def test_a_datagram_is_one_message():
    """Also one that begins with a count, or has lines; an empty one is none, and counted."""
    sink = Sink()
    way = intake(sink)
    Syslog().datagrams(way).datagrams_received(
        [b"<12>python\0", b"<13>two\nlines\r\n", b"5 <1>ab", b"", b"\n"], SENDER
    )
    (batch,) = sink.batches
    assert bytes(batch.block) == b"<12>python\n<13>two\\x0alines\n5 <1>ab\n"
    assert batch.source == SENDER.source
    assert (way.received_bytes, way.counts.empty) == (34, 2)
    Syslog().datagrams(way).datagrams_received([b"\n"], SENDER)
    assert len(sink.batches) == 1


def test_datagrams_have_no_connection_to_close():
    sink = Sink()
    way = intake(sink, LineRules(max_line=5, oversize=Oversize.CLOSE))
    datagrams = Syslog().datagrams(way)
    datagrams.datagrams_received([b"far too long", b"short"], SENDER)
    assert sink.text == b"far t\nshort\n"
    assert way.counts.dropped_truncated == 7


def test_oversize_close_ends_a_connection():
    sink = Sink()
    receiver = Syslog().stream(intake(sink, LineRules(max_line=5, oversize=Oversize.CLOSE)))
    protocol, transport = receiver.buildProtocol(None), StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"12 <1>too long!5 <1>ab")
    assert sink.text == b"<1>to\n" and transport.disconnecting
