"""Peers that read more slowly than another sends to them: who waits, and who is cut off."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit import Connection, Delimiter, FrameProtocol, LineProtocol, RequestProtocol
from logsrv.kit.protocols._awaiting import handled
from logsrv.kit.protocols._sending import SenderCrowd
from logsrv.kit.protocols._states import OPEN
from logsrv.kit.testing import MemoryPeer, MemoryService
from logsrv.kit.testing._memory_peers import TRANSPORT_BUFFER
from tests.parts.kept import kept

LINES = [f"{number:048d}" for number in range(30_000)]
SENT = "".join(f"{line}\n" for line in LINES).encode()
HEARD = "".join(f"{line}\r\n" for line in LINES).encode()
# What may wait for one receiver: that of its transport, its own, and what one call writes.
MOST = TRANSPORT_BUFFER + LineProtocol.max_unsent + 64 * 1024


class Room(LineProtocol):
    def line_received(self, line: str) -> None:
        self.service.broadcast(line, but=self)


class Told(LineProtocol):
    """Writes to each of the others itself."""

    def line_received(self, line: str) -> None:
        for peer in self.service.peers:
            if peer is not self:
                peer.write(line.encode() + b"\r\n")


class Awaiting(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.service.broadcast(line, but=self)


class Asked(RequestProtocol):
    def request_received(self, request: str) -> None:
        self.service.broadcast(request, but=self)


async def stream(connection: Connection) -> None:
    async for line in connection:
        connection.service.broadcast(line, but=connection)


async def read_until(connection: Connection) -> None:
    while True:
        line = await connection.read_until(b"\n")
        connection.service.broadcast(line[:-1] + b"\r\n", but=connection)


class Frames(FrameProtocol):
    framing = Delimiter(b"\n")

    def frame_received(self, frame: bytes) -> None:
        self.service.broadcast(frame + b"\r", but=self)


KINDS = pytest.mark.parametrize("kind", [Room, Told, Awaiting, Asked, Frames, stream, read_until])


@contextmanager
def cut_off() -> Iterator[list[str]]:
    """The sentences by which peers are cut off meanwhile."""
    sentences: list[str] = []
    with capturedLogs() as events:
        yield sentences
    said = [formatEvent(event) for event in events]
    sentences += [one.partition("cut off: ")[2] for one in said if "cut off: " in one]


def waiting(peer: MemoryPeer) -> int:
    return len(peer.transport.buffer)


def act(service: MemoryService) -> None:
    """Let all peers read and send what they can, in no time."""
    for _ in range(20):
        service.clock.advance(0)


@KINDS
def test_a_sender_waits_for_a_slow_reader(kind):
    """Nobody is cut off, all is heard in order, and little of it waits in memory."""
    service = MemoryService(kind)
    quick, slow, sender = service.connect(), service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(SENT)
        act(service)
        assert not sender.reading
        assert waiting(quick) == 0
        while not sender.reading:
            assert 0 < waiting(slow) <= MOST
            slow.start_reading()
            slow.stop_reading()
            act(service)
        slow.start_reading()
    assert sentences == []
    assert quick.received() == slow.received() == HEARD


@KINDS
def test_a_receiver_that_takes_nothing_is_cut_off(kind):
    """By the service's clock, with a sentence that is true; the others get all."""
    service = MemoryService(kind)
    reader, still, sender = service.connect(), service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(SENT)
        service.clock.advance(LineProtocol.patience - 0.1)
        assert not still.closed
        assert not sender.reading
        service.clock.advance(0.2)
        assert still.closed
        assert sender.reading
    assert sentences == ["others wait to send to it, and it has taken nothing for 10 s"]
    assert service.metric("connections_cut_total", reason="unread") == 1
    assert reader.received() == HEARD
    assert not sender.closed


def test_a_connection_may_set_how_long_others_wait_for_it():
    """And how much waits for it meanwhile."""

    async def impatient(connection: Connection) -> None:
        connection.max_unsent, connection.patience = 1000, 1
        await stream(connection)

    service = MemoryService(impatient)
    still, sender = service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(SENT)
        assert waiting(still) <= TRANSPORT_BUFFER + 1000 + 64 * 1024
        service.clock.advance(1.1)
        assert still.closed
    assert sentences == ["others wait to send to it, and it has taken nothing for 1 s"]


