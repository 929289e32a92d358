"""The `gelf` input, on transports in memory."""

from __future__ import annotations

import zlib
from typing import Any, cast

from twisted.internet.testing import StringTransport

from logsrv.kit.net.source import Sender
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.framing.rules import LineRules, Oversize
from logsrv.linelog.inputs.gelf import Gelf, GelfReceiver
from logsrv.linelog.inputs.intake import Intake
from logsrv.linelog.inputs.options import InputOptions
from tests.linelog.inputs.recording import Sink, intake

SENDER = Sender("192.0.2.7", "udp:192.0.2.7:514")


def connected(sink: Sink, **rules: object) -> tuple[GelfReceiver, StringTransport]:
    way = intake(sink, LineRules(**rules), options=InputOptions(max_record=100))  # type: ignore[arg-type]
    receiver, transport = Gelf().stream(way).buildProtocol(None), StringTransport()
    receiver.makeConnection(transport)
    return receiver, transport


def counted(way: Intake, name: str, **labels: str) -> float:
    return cast(Metrics, way._metrics).value(name, **labels)


def test_a_connection() -> None:
    """JSON of several lines is one; what is no JSON is there as text, in its place."""
    sink = Sink()
    receiver, transport = connected(sink)
    receiver.dataReceived(b'{"short_message": "x",\n "_n": 1}\0{"a":1}\0plain\ntext\0{"b"')
    receiver.dataReceived(b":2}\0\0" + b'{"c":3}')
    receiver.connectionLost()
    assert sink.text == (
        b'{"short_message":"x","_n":1}\n{"a":1}\nplain\\x0atext\n{"b":2}\n{"c":3}\n'
    )
    assert transport.value() == b""
    assert counted(receiver.intake, "records_as_text_total") == 1
    assert counted(receiver.intake, "records_refused_total", reason="empty") == 1


def test_longer_than_a_record() -> None:
    """Kept as text, by --oversize."""
    sink = Sink()
    receiver, transport = connected(sink, max_line=40)
    receiver.dataReceived(b'{"a":"' + b"x" * 60 + b'"}\0{"a":"' + b"y" * 40)
    receiver.dataReceived(b"y" * 100 + b'"}\0{}\0')
    receiver.connectionLost()
    lines = sink.text.split(b"\n")
    assert lines[0] == b'{"a":"' + b"x" * 60 + b'"}'
    assert b"".join(lines[1:5]) == b'{"a":"' + b"y" * 140 + b'"}' and lines[5] == b"{}"
    assert counted(receiver.intake, "records_as_text_total") == 1
    receiver, transport = connected(sink, max_line=40, oversize=Oversize.CLOSE)
    receiver.dataReceived(b"x" * 200)
    assert transport.disconnecting
    assert counted(receiver.intake, "records_refused_total", reason="oversize") == 1


def datagrams(sink: Sink, *payloads: bytes, **options: int) -> Intake:
    way = intake(sink, options=InputOptions(**options))  # type: ignore[arg-type]
    Gelf().datagrams(way).datagrams_received(payloads, SENDER)
    return way


def test_datagrams() -> None:
    sink = Sink()
    packed = zlib.compress(b'{"packed": true}')
    way = datagrams(
        sink,
        b'{"a":1}',
        packed,
        b"\x1e\x0f12345678\x01\x02" + packed[9:],
        b"text\n",
        b"\x1e\x0f12345678\x00\x02" + packed[:9],
        b"",
    )
    assert sink.text == b'{"a":1}\n{"packed": true}\ntext\n{"packed": true}\n'
    assert {batch.source for batch in sink.batches} == {SENDER.source}
    assert counted(way, "records_as_text_total") == 1
    assert counted(way, "records_refused_total", reason="empty") == 1


def test_a_datagram_longer_than_a_record_is_text() -> None:
    """Also a packed one, up to a bound: what is far too large is refused while it is unpacked."""
    sink = Sink()
    text = b'{"a":"' + b"x" * 100 + b'"}'
    way = datagrams(sink, text, zlib.compress(text), zlib.compress(text * 10), max_record=100)
    assert sink.text == text + b"\n" + text + b"\n"
    assert counted(way, "records_as_text_total") == 2
    assert counted(way, "records_refused_total", reason="unpacking") == 1


def test_unfinished_messages_are_counted_when_their_time_is_over() -> None:
    way = intake(Sink())
    clock: Any = way.clock
    receiver = Gelf().datagrams(way)
    receiver.datagrams_received([b"\x1e\x0f12345678\x00\x02abc"], SENDER)
    clock.advance(3)
    receiver.datagrams_received([b"\x1e\x0f87654321\x00\x02abc"], SENDER)
    for seconds, expected in ((1.9, 0), (0.1, 1), (5, 2), (60, 2)):
        clock.advance(seconds)
        assert counted(way, "records_refused_total", reason="unfinished") == expected
    assert not clock.getDelayedCalls()
