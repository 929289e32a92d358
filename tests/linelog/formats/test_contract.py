"""What each input of records does, whatever its protocol: safe first, then acknowledged, in short steps."""

import pickle
import struct
from collections.abc import Callable
from typing import Any

import attrs
import msgpack
import pytest
from twisted.internet.testing import StringTransport

from logsrv.errors import ConfigurationError
from logsrv.linelog.formats.blocks.input import Blocks
from logsrv.linelog.formats.forward.input import Forward
from logsrv.linelog.formats.gelf.input import Gelf
from logsrv.linelog.formats.lumberjack.input import Lumberjack
from logsrv.linelog.formats.python.input import Python
from logsrv.linelog.formats.relp.input import Relp
from logsrv.linelog.intake import turns
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.over_http.input import Http
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.messages import event, window
from tests.parts.sinks import Sink, connected, intake, refused, turn
from tests.parts.workers import WorkersHere


@attrs.frozen
class Acknowledging:
    """A protocol whose records are acknowledged by `answer`. record: makes one of a text.

    opening: what comes before the first record. other: what is none of the protocol.
    """

    input: Input
    record: Callable[[bytes], bytes]
    answer: bytes
    other: bytes
    opening: bytes = b""

    def open(
        self, sink: Sink, workers: WorkersHere | None = None, **rules: Any
    ) -> tuple[Any, StringTransport]:
        way = intake(sink, LineRules(**rules), workers=workers)
        receiver, peer = connected(self.input, way)
        if self.opening:
            receiver.dataReceived(self.opening)
        peer.clear()
        return receiver, peer


RELP = Acknowledging(
    Relp(),
    lambda text: b"2 syslog %d %b\n" % (len(text), text),
    b"2 rsp 6 200 OK\n",
    b"GET / HTTP/1.1\n",
    b"1 open 0\n",
)
FORWARD = Acknowledging(
    Forward(),
    lambda text: bytes(msgpack.packb(["t", 0, text, {"chunk": "c"}])),
    msgpack.packb({"ack": "c"}),
    b"hello\n",
)
LUMBERJACK = Acknowledging(
    Lumberjack(), lambda text: window(number=1) + event(1, text), b"2A\0\0\0\1", b"1D\0\0"
)
each_acknowledging = pytest.mark.parametrize(
    "protocol", [RELP, FORWARD, LUMBERJACK], ids=["relp", "forward", "lumberjack"]
)


@each_acknowledging
def test_records_are_acknowledged_when_they_are_safe(protocol):
    """One that came as bytes one by one, and the same once more."""
    sink = Sink()
    receiver, peer = protocol.open(sink)
    record = protocol.record(b"a\nb")
    for at in range(len(record)):
        receiver.dataReceived(record[at : at + 1])
    receiver.dataReceived(record)
    assert (sink.text, peer.value(), receiver.working) == (b"a\\x0ab\n" * 2, b"", True)
    sink.sync()
    assert (peer.value(), receiver.working) == (protocol.answer * 2, False)


@each_acknowledging
def test_a_record_that_is_cut_off_is_counted_and_not_acknowledged(protocol):
    sink = Sink()
    receiver, peer = protocol.open(sink)
    receiver.dataReceived(protocol.record(b"a") + protocol.record(b"half")[:-2])
    sink.sync()
    receiver.connectionLost()
    assert (sink.text, peer.value()) == (b"a\n", protocol.answer)
    assert refused(receiver.intake, "unfinished") == 1


@each_acknowledging
def test_other_data_closes_the_connection_behind_the_last_acknowledgement(protocol):
    sink = Sink()
    receiver, peer = protocol.open(sink)
    receiver.dataReceived(protocol.record(b"a") + protocol.other + protocol.record(b"b"))
    assert not peer.disconnecting
    sink.sync()
    assert (sink.text, peer.value(), peer.disconnecting) == (b"a\n", protocol.answer, True)
    assert refused(receiver.intake, "protocol") == 1


@each_acknowledging
def test_a_record_that_closes_by_its_length_is_not_acknowledged(protocol):
    sink = Sink()
    receiver, peer = protocol.open(sink, max_line=5, oversize=Oversize.CLOSE)
    receiver.dataReceived(protocol.record(b"short") + protocol.record(b"too long"))
    sink.sync()
    assert sink.text in (b"short\n", b"short\ntoo l\n")
    assert (peer.value(), peer.disconnecting) == (protocol.answer, True)
    # Of RELP, nothing of it is stored.
    assert refused(receiver.intake, "oversize") == (sink.text == b"short\n")


@each_acknowledging
def test_a_record_of_megabytes_is_made_by_a_worker(protocol):
    """All of its escapes would take seconds, of others too."""
    sink, workers = Sink(), WorkersHere(waits=True)
    receiver, peer = protocol.open(sink, workers, max_line=1 << 16)
    receiver.dataReceived(protocol.record(b"\xff\n\r" * (1 << 20)))
    for _ in range(300):
        turn(receiver.intake.clock)
    assert sink.text == b"" and workers.waiting == 1
    workers.answer_next()
    turn(receiver.intake.clock)
    sink.sync()
    assert peer.value() == protocol.answer
    assert sink.text.replace(b"\n", b"") == rb"\xff\x0a\x0d" * (1 << 20)


@pytest.mark.parametrize(
    ("to", "example"),
    [
        (Relp(), "relp:tcp:2514"),
        (Lumberjack(), "lumberjack:tcp:5044"),
        (Http(), "http:tcp:8088"),
        (Blocks(), "blocks:tcp:8090"),
    ],
)
def test_an_input_without_datagrams_says_what_to_do_instead(to, example):
    with pytest.raises(ConfigurationError, match=f"^tcp:1234: .* needs? connections.* {example}"):
        to.datagrams(intake(Sink()))


PICKLE = pickle.dumps({"msg": "x", "name": "y"}, 1)


@pytest.mark.parametrize(
    ("to", "opening", "data", "least"),
    [
        (Relp(), RELP.opening, b"2 x 0\n" * 43_000, 8),
        (Relp(), RELP.opening, b"2 syslog 1 a\n" * 20_000, 8),
        (Relp(), RELP.opening, b"2 syslog 9000 %b\n" % (b"a" * 9000) * 29, 8),
        (Forward(), b"", b"\xc0" * 1000, 1000),
        (Gelf(), b"", b"{}\0" * 80_000, 7),
        (Python(), b"", (struct.pack(">I", len(PICKLE)) + PICKLE) * 2000, 10),
    ],
)
def test_many_small_records_let_others_have_their_turn(monkeypatch, to, opening, data, least):
    monkeypatch.setattr(turns, "LONG", -1.0)
    receiver, _ = connected(to, intake(Sink()))
    receiver.dataReceived(opening + data)
    number = 1
    while receiver in receiver.intake.turns:
        turn(receiver.intake.clock)
        number += 1
    assert number >= least
