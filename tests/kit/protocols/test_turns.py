"""A peer that sends much at once does not make the others wait: its input is handled in turns."""

from typing import Any

import pytest

from logsrv.kit import Connection, FixedSize, FrameProtocol, LineProtocol, RequestProtocol
from logsrv.kit.testing import MemoryService

NUMBER = 2000
ITEMS = [f"{number:07d}" for number in range(NUMBER)]
SENT = "".join(f"{item}\n" for item in ITEMS).encode()
# The most items of a peer's first turn, before it is known that each takes long, and of later ones.
MOST = 50
MOST_LATER = 16


class Work:
    """Each item takes a millisecond."""

    def __init__(self, service: Any) -> None:
        self.clock = service.clock
        self.done: list[str] = []

    def take(self, item: str) -> None:
        self.done.append(item)
        self.clock.rightNow += 0.001


class Lines(LineProtocol[object, Work]):
    telnet = False

    def line_received(self, line: str) -> None:
        self.service.state.take(line)
        self.send_line(line)


class AsyncLines(LineProtocol[object, Work]):
    async def line_received(self, line: str) -> None:
        self.service.state.take(line)
        self.send_line(line)


class Asks(LineProtocol[object, Work]):
    async def line_received(self, line: str) -> None:
        while True:
            self.service.state.take(line)
            self.send_line(line)
            line = await self.ask()


class ReadsBytes(LineProtocol[object, Work]):
    telnet = False

    async def line_received(self, line: str) -> None:
        while True:
            self.service.state.take(line)
            self.send_line(line)
            line = (await self.read_bytes(8)).decode().strip()


class LinesAndBytes(LineProtocol[object, Work]):
    telnet = False

    async def line_received(self, line: str) -> None:
        self.service.state.take(line)
        self.send_line(line)
        self.service.state.take((await self.read_bytes(7)).decode())
        self.send_line(self.service.state.done[-1])
        await self.read_bytes(1)


class Requests(RequestProtocol[object, Work]):
    def request_received(self, request: str) -> str:
        self.service.state.take(request)
        return request


class Frames(FrameProtocol[object, Work]):
    framing = FixedSize(8)

    def frame_received(self, frame: bytes) -> None:
        self.service.state.take(frame.decode().strip())
        self.send_frame(frame)


class OwnFraming:
    """Frames of eight bytes."""

    def __init__(self, most: int) -> None:
        self.waiting = b""

    def receive(self, data: bytes) -> Any:
        data = self.waiting + data
        whole = len(data) - len(data) % 8
        self.waiting = data[whole:]
        return (data[at : at + 8] for at in range(0, whole, 8))


class AsyncFrames(FrameProtocol[object, Work, bytes]):
    framing = OwnFraming

    async def frame_received(self, frame: bytes) -> None:
        self.service.state.take(frame.decode().strip())
        self.send_frame(frame)


async def iterates(connection: Connection[object, Work]) -> None:
    async for line in connection:
        connection.service.state.take(line)
        connection.send_line(line)


async def reads_lines(connection: Connection[object, Work]) -> None:
    while (line := await connection.read_line()) is not None:
        connection.service.state.take(line)
        connection.send_line(line)


async def reads_exactly(connection: Connection[object, Work]) -> None:
    while True:
        data = await connection.read_exactly(8)
        connection.service.state.take(data.decode().strip())
        connection.write(data)


async def reads_until(connection: Connection[object, Work]) -> None:
    while True:
        data = await connection.read_until(b"\n")
        connection.service.state.take(data.decode().strip())
        connection.write(data)


KINDS: list[Any] = [
    Lines, AsyncLines, Asks, ReadsBytes, LinesAndBytes, Requests, Frames, AsyncFrames,
    iterates, reads_lines, reads_exactly, reads_until,
]  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def service(request: pytest.FixtureRequest) -> MemoryService:
    return MemoryService(request.param, state=Work)


def test_others_are_served_before_all_input_of_one_is_handled(service):
    done = service.service.state.done
    flooding, polite = service.connect(), service.connect()
    flooding.feed(SENT)
    for turns in range(1, NUMBER):
        assert len(done) <= MOST + (turns - 1) * MOST_LATER
        if len(done) == NUMBER:
            break
        # Nothing more is read from this peer meanwhile.
        assert not flooding.reading
        polite.feed(b"politer\n")
        assert done.pop() == "politer"
        assert polite.received().strip() == b"politer"
        next_turn = min(call.getTime() for call in service.clock.getDelayedCalls())
        service.clock.advance(next_turn - service.clock.seconds())
    assert done == ITEMS
    assert flooding.received().split() == SENT.split()
    assert flooding.reading
    flooding.feed(b"and now\n")
    assert done[NUMBER:] == ["and now"]


def test_a_few_items_at_once_are_one_turn(service):
    done = service.service.state.done
    service.connect().feed(SENT[: 8 * 4])
    assert done == ITEMS[:4]


def test_a_peer_that_goes_meanwhile_ends_nothing_but_itself(service):
    flooding = service.connect()
    flooding.feed(SENT)
    flooding.disconnect()
    service.clock.advance(1)
    assert not service.service.peers
    assert service.metric("connections_failed_total") == 0
    polite = service.connect()
    polite.feed(b"politer\n")
    assert polite.received().strip() == b"politer"


def test_all_is_handled_when_the_peer_half_closes_meanwhile(service):
    flooding = service.connect()
    flooding.feed(SENT)
    flooding.half_close()
    service.clock.advance(NUMBER)
    assert service.service.state.done[:NUMBER] == ITEMS
    assert flooding.closed


def test_a_close_meanwhile_is_the_end(service):
    flooding = service.connect()
    flooding.feed(SENT)
    done = len(service.service.state.done)
    [peer] = service.service.peers
    peer.close()
    service.clock.advance(NUMBER)
    assert flooding.closed
    # A function may read what has come until it returns.
    reads = isinstance(peer, Connection)
    assert len(service.service.state.done) == (NUMBER if reads else done)


@pytest.mark.parametrize("function", [iterates, reads_lines, reads_exactly, reads_until])
@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_function_that_reads_on_after_the_end_takes_turns(function, end):
    service = MemoryService(function, state=Work)
    done = service.service.state.done
    service.connect().feed(SENT)
    [peer] = service.service.peers
    getattr(peer, end)()
    for turns in range(1, NUMBER):
        assert len(done) <= MOST + turns * MOST_LATER
        if len(done) == NUMBER:
            break
        next_turn = min(call.getTime() for call in service.clock.getDelayedCalls())
        service.clock.advance(next_turn - service.clock.seconds())
    assert done == ITEMS


def test_a_stop_answers_what_has_come(service):
    flooding = service.connect()
    flooding.feed(SENT)
    assert service.stop() == 0
    assert service.service.state.done[:NUMBER] == ITEMS
    assert flooding.received().split() == SENT.split()


def test_a_reload_meanwhile_changes_nothing(service):
    flooding = service.connect()
    flooding.feed(SENT)
    service.reload()
    service.clock.advance(NUMBER)
    assert service.service.state.done == ITEMS
