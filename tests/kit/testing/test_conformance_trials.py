"""The conformance suite: what is right passes, and each thing that is wrong is found and said."""

import re
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

from logsrv.kit import (
    ConfigurationError,
    Connection,
    DatagramLines,
    Datagrams,
    FrameProtocol,
    LineProtocol,
    PeerError,
    Plugin,
    RequestProtocol,
    RunningService,
    Sender,
    protocol_plugin,
)
from logsrv.kit.testing import MemoryService, conformance
from logsrv.kit.testing._conformance_trials import (
    LEAST_TO_FILL,
    try_cuts,
    try_datagrams,
    try_departures,
    try_garbage,
    try_repeated_talk,
    try_slow_reader,
    try_stop,
)
from logsrv.kit.testing._difference import short_repr
from logsrv.kit.testing._trial import Trial
from tests.parts.talking import Shout


class Slow(LineProtocol):
    async def line_received(self, line: str) -> None:
        await deferLater(self.clock, 0.0001)  # type: ignore[arg-type]
        self.send_line(line.upper())


class Patient(LineProtocol):
    """Answers after so many seconds of the clock."""

    seconds: ClassVar[float]

    async def line_received(self, line: str) -> None:
        await deferLater(self.clock, self.seconds)  # type: ignore[arg-type]
        self.send_line(line.upper())


class ShoutBack(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line.upper(), peer)


class Picky(Datagrams):
    """Takes most for no datagram of its own."""

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        if not data.startswith(b"picky "):
            raise PeerError("it does not begin with picky")
        self.send(data.upper(), peer)


class Frames(FrameProtocol):
    def frame_received(self, frame: bytes) -> None:
        self.send_frame(frame[::-1])