def test_a_receiver_that_reads_a_byte_a_second_is_cut_off():
    """It takes something at each look, but holds the others up for ever."""
    service = MemoryService(Room)
    reader, slow, sender = service.connect(), service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(SENT)
        for _ in range(59):
            del slow.transport.buffer[:1]
            service.clock.advance(1)
        assert not slow.closed
        service.clock.advance(3)
        assert slow.closed
    assert sentences == ["others wait to send to it, and it has taken 59 bytes in 60 s"]
    assert reader.received() == HEARD


def test_a_receiver_that_takes_enough_is_waited_for():
    """However long that takes: 2 KiB a second is slow, and no standing still."""
    service = MemoryService(Room)
    slow, sender = service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(SENT)
        for _ in range(500):
            del slow.transport.buffer[:2048]
            service.clock.advance(1)
    assert sentences == []
    assert not slow.closed


def test_a_receiver_that_does_not_read_holds_up_nobody_while_little_waits():
    service = MemoryService(Room)
    reader, still, sender = service.connect(), service.connect(reads=False), service.connect()
    part = HEARD[: LineProtocol.max_unsent]
    sender.feed(part)
    assert sender.reading
    service.clock.advance(3600)
    assert not still.closed
    assert len(reader.received()) == len(part) // 50 * 50


class Small(LineProtocol):
    """A room in which little may wait for each, and everybody hears what it said itself."""

    max_unsent = 20_000

    def line_received(self, line: str) -> None:
        self.service.broadcast(line)


TURNS = st.tuples(
    st.sampled_from(["talk", "stop reading", "read on", "send its end", "leave"]), st.integers(0, 2)
)


@pytest.mark.slow
@given(st.lists(TURNS, max_size=12))
def test_peers_hear_all_in_order_and_nothing_hangs_whoever_talks_and_leaves(turns):
    service = MemoryService(Small)
    most = TRANSPORT_BUFFER + Small.max_unsent + 3 * 64 * 1024
    peers = {number: service.connect() for number in range(3)}
    sent: dict[int, list[bytes]] = {number: [] for number in peers}
    ended: set[int] = set()
    with cut_off() as sentences:
        for what, number in turns:
            peer = peers.get(number)
            if peer is None or number in ended:
                continue
            if what == "talk":
                lines = [b"%d %01000d\r\n" % (number, len(sent[number]) + n) for n in range(100)]
                sent[number] += lines
                peer.feed(b"".join(lines))
            elif what == "stop reading":
                peer.stop_reading()
            elif what == "read on":
                peer.start_reading()
            elif what == "send its end":
                peer.half_close()
                ended.add(number)
            else:
                peers.pop(number).disconnect()
            assert all(waiting(each) <= most for each in peers.values())
        for peer in peers.values():
            peer.start_reading()
        act(service)
    assert sentences == []
    for name, peer in peers.items():
        assert peer.closed if name in ended else peer.reading
        heard = peer.received().splitlines(keepends=True)
        for number, lines in sent.items():
            known = [line for line in heard if line.startswith(b"%d " % number)]
            whole = number in peers and name not in ended
            assert known == (lines if whole else lines[: len(known)])


@pytest.mark.parametrize("how", ["is closed", "goes"])
def test_a_receiver_that_leaves_is_waited_for_no_longer(how):
    """The last words of one that is closed wait for it; nothing more is sent to it."""
    service = MemoryService(Room)
    reader, goes, sender = service.connect(), service.connect(reads=False), service.connect()
    sender.feed(SENT)
    assert not sender.reading
    protocol: Any = goes.protocol
    if how == "goes":
        goes.disconnect()
    else:
        protocol.close("goodbye")
    act(service)
    assert sender.reading
    assert reader.received() == HEARD


