"""The service in memory: as with sockets; it tells if answers depend on cuts, and where two differ."""

import warnings
from typing import Any, ClassVar

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs

from logsrv.inputs import Delimiter, FrameInput
from logsrv.kit import (
    DURATION,
    TEXT,
    ConfigurationError,
    DatagramLines,
    Datagrams,
    LineProtocol,
    RunningService,
    Sender,
    option,
    protocol_plugin,
)
from logsrv.kit.testing import MemoryService, every_split
from logsrv.kit.testing._difference import difference, short_repr
from logsrv.kit.testing._memory_peers import MemoryTransport
from tests.parts.talking import Shout


class Chunks(Protocol):
    """A beginner's protocol, which takes a chunk for a message."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"[%b]" % data)


class AtEnd(Protocol):
    """Answers with its first chunk, when that is a single byte."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if len(data) == 1:
            self.transport.write(b"!")


class Marked(FrameInput):
    """An author's input."""

    name = "marked"
    framing = Delimiter(b"\x1e")


@attrs.frozen(kw_only=True)
class Options:
    topic: str = option("anything", TEXT, "what we talk about")
    words: tuple[str, ...] = option(("a",), TEXT, "which words", repeatable=True)
    wait: float | None = option(None, DURATION, "how long")

    def __attrs_post_init__(self) -> None:
        if self.topic == "nothing":
            raise ValueError("there has to be something to talk about")


class State:
    def __init__(self, service: RunningService[Options, Any]) -> None:
        self.service = service
        self.applied: list[str] = []
        self.closed = False

    async def apply(self, settings: Options) -> None:
        await deferLater(self.service.clock, 2)  # type: ignore[arg-type]
        if settings.topic == "politics":
            raise ConfigurationError("no politics here")
        self.applied.append(settings.topic)

    def close(self) -> None:
        self.closed = True


class Topic(LineProtocol[Options, State]):
    async def line_received(self, line: str) -> None:
        await deferLater(self.clock, float(line))  # type: ignore[arg-type]
        self.send_line(self.service.settings.topic)


TOPIC = protocol_plugin("topic", Topic, Options, state=State)


def test_every_split_yields_all_single_cuts():
    """Whole, in two at every place, byte by byte; nothing lost or doubled."""
    ways = list(every_split(b"abc"))
    assert ways == [[b"abc"], [b"a", b"bc"], [b"ab", b"c"], [b"a", b"b", b"c"]]


def test_answer_finds_a_protocol_that_depends_on_chunks():
    assert MemoryService(Shout).answer(b"ab\n") == b"AB\r\n"
    with pytest.raises(AssertionError, match="the answer to"):
        MemoryService(Chunks).answer(b"ab\n")


def test_a_plugin_with_options_and_no_environment(monkeypatch):
    """Options are given as on the command line; the developer's own environment plays no part."""
    monkeypatch.setenv("SHOUT_MAX_LINE", "3")
    service = MemoryService(protocol_plugin("shout", Shout), "--idle-timeout", "9s")
    assert service.service.settings.max_line == 65536
    assert service.service.settings.idle_timeout == 9


def test_a_reload_changes_the_named_settings():
    """Settings change as by the command line or as values; what is not named stays as it is."""
    service = MemoryService(TOPIC, "--topic", "dogs", "--max-connections", "5")
    state = service.service.state
    service.reload(topic="cats", words=("b", "c"), wait="1m", max_line="1KiB")
    settings = service.service.settings
    assert (settings.topic, settings.words, settings.wait) == ("cats", ("b", "c"), 60)
    assert (settings.max_line, settings.max_connections) == (1024, 5)
    service.reload(wait=None, max_connections=1)
    assert (service.service.settings.topic, service.service.settings.wait) == ("cats", None)
    assert service.service.state is state
    assert state.applied == ["cats", "cats"]
    assert [service.connect().closed for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"topic": "politics"}, "no politics here"),
        ({"topic": "nothing"}, "there has to be something to talk about"),
        ({"max_line": "lots"}, "--max-line lots: not a size"),
        ({"listen": "udp:1"}, "udp:1: topic takes connections only, no datagrams"),
    ],
)
def test_a_refused_reload_changes_nothing(changed, sentence):
    """The reason is raised, all stays as it was, and the next reload does not ask for it again."""
    service = MemoryService(TOPIC)
    with pytest.raises(ConfigurationError, match=sentence):
        service.reload(**changed)
    assert service.service.settings.topic == "anything"
    service.reload(words="d")
    assert service.service.settings.words == ("d",)


