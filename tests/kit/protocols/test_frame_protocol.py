"""FrameProtocol: what an author gets of frames, at any cut, and what a peer gets."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.kit import (
    Delimiter,
    FixedSize,
    FrameProtocol,
    LengthPrefix,
    Netstring,
    PeerError,
    Varint,
)
from logsrv.kit.testing import MemoryService


class Shout(FrameProtocol):
    def frame_received(self, frame: bytes) -> object:
        self.send_frame(frame.upper())
        return None


class ShoutNetstrings(Shout):
    framing = Netstring()
    max_frame = 10


def test_frames_are_the_same_at_every_split():
    """Four bytes of length unless the class says otherwise; 0xFF and line ends are bytes like others."""
    assert MemoryService(Shout).answer(b"\0\0\0\3abc\0\0\0\0\0\0\0\2\xff\n") == (
        b"\0\0\0\3ABC\0\0\0\0\0\0\0\2\xff\n"
    )
    assert MemoryService(ShoutNetstrings).answer(b"3:abc,0:,") == b"3:ABC,0:,"


def test_answers_with_bytes_around_them_leave_in_one_write():
    class Framed(ShoutNetstrings):
        def frame_received(self, frame: bytes) -> None:
            self.write(b"<")
            self.send_frame(frame)
            self.write(b">")

    peer = MemoryService(Framed).connect()
    written: list[bytes] = []
    peer.transport.write = written.append  # type: ignore[method-assign,assignment]
    peer.feed(b"1:a,1:b,")
    assert written == [b"<1:a,><1:b,>"]


def test_a_frame_waits_for_the_handler_of_the_last_one():
    """And so does the peer: nothing more is read from it."""
    work: Deferred[None] = Deferred()
    begun: list[bytes] = []

    class Slow(FrameProtocol):
        framing = FixedSize(1)

        async def frame_received(self, frame: bytes) -> None:
            begun.append(frame)
            await work
            self.send_frame(frame)

    peer = MemoryService(Slow).connect()
    peer.feed(b"ab")
    peer.feed(b"c")
    peer.half_close()
    assert (begun, peer.reading, peer.received()) == ([b"a"], False, b"")
    work.callback(None)
    assert peer.received() == b"abc"
    assert peer.closed


@pytest.mark.parametrize("sent", [b"1:a,11:", b"1:a,2:abc", b"1:a,x"])
def test_an_invalid_frame_ends_the_connection(sent):
    """The frames before it are answered; no text is sent to who expects frames."""
    service = MemoryService(ShoutNetstrings)
    assert service.answer(sent + b",1:b,") == b"1:A,"
    peer = service.connect()
    peer.feed(sent)
    assert peer.closed
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="bad_frame") > 0


def test_a_refused_peer_may_get_a_last_frame():
    class Polite(ShoutNetstrings):
        def frame_refused(self, sentence: str) -> None:
            self.send_frame(sentence.encode())

    assert MemoryService(Polite).answer(b"99:") == b"31:a frame is longer than 10 bytes,"


@pytest.mark.parametrize("end", ["abort", "close"])
def test_a_refused_peer_that_the_author_ends_is_counted_once(end):
    class Curt(ShoutNetstrings):
        def frame_refused(self, sentence: str) -> None:
            getattr(self, end)()

    service = MemoryService(Curt)
    peer = service.connect()
    peer.feed(b"1:a,99:")
    assert peer.closed
    assert service.metric("connections_cut_total", reason="bad_frame") == 1


def test_the_operator_may_want_shorter_frames_but_no_longer_ones():
    assert MemoryService(ShoutNetstrings, "--max-frame", "2").answer(b"2:ab,3:abc,") == b"2:AB,"
    with pytest.raises(ConfigurationError, match="--max-frame is 11 bytes; this protocol allows"):
        MemoryService(ShoutNetstrings, "--max-frame", "11")
    assert MemoryService(Shout).service.settings.max_frame == 1024 * 1024


def test_a_peer_error_closes_without_a_word():
    class Strict(ShoutNetstrings):
        def frame_received(self, frame: bytes) -> None:
            raise PeerError("not with you")

    service = MemoryService(Strict)
    assert service.answer(b"1:a,1:b,") == b""
    assert service.metric("connections_cut_total", reason="peer_error") > 0


def test_a_frame_that_never_ended_is_counted():
    """At the end of the peer's half all whole frames are answered first."""
    service = MemoryService(ShoutNetstrings)
    peer = service.connect()
    peer.feed(b"1:a,5:abc")
    peer.half_close()
    assert peer.received() == b"1:A,"
    assert peer.closed
    assert service.metric("dropped_bytes_total") == 5


