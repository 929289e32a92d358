"""Framing of an author: commands of Redis, and framers that are wrong in each way."""

from collections.abc import Iterator
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit import FrameProtocol, Netstring
from logsrv.kit._protocol_plugin.class_checks import check_protocol_class
from logsrv.kit.framing._own_framing import OwnFramer
from logsrv.kit.testing import conformance, every_split
from tests.kit.servers import redis

pytest_plugins = ["logsrv.kit.testing.fixtures"]


PING = b"*1\r\n$4\r\nPING\r\n"
SET = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nbc\r\n"
GET = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"


def test_frames_are_any_objects_and_answers_are_packed(in_memory):
    assert in_memory(redis.plugin).answer(PING + SET + GET) == b"+PONG\r\n+OK\r\n$2\r\nbc\r\n"


def test_a_broadcast_sends_a_frame_of_any_kind(in_memory):
    class Counted(FrameProtocol[Any, Any, Any]):
        framing = redis.Resp

        def frame_received(self, frame: list[bytes]) -> None:
            self.service.broadcast(len(frame), but=self)

    service = in_memory(Counted)
    listening, sender = service.connect(), service.connect()
    sender.feed(PING + SET)
    assert listening.received() == b":1\r\n:3\r\n"


@pytest.mark.slow
def test_a_framer_of_an_author_stands_everything():
    conformance(redis.plugin, PING, SET + GET)


def test_a_value_error_is_the_fault_of_the_peer_that_gets_answers_to_the_frames_before(in_memory):
    service = in_memory(redis.plugin)
    wrong, right = service.connect(), service.connect()
    wrong.feed(PING + b"*1\r\nPING\r\n")
    right.feed(PING)
    assert wrong.received() == right.received() == b"+PONG\r\n"
    assert wrong.closed and not right.closed
    assert service.metric("connections_cut_total", reason="bad_frame") == 1
    assert service.metric("connections_failed_total") == 0


@pytest.mark.parametrize("size", [20, 21])
def test_the_limit_of_a_frame_does_not_depend_on_the_pieces(size):
    """One byte more completes a frame of the limit, as the delimiter does here."""

    class Words:
        unfinished_bytes = 0

        def __init__(self, most: int) -> None:
            self.rest = b""

        def receive(self, data: bytes) -> list[bytes]:
            *words, self.rest = (self.rest + data).split(b" ")
            self.unfinished_bytes = len(self.rest)
            return words

    good, last = [b"a", b"b" * 15], b"x" * size
    data = b" ".join([*good, last, b""])
    for pieces in [*every_split(data), [data[at : at + 1] for at in range(len(data))]]:
        framer = OwnFramer(Words, 20)
        frames = [word for piece in pieces for word in framer.receive(piece)]
        assert (frames, bool(framer.fault)) == (
            (good, True) if size > 20 else ([*good, last], False)
        )


def test_bytes_after_one_that_is_too_long_are_counted():
    framer = OwnFramer(Empty, 5)
    assert framer.receive(b"x" * 50) == []
    assert (framer.fault, framer.unfinished_bytes) == ("a frame is longer than 5 bytes", 50)


@pytest.mark.parametrize(("length", "cut"), [(900, 0), (300_000, 1)])
def test_an_announced_length_is_limited_and_not_counted_as_dropped(in_memory, length, cut):
    class Announced(Empty):
        unfinished_bytes = 0

        def receive(self, data: bytes) -> list[bytes]:
            *frames, rest = data.split(b"\n")
            self.unfinished_bytes = int(rest or self.unfinished_bytes)
            return frames

    class Frames(FrameProtocol[Any, Any, Any]):
        framing = Announced
        max_frame = 1000

        def frame_received(self, frame: bytes) -> None: ...

    service = in_memory(Frames)
    peer = service.connect()
    announced = b"a\nb\n%d" % length
    peer.feed(announced)
    assert service.metric("connections_cut_total", reason="bad_frame") == cut
    service.stop()
    assert 0 < service.metric("dropped_bytes_total") <= len(announced)


@pytest.mark.parametrize("told", [True, False])
def test_half_a_frame_for_ever_is_cut_off(in_memory, told):
    """By the number that the framer tells, or by the bytes since the last frame."""

    class Endless:
        def __init__(self, most: int) -> None:
            if told:
                self.unfinished_bytes = 0

        def receive(self, data: bytes) -> list[bytes]:
            frames = [data] if data == b"." else []
            if told:
                self.unfinished_bytes = 0 if frames else self.unfinished_bytes + len(data)
            return frames

    class Frames(FrameProtocol[Any, Any, Any]):
        framing = Endless
        max_frame = 1000

        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

    service = in_memory(Frames)
    peer = service.connect()
    for _ in range(2):
        peer.feed(b"x" * 1000)
        peer.feed(b".")
    assert peer.received() == b".." and not peer.closed
    peer.feed(b"x" * 1000)
    peer.feed(b"x")
    assert peer.closed
    assert service.metric("connections_cut_total", reason="bad_frame") == 1
    assert service.metric("dropped_bytes_total") == 1001


def test_a_fault_may_be_an_attribute(in_memory):
    class Marked:
        fault = ""

        def __init__(self, most: int) -> None: ...

        def receive(self, data: bytes) -> list[bytes]:
            self.fault = "an exclamation mark" if b"!" in data else ""
            return [data[:1]] if data else []

    class Frames(FrameProtocol[Any, Any, Any]):
        framing = Marked

        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

        def frame_refused(self, sentence: str) -> None:
            self.send_frame(sentence.encode())

    peer = in_memory(Frames).connect()
    peer.feed(b"a!")
    peer.feed(b"b")
    assert peer.received() == b"aan exclamation mark"
    assert peer.closed