def test_a_reload_of_an_unknown_option_is_an_error():
    with pytest.raises(TypeError, match=r"there is no option topc \(did you mean topic\?\)"):
        MemoryService(TOPIC).reload(topc="cats")


def test_a_reload_moves_listeners():
    """Who is connected where it listens no more is let go."""
    service = MemoryService(TOPIC, "--listen", "tcp:1", "--listen", "tcp:2")
    stays, goes = service.connect(to="tcp:1"), service.connect(to="tcp:2")
    service.reload(listen=("tcp:1", "tcp:3"))
    service.clock.advance(10)
    assert not stays.closed
    assert goes.closed
    assert not service.connect(to="tcp:3").closed
    with pytest.raises(AssertionError, match="it listens at tcp:1, tcp:3"):
        service.connect(to="tcp:2")


def test_no_answer_of_a_handler_that_waits_is_an_error():
    """As for a thread, which a service in memory never hears of."""

    class Slow(LineProtocol):
        async def line_received(self, line: str) -> None:
            await Deferred()
            self.send_line(line)

    with pytest.raises(AssertionError, match=r"still waits; .* needs `serve`"):
        MemoryService(Slow).answer(b"1\n")


def test_a_stop_answers_what_has_arrived():
    """It takes no real time: what has arrived is answered, who goes on sending is cut off."""
    service = MemoryService(TOPIC)
    busy, endless = service.connect(), service.connect()
    busy.feed(b"1\n")
    endless.feed(b"1000\n")
    assert service.stop() == 1
    assert busy.received() == b"anything\r\n"
    assert busy.closed
    assert endless.closed
    assert service.service.state.closed
    with pytest.raises(
        AssertionError, match="topic takes no connections now; it listens at nothing"
    ):
        service.connect()


def test_each_peer_has_a_name_of_its_own():
    service = MemoryService(Shout)
    peers = [service.connect() for _ in range(2)]
    assert [peer.protocol.peer for peer in peers] == [  # type: ignore[union-attr]
        "tcp:127.0.0.1:50000",
        "tcp:127.0.0.1:50001",
    ]


class Careful(Protocol):
    """Ends as a producer whether it is one or not, as it may with TCP."""

    def dataReceived(self, data: bytes) -> None:
        assert isinstance(self.transport, MemoryTransport)
        self.transport.unregisterProducer()
        self.transport.write(data)
        self.transport.stopProducing()


class Refused(LineProtocol):
    def __init__(self) -> None:
        raise ZeroDivisionError


class Twice(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line, peer)
        self.send_line(line, peer)


def test_back_pressure_works_both_ways():
    """A peer that stops reading fills the transport; what is fed meanwhile waits as in a kernel."""
    peer = MemoryService(Shout).connect()
    peer.stop_reading()
    peer.feed(b"x" * 60_000 + b"\n" + b"y" * 60_000 + b"\n")
    peer.feed(b"z\n")
    assert not peer.reading
    assert peer.unread == 2
    assert peer.received() == b""
    peer.start_reading()
    assert peer.received().endswith(b"Y\r\nZ\r\n")
    assert peer.reading
    assert peer.unread == 0


def test_a_connection_may_end_in_several_ways():
    peer = MemoryService(Shout).connect()
    peer.disconnect(ConnectionResetError("reset"))
    assert peer.closed
    peer.feed(b"too late\n")
    assert peer.received() == b""


def test_a_memory_transport_accepts_the_calls_of_tcps():
    peer = MemoryService(Careful).connect()
    peer.feed(b"x")
    assert peer.received() == b"x"
    assert peer.closed


