"""The `gelf` input, on transports in memory."""

import zlib
from typing import Any

import pytest
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.children.pool import NoWorkerError, WorkerEndedError
from logsrv.kit.connections.source import Sender
from logsrv.linelog.formats.gelf import input as gelf_input
from logsrv.linelog.formats.gelf.input import Gelf, GelfReceiver
from logsrv.linelog.intake.connections import DatagramProducer
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.sinks import (
    HIGH_WATER,
    Sink,
    SlowStore,
    connected,
    counted,
    intake,
    turn,
)
from tests.parts.workers import WorkersHere

SENDER = Sender("192.0.2.7", "udp:192.0.2.7:514")


def opened(sink: Sink, **rules: object) -> tuple[GelfReceiver, StringTransport]:
    way = intake(sink, LineRules(**rules), options=InputOptions(max_record=100))  # type: ignore[arg-type]
    return connected(Gelf(), way)


def test_a_connection_stores_objects_on_one_line_and_other_messages_as_text():
    """JSON of several lines is one; what is no JSON is there as text, in its place."""
    sink = Sink()
    receiver, transport = opened(sink)
    receiver.dataReceived(b'{"short_message": "x",\n "_n": 1}\0{"a":1}\0plain\ntext\0{"b"')
    receiver.dataReceived(b":2}\0\0" + b'{"c":3}')
    receiver.connectionLost()
    assert sink.text == (
        b'{"short_message":"x","_n":1}\n{"a":1}\nplain\\x0atext\n{"b":2}\n{"c":3}\n'
    )
    assert transport.value() == b""
    assert counted(receiver.intake, "records_as_text_total") == 1
    assert counted(receiver.intake, "records_refused_total", reason="empty") == 1


def test_a_message_longer_than_a_record_is_stored_as_text():
    """Kept as text, by --oversize."""
    sink = Sink()
    receiver, transport = opened(sink, max_line=40)
    receiver.dataReceived(b'{"a":"' + b"x" * 60 + b'"}\0{"a":"' + b"y" * 40)
    receiver.dataReceived(b"y" * 100 + b'"}\0{}\0')
    receiver.connectionLost()
    lines = sink.text.split(b"\n")
    assert lines[0] == b'{"a":"' + b"x" * 60 + b'"}'
    assert b"".join(lines[1:5]) == b'{"a":"' + b"y" * 140 + b'"}' and lines[5] == b"{}"
    assert counted(receiver.intake, "records_as_text_total") == 1
    receiver, transport = opened(sink, max_line=40, oversize=Oversize.CLOSE)
    receiver.dataReceived(b"x" * 200)
    assert transport.disconnecting
    assert counted(receiver.intake, "records_refused_total", reason="oversize") == 1


def test_an_unfinished_large_message_is_stored_when_its_peer_goes_or_gives_way():
    sink, workers = Sink(), WorkersHere(waits=True)
    options = InputOptions(max_body=100_000)
    way = intake(sink, LineRules(max_line=1 << 20), options=options, workers=workers)
    (first, peer), (second, _) = connected(Gelf(), way), connected(Gelf(), way)
    first.dataReceived(b"1" * 150_000)
    second.dataReceived(b"2" * 150_000)
    assert first.working and not (second.ending or peer.disconnecting)
    workers.answer_next()
    turn(way.clock)
    assert sink.text == b"1" * 150_000 + b"\n" and peer.disconnecting
    second.connectionLost()
    assert second.working
    workers.answer_next()
    turn(way.clock)
    assert sink.text.endswith(b"1\n%b\n" % (b"2" * 150_000)) and not second.working


def datagrams(sink: Sink, *payloads: bytes, **options: int) -> Intake:
    way = intake(sink, options=InputOptions(**options))  # type: ignore[arg-type]
    Gelf().datagrams(way).datagrams_received(payloads, SENDER)
    return way


def test_plain_packed_and_chunked_datagrams_are_stored():
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


def test_a_datagram_longer_than_a_record_is_text():
    """Also a packed one, up to a bound: what is far too large is refused while it is unpacked."""
    sink = Sink()
    text = b'{"a":"' + b"x" * 100 + b'"}'
    way = datagrams(sink, text, zlib.compress(text), zlib.compress(text * 10), max_record=100)
    assert sink.text == text + b"\n" + text + b"\n"
    assert counted(way, "records_as_text_total") == 2
    assert counted(way, "records_refused_total", reason="unpacking") == 1


def test_unfinished_messages_are_counted_when_their_time_is_over():
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


def bombs(number: int) -> list[bytes]:
    """Datagrams of 8 KB that become megabytes."""
    return [zlib.compress(b"%d" % one + b"x" * (7 << 20)) for one in range(number)]


@pytest.mark.slow
def test_datagrams_that_become_much_wait_for_the_store():
    """A burst of bombs is unpacked as the store takes it in, in its order, and not into our memory."""
    store, workers = SlowStore(), WorkersHere()
    way = intake(store, options=InputOptions(max_record=1 << 20), workers=workers)
    Gelf().datagrams(way).datagrams_received([*bombs(9), b"behind"], SENDER)
    assert workers.number == 2
    rounds = 0
    while store.pending:
        store.write()
        turn(way.clock)
        rounds += 1
    assert store.most_pending <= HIGH_WATER + (8 << 20) and rounds > 3
    lines = [line.split(b" ")[2] for line in store.stored.splitlines()]
    assert b"".join(line[:1] for line in lines if line[:1] != b"x") == b"012345678b"