class Plain(Protocol):
    """Echoes as it comes, and lets the transport say when to stop reading."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()  # type: ignore[union-attr]

    def stopProducing(self) -> None:
        pass

    def connectionLost(self, reason: Any = None) -> None:
        assert self.transport is not None
        self.transport.unregisterProducer()  # type: ignore[attr-defined]


async def stream(connection: Connection) -> None:
    async for line in connection:
        connection.send_line(line.upper())
        await connection.drain()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "talk"),
    [
        (Shout, b"hello\r\nyou\r\n"),
        (Slow, b"hello\n"),
        (Frames, b"\0\0\0\5hello"),
        (Plain, b"hello"),
        (stream, b"hello\r\nyou"),
        (ShoutBack, b"hello\n"),
        (Picky, b"picky hello"),
    ],
)
def test_a_right_plugin_passes(what, talk):
    conformance(what, talk)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.005, 1.0, 2.0, 4.9])
@pytest.mark.parametrize("talk", [b"hello\r\n", b"hello\r\nyou\r\n"])
def test_an_answer_may_take_five_seconds(seconds, talk):
    conformance(type("Timed", (Patient,), {"seconds": seconds}), talk)


def test_the_talk_of_a_connection_does_not_go_to_a_listener_for_datagrams():
    """The bytes of a conversation are rarely a datagram of the same protocol."""
    plugin = protocol_plugin("both", Shout, datagrams=Picky, listen=("tcp:1", "udp:1"))
    with pytest.raises(
        AssertionError, match=r"^both takes connections and datagrams, at tcp:1, udp:1: say"
    ):
        conformance(plugin, b"a\n")
    conformance(plugin, b"a\n", to="tcp")
    conformance(plugin, b"picky a\n", to="udp:1")
    conformance(plugin, b"picky a\n", to="udp")


def test_a_listener_by_name_is_put_through_the_trials():
    """The others are there as well."""

    async def late(connection: Connection) -> None:
        async for line in connection:
            if connection.listener == "late" and line == "you":
                raise KeyError(line)
            connection.send_line(line)

    plugin = protocol_plugin(
        "plugin", Shout, listeners={"late": late}, listen=("tcp:1", "late:tcp:2")
    )
    conformance(plugin, b"a\n", to="late")
    with pytest.raises(AssertionError, match=r"^plugin fails on b'you\\n': KeyError"):
        conformance(plugin, b"you\n", to="late")
    with pytest.raises(
        AssertionError, match=r"^plugin listens at tcp:1, late:tcp:2, not at later$"
    ):
        conformance(plugin, to="later")


class Chunks(Plain):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"[%b]" % data)


class Mixed(Plain):
    """Keeps what it has of a line in the class, for all."""

    buffer = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self.buffer.extend(data)
        while b"\n" in self.buffer:
            line, _, rest = self.buffer.partition(b"\n")
            self.buffer[:] = rest
            super().dataReceived(bytes(line) + b"\n")

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.buffer.clear()


class Ascii(LineProtocol):
    def line_received(self, line: str) -> None:
        line.encode("ascii")
        self.send_line(line)


class Goodbye(LineProtocol):
    """Fails at the end of a connection."""

    begun = False

    def line_received(self, line: str) -> None:
        self.begun = True

    def connection_lost(self, reason: str) -> None:
        if not self.begun:
            raise ZeroDivisionError("nothing was said")


class Pushy(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line * 200)


@implementer(IHalfCloseableProtocol)
class Deaf(Plain):
    """Forgets its answer at the end of the peer, and the connection too."""

    ended = False

    def dataReceived(self, data: bytes) -> None:
        self.factory.service.clock.callLater(1, self.answer, data)  # type: ignore[union-attr]

    def answer(self, data: bytes) -> None:
        if not self.ended and self.connected:
            super().dataReceived(b"." * len(data))

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        pass


@implementer(IHalfCloseableProtocol)
class Endless(Plain):
    """Never lets go of a peer that has nothing more to say."""

    def readConnectionLost(self) -> None:
        pass

    def writeConnectionLost(self) -> None:
        pass


class Forgetful(RequestProtocol):
    async def wait(self) -> None:
        pass

    def request_received(self, request: str) -> str:
        self.wait()  # type: ignore[unused-coroutine]
        return request


class Ticking(Shout):
    def connection_made(self) -> None:
        self.tick()

    def tick(self) -> None:
        self.clock.callLater(60, self.tick)


class Chatter:
    def __init__(self, service: Any) -> None:
        self.spoken = 0

    def apply(self, settings: Any) -> None:
        self.spoken = -1


class Counting(LineProtocol[Any, Chatter]):
    def line_received(self, line: str) -> None:
        self.service.state.spoken += 1
        self.send_line(str(self.service.state.spoken))


class Unready(DatagramLines):
    def lines_received(self, lines: list[str], peer: Sender) -> None:
        self.send_line(lines[0][1:] + str(1 / len(lines[0])), peer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "talk", "sentence"),
    [
        (Chunks, b"ab\n", r"plugin answers b'ab\n' differently when it comes as [b'a', b'b\n']: b'[a][b\n]' instead of b'[ab\n]'"),  # noqa: E501
        (Mixed, b"ab\n", r"plugin mixes up two peers that send b'ab\n' at the same time: "),
        (Ascii, b"hello\n", "plugin fails on b'\\x00"),
        (Goodbye, b"hello\n", "plugin fails when the peer goes after b'': ZeroDivisionError: nothing was said"),  # noqa: E501
        (Pushy, b"hello, how are you\n", "plugin writes on to a peer that does not read: "),
        (Deaf, b"hello\n", r"plugin answers b'hello\n' with b'' instead of b'......' when the peer half-closes right after it"),  # noqa: E501
        (Endless, b"hello\n", "plugin keeps a connection open an hour after its peer has half-closed it; code that waits for threads"),  # noqa: E501
        (Forgetful, b"hello\n", "plugin fails on b'hello\\n': coroutine 'Forgetful.wait' was never awaited"),  # noqa: E501
        (Ticking, b"hello\n", "plugin has a timer left an hour after the stop: <DelayedCall"),
        (protocol_plugin("count", Counting, state=Chatter), b"a\nb\n", "count answers b'a\\nb\\n' differently with a reload in between: b'1\\r\\n0\\r\\n' instead of b'1\\r\\n2\\r\\n'"),  # noqa: E501
        (Unready, b"hello\n", "plugin fails on the datagram b'': ZeroDivisionError"),
    ],
)  # fmt: skip
def test_a_wrong_plugin_fails_with_one_sentence(what, talk, sentence):
    """One sentence: what it did, with which input, and what should have come."""
    with pytest.raises(AssertionError, match=f"^{re.escape(sentence)}") as raised:
        conformance(what, talk, apart=not isinstance(what, Plugin))
    assert "\n" not in str(raised.value)


class Restless:
    """A state whose timer goes on after the service's end."""

    def __init__(self, service: Any) -> None:
        self.clock = service.clock
        self.again()

    def again(self) -> None:
        self.clock.callLater(60, self.again)