def test_a_sender_that_goes_leaves_nothing_behind():
    """A receiver for which nobody waits may stand still."""
    service = MemoryService(Room)
    still, sender = service.connect(reads=False), service.connect()
    sender.feed(SENT)
    sender.disconnect()
    service.clock.advance(3600)
    assert not still.closed


def test_output_of_no_connection_is_bounded():
    """A timer cannot wait: who takes less than that sends is cut off, also if it takes something."""
    service = MemoryService(Room)
    slow = service.connect(reads=False)
    with cut_off() as sentences:
        for _ in range(60):
            service.service.broadcast("x" * 50_000)
            del slow.transport.buffer[:10_000]
            if slow.closed:
                break
            assert waiting(slow) <= MOST
    assert slow.closed
    assert [one.partition(":")[0] for one in sentences] == ["more is sent to it than it takes"]


def test_output_of_no_connection_reaches_a_peer_that_keeps_pace():
    """Its transport is never empty, and all that was sent to it is much more than may wait."""
    service = MemoryService(Room)
    reader = service.connect(reads=False)
    for _ in range(300):
        service.service.broadcast("x" * 50_000)
        del reader.transport.buffer[: max(0, waiting(reader) - 100_000)]
    assert not reader.closed


def test_many_lines_in_one_call_are_no_reason_to_cut_anybody_off():
    """The receiver had no chance to read before it returned."""

    class Burst(LineProtocol):
        def line_received(self, line: str) -> None:
            for text in LINES:
                self.service.broadcast(text)

    service = MemoryService(Burst)
    reader, sender = service.connect(), service.connect()
    sender.feed(b"go\n")
    assert reader.received() == sender.received() == HEARD


def test_a_peer_that_does_not_read_its_own_answers_holds_up_nobody():
    """It is not read either, and not cut off, however long that takes."""

    class Long(LineProtocol):
        def line_received(self, line: str) -> None:
            for _ in range(40):
                self.send_line("x" * 50_000)

    service = MemoryService(Long)
    peer = service.connect(reads=False)
    peer.feed(b"one\ntwo\n")
    service.clock.advance(3600)
    assert not peer.closed and not peer.reading
    peer.start_reading()
    assert len(peer.received()) == 2 * 40 * 50_002


def test_what_a_closing_connection_says_to_others_cuts_nobody_off():
    class Leaving(LineProtocol):
        def line_received(self, line: str) -> None:
            self.close("bye")
            for text in LINES:
                self.service.broadcast(text, but=self)

    service = MemoryService(Leaving)
    reader, leaving = service.connect(), service.connect()
    leaving.feed(b"go\n")
    assert leaving.closed
    assert reader.received() == HEARD


def test_a_coroutine_that_never_waits_is_bounded():
    """It was told to wait, and does not: it neither reads nor drains."""
    turns: list[Deferred[None]] = []

    class Pushing(LineProtocol):
        async def line_received(self, line: str) -> None:
            while True:
                self.service.broadcast("x" * 50_000, but=self)
                turns.append(Deferred())
                await turns[-1]

    service = MemoryService(Pushing)
    slow, sender = service.connect(reads=False), service.connect()
    sender.feed(b"go\n")
    while not slow.closed:
        turns[-1].callback(None)
        assert waiting(slow) <= 3 * MOST


def test_drain_waits_for_those_that_were_written_to():
    class Pushing(LineProtocol):
        async def line_received(self, line: str) -> None:
            for _ in range(200):
                self.service.broadcast("x" * 50_000, but=self)
                await self.drain()

    service = MemoryService(Pushing)
    slow, sender = service.connect(reads=False), service.connect()
    with cut_off() as sentences:
        sender.feed(b"go\n")
        assert waiting(slow) <= MOST
        slow.start_reading()
    assert sentences == []
    assert len(slow.received()) == 200 * 50_002