def test_a_refused_peer_is_closed():
    service = MemoryService(Refused)
    assert service.connect().closed
    assert service.metric("connections_failed_total") == 1


def test_a_sender_collects_its_answers():
    sender = MemoryService(Twice).sender("::1", 1234)
    assert sender.name == "udp:[::1]:1234"
    sender.send(b"a\n", b"b\n")
    assert sender.received() == [b"a\r\n", b"a\r\n", b"b\r\n", b"b\r\n"]
    assert sender.received() == []


class ShoutBack(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line.upper(), peer)


BOTH = protocol_plugin(
    "both", Shout, datagrams=ShoutBack, listen=("tcp:7000", "udp:7000", "tcp:7001")
)


def test_a_peer_chooses_the_listener():
    """By default the first place for connections, and the first for datagrams."""
    service = MemoryService(BOTH)
    service.connect()
    service.connect(to="tcp:7001")
    service.sender(to="udp:7000").send(b"x\n")
    assert service.metric("connections_total", listener="tcp:7000") == 1
    assert service.metric("connections_total", listener="tcp:7001") == 1
    assert service.metric("datagrams_total", listener="udp:7000") == 1
    with pytest.raises(
        AssertionError, match="both takes no connections at udp:7000 now; it listens"
    ):
        service.connect(to="udp:7000")
    with pytest.raises(
        AssertionError, match="plugin takes no datagrams now; it listens at tcp:7000"
    ):
        MemoryService(Shout).sender()


def test_senders_over_unix_sockets():
    service = MemoryService(ShoutBack, "--listen", "unixgram:/run/x.sock")
    sender = service.sender("/run/client.sock")
    sender.send(b"x\n")
    assert (sender.name, sender.received()) == ("unix:/run/client.sock", [b"X\r\n"])


def test_an_endpoint_without_a_memory_listener_is_an_error():
    with pytest.raises(AssertionError, match="stdin: is nothing that a MemoryService has"):
        MemoryService(Shout, "--listen", "stdin:")


LONG = b"".join(b"line %d of the answer\r\n" % number for number in range(100))


@pytest.mark.parametrize(
    ("wanted", "came", "said"),
    [
        (b"HELLO\r\n", b"hello\r\n", r"b'hello\r\n' instead of b'HELLO\r\n'"),
        (b"", b"x", "b'x' instead of b''"),
        (7, 8, "8 instead of 7"),
        (LONG, LONG.replace(b"50", b"fifty"), "from byte 1145 on"),
        (LONG, LONG[:1000], "from byte 1000 on"),
        (LONG[:1000], LONG, "from byte 1000 on"),
        (LONG, b"*" + LONG, "from byte 0 on"),
        (LONG, LONG[:-1], f"from byte {len(LONG) - 1} on"),
        ([b"a", b"b"], [b"a", b"c"], "answer 2 of 2: b'c' instead of b'b'"),
        ([b"a", b"b"], [b"a"], "answer 2 of 2: None instead of b'b'"),
        ([LONG, LONG], [LONG, LONG + b"!"], f"from byte {len(LONG)} on"),
    ],
)
def test_the_first_different_bytes_are_shown(wanted, came, said):
    sentence = difference(wanted, came)
    assert said in sentence
    assert len(sentence) < 400


def test_the_bytes_around_the_place_are_shown():
    sentence = difference(LONG, LONG.replace(b"50", b"fifty"))
    assert r"+ b'fifty of the answer\r\n" in sentence
    assert r"+ b'50 of the answer\r\n" in sentence
    assert f"({len(LONG)} bytes)" in sentence


class Only(LineProtocol):
    """Whoever says something ends all others."""

    lost: ClassVar[list[object]] = []

    def line_received(self, line: Any) -> None:
        for peer in list(self.service.peers):
            if peer is not self:
                peer.abort()

    def connection_lost(self, reason: Any) -> None:
        self.lost.append(self)


