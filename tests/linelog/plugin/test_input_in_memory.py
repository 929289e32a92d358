"""Inputs in `MemoryService`: what they store and answer; stored and refused is all that was sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer, provider

from logsrv.inputs import IInput, Input, Intake, RecordDatagrams
from logsrv.kit import Delimiter
from logsrv.kit.testing import MemoryService, conformance
from logsrv.linelog.formats.registry import inputs
from logsrv.linelog.intake.frames import FrameInput
from tests.parts.messages import MESSAGES, promises_all


class Nul(FrameInput):
    name = "nul"
    framing = Delimiter(b"\0")
    max_frame = 64 * 1024


class DigitReceiver(RecordDatagrams):
    def received(self, data: bytes) -> None:
        self.store(data.hex().encode())
        self.answer_when_safe(b"stored")


class Digits(Input):
    name = "digits"
    receiver = DigitReceiver
    no_streams = "digits takes datagrams only"


@implementer(IInput)
class Bare:
    """An input that has no base class of ours."""

    name = "bare"

    def stream(self, intake: Intake) -> Any:
        return Nul().stream(intake)

    def datagrams(self, intake: Intake) -> Any:
        return Digits().datagrams(intake)


@pytest.mark.parametrize(
    ("tested", "sent", "stored"),
    [
        (Nul(), b"one\0two\nlines\0", b"one\ntwo\\x0alines\n"),
        (Nul(), b"\xff\xfe\0", b"\\xff\\xfe\n"),
        (Bare(), b"one\0", b"one\n"),
        (inputs()["lines"], b"one\r\ntwo\n", b"one\ntwo\n"),
        (inputs()["lines"], b"no end", b"no end\n"),
        (inputs()["syslog"], b"<13>one\n<13>two\n", b"<13>one\n<13>two\n"),
        (inputs()["syslog"], b"7 <13>one7 <13>two", b"<13>one\n<13>two\n"),
        (inputs()["gelf"], b'{"version":"1.1","host":"h","short_message":"m"}\0', None),
    ],
)
def test_an_input_stores_what_a_connection_sends(tested, sent, stored):
    service = MemoryService(tested)
    peer = service.connect()
    peer.feed(sent)
    peer.disconnect()
    service.clock.advance(2)
    if stored is None:
        assert b'"short_message":"m"' in service.stored
    else:
        assert service.stored == stored
    assert service.metric("received_lines_total") == service.stored.count(b"\n")
    assert service.stop() == 0


@pytest.mark.parametrize("tested", [Digits(), Bare()])
def test_an_input_answers_datagrams(tested):
    service = MemoryService(tested)
    sender = service.sender()
    sender.send(b"\x01\xff")
    service.clock.advance(1)
    assert (service.stored, sender.received()) == (b"01ff\n", [b"stored"])


def test_an_input_takes_the_options_of_a_listener():
    service = MemoryService(inputs()["lines"], "--max-line", "4", "--oversize", "truncate")
    service.connect().feed(b"123456\n")
    assert service.stored == b"1234\n"


def test_an_input_without_connections_says_so():
    with pytest.raises(AssertionError, match="digits takes no connections"):
        MemoryService(Digits()).connect()


@pytest.mark.parametrize("tested", [Nul(), Digits(), Bare()])
def test_an_input_goes_through_the_conformance_suite(tested):
    conformance(tested, b"one\0two\0")


class Chunks(Input):
    """Stores each chunk as a line: wrong, as the network cuts where it likes."""

    name = "chunks"
    no_datagrams = "none"

    def stream(self, intake: Intake) -> Any:
        factory: Any = inputs()["lines"].stream(intake)
        build = factory.buildProtocol

        def built(address: Any) -> Any:
            protocol: Any = build(address)
            protocol.dataReceived = lambda data: intake.take(data.hex().encode() + b"\n", "x")
            return protocol

        factory.buildProtocol = built
        return factory


def test_conformance_compares_what_is_stored():
    with pytest.raises(
        AssertionError, match=r"chunks stores b'ab\\n' differently when it comes as"
    ):
        conformance(Chunks(), b"ab\n")


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """The sentences that are logged as warnings."""
    found: list[str] = []

    @provider(ILogObserver)
    def keep(event: dict[str, Any]) -> None:
        if event.get("log_level") is LogLevel.warn:
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(keep)
    yield found
    globalLogPublisher.removeObserver(keep)


@pytest.mark.parametrize("message", MESSAGES, ids=[one.name for one in MESSAGES])
def test_stored_and_refused_is_sent_and_told(message, warnings):
    service = MemoryService(inputs()[message.input])
    peer = service.connect()
    peer.feed(message.data)
    # A second of silence ends what waits for more.
    service.clock.advance(2)
    answer = peer.received()
    peer.disconnect()
    service.clock.advance(1)
    stored = service.stored.count(b"\n")
    refused = service.metric("records_refused_total")
    as_text = service.metric("records_as_text_total")
    assert stored + refused == message.sent, (service.stored, answer, warnings)
    assert len(warnings) == len(set(warnings))
    if refused or as_text:
        assert warnings or message.input in ("lines", "syslog")
    if message.valid:
        assert (refused, as_text, warnings) == (0, 0, [])
    if not stored and promises_all(message, answer):
        # These repeat what is not acknowledged, though there is nothing more to have of it.
        assert message.input in ("forward", "relp", "lumberjack") and refused and warnings
    assert service.stop() == 0
