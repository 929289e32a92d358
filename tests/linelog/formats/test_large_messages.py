"""Large messages of each stream format: a worker parses them, and those around them are as without it."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import attrs
import msgpack
import pytest
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.children.pool import NoWorkerError, WorkerEndedError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.formats.forward.input import Forward
from logsrv.linelog.formats.forward.parse import add_event
from logsrv.linelog.formats.gelf.input import Gelf
from logsrv.linelog.formats.lumberjack.input import Lumberjack
from logsrv.linelog.formats.python.input import Python
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.parsing import ParseOrder, read_answer
from logsrv.linelog.lines.bodies import BodyRules, RequestRefused
from logsrv.linelog.lines.rules import LineCounts, LineRules
from tests.parts.messages import event, packed, pickled, window
from tests.parts.sinks import Sink, connected, counted, intake, refused, turn
from tests.parts.workers import WorkersHere


@attrs.frozen
class Format:
    """A stream format. message: makes one of a text. line: what is stored. answer: when it is safe."""

    name: str
    input: Input
    message: Callable[[str], bytes]
    line: Callable[[str], str]
    answer: bytes = b""

    def open(self, sink: Sink) -> tuple[Any, StringTransport, WorkersHere]:
        workers = WorkersHere(waits=True)
        return (*connected(self.input, intake(sink, workers=workers)), workers)

    def messages(self, texts: str) -> bytes:
        """Return messages of one character each; capital letters become large ones."""
        return b"".join(self.message(_content(text)) for text in texts)

    def lines(self, texts: str) -> bytes:
        return "".join(f"{self.line(_content(text))}\n" for text in texts).encode()


def _content(text: str) -> str:
    return text * 100_000 if text.isupper() else text


def _as_json(text: str) -> str:
    return f'{{"a":"{text}"}}'


FORMATS = [
    Format(
        "forward",
        Forward(),
        lambda text: bytes(msgpack.packb(["t", 0, {"a": text}, {"chunk": "c"}])),
        lambda text: f'{{"a":"{text}","time":"1970-01-01T00:00:00Z","tag":"t"}}',
        msgpack.packb({"ack": "c"}),
    ),
    Format(
        "lumberjack",
        Lumberjack(),
        lambda text: window(_as_json(text).encode()),
        _as_json,
        b"2A\0\0\0\1",
    ),
    Format(
        "packed lumberjack",
        Lumberjack(),
        lambda text: window(number=1) + packed(event(1, _as_json(text).encode())),
        _as_json,
        b"2A\0\0\0\1",
    ),
    Format("gelf", Gelf(), lambda text: _as_json(text).encode() + b"\0", _as_json),
    Format(
        "python",
        Python(),
        lambda text: pickled({"msg": text}),
        lambda text: f'{{"message":"{text}"}}',
    ),
]
each_format = pytest.mark.parametrize("sent", FORMATS, ids=lambda one: one.name)


@each_format
def test_messages_behind_large_ones_wait_and_keep_their_order(sent):
    sink = Sink()
    receiver, peer, workers = sent.open(sink)
    receiver.dataReceived(sent.messages("aXbYc"))
    for texts in ("a", "aXb"):
        assert (sink.text, peer.producerState) == (sent.lines(texts), "paused")
        assert workers.waiting == 1
        workers.answer_next()
        turn(receiver.intake.clock)
    assert (sink.text, peer.producerState) == (sent.lines("aXbYc"), "producing")
    sink.sync()
    assert peer.value() == sent.answer * 5 and not receiver.working


@each_format
def test_a_large_message_of_a_peer_that_has_gone_is_stored(sent):
    sink = Sink()
    receiver, _, workers = sent.open(sink)
    receiver.dataReceived(sent.messages("aXb"))
    receiver.connectionLost()
    assert receiver.working
    workers.answer_next()
    turn(receiver.intake.clock)
    sink.sync()
    assert sink.text == sent.lines("aXb") and not receiver.working


@each_format
@pytest.mark.parametrize("error", [NoWorkerError("none"), WorkerEndedError("it has died")])
def test_a_message_whose_worker_dies_is_not_stored_and_comes_again_if_it_is_acknowledged(
    sent, error
):
    sink = Sink()
    receiver, peer, workers = sent.open(sink)
    receiver.dataReceived(sent.messages("aXb"))
    with capturedLogs() as events:
        workers.fail_next(error)
        turn(receiver.intake.clock)
    sink.sync()
    (said,) = map(formatEvent, events)
    assert said is not None and said.endswith(f": {error}; send it again")
    deferred = counted(receiver.intake, "requests_deferred_total")
    outcome = (
        sink.text,
        peer.value(),
        peer.disconnecting,
        deferred,
        refused(receiver.intake, "busy"),
    )
    if sent.answer:
        assert outcome == (sent.lines("a"), sent.answer, True, 1, 0)
    else:
        assert outcome == (sent.lines("ab"), b"", False, 0, 1)


@each_format
def test_a_message_that_needs_more_memory_than_a_worker_has_closes_the_connection(
    sent, monkeypatch
):
    sink = Sink()
    receiver, peer, workers = sent.open(sink)
    receiver.dataReceived(sent.messages("aXb"))

    def exhausted(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched, capturedLogs() as events:
        patched.setattr("logsrv.linelog.intake.parsing.gather", exhausted)
        workers.answer_next()
    turn(receiver.intake.clock)
    sink.sync()
    (said,) = map(formatEvent, events)
    assert said is not None
    assert "closing the connection: the message needs more memory than one message" in said
    assert said.endswith("; send fewer at once")
    assert (sink.text, peer.value(), peer.disconnecting) == (sent.lines("a"), sent.answer, True)
    assert refused(receiver.intake, "oversize") == 1


def test_a_refusal_by_a_worker_counts_the_records_of_an_event():
    sink = Sink()
    receiver, peer = connected(Forward(), intake(sink))
    traces = {"fluent_signal": 2, "chunk": "c"}
    receiver.dataReceived(msgpack.packb(["t", [[1, {"a": "b"}]] * 30_000, traces]))
    turn(receiver.intake.clock)
    assert refused(receiver.intake, "no_logs") == 30_000
    assert (sink.text, peer.value(), peer.disconnecting) == (b"", b"", True)


def test_a_large_pickle_that_is_no_record_costs_itself_alone():
    sink = Sink()
    receiver, peer = connected(Python(), intake(sink))
    receiver.dataReceived(pickled(["x" * 100_000]) + pickled({"msg": "a"}))
    turn(receiver.intake.clock)
    assert sink.text == b'{"message":"a"}\n' and not peer.disconnecting
    assert refused(receiver.intake, "pickle") == 1


# A worker with less memory than usual.
LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
from logsrv.linelog.intake.worker import main
raise SystemExit(main())
"""


@pytest.mark.slow
def test_a_worker_refuses_a_message_beyond_its_memory_and_parses_the_next_one():
    # Each record repeats the tag.
    large = msgpack.packb(["t" * 4000, [[0, {}]] * 100_000])
    rules = BodyRules("", "", 1 << 20, 4 << 30, 1 << 30)
    orders = [
        ParseOrder(add_event, body, rules, LineRules()).encoded()
        for body in (large, msgpack.packb(["t", 0, {"a": 1}]))
    ]
    answered = subprocess.run(
        [sys.executable, "-P", "-c", LIMITED],
        input=b"".join(part for order in orders for part in frame_parts(*order)),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    begun, *answers = MessageReader().receive(answered.stdout)
    assert begun == [] and len(answers) == 2
    with pytest.raises(RequestRefused, match="send fewer at once") as raised:
        read_answer(answers[0], LineCounts())
    assert (raised.value.status, raised.value.reason) == (413, "oversize")
    (block,) = read_answer(answers[1], LineCounts()).gathered.blocks
    assert bytes(block) == b'{"a":1,"time":"1970-01-01T00:00:00Z","tag":"t"}\n'
