"""Inputs in `MemoryService`: what they store and answer; stored and refused is all that was sent."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer, provider

from logsrv.inputs import (
    ConfigurationError,
    Delimiter,
    FrameInput,
    HttpFormat,
    IInput,
    Input,
    Intake,
    RecordDatagrams,
    RecordReceiver,
)
from logsrv.kit.testing import MemoryService, conformance, http_request
from logsrv.linelog.formats.registry import Inputs, inputs
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


NOTES = """
from logsrv.inputs import Reply, Route, json_line, parse_json_object

def take(body, rules, records):
    records.add(parse_json_object(body)["text"].encode(), structured=False)
    return Reply(201, json_line(path=rules.path, query=dict(rules.query)))

def routes():
    ready = Route((b"GET",), ready=Reply(200, b"yes", "text/plain"), open=True)
    add = Route((b"POST",), take, token_headers=("X-Notes-Key",))
    return {"/notes/WHO": (ready, add)}

def nothing():
    return {"/notes": (5,)}
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HttpFormat:
    """A format over HTTP that is not installed."""
    (tmp_path / "notes_in_memory.py").write_text(NOTES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "notes_in_memory", raising=False)
    return HttpFormat("notes", "notes_in_memory:routes")


def test_a_format_over_http_is_asked_in_memory(notes):
    service = MemoryService(notes, "--input-token", "secret")
    answer = service.request("POST", "/notes/ann?a=b%20c", b'{"text": "hi\\n"}')
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="logsrv"')
    key = {"X-Notes-Key": "secret"}
    answer = service.request("POST", "/notes/ann?a=b%20c", b'{"text": "hi\\n"}', key)
    assert answer.json() == {"path": "/notes/ann", "query": {"a": "b c"}}
    assert service.stored == b"hi\\x0a\n"
    assert service.request("GET", "/notes/ann").body == b"yes"
    # The paths of all other formats are there too, and have their own rules.
    assert service.request("POST", "/lines", b"one\n", key).status == 401
    assert service.metric("records_refused_total", reason="unauthorized") == 2


def test_a_body_that_a_worker_parses_is_answered_in_memory(notes):
    body = b'{"text": "%s"}' % (b"x" * 100_000)
    service = MemoryService(notes)
    assert service.request("POST", "/notes/ann", body).status == 201
    assert len(service.stored) > 100_000


@pytest.mark.slow
def test_a_format_over_http_goes_through_the_conformance_suite(notes):
    conformance(notes, http_request("POST", "/notes/ann", b'{"text": "hi"}'))


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("notes_in_memory:nothing", "notes: /notes has something that is no Route"),
        ("notes_in_memory:absent", "there is no notes_in_memory:absent"),
    ],
)
def test_a_broken_format_over_http_says_so(notes, reference, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        MemoryService(attrs.evolve(notes, reference=reference))


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


class MisspeltReceiver(RecordReceiver):
    def recieved(self, data: bytes) -> None:
        """Is never called."""


class MisspeltDatagrams(DigitReceiver):
    """Its helper is used, and no mistake."""

    def received(self, data: bytes) -> None:
        self.recieved(data)

    def recieved(self, data: bytes) -> None:
        super().received(data)


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"connection": MisspeltReceiver}, "MisspeltReceiver.recieved would never be used; did you mean received?"),  # noqa: E501
        ({"reciever": DigitReceiver}, "My.reciever would never be used; did you mean receiver?"),
        ({"no_datagram": "tcp only"}, "My.no_datagram would never be used; did you mean no_datagrams?"),
    ],
)  # fmt: skip
def test_a_misspelt_name_of_an_input_is_refused_at_the_start(attributes, sentence):
    made: Any = type("My", (Input,), {"name": "my", "__module__": __name__, **attributes})
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        MemoryService(made())
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        Inputs({"my": made()})["my"]


def test_a_helper_with_a_name_like_one_of_ours_is_no_mistake():
    made: Any = type("My", (Digits,), {"__module__": __name__, "receiver": MisspeltDatagrams})
    sender = MemoryService(made()).sender()
    sender.send(b"\1")
    assert sender.received() == [b"stored"]


def test_an_input_without_a_class_for_datagrams_says_so():
    class Mine(Input):
        name = "my"

    intake: Any = SimpleNamespace(label="my:udp:7000", rules=SimpleNamespace(join=False))
    with pytest.raises(ConfigurationError, match=r"my:udp:7000: the input my takes no datagrams"):
        Mine().datagrams(intake)
    with pytest.raises(ConfigurationError, match="takes no connections; its class has no"):
        Mine().stream(intake)