def test_a_peer_that_another_one_aborts_is_gone_when_that_one_was_handled():
    service = MemoryService(protocol_plugin("only", Only))
    service.connect()
    speaker = service.connect()
    speaker.feed(b"x\n")
    assert len(Only.lost) == len(service.service.peers) == 1


class News(LineProtocol):
    """Whoever says something says it a hundred times to all others that are not slow."""

    def line_received(self, line: Any) -> None:
        for _ in range(100):
            self.service.broadcast(line, self, drop_above=32768)


def test_a_peer_that_reads_is_not_slow():
    """As over a socket, even if the test looks at its output only at the end."""
    service = MemoryService(protocol_plugin("news", News))
    reads, stalled, speaker = service.connect(), service.connect(reads=False), service.connect()
    speaker.feed(b"x" * 998 + b"\n")
    speaker.feed(b"y" * 998 + b"\n")
    assert len(reads.received()) == 200_000
    stalled.start_reading()
    assert 32_000 < len(stalled.received()) < 34_000
    assert service.metric("broadcasts_skipped_total") == 167


class Flood(LineProtocol):
    """Whoever says something writes as much to the first peer as may wait for it."""

    def line_received(self, line: Any) -> None:
        next(one for one in self.service.peers if one is not self).write(b"x" * 1_200_000)


def test_nobody_waits_for_a_peer_that_reads():
    service = MemoryService(protocol_plugin("flood", Flood))
    reads, speaker = service.connect(), service.connect()
    speaker.feed(b"more\n")
    speaker.feed(b"more\n")
    assert speaker.reading
    assert len(reads.received()) == 2_400_000


class Wordy(Datagrams):
    def datagram_received(self, data: bytes, peer: Any) -> None:
        self.send("text", peer)  # type: ignore[arg-type]


def test_a_text_as_a_datagram_is_refused_as_by_a_socket():
    service = MemoryService(Wordy)
    with capturedLogs() as events:
        service.sender().send(b"x")
    [failed] = [event["log_failure"] for event in events if "log_failure" in event]
    assert "a bytes-like object is required, not 'str'" in str(failed.value)
    assert service.metric("datagrams_failed_total") == 1


def test_a_metric_that_is_not_there_is_an_error_with_the_near_name():
    service = MemoryService(Shout)
    service.service.metrics.count("rounds_total", table="1")
    service.service.metrics.time("round_seconds", table="1")
    assert service.metric("rounds_total") == service.metric("rounds_total", table="1") == 1
    assert service.metric("connections_total") == 0, "declared, and not counted yet"
    for name, labels, sentence in (
        ("rouns_total", {}, r"no metric rouns_total \(did you mean rounds_total\?\); before"),
        ("rounds_total", {"tabel": "1"}, r"no label tabel \(did you mean table\?\); it has table"),
        ("tasks_failed_total", {"table": "1"}, "no label table; it has "),
        ("round_seconds", {}, "is a histogram"),
    ):
        with pytest.raises(ValueError, match=sentence):
            service.metric(name, **labels)


def test_what_a_start_logs_about_its_options_is_a_warning():
    """Such as a limit that another one makes useless."""
    with pytest.warns(UserWarning, match="--max-record 1KiB: less than --max-line, so records"):
        MemoryService(Marked(), "--max-record", "1KiB")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MemoryService(Marked(), "--max-record", "1KiB", "--max-line", "1KiB", "--shared-key", "x")


def test_answer_shortens_long_bytes():
    """As conformance does: a frame may have a thousand bytes, and every byte is a piece."""
    with pytest.raises(AssertionError) as raised:
        MemoryService(Chunks).answer(b"\xff" * 1000)
    assert "(1000 bytes)" in str(raised.value) and len(str(raised.value)) < 2000
    with pytest.raises(AssertionError) as raised:
        MemoryService(AtEnd).answer(b"\xff" * 1000)
    assert len(str(raised.value)) < 2000
    assert short_repr([b"x"] * 1000) == "[b'x', b'x', b'x', … (1000 pieces), b'x', b'x']"
