"""Messages that a function parses, here or in a worker: their order, their answers, and who waits."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import fail
from twisted.logger import capturedLogs

from logsrv.kit.children.pool import NoWorkerError, WorkerEndedError
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.records import RecordReceiver
from logsrv.linelog.intake.turns import LONG
from logsrv.linelog.lines.bodies import LARGE, BodyRules, Records, Reply, RequestRefused
from tests.parts.receivers import Echo, Peer
from tests.parts.sinks import Sink, counted, intake, turn
from tests.parts.workers import WorkersHere


def add_text(message: bytes, rules: BodyRules, records: Records) -> Reply:
    """The parser of messages; `bad` ones are refused, and `gone` ones need what is not there."""
    if message.startswith(b"bad"):
        raise RequestRefused(400, "it is bad", records=3)
    if message.startswith(b"gone"):
        raise KeyError("gone")
    if message.startswith(b"exit"):
        raise SystemExit("an end of its own")
    if message.startswith(b"grows"):
        rules.check_unpacked(LARGE + 1)
    records.add(message[:9], structured=False)
    return Reply(200, b"%d." % len(message))


class Parsing(Echo):
    """Each record is a message of its own."""

    acknowledges = True

    def messages(self, data: bytes) -> Iterator[bytes]:
        yield from self.framer.receive(data)

    def received(self, message: bytes) -> None:
        self.parse(add_text, message, b"!")


class Busy:
    """The CPU time, of which each look takes more than a turn has."""

    seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 2 * LONG
        return self.seconds


def parsing(
    sink: Sink,
    kind: type[Parsing] = Parsing,
    *,
    busy: bool = False,
    waits: bool = True,
    **options: Any,
) -> tuple[Parsing, Peer, WorkersHere]:
    """A connection of messages, its peer, and the workers for large ones."""
    workers = WorkersHere(waits=waits)
    cpu = Busy() if busy else lambda: 0.0
    way = intake(sink, options=InputOptions(**options), workers=workers, cpu=cpu)
    receiver, peer = kind(way), Peer()
    receiver.makeConnection(peer)
    return receiver, peer, workers


def turn_of(receiver: RecordReceiver) -> None:
    turn(receiver.intake.clock)


def test_what_takes_long_goes_on_in_later_turns_and_nothing_is_read_meanwhile():
    sink = Sink()
    receiver, peer, _ = parsing(sink, busy=True)
    receiver.dataReceived(b"a;b;c;")
    assert sink.text.count(b"\n") < 3
    assert peer.producerState == "paused" and receiver.working
    # The store opens again; it is not the only one that holds it back.
    receiver.resumeProducing()
    assert peer.producerState == "paused"
    receiver.dataReceived(b"f;")
    for _ in range(9):
        turn_of(receiver)
    assert sink.text == b"a\nb\nc\nf\n"
    assert peer.producerState == "producing"
    sink.sync()
    assert peer.value() == 4 * b"1.!" and not receiver.working


def test_a_large_message_is_parsed_by_a_worker_and_those_behind_it_wait():
    sink = Sink()
    receiver, peer, workers = parsing(sink)
    receiver.dataReceived(b"a;" + b"x" * LARGE + b"x;b;")
    for _ in range(9):
        turn_of(receiver)
    assert sink.text == b"a\n" and peer.producerState == "paused"
    assert receiver.intake.unfinished.held == LARGE + 1
    workers.answer_next()
    turn_of(receiver)
    assert sink.text == b"a\nxxxxxxxxx\nb\n" and peer.producerState == "producing"
    assert receiver.intake.unfinished.held == 0
    sink.sync()
    assert peer.value() == b"1.!%d.!1.!" % (LARGE + 1)


def test_a_message_that_proves_to_be_large_is_parsed_by_a_worker():
    sink = Sink()
    receiver, _, workers = parsing(sink)
    receiver.dataReceived(b"grows;b;")
    assert sink.text == b"" and workers.waiting == 1
    workers.answer_next()
    turn_of(receiver)
    assert sink.text == b"grows\nb\n"


@pytest.mark.parametrize("size", [4, LARGE + 1])
def test_a_refused_message_closes_the_connection_and_nothing_behind_it_is_stored(size):
    sink = Sink()
    receiver, peer, _ = parsing(sink, waits=False)
    receiver.dataReceived(b"a;bad" + b"x" * size + b";b;")
    turn_of(receiver)
    assert sink.text == b"a\n" and not peer.disconnecting
    assert counted(receiver.intake, "records_refused_total", reason="protocol") == 3
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (b"1.!", True)


def test_a_large_message_is_stored_behind_the_end_of_its_connection():
    sink = Sink()
    receiver, peer, workers = parsing(sink)
    receiver.dataReceived(b"x" * LARGE + b"x;b;unfinished")
    receiver.connectionLost()
    assert receiver.working
    workers.answer_next()
    turn_of(receiver)
    assert sink.text == b"xxxxxxxxx\nb\nunfinished\n"
    sink.sync()
    assert peer.value() == b"" and not receiver.working


class LastParsed(Parsing):
    """The unfinished record of a peer that has gone is parsed as well."""

    last = b""

    def lost(self) -> None:
        self.parse(add_text, self.last)


@pytest.mark.parametrize(("last", "waits"), [(b"bad", False), (b"x" * (LARGE + 1), True)])
def test_a_stop_waits_for_the_last_record_only_while_a_worker_has_it(last, waits, monkeypatch):
    monkeypatch.setattr(LastParsed, "last", last)
    receiver, _, _ = parsing(Sink(), LastParsed)
    receiver.connectionLost()
    assert receiver.working is waits


def test_an_answer_that_comes_when_the_store_is_closed_is_too_late():
    sink = Sink()
    receiver, _, workers = parsing(sink)
    receiver.dataReceived(b"x" * LARGE + b"x;")
    receiver.intake.flush()
    workers.answer_next()
    turn_of(receiver)
    assert sink.text == b""
    assert counted(receiver.intake, "requests_deferred_total") == 1
    assert counted(receiver.intake, "records_refused_total", reason="unfinished") == 0


def test_while_workers_have_much_to_do_no_more_of_long_records_is_received():
    """Each that is whole is kept until a worker has it; many would be gigabytes."""
    sink = Sink()
    receiver, peer, workers = parsing(sink)
    others = [Parsing(receiver.intake) for _ in range(workers.most + 2)]
    for other in others:
        other.makeConnection(Peer())
        other.dataReceived(b"x" * LARGE + b"x;")
    receiver.dataReceived(b"short")
    assert peer.producerState == "producing"
    receiver.dataReceived(b"x" * (LARGE + 1))
    assert peer.producerState == "paused"
    receiver.resumeProducing()
    assert peer.producerState == "paused"
    while workers.waiting > workers.most + 1:
        assert peer.producerState == "paused"
        workers.answer_next()
    assert peer.producerState == "producing"


def test_what_was_sent_before_the_end_of_the_connection_is_stored_behind_it():
    sink = Sink()
    receiver, peer, _ = parsing(sink, busy=True)
    receiver.dataReceived(b"a;b;c;d;e;unfinished")
    receiver.connectionLost()
    for _ in range(9):
        turn_of(receiver)
    assert sink.text == b"a\nb\nc\nd\ne\nunfinished\n"
    sink.sync()
    assert peer.value() == b""


def test_what_is_left_at_the_end_of_the_service_is_stored():
    sink = Sink()
    receiver, _, _ = parsing(sink, busy=True)
    receiver.dataReceived(b"a;b;c;d;e;")
    receiver.intake.flush()
    assert sink.text == b"a\nb\nc\nd\ne\n"


class Received(Parsing):
    """Its own code fails, not its parser."""

    def received(self, message: bytes) -> None:
        if message.startswith((b"gone", b"exit")):
            add_text(message, self.body_rules, Records())
        super().received(message)


@pytest.mark.complains("KeyError")
@pytest.mark.parametrize("kind", [Parsing, Received])
@pytest.mark.parametrize("fault", [b"gone", b"exit", b"gone" + b"x" * LARGE])
def test_an_error_of_a_format_is_counted_and_closes_behind_the_last_answer(kind, fault):
    """Said once, however many connections it costs."""
    sink = Sink()
    receiver, peer, _ = parsing(sink, kind, waits=False)
    others = [(kind(receiver.intake), Peer()) for _ in range(3)]
    with capturedLogs() as logs:
        for one, transport in ((receiver, peer), *others):
            if one is not receiver:
                one.makeConnection(transport)
            one.dataReceived(b"a;" + fault + b";b;")
            turn_of(receiver)
            sink.sync()
            assert (transport.value(), transport.disconnecting) == (b"1.!", True)
            assert not transport.aborted and not one.working
    assert sink.text == b"a\n" * 4
    assert counted(receiver.intake, "records_refused_total", reason="failed") == 4
    assert len([one for one in logs if "log_failure" in one]) <= 1


def test_who_gives_way_at_the_end_of_its_turns_is_not_read_from_again():
    sink = Sink()
    receiver, peer, _ = parsing(sink, busy=True, max_body=100)
    receiver.dataReceived(b"a;b;c;d;e;" + b"x" * 201)
    for _ in range(9):
        turn_of(receiver)
    assert receiver.ending and peer.producerState == "paused" and not peer.disconnecting
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (5 * b"1.!", True)


def test_messages_behind_one_that_is_refused_at_once_wait_for_their_workers():
    sink = Sink()
    receiver, _, workers = parsing(sink)
    receiver.acknowledges = False
    asked = workers.answer
    refusals = [NoWorkerError("there is none")]
    workers.answer = (  # type: ignore[method-assign]
        lambda *parts, **more: fail(refusals.pop()) if refusals else asked(*parts, **more)
    )
    receiver.dataReceived((b"x" * LARGE + b"x;") * 2 + b"b;")
    for _ in range(5):
        turn_of(receiver)
    assert sink.text == b"" and workers.waiting == 1
    workers.answer_next()
    turn_of(receiver)
    assert sink.text == b"xxxxxxxxx\nb\n"


@pytest.mark.parametrize("size", [1, LARGE + 1])
def test_a_parser_that_no_worker_can_import_parses_nothing(size):
    """Small tests would pass, and large messages fail."""
    receiver, _, _ = parsing(Sink())
    for parser in (partial(add_text), lambda *_: Reply(200)):
        with pytest.raises(TypeError, match="has to be a function of a module"):
            receiver.parse(parser, b"x" * size)
    assert receiver.intake.unfinished.asked == receiver.intake.unfinished.held == 0


class Numbering(Parsing):
    """Each message has an answer that does not depend on its parser."""

    def received(self, message: bytes) -> None:
        self.parse(add_text, message)
        self.answer_when_safe(b"ok")


@pytest.mark.parametrize("size", [1, LARGE + 1])
def test_an_answer_behind_a_message_is_sent_when_that_is_stored(size):
    """Also while a worker parses the message: it may die."""
    sink = Sink()
    receiver, peer, workers = parsing(sink, Numbering)
    receiver.dataReceived(b"x" * size + b";")
    sink.sync()
    if size > LARGE:
        assert peer.value() == b""
        workers.answer_next()
        sink.sync()
    assert peer.value() == b"%d.ok" % size


@pytest.mark.complains("KeyError|SystemExit")
@pytest.mark.parametrize("fault", [b"bad", b"gone", b"exit"])
@pytest.mark.parametrize("size", [1, LARGE])
def test_an_answer_behind_a_refused_message_is_not_sent(fault, size):
    """Its peer would take it for stored; answers before it are sent."""
    sink = Sink()
    receiver, peer, workers = parsing(sink, Numbering)
    receiver.dataReceived(b"a;" + fault + b"x" * size + b";b;")
    if size == LARGE:
        workers.answer_next()
    turn_of(receiver)
    sink.sync()
    assert (peer.value(), peer.disconnecting) == (b"1.ok", True)
    assert sink.text == b"a\n"


class Twice(Parsing):
    """Parses two messages where it was given one."""

    def received(self, message: bytes) -> None:
        self.parse(add_text, message)
        self.parse(add_text, b"second")
        self.answer_when_safe(b"ok")


@pytest.mark.complains("messages")
def test_a_second_message_beside_one_of_a_worker_is_refused():
    """It would be stored before the first, and an answer would not wait for that."""
    sink = Sink()
    receiver, peer, workers = parsing(sink, Twice)
    receiver.dataReceived(b"x" * LARGE + b"x;b;")
    assert receiver.working and not peer.disconnecting
    workers.answer_next()
    turn_of(receiver)
    sink.sync()
    assert (sink.text, peer.value()) == (b"x" * 9 + b"\n", b"")
    assert peer.disconnecting
    assert counted(receiver.intake, "records_refused_total", reason="failed") == 1


def test_an_answer_behind_a_message_that_no_worker_takes_comes_before_the_next():
    """Who sends nothing again keeps its connection, and the order of its answers."""
    sink = Sink()
    receiver, peer, workers = parsing(sink, Numbering)
    receiver.acknowledges = False
    receiver.dataReceived(b"x" * LARGE + b"x;b;")
    workers.fail_next(NoWorkerError("there is none"))
    turn_of(receiver)
    sink.sync()
    assert peer.value() == b"ok1.ok"


def test_a_sender_that_cannot_go_on_costs_no_other_its_answer():
    class Failing:
        def resumeProducing(self) -> None:
            raise ValueError("gone")

    sink = Sink()
    receiver, _, workers = parsing(sink)
    receiver.dataReceived(b"x" * LARGE + b"x;")
    receiver.intake.unfinished.resume_after_answer(Failing())  # type: ignore[arg-type]
    with capturedLogs() as logs:
        workers.answer_next()
    assert len(logs) == 1 and sink.text == b"xxxxxxxxx\n"


def test_a_message_with_a_worker_keeps_those_behind_it_waiting_however_long_it_took():
    sink = Sink()
    receiver, _, workers = parsing(sink, busy=True)
    receiver.dataReceived(b"x" * LARGE + b"x;b;")
    for _ in range(5):
        turn_of(receiver)
    assert sink.text == b""
    workers.answer_next()
    for _ in range(5):
        turn_of(receiver)
    assert sink.text == b"xxxxxxxxx\nb\n"


def test_a_worker_that_dies_costs_the_connection_and_the_message_comes_again():
    sink = Sink()
    receiver, peer, workers = parsing(sink)
    receiver.dataReceived(b"a;" + b"x" * LARGE + b"x;b;")
    workers.fail_next(WorkerEndedError("it was killed"))
    turn_of(receiver)
    sink.sync()
    assert sink.text == b"a\n" and (peer.value(), peer.disconnecting) == (b"1.!", True)
    assert counted(receiver.intake, "requests_deferred_total") == 1


def test_who_sends_nothing_again_keeps_its_connection_when_a_worker_dies():
    sink = Sink()
    receiver, peer, workers = parsing(sink)
    receiver.acknowledges = False
    receiver.dataReceived(b"a;" + b"x" * LARGE + b"x;b;")
    workers.fail_next(NoWorkerError("there is none"))
    turn_of(receiver)
    assert sink.text == b"a\nb\n" and not peer.disconnecting
    assert counted(receiver.intake, "records_refused_total", reason="busy") == 1