class Words:
    """An author's framing by NUL; finds some words bad."""

    def __init__(self, most: int) -> None:
        self.rest = b""

    def receive(self, data: bytes) -> list[bytes]:
        *words, self.rest = (self.rest + data).split(b"\0")
        if b"bad" in words:
            raise ValueError("a bad word")
        return words


class WordsByAttribute(Words):
    fault = ""

    def receive(self, data: bytes) -> list[bytes]:
        try:
            return super().receive(data)
        except ValueError as error:
            self.fault = str(error)
            return []


@pytest.mark.parametrize(
    ("framing", "good", "refused"),
    [
        (LengthPrefix(1), b"\1a", b"\x0b01234567890"),
        (Varint(), b"\1a", b"\x0b01234567890"),
        (Netstring(), b"1:a,", b"11:01234567890,"),
        (Netstring(), b"1:a,", b"1:ab"),
        (Delimiter(b"\r\n"), b"a\r\n", b"01234567890\r\nmore"),
        (Delimiter(b"\r\n"), b"a\r\n", b"012345678901"),
        (Words, b"a\0", b"01234567890"),
        (Words, b"a\0", b"bad\0more"),
        (WordsByAttribute, b"a\0", b"bad\0more"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 1000])
def test_the_bytes_of_a_refused_frame_are_counted(framing, good, refused, pieces):
    """Those of the frames before it are not, and the peer has gone before it sends all of its own."""
    kind = type("Framed", (Shout,), {"framing": framing, "max_frame": 10})
    service = MemoryService(kind)
    peer = service.connect()
    peer.feed(good * 5)
    size = -(-len(refused) // pieces)
    fed = 0
    for at in range(0, len(refused), size):
        if not peer.closed:
            peer.feed(refused[at : at + size])
            fed += len(refused[at : at + size])
    assert peer.closed
    assert service.metric("connections_cut_total", reason="bad_frame") == 1
    assert service.metric("dropped_bytes_total") == fed


def test_close_sends_a_last_frame():
    class Farewell(FrameProtocol):
        framing = LengthPrefix(1)

        def connection_made(self) -> None:
            self.send_frame(b"hi")
            self.close(b"bye")

    peer = MemoryService(Farewell).connect()
    assert peer.received() == b"\2hi\3bye"
    assert peer.closed


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (None, "send_frame takes bytes, not None"),
        ("text", "send_frame takes bytes, not 'text'"),
        (b"123", "a frame has 2 bytes, not 3"),
    ],
)
def test_sending_a_wrong_frame_raises(frame, sentence):
    said: list[str] = []

    class Wrong(FrameProtocol):
        framing = FixedSize(2)

        def connection_made(self) -> None:
            try:
                self.send_frame(frame)
            except (TypeError, ValueError) as error:
                said.append(str(error))

    MemoryService(Wrong).connect()
    assert said == [sentence]


def test_a_subclass_of_own_framing_may_have_framing_of_the_kit():
    class Pieces:
        def __init__(self, most: int) -> None:
            pass

        def receive(self, data: bytes) -> list[bytes]:
            return [data] if data else []

    class Unmarked(Shout):
        framing: Any = Pieces

    class Marked(Unmarked):
        framing = LengthPrefix(1)

    assert MemoryService(Unmarked).answer(b"abc") == b"ABC"
    assert MemoryService(Marked).answer(b"\3abc") == b"\3ABC"