class Listener:
    """Notes whether it is paused."""

    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


@pytest.mark.slow
def test_a_listener_waits_while_a_worker_unpacks_its_bombs():
    """Four senders of such datagrams stopped all others for two seconds."""
    sink, workers, listener = Sink(), WorkersHere(waits=True), Listener()
    way = intake(sink, options=InputOptions(max_record=1 << 20), workers=workers)
    way.datagrams = DatagramProducer(listener, way)
    receiver = Gelf().datagrams(way)
    receiver.datagrams_received([zlib.compress(b"\xff" * (7 << 20))] * 3 + [b"{}"], SENDER)
    for number in range(1, 4):
        assert (listener.paused, way.waits, workers.number) == (True, True, number)
        workers.answer_next()
        turn(way.clock)
    assert not (listener.paused or way.waits) and sink.text == b"{}\n"
    assert counted(way, "records_refused_total", reason="unpacking") == 3


@pytest.mark.parametrize("error", [NoWorkerError("none"), WorkerEndedError("it has died")])
def test_a_datagram_whose_worker_dies_is_dropped_and_those_behind_it_are_stored(error):
    sink, workers = Sink(), WorkersHere(waits=True)
    way = intake(sink, workers=workers)
    large = zlib.compress(b"x" * 100_000)
    Gelf().datagrams(way).datagrams_received([b"[1]", large, b"[2]"], SENDER)
    with capturedLogs() as events:
        workers.fail_next(error)
    turn(way.clock)
    assert sink.text == b"[1]\n[2]\n" and not way.waits
    assert counted(way, "records_refused_total", reason="busy") == 1
    assert f"dropped a datagram: {error}; send it again" in str(formatEvent(events[0]))


@pytest.mark.slow
def test_no_more_bombs_come_while_one_waits_though_the_valve_opens_and_closes():
    """Each opening let another group in, and a stop unpacked all that had piled up: for nine seconds."""
    store, listener = SlowStore(), Listener()
    way = intake(store, options=InputOptions(max_record=1 << 20))
    way.datagrams = DatagramProducer(listener, way)
    way.valve.add(way.datagrams)
    receiver = Gelf().datagrams(way)
    receiver.datagrams_received(bombs(7), SENDER)
    for _ in range(5):
        way.valve.close()
        store.write()
        assert listener.paused and way.waits
        turn(way.clock)
    store.write()
    assert not (listener.paused or way.waits)
    assert store.stored.count(b"x") == 7 * (7 << 20)


@pytest.mark.slow
def test_what_waits_to_be_unpacked_is_stored_at_a_stop():
    store = SlowStore()
    way = intake(store, options=InputOptions(max_record=1 << 20))
    Gelf().datagrams(way).datagrams_received(bombs(9), SENDER)
    way.flush()
    store.write()
    assert len(store.stored) > 9 * (7 << 20)


def test_what_is_unfinished_when_the_listener_closes_is_counted():
    way = intake(Sink())
    clock: Any = way.clock
    receiver = Gelf().datagrams(way)
    receiver.datagrams_received([b"\x1e\x0f12345678\x00\x02abc"], SENDER)
    receiver.close()
    assert counted(way, "records_refused_total", reason="unfinished") == 1
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b'{"a":1}\n', True),
        (b'{"a":1}\r\n', True),
        (b'{"a":1}\n{"b":2}\n', True),
        (b'{"a":1}\0{"b":2}\n', True),
        (b'{"a":1}\n\0', False),
        (b'{"a":1,\n', False),
        (b'{"a":1}', False),
        (b'{"a":1}\0', False),
    ],
)
def test_a_message_ended_by_lf_is_told_after_a_second(sent, said):
    receiver, _ = opened(Sink())
    clock: Any = receiver.intake.clock
    with capturedLogs() as events:
        receiver.dataReceived(sent)
        clock.advance(0.9)
        assert not events
        clock.advance(0.2)
        clock.advance(5)
    assert [("NUL" in formatEvent(one)) for one in events] == [True] * said
    receiver.connectionLost()
    assert not clock.getDelayedCalls() or not said


def test_nothing_is_said_of_a_message_ended_by_lf_whose_sender_left_at_once():
    """As `echo '{…}' | nc` does: it is stored, and waits for nothing."""
    sink = Sink()
    receiver, _ = opened(sink)
    clock: Any = receiver.intake.clock
    with capturedLogs() as events:
        receiver.dataReceived(b'{"a":1}\n')
        receiver.connectionLost()
        clock.advance(5)
    assert sink.text == b'{"a":1}\n' and not events


def test_a_fault_of_ours_costs_the_datagram_and_those_behind_it_are_taken_in(monkeypatch):
    sink, listener = Sink(), Listener()
    way = intake(sink)
    way.datagrams = DatagramProducer(listener, way)
    receiver = Gelf().datagrams(way)
    faults = [ValueError("a fault")]

    def failing(*args: Any) -> None:
        if faults:
            raise faults.pop()
        add_objects_or_text(*args)

    monkeypatch.setattr(gelf_input, "add_objects_or_text", failing)
    with capturedLogs() as logs:
        receiver.datagrams_received([b"{}"], SENDER)
    receiver.datagrams_received([b'{"a":1}'], SENDER)
    turn(way.clock)
    assert len(logs) == 1 and sink.text == b'{"a":1}\n'
    assert not (listener.paused or way.waits)