class Empty:
    """A framer that fits; others are made of it."""

    def __init__(self, most: int) -> None: ...

    def receive(self, data: bytes) -> Any:
        return []


class GivesNothing(Empty):
    def receive(self, data: bytes) -> Any:
        return None if data else []


class YieldsAndFails(Empty):
    def receive(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data
            raise KeyError(data)


class CountsInWords(Empty):
    def receive(self, data: bytes) -> Any:
        if data:
            self.unfinished_bytes = "many"
        return []


class SmallOnly(Empty):
    def __init__(self, most: int) -> None:
        if most > 1024:
            raise OverflowError("too much")


@pytest.mark.complains("UnfitFramer", "KeyError", "OverflowError")
@pytest.mark.parametrize("framer", [GivesNothing, YieldsAndFails, CountsInWords, SmallOnly])
def test_a_framer_that_fails_costs_that_peer_only(in_memory, framer):
    class Wrong(FrameProtocol[Any, Any, Any]):
        framing = framer

        def frame_received(self, frame: Any) -> None: ...

    service = in_memory(Wrong)
    one, other = service.connect(), service.connect()
    one.feed(b"x")
    one.feed(b"y")
    assert one.closed and not other.closed
    assert service.metric("connections_failed_total") == 1
    other.disconnect()
    service.stop()


class NoReceive:
    def __init__(self, most: int) -> None: ...


class NoArgument:
    def receive(self, data: bytes) -> list[bytes]:
        return []


class GivesNone(Empty):
    def receive(self, data: bytes) -> Any:
        return None


class GivesBytes(Empty):
    def receive(self, data: bytes) -> Any:
        return data


class Raises(Empty):
    def receive(self, data: bytes) -> Any:
        raise KeyError("x")


class Method(Empty):
    def unfinished_bytes(self) -> int:
        return 0


class Faulty(Empty):
    fault = "nothing is right"


class PacksItself(Empty):
    def pack(self, frame: bytes) -> bytes:
        return frame


class PacksNothing(Empty):
    pack = b""


@pytest.mark.parametrize(
    ("framer", "said"),
    [
        (NoReceive, r"an object of NoReceive has no receive\(data\)$"),
        (
            NoArgument,
            r"NoArgument\(1024\)\.receive\(b''\) raises TypeError: NoArgument\(\) takes no arg",
        ),
        (GivesNone, "GivesNone.receive returned None; it has to return a list of frames$"),
        (GivesBytes, "GivesBytes.receive returned b''; it has to return a list"),
        (Raises, r"Raises\(1024\)\.receive\(b''\) raises KeyError: 'x'; it is made"),
        (Method, "Method.unfinished_bytes is <bound method .*; it has to be a number$"),
        (Faulty, "Faulty reports a fault before it has any bytes: nothing is right$"),
        (PacksItself, "PacksItself.pack is called with a frame alone: write @staticmethod above"),
        (PacksNothing, "PacksNothing.pack is called with a frame alone: write @staticmethod"),
    ],
)
def test_one_that_does_not_fit_is_refused_with_its_class(framer, said):
    with pytest.raises(ConfigurationError, match=rf"^Wrong\.framing: {said}") as refused:
        type("Wrong", (FrameProtocol,), {"framing": framer})
    assert "\n" not in str(refused.value)


def test_a_class_that_is_assigned_later_is_refused_when_the_plugin_is_made():
    class Late(FrameProtocol): ...

    Late.framing = Empty
    with pytest.raises(
        ConfigurationError, match=r"^Late\.framing is <class .*Empty'>; it has to be"
    ):
        check_protocol_class(Late)


def test_a_connection_may_choose_its_framing(in_memory):
    class Chosen(FrameProtocol):
        def connection_made(self) -> None:
            self.framing = Netstring()

        def frame_received(self, frame: bytes) -> None:
            self.send_frame(frame)

    assert in_memory(Chosen).answer(b"2:ab,1:c,") == b"2:ab,1:c,"


def test_pack_may_be_a_function_of_pythons_own(in_memory):
    class Numbers(FrameProtocol[Any, Any, Any]):
        framing = type("Packs", (Empty,), {"pack": staticmethod(bytes)})

        def connection_made(self) -> None:
            self.send_frame([7, 8])

    assert in_memory(Numbers).connect().received() == b"\7\10"


class PacksWords(Empty):
    @staticmethod
    def pack(frame: object) -> str:
        return "words"


@pytest.mark.parametrize(
    ("framer", "said"),
    [
        (Empty, r"^send_frame takes bytes, not 5: Empty has no pack\(frame\)$"),
        (PacksWords, "^PacksWords.pack returned 'words' for 5; it has to return bytes$"),
    ],
)
def test_a_frame_that_cannot_be_packed_is_a_mistake(in_memory, framer, said):
    class Plain(FrameProtocol[Any, Any, Any]):
        framing = framer

        def frame_received(self, frame: Any) -> None: ...

    protocol: Any = in_memory(Plain).connect().protocol
    with pytest.raises(TypeError, match=said):
        protocol.send_frame(5)
    with pytest.raises(TypeError, match=said):
        protocol.close(5)


def test_the_authors_code_runs_only_while_bytes_are_received():
    """Else an error in it would have nobody to answer for it, as at the end of a connection."""
    framer = OwnFramer(SmallOnly, 5000)
    assert (framer.unfinished_bytes, framer.fault) == (0, "")
