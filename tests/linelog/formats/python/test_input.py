"""The `python` input in memory: records are stored, anything else is dropped, counted and reported."""

import os
import pickle
import struct
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.connections.source import Sender
from logsrv.linelog.formats.python.input import Python
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules
from tests.parts.sinks import Sink, connected, intake, refused


def framed(value: Any) -> bytes:
    data = pickle.dumps(value, 1)
    return struct.pack(">I", len(data)) + data


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.abort, ()


ONE = framed({"msg": "a %s", "args": ("b",)})
LINE = b'{"message":"a b"}\n'


def test_records_cut_anywhere():
    sink = Sink()
    receiver, _ = connected(Python(), intake(sink))
    for at in range(len(ONE * 2)):
        receiver.dataReceived((ONE * 2)[at : at + 1])
    receiver.dataReceived(ONE + ONE[:-1])
    receiver.connectionLost()
    assert sink.text == LINE * 3
    assert refused(receiver.intake, "unfinished") == 1


def test_a_malicious_record_is_dropped_and_those_around_it_are_not():
    sink = Sink()
    receiver, peer = connected(Python(), intake(sink))
    with capturedLogs() as events:
        receiver.dataReceived(ONE + framed({"msg": Evil()}) * 100 + ONE)
    assert sink.text == LINE * 2 and not peer.disconnecting
    assert refused(receiver.intake, "pickle") == 100
    (said,) = map(formatEvent, events)
    assert "dropped a pickle that is no Python log record" in said
    assert said.endswith("it has more than plain data in it")


def test_a_record_that_is_too_long_is_dropped_and_the_next_one_stored():
    """It costs itself alone, and no length that nobody has costs the connection."""
    sink = Sink()
    way = intake(sink, LineRules(max_line=50), options=InputOptions(max_record=100))
    receiver, peer = Python().stream(way).buildProtocol(None), StringTransport()
    receiver.makeConnection(peer)
    with capturedLogs() as events:
        for data in (framed({"msg": "x" * 60}), framed({"msg": "x" * 200}), ONE):
            receiver.dataReceived(data)
    assert sink.text == b'{"message":"%s"}\n' % (b"x" * 60) + LINE
    assert not peer.disconnecting and refused(way, "oversize") == 1
    assert "dropped a record: its pickle is longer than 100 bytes" in formatEvent(events[-1])
    receiver.dataReceived(b"\xff" * 4)
    assert peer.disconnecting and refused(way, "oversize") == 2


def test_datagrams_with_a_wrong_length_are_dropped():
    sink = Sink()
    way = intake(sink, LineRules(max_line=50))
    receiver = Python().datagrams(way)
    long = framed({"msg": "x" * 60})
    receiver.datagrams_received(
        [ONE, ONE[:-1], b"", framed({"msg": Evil()}), long], Sender("10.0.0.1", "udp:10.0.0.1:5")
    )
    assert sink.text == LINE + b'{"message":"%s"}\n' % (b"x" * 60)
    assert sink.batches[0].source == "udp:10.0.0.1:5"
    assert refused(way, "pickle") == 3