def test_a_task_that_a_handler_has_spawned_is_not_its_own():
    """The peer goes on to be heard, whatever the task sends."""

    class Spawning(LineProtocol):
        def line_received(self, line: str) -> None:
            if line == "spawn":
                self.service.spawn(self.push())
            self.send_line(line)

        async def push(self) -> None:
            for _ in range(30):
                self.service.broadcast("x" * 50_000, but=self)

    service = MemoryService(Spawning)
    service.connect(reads=False)
    sender = service.connect()
    sender.feed(b"spawn\n")
    sender.feed(b"hello\n")
    assert sender.received() == b"spawn\r\nhello\r\n"


def test_a_stop_does_not_wait_for_a_stuck_receiver():
    """What a sender was not heard with by then is cut off, and told."""
    service = MemoryService(Room)
    still, sender = service.connect(reads=False), service.connect()
    sender.feed(SENT)
    begun = service.clock.seconds()
    assert service.stop() == 2
    assert service.clock.seconds() - begun < 10
    assert still.closed
    assert sender.closed


def test_a_reading_receiver_is_not_cut_off_by_many_senders():
    """It takes 100 kB every 2 seconds; every 2 seconds somebody else sends it a line."""
    service = MemoryService(Room)
    slow = service.connect(reads=False)
    senders = [service.connect() for _ in range(20)]
    senders[0].feed(b"x" * 60_000 + b"\n")
    with cut_off() as sentences:
        while senders[0].reading:
            senders[0].feed(b"x" * 60_000 + b"\n")
        for sender in senders[1:8]:
            del slow.transport.buffer[:100_000]
            # More comes than it takes, from who does not wait yet.
            sender.feed(b"".join(b"y" * 60_000 + b"\n" for _ in range(3)))
            service.clock.advance(2.5)
    assert sentences == []


def test_a_peer_that_broadcasts_to_all_and_itself_goes_on():
    """It reads, if slowly; what it said was waiting for an answer of somebody else meanwhile."""
    go: list[Deferred[None]] = []

    class Chat(LineProtocol):
        async def line_received(self, line: str) -> None:
            if line == "hello":
                go.append(Deferred())
                await go[0]
            self.service.broadcast(line)

    service = MemoryService(Chat)
    slow, quick = service.connect(), service.connect()
    slow.feed(b"hello\n")
    slow.stop_reading()
    with cut_off() as sentences:
        quick.feed(b"".join(b"x" * 1000 + b"\n" for _ in range(1500)))
        assert not quick.reading
        go[0].callback(None)
        slow.start_reading()
    assert sentences == []


class Member:
    """A receiver whose transport takes nothing, and a sender; why: why it was cut off."""

    lines = None
    state = SimpleNamespace(sending=OPEN)

    def __init__(self) -> None:
        self.author = SimpleNamespace(
            max_unsent=10,
            patience=5.0,
            transport=SimpleNamespace(unsent=lambda: 0),
            factory=SimpleNamespace(service=SimpleNamespace(clock=Clock())),
        )
        self.why = ""

    def cut_off(self, why: str) -> None:
        self.why = why

    def join_crowd(self, crowd: object) -> None: ...
    def leave_crowd(self, crowd: object) -> None: ...


def test_what_a_sender_wrote_too_much_counts_until_the_receiver_has_taken_all():
    """Each time as much again; a hundredth of it more would have cut the receiver off."""
    receiver: Any = Member()
    crowd = SenderCrowd(receiver)
    handled_before = handled.set(receiver)
    for _ in range(100):
        assert crowd.add_bytes(10) and crowd.add_bytes(10)
        crowd.clear_waiting_bytes()
    assert not receiver.why
    assert crowd.add_bytes(10) and crowd.add_bytes(10) and not crowd.add_bytes(1)
    assert receiver.why.startswith("more is sent to it than it takes")
    handled.reset(handled_before)


def test_nothing_is_kept_of_a_sender_that_is_gone():
    crowd = SenderCrowd(Member())  # type: ignore[arg-type]
    crowd.add_bytes(10)
    before = kept(crowd)
    for _ in range(10):
        sender: Any = Member()
        handled_before = handled.set(sender)
        assert crowd.add_bytes(1) and crowd.add_bytes(1)
        handled.reset(handled_before)
        crowd.forget_sender(sender)
    assert {**kept(crowd), "0._written": 10} == before
