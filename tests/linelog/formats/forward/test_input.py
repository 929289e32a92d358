"""The `forward` input in memory: stored, safe, acknowledged; keys, heartbeats, and what is refused."""

import socket
from hashlib import sha512
from typing import Any

import msgpack
import pytest
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.connections.source import Sender
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.forward.input import Forward, ForwardReceiver, HeartbeatDatagrams
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.sinks import Sink, connected, counted, intake, refused

EVENT = ["t", 0, {"a": 1}]
LINE = b'{"a":1,"time":"1970-01-01T00:00:00Z","tag":"t"}\n'


def opened(
    sink: Sink, rules: LineRules | None = None, **options: Any
) -> tuple[ForwardReceiver, StringTransport]:
    return connected(Forward(), intake(sink, rules, options=InputOptions(**options)))


def test_a_bad_entry_is_said_and_the_chunk_acknowledged():
    """Else its sender would come with it again and again."""
    sink = Sink()
    receiver, peer = opened(sink)
    with capturedLogs() as events:
        for _ in range(3):
            receiver.dataReceived(msgpack.packb(["t", [[0, 5], [0, {"a": 1}]], {"chunk": "c"}]))
    sink.sync()
    assert sink.text == (b"[0,5]\n" + LINE) * 3
    assert peer.value() == msgpack.packb({"ack": "c"}) * 3 and not peer.disconnecting
    (said,) = map(formatEvent, events)
    assert said.endswith(
        ": a record is not in the format of tcp:1234, or longer than --max-record; stored as text"
    )


def test_too_long_for_a_record():
    """Text by --oversize, counted and said; acknowledged, as it would come again for ever."""
    sink = Sink()
    rules = LineRules(max_line=50, oversize=Oversize.SPLIT)
    long = ["t", [[0, {"a": 1}], [0, {"a": "x" * 200}]]]
    receiver, peer = opened(sink, rules, max_record=100)
    with capturedLogs() as events:
        receiver.dataReceived(msgpack.packb([*long, {"chunk": "c"}]))
        receiver.dataReceived(msgpack.packb(long))
    assert sink.text.startswith(LINE) and sink.text.count(b"\n") == 2 * (1 + 5)
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (msgpack.packb({"ack": "c"}), False)
    metrics: Any = receiver.intake.metrics
    assert metrics.value("records_as_text_total") == 2
    assert receiver.intake.counts.oversize_lines == 2
    pieces, said = map(formatEvent, events)
    assert "longer than --max-record; stored as text" in said
    assert "got a line longer than 50 bytes (--max-line), stored in pieces" in pieces


def test_an_event_larger_than_max_body_closes_the_connection():
    sink = Sink()
    receiver, peer = opened(sink, max_body=1000)
    receiver.dataReceived(b"\x92\xa1t\xc6\x00\x00\x10\x00")
    assert peer.disconnecting and refused(receiver.intake, "protocol") == 1


def test_a_client_with_the_shared_key_may_send():
    sink = Sink()
    receiver, peer = opened(sink, shared_key="secret")
    nonce = msgpack.unpackb(peer.value())[1]["nonce"]
    peer.clear()
    digest = sha512(b"salt" + b"host" + nonce + b"secret").hexdigest()
    ping = msgpack.packb(["PING", "host", b"salt", digest, "", ""])
    receiver.dataReceived(ping + msgpack.packb(EVENT))
    assert msgpack.unpackb(peer.value())[:2] == ["PONG", True]
    assert sink.text == LINE


@pytest.mark.parametrize(
    "data",
    [
        msgpack.packb(EVENT),
        msgpack.packb(["PING", "host", b"salt", "00", "", ""]) + msgpack.packb(EVENT),
        b"\xc6\x00\x10\x00\x00",
    ],
)
def test_nothing_is_taken_without_the_key(data):
    sink = Sink()
    receiver, peer = opened(sink, shared_key="secret")
    receiver.dataReceived(data)
    assert sink.text == b"" and peer.disconnecting
    assert refused(receiver.intake, "unauthorized") == 1


def test_heartbeats_are_answered_from_the_listeners_port():
    """Answered from the port that they came to."""
    way = intake(Sink())
    beats = Forward().datagrams(way)
    assert isinstance(beats, HeartbeatDatagrams)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(PATIENCE)
        beats.attach(ours)
        sender = Sender("127.0.0.1", f"udp:127.0.0.1:{theirs.getsockname()[1]}")
        beats.datagrams_received([b"\0", b"else", b"else"], sender)
        assert theirs.recvfrom(10) == (b"\0", ours.getsockname())
        beats.close()
    assert counted(way, "records_refused_total", reason="protocol") == 2