class Unchangeable:
    def __init__(self, service: Any) -> None: ...

    def apply(self, settings: Any) -> None:
        raise ConfigurationError("as it is, it is good")


def test_a_fault_without_peers_is_found():
    with pytest.raises(AssertionError, match=r"^plugin has a timer left an hour after the stop"):
        conformance(Shout, state=Restless)
    with pytest.raises(ConfigurationError, match="as it is, it is good"):
        conformance(Shout, state=Unchangeable)


class Hasty(Plain):
    """Answers later, of which nobody knows at a stop."""

    def dataReceived(self, data: bytes) -> None:
        self.factory.service.clock.callLater(1, self.answer, data)  # type: ignore[union-attr]

    def answer(self, data: bytes) -> None:
        if self.connected:
            super().dataReceived(data)


class HastyLines(LineProtocol):
    """Answers later, of which nobody knows at a stop."""

    def line_received(self, line: str) -> None:
        self.clock.callLater(1, self.answer, line)

    def answer(self, line: str) -> None:
        with suppress(PeerError):
            self.send_line(line)


class Dropping(Plain):
    """Says nothing to who does not read; what it should have said is lost."""

    full = False

    def dataReceived(self, data: bytes) -> None:
        if not self.full:
            super().dataReceived(data)

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False


class Short(Plain):
    """Keeps no more than it thinks one sends at once."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data[:10_000])


class Offended(LineProtocol):
    """One who sends a NUL spoils it for all."""

    def line_received(self, line: str) -> None:
        if "\0" in line:
            self.service.state.offended = True
        self.send_line("no" if hasattr(self.service.state, "offended") else "yes")


class OffendedDatagrams(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        if "\0" in line:
            self.service.state.offended = True
        self.send_line("no" if hasattr(self.service.state, "offended") else "yes", peer)


@pytest.mark.parametrize(
    ("run", "what", "sentence"),
    [
        (try_stop, Hasty, "plugin answers b'hello\\n' with b'' instead of b'hello\\n' when the service stops"),  # noqa: E501
        (try_slow_reader, Dropping, "plugin answers b'hello\\n' differently to a late reader: "),
        (try_repeated_talk, Short, "plugin answers 10000 times b'hello\\n' differently in pieces of 4093 bytes: "),  # noqa: E501
        (try_garbage, Offended, "plugin answers b'hello\\n' differently after another's garbage: "),
        (try_datagrams, OffendedDatagrams, "plugin answers b'hello\\n' differently after b'\\x00"),
    ],
)  # fmt: skip
def test_each_trial_finds_its_own_fault(run, what, sentence):
    """A trial by itself: in the suite another one may find the same mistake first."""
    trial = Trial(lambda: MemoryService(what), "plugin", same=True, apart=True)
    with pytest.raises(AssertionError, match=f"^{re.escape(sentence)}"):
        run(trial, b"hello\n")


class Farewell:
    """Says goodbye to every peer as soon as the service stops."""

    def __init__(self, service: RunningService[object, Any]) -> None:
        self.service = service

    def stopping(self) -> None:
        self.service.broadcast("goodbye")


class FarewellToOne(Farewell):
    """Forgets all peers but one."""

    def stopping(self) -> None:
        self.service.broadcast("goodbye", to=list(self.service.peers)[:1])


def try_stop_of(what: Any, state: Any, at_stop: bytes = b"goodbye\r\n") -> None:
    plugin = protocol_plugin("plugin", what, state=state, listen="tcp:7000")
    try_stop(
        Trial(lambda: MemoryService(plugin), "plugin", True, True, at_stop=at_stop), b"hello\n"
    )


@pytest.mark.parametrize("what", [Slow, Shout])
def test_a_plugin_whose_state_speaks_at_the_stop_says_which_words(what):
    """They come before the answers that are still missing, or after them."""
    try_stop_of(what, Farewell)


def test_words_at_the_stop_before_an_answer_name_the_argument_that_allows_them():
    with pytest.raises(AssertionError, match=r"stops meanwhile; pass same=False, .* at_stop=b"):
        try_stop_of(Slow, Farewell, b"")


@pytest.mark.parametrize("state", [FarewellToOne, None])
def test_words_at_the_stop_that_a_peer_does_not_get_are_missed(state):
    sentence = (
        "plugin does not send b'goodbye\\r\\n' to each peer when the service stops: one got b'"
    )
    with pytest.raises(AssertionError, match=f"^{re.escape(sentence)}"):
        try_stop_of(Slow, state)


def test_answers_are_compared_also_with_words_at_the_stop():
    sentence = (
        "plugin answers b'hello\\n' with b'' instead of b'hello\\r\\n' when the service stops"
    )
    with pytest.raises(AssertionError, match=f"^{re.escape(sentence)}"):
        try_stop_of(HastyLines, Farewell)


def test_the_suite_knows_the_words_at_the_stop():
    conformance(Shout, b"hi\n", state=Farewell, at_stop=b"goodbye\r\n")


class Dice(LineProtocol):
    thrown = 0

    def line_received(self, line: str) -> None:
        Dice.thrown += 1
        self.send_line(str(Dice.thrown))


class Room(LineProtocol):
    def line_received(self, line: str) -> None:
        self.service.broadcast(line)


@pytest.mark.slow
def test_a_plugin_of_dice_needs_same_false():
    with pytest.raises(
        AssertionError, match=r"^plugin answers .*; pass same=False, if its answers"
    ):
        conformance(Dice, b"a\n")
    conformance(Dice, b"a\n", same=False)


@pytest.mark.slow
def test_a_chat_needs_apart_false():
    with pytest.raises(
        AssertionError, match=r"^plugin mixes up two peers .*; pass apart=False, if"
    ):
        conformance(Room, b"a\n")
    conformance(Room, b"a\n", apart=False)


class ShoutOnTrial(LineProtocol):
    def line_received(self, line: str) -> None:
        if line == "raise":
            raise RuntimeError("as asked")
        self.send_line(line.upper())


TRIAL = Trial(lambda: MemoryService(ShoutOnTrial), "shout", same=True, apart=True)


def test_a_short_conversation_is_cut_everywhere_and_a_long_one_at_its_begin_and_some_places():
    assert TRIAL.cut_offsets(b"hello") == [1, 2, 3, 4]
    places = TRIAL.cut_offsets(b"x" * 5000)
    assert places[:50] == list(range(1, 51))
    assert len(set(places)) == len(places) == TRIAL.cuts
    assert 4000 < places[-1] < 5000
    assert places == sorted(places) == TRIAL.cut_offsets(b"x" * 5000)


@pytest.mark.parametrize("run", [try_cuts, try_departures, try_slow_reader])
def test_a_long_conversation_costs_a_bounded_number_of_services(run):
    started: list[int] = []

    def start() -> MemoryService:
        started.append(1)
        return MemoryService(Plain)

    run(Trial(start, "plugin", same=True, apart=True, cuts=10), b"x" * 3000)
    assert 2 <= len(started) <= 10 + 3


def test_a_plugin_that_stops_reading_is_fed_no_more():
    """One that reads on gets more than may wait for a peer."""
    fed: list[int] = []

    class Counted(Plain):
        reads_on = False

        def dataReceived(self, data: bytes) -> None:
            fed.append(len(data))
            super().dataReceived(data)

        def pauseProducing(self) -> None:
            if not self.reads_on:
                super().pauseProducing()

    trial = Trial(lambda: MemoryService(Counted), "plugin", same=True, apart=True)
    try_slow_reader(trial, b"hello, how are you?\n" * 100)
    assert sum(fed) < 2 * LEAST_TO_FILL
    Counted.reads_on = True
    with pytest.raises(AssertionError, match="plugin writes on to a peer that does not read"):
        try_slow_reader(trial, b"hello, how are you?\n" * 100)


def test_long_bytes_are_shortened():
    assert short_repr(b"x" * 80) == repr(b"x" * 80)
    assert short_repr(b"x" * 200).endswith("(200 bytes)")
