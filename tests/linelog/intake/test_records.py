"""The connection under every input of records: stored, safe, acknowledged, in this order."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from logsrv.linelog.intake import records as module
from logsrv.linelog.intake import turns
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.records import LARGE, RecordReceiver
from logsrv.linelog.intake.turns import MANY, TimeSlices
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.clocks import Slow
from tests.parts.sinks import Sink, counted, intake


class Semicolons:
    """Records end with `;`."""

    rest = b""

    @property
    def unfinished_bytes(self) -> int:
        return len(self.rest)

    def receive(self, data: bytes) -> list[bytes]:
        *records, self.rest = (self.rest + data).split(b";")
        return records


class Echo(RecordReceiver):
    """Each chunk of records is acknowledged with their number."""

    framer: Semicolons

    def make_framer(self) -> Semicolons:
        return Semicolons()

    def received(self, data: bytes) -> Iterator[None]:
        texts = self.framer.receive(data)
        found = Records()
        for text in texts:
            found.add(text, structured=texts[:1] == [b"{}"])
        yield from self.store(found)
        self.answer_when_safe(b"%d." % len(texts))

    def store_texts(self, *texts: bytes) -> None:
        found = Records()
        found.add_texts(list(texts))
        for _ in self.store(found):
            pass

    def lost(self) -> None:
        self.store_texts(self.framer.rest)


class Peer(StringTransport):
    """A transport that knows whether it is read from, and how it ended."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


def connected(sink: Sink, **rules: object) -> tuple[Echo, Peer]:
    way = intake(sink, LineRules(**rules), options=InputOptions(max_record=100))  # type: ignore[arg-type]
    receiver, peer = Echo(way), Peer()
    receiver.makeConnection(peer)
    return receiver, peer


def test_acknowledged_when_safe_and_in_order():
    sink = Sink()
    receiver, peer = connected(sink)
    receiver.dataReceived(b"a;b\nc;")
    receiver.dataReceived(b"d;")
    assert sink.text == b"a\nb\\x0ac\nd\n"
    assert peer.value() == b"" and receiver.working
    sink.sync()
    assert peer.value() == b"2.1." and not receiver.working


def test_records_that_may_be_lost_are_never_acknowledged():
    sink = Sink()
    receiver, peer = connected(sink)
    receiver.dataReceived(b"a;")
    sink.sync("the disk is broken")
    assert (peer.value(), peer.aborted) == (b"", True)
    receiver.dataReceived(b"b;")
    assert sink.text == b"a\n"


def test_a_peer_that_has_gone_gets_no_answer():
    sink = Sink()
    receiver, peer = connected(sink)
    receiver.dataReceived(b"a;rest")
    receiver.connectionLost()
    sink.sync()
    assert (peer.value(), sink.text) == (b"", b"a\nrest\n")
    assert sink.producers == []


@pytest.mark.parametrize(("record", "each"), [(b"x" * 60_000 + b";", 60_001), (b";", 0)])
def test_too_much_that_is_not_safe_holds_back(record, each):
    """Nobody fills our memory with acknowledgements of nothing, either, while a disk hangs."""
    sink = Sink()
    receiver, peer = connected(sink)
    for _ in range(module.WINDOW // (each + module.ANSWER + 2) + 1):
        assert peer.producerState == "producing"
        receiver.dataReceived(record)
    assert peer.producerState == "paused"
    sink.sync()
    assert peer.producerState == "producing"


def test_an_answer_is_for_all_since_the_last_one():
    """Also for what was stored in earlier turns."""
    sink = Sink()
    receiver, _ = connected(sink)
    receiver.dataReceived(b"a;")
    receiver.store_texts(b"b")
    receiver.store_texts(b"c")
    receiver.dataReceived(b"d;")
    assert sink.text == b"a\nb\nc\nd\n"
    assert sink.since == len(b"a\n")


def test_a_closed_valve_pauses_the_connection():
    sink = Sink()
    receiver, peer = connected(sink)
    sink.closed = True
    receiver.pauseProducing()
    receiver.dataReceived(b"a;")
    sink.closed = True
    receiver.resumeProducing()
    assert peer.producerState == "paused"


def test_refused_after_what_was_stored_is_acknowledged():
    sink = Sink()
    receiver, peer = connected(sink, max_line=4, oversize=Oversize.CLOSE)
    receiver.dataReceived(b"ab;abcdef;x;")
    assert sink.text == b"ab\nabcd\n"
    assert not peer.disconnecting
    receiver.dataReceived(b"later;")
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (b"3.", True)
    assert receiver.intake.received_bytes == 18
    assert counted(receiver.intake, "records_refused_total", reason="oversize") == 1


def test_structured_records_may_be_longer():
    sink = Sink()
    receiver, _ = connected(sink, max_line=4)
    receiver.dataReceived(b"{};" + b"x" * 100 + b";")
    assert sink.text == b"{}\n" + b"x" * 100 + b"\n"


class Slicer(Echo):
    """Takes a step for each record."""

    def received(self, data: bytes) -> Iterator[None]:
        records = self.framer.receive(data)
        for record in records:
            self.store_texts(record)
            yield
        self.answer_when_safe(b"%d." % len(records))


def slicing(sink: Sink, **options: Any) -> tuple[Slicer, Peer, Any]:
    """A connection for which time passes; its clock has a `turn`."""
    way = intake(sink, options=InputOptions(**options))
    way.clock = clock = Slow()  # type: ignore[assignment]
    way.time_slices = TimeSlices(way.valve, clock)
    receiver, peer = Slicer(way), Peer()
    receiver.makeConnection(peer)
    return receiver, peer, clock


def test_what_takes_long_is_done_in_slices_and_nothing_is_read_meanwhile():
    sink = Sink()
    receiver, peer, clock = slicing(sink)
    receiver.dataReceived(b"a;b;c;d;e;")
    assert sink.text.count(b"\n") < 5
    assert peer.producerState == "paused" and receiver.working
    # The store opens again; it is not the only one that holds it back.
    receiver.resumeProducing()
    assert peer.producerState == "paused"
    receiver.dataReceived(b"f;")
    while len(sink.waiting) < 2:
        clock.turn()
    assert sink.text == b"a\nb\nc\nd\ne\nf\n"
    clock.turn()
    assert peer.producerState == "producing"
    sink.sync()
    assert peer.value() == b"5.1." and not receiver.working


def test_while_much_is_to_be_done_no_more_of_long_records_is_received(monkeypatch):
    """Each that is whole is kept until it has its turn; many would be gigabytes."""
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 1)
    sink = Sink()
    receiver, peer, clock = slicing(sink)
    others = [Slicer(receiver.intake) for _ in range(MANY)]
    for other in others:
        other.makeConnection(Peer())
        other.dataReceived(b"a;b;c;d;e;")
    receiver.dataReceived(b"short")
    assert peer.producerState == "producing"
    receiver.dataReceived(b"x" * (LARGE + 1))
    assert peer.producerState == "paused"
    receiver.resumeProducing()
    assert peer.producerState == "paused"
    while peer.producerState == "paused":
        clock.turn()
    assert not receiver.intake.time_slices.is_full


