"""The `syslog` input, on transports in memory."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.net.source import Sender
from logsrv.linelog.framing.lines.rules import LineRules, Oversize
from logsrv.linelog.inputs.lines.syslog import Syslog
from tests.linelog.inputs.recording import Sink, intake

SENDER = Sender("192.0.2.7", "udp:192.0.2.7:514")


def test_a_connection_that_mixes_everything() -> None:
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


def test_counted_messages_that_are_stored_as_one_line_are_said_once() -> None:
    frames = b"".join(b'%d {"n":%d}' % (len(b'{"n":%d}' % number), number) for number in range(9))
    sink = Sink()
    receiver = Syslog().stream(intake(sink)).buildProtocol(None)
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514)))
    with capturedLogs() as events:
        for _ in range(3):
            receiver.dataReceived(b"a stray text " + frames + b"\n")
    assert sink.text.count(b"\n") == 3
    [line] = map(formatEvent, events)
    assert line is not None
    assert line.startswith(
        "tcp:192.0.2.7:514: what looks like several counted messages without <PRI>"
    )


def test_a_datagram_is_one_message() -> None:
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


def test_datagrams_have_no_connection_to_close() -> None:
    sink = Sink()
    way = intake(sink, LineRules(max_line=5, oversize=Oversize.CLOSE))
    datagrams = Syslog().datagrams(way)
    datagrams.datagrams_received([b"far too long", b"short"], SENDER)
    assert sink.text == b"far t\nshort\n"
    assert way.counts.dropped_truncated == 7


def test_oversize_close_ends_a_connection() -> None:
    sink = Sink()
    receiver = Syslog().stream(intake(sink, LineRules(max_line=5, oversize=Oversize.CLOSE)))
    protocol, transport = receiver.buildProtocol(None), StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"12 <1>too long!5 <1>ab")
    assert sink.text == b"<1>to\n" and transport.disconnecting
