"""The connection under every input of records: stored, safe, acknowledged, in this order."""

import pytest

from logsrv.linelog.intake import records as module
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.receivers import Echo, Peer
from tests.parts.sinks import Sink, counted, intake


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


def test_a_peer_waits_until_its_records_are_acknowledged():
    """--idle-timeout does not close it meanwhile: it would only send them again."""
    sink = Sink()
    receiver, _ = connected(sink)
    assert not receiver.peer_waits
    receiver.dataReceived(b"a;b")
    assert receiver.peer_waits
    sink.sync()
    assert not receiver.peer_waits


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


def test_an_answer_that_is_no_bytes_is_an_error_at_once():
    sink = Sink()
    receiver, _ = connected(sink)
    with pytest.raises(TypeError, match="an answer has to be bytes, not 'ok'"):
        receiver.answer_when_safe("ok")  # type: ignore[arg-type]


def test_last_words_come_behind_the_acknowledgements_that_wait():
    """A peer that stops at them would send again what it takes for lost."""
    sink = Sink()
    receiver, peer = connected(sink)
    receiver.dataReceived(b"a;")
    receiver.end(b"bye")
    assert peer.value() == b""
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (b"1.bye", True)