def test_what_was_sent_before_the_end_of_the_connection_is_stored_behind_it():
    sink = Sink()
    receiver, peer, clock = slicing(sink)
    receiver.dataReceived(b"a;b;c;d;e;unfinished")
    receiver.connectionLost()
    while not sink.waiting:
        clock.turn()
    clock.turn()
    assert sink.text == b"a\nb\nc\nd\ne\nunfinished\n"
    sink.sync()
    assert peer.value() == b""


def test_what_is_left_at_the_end_of_the_service_is_stored():
    sink = Sink()
    receiver, _, _ = slicing(sink)
    receiver.dataReceived(b"a;b;c;d;e;")
    receiver.intake.flush()
    assert sink.text == b"a\nb\nc\nd\ne\n"


def test_a_fault_of_ours_ends_the_connection():
    sink = Sink()
    receiver, peer, _ = slicing(sink)
    receiver.received = None  # type: ignore[assignment]
    receiver.dataReceived(b"a;")
    assert peer.aborted and not receiver.working


def test_who_waits_for_others_work_goes_on_when_the_store_was_full_as_it_ended():
    """Nobody tells a second time that there is room: it would never be read from again."""
    sink = Sink()
    receiver, peer, clock = slicing(sink)
    time_slices, others = (
        receiver.intake.time_slices,
        [Slicer(receiver.intake) for _ in range(MANY)],
    )
    for other in others:
        other.makeConnection(Peer())
        other.dataReceived(b"a;b;c;d;e;")
    receiver.dataReceived(b"x" * (LARGE + 1))
    sink.closed = True
    while time_slices.is_full:
        time_slices._do_turn_slices()
    assert peer.producerState == "paused"
    for other in others:
        other.dataReceived(b"a;b;c;d;e;f;g;h;")
    # The store opens while there is much to do again.
    sink.closed = False
    assert time_slices.is_full
    receiver.resumeProducing()
    assert peer.producerState == "paused"
    while clock.getDelayedCalls():
        clock.turn()
    time_slices.finish()
    assert peer.producerState == "producing"


def test_nothing_after_a_record_that_closes_is_stored():
    """However much of it came together: it is counted."""
    sink = Sink()
    receiver, peer = connected(sink, max_line=4, oversize=Oversize.CLOSE)
    receiver.store_texts(b"too long")
    receiver.store_texts(b"more", b"x")
    assert sink.text == b"too \n"
    assert receiver.intake.counts.dropped_closed == len(b"longmorex")
    assert peer.disconnecting


def test_a_connection_that_gives_way_keeps_nothing():
    """A peer that reads no answers keeps it open; a thousand of them kept what the bound had let go of."""
    sink = Sink()
    way = intake(sink, options=InputOptions(max_body=200))
    first, second = Echo(way), Echo(way)
    for receiver in first, second:
        receiver.makeConnection(Peer())
        receiver.dataReceived(b"x" * 250)
    assert first.ending and not second.ending
    assert (first.unfinished_bytes, second.unfinished_bytes, way.unfinished.size) == (0, 250, 250)
    assert sink.text == b"x" * 250 + b"\n"


def test_who_gives_way_at_the_end_of_its_slices_is_not_read_from_again():
    sink = Sink()
    receiver, peer, clock = slicing(sink, max_body=100)
    receiver.dataReceived(b"a;b;c;d;e;" + b"x" * 201)
    while not receiver.ending:
        clock.turn()
    assert peer.producerState == "paused" and not peer.disconnecting
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (b"5.", True)
