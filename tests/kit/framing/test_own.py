"""Framing of an author: RESP of Redis in twenty lines, and framers that are wrong in each way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit import FrameProtocol
from logsrv.kit.testing import MemoryService, conformance

pytest_plugins = ["logsrv.kit.testing.fixtures"]

InMemory = Callable[..., MemoryService]


class Resp:
    """Commands of Redis (RESP2): a list of bytes for each."""

    def __init__(self, most: int) -> None:
        self.buffer = b""

    def receive(self, data: bytes) -> list[list[bytes]]:
        self.buffer += data
        commands = []
        while command := self.command():
            commands.append(command)
        return commands

    def command(self) -> list[bytes] | None:
        head, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return None
        if not head.startswith(b"*"):
            raise ValueError("a command begins with *")
        words = []
        for _ in range(int(head[1:])):
            size, end, rest = rest.partition(b"\r\n")
            length = int(size[1:] or b"0") if end else 0
            if not end or len(rest) < length + 2:
                return None
            words.append(rest[:length])
            rest = rest[length + 2 :]
        self.buffer = rest
        return words

    @staticmethod
    def pack(answer: bytes | int) -> bytes:
        return b":%d\r\n" % answer if isinstance(answer, int) else b"+%s\r\n" % answer


class Redis(FrameProtocol[Any, Any, Any]):
    framing = Resp
    max_frame = 1000

    def frame_received(self, frame: list[bytes]) -> None:
        self.send_frame(len(frame) if frame[0] == b"COUNT" else b"PONG")


PING = b"*1\r\n$4\r\nPING\r\n"
COUNT = b"*3\r\n$5\r\nCOUNT\r\n$1\r\na\r\n$2\r\nbc\r\n"


def test_frames_are_any_objects_and_answers_are_packed(in_memory: InMemory) -> None:
    assert in_memory(Redis).answer(PING + COUNT) == b"+PONG\r\n:3\r\n"


@pytest.mark.slow
def test_it_stands_everything() -> None:
    conformance(Redis, PING, COUNT)


def test_a_value_error_is_the_fault_of_the_peer(in_memory: InMemory) -> None:
    service = in_memory(Redis)
    wrong, right = service.connect(), service.connect()
    wrong.feed(PING + b"PING\r\n")
    right.feed(PING)
    assert wrong.received() == b""
    assert wrong.closed
    assert right.received() == b"+PONG\r\n"
    assert service.metric("connections_cut_total", reason="bad_frame") == 1
    assert service.metric("connections_failed_total") == 0


def test_half_a_frame_for_ever_is_cut_off(in_memory: InMemory) -> None:
    service = in_memory(Redis)
    peer = service.connect()
    peer.feed(b"*2\r\n$900\r\n" + b"x" * 900)
    assert not peer.closed
    peer.feed(b"\r\n$900\r\n" + b"x" * 200)
    assert peer.closed
    assert service.metric("connections_cut_total", reason="bad_frame") == 1


class Held:
    """Tells what it holds, and its trouble, in attributes."""

    held = 0
    trouble = ""

    def __init__(self, most: int) -> None:
        self.most = most

    def receive(self, data: bytes) -> list[bytes]:
        if b"!" in data:
            self.trouble = "an exclamation mark"
        self.held += len(data)
        return [b"frame"] if data == b"." else []


def test_what_it_holds_and_its_trouble_may_be_attributes(in_memory: InMemory) -> None:
    class Frames(FrameProtocol):
        framing = Held
        max_frame = 10

        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

    service = in_memory(Frames)
    long, marked = service.connect(), service.connect()
    long.feed(b".")
    long.feed(b"x" * 10)
    marked.feed(b"!")
    assert long.received() == b"frame"
    assert long.closed and marked.closed
    assert service.metric("dropped_bytes_total") == 12


class Fails(Resp):
    def receive(self, data: bytes) -> list[list[bytes]]:
        return [] if not data else self.receive(data)


class Nothing(Resp):
    def receive(self, data: bytes) -> Any:
        return None if data else []


@pytest.mark.complains("RecursionError", "ConfigurationError")
@pytest.mark.parametrize("framer", [Fails, Nothing])
def test_a_framer_that_fails_costs_that_peer_only(in_memory: InMemory, framer: Any) -> None:
    class Wrong(FrameProtocol[Any, Any, Any]):
        framing = framer

        def frame_received(self, frame: Any) -> None: ...

    service = in_memory(Wrong)
    one, other = service.connect(), service.connect()
    one.feed(b"x")
    assert one.closed and not other.closed
    assert service.metric("connections_failed_total") == 1


class NoReceive:
    def __init__(self, most: int) -> None: ...


class NoArgument:
    def receive(self, data: bytes) -> list[bytes]:
        return []


class GivesNone(Resp):
    def receive(self, data: bytes) -> Any:
        return None


class GivesBytes(Resp):
    def receive(self, data: bytes) -> Any:
        return data


class Raises(Resp):
    def receive(self, data: bytes) -> Any:
        raise KeyError("x")


@pytest.mark.parametrize(
    ("framer", "said"),
    [
        (NoReceive, r"an object of NoReceive has no receive\(data\)"),
        (NoArgument, "NoArgument has to take one argument, the most bytes of a frame"),
        (GivesNone, "GivesNone.receive gave None; it has to give a list of frames"),
        (GivesBytes, "GivesBytes.receive gave b''; it has to give a list"),
        (Raises, "Raises.receive fails without bytes: KeyError"),
    ],
)
def test_one_that_does_not_fit_is_refused_with_its_class(framer: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        type("Wrong", (FrameProtocol,), {"framing": framer})


def test_a_frame_that_cannot_be_packed_is_a_mistake(in_memory: InMemory) -> None:
    class Plain(FrameProtocol[Any, Any, Any]):
        framing = NoArgumentNeeded

        def frame_received(self, frame: Any) -> None: ...

    with pytest.raises(TypeError, match="send_frame takes bytes, not 5"):
        in_memory(Plain).connect().protocol.send_frame(5)  # type: ignore[union-attr]


class NoArgumentNeeded(NoArgument):
    def __init__(self, most: int) -> None: ...
