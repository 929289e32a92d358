"""The base class for protocols of frames of bytes over a connection.

class Shout(FrameProtocol):
    def frame_received(self, frame):
        self.send_frame(frame.upper())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any, Generic

from typing_extensions import TypeVar

from logsrv.kit.framing._own_framing import OwnFraming, is_own_framing
from logsrv.kit.framing.frames import Framing, LengthPrefix
from logsrv.kit.protocols._connection import PeerConnection
from logsrv.kit.protocols._context import Settings, State
from logsrv.kit.protocols._protocol import PeerProtocol
from logsrv.kit.protocols._sending import GATHERED
from logsrv.kit.protocols._states import ENDED, OPEN
from logsrv.kit.protocols.faults import wrong_value_text

# The frames of a protocol, for type checkers: bytes, unless its framing is the author's own.
Frame = TypeVar("Frame", default=bytes)

# An exhausted iterator, so all connections may share it.
NO_FRAMES: Iterator[bytes] = iter(())
# The bytes that are split into frames in one step.
BYTES_AT_ONCE = 16 * 1024


class FramedConnection(PeerConnection):
    """A connection that sends frames, not text."""

    __slots__ = ()

    def _encode_output(self, lines: list[Any]) -> bytes:
        return b"".join(lines)


class FrameProtocol(PeerProtocol[Settings, State], Generic[Settings, State, Frame]):
    """Frames in, frames out, as bytes; one object per connection.

    Override `frame_received`, and `connection_made` and `connection_lost` if need be. Each of the
    three may be `async def`; until it ends, nothing more is read from the peer.

    framing: how frames are marked on the wire: LengthPrefix(2, "little"), Varint(), Netstring(),
        Delimiter(b"\\0"), FixedSize(16). The default is four bytes of length, the highest first. A class of
        your own is called with the most bytes of a frame, and has `receive(data)`: see OwnFraming.
    max_frame: the most bytes of a received frame, and the most that --max-frame may be; None leaves it
        to --max-frame.
    """

    framing: Framing | Callable[[int], Any] = LengthPrefix()
    max_frame: int | None = None
    # Its peers read no text.
    tell_errors = False

    _make_connection = FramedConnection
    # False if frames are sent as they are: one step less for each.
    _packs = True

    def __init_subclass__(cls, **how: Any) -> None:
        """Take a class of the author's as framing. Raises ConfigurationError if it does not fit."""
        super().__init_subclass__(**how)
        framing = vars(cls).get("framing")
        if framing is not None:
            cls._packs = True
        if is_own_framing(framing):
            cls.framing = own = OwnFraming(framing)
            own.check(f"{cls.__name__}.framing")
            cls._packs = own.packs

    def frame_received(self, frame: Frame) -> object:
        """Take a frame from the peer; `frame` is without its length or delimiter.

        It is bytes, unless a framing of your own gives other objects.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method frame_received")

    def frame_refused(self, sentence: str) -> object:
        """Called when the peer sent an invalid or oversized frame; the connection closes afterwards.

        sentence: the reason, for the log. Override it to send a last frame.
        """

    def send_frame(self, frame: Frame) -> None:
        """Send a frame. It is dropped if the peer has gone.

        Raises ValueError for a frame that `framing` cannot mark, TypeError unless it is bytes.
        """
        data: Any = frame
        if self._packs or type(frame) is not bytes:
            data = self._pack_frame(frame)
        connection = self._connection
        if connection is None or (parts := connection.lines) is None:
            (connection or self._ensure_connection()).write(data)
            return
        connection.gathered += len(data)
        parts.append(data)
        if connection.gathered > GATHERED:
            connection.write_gathered()

    def _pack_frame(self, frame: Frame) -> bytes:
        framing: Any = self.framing
        try:
            data: bytes = framing.pack(frame)
        except TypeError:
            if isinstance(framing, OwnFraming):
                raise
            raise TypeError(f"send_frame takes bytes, not {wrong_value_text(frame)}") from None
        return data

    @classmethod
    def encoded_words(cls, words: Any) -> bytes:
        framing: Any = cls.framing
        data: bytes = framing.pack(words)
        return data

    def _last_words(self, words: Any) -> bytes:
        return self._pack_frame(words)

    def close(self, last_frame: Frame | None = None) -> None:
        """Send `last_frame`, if any, after all earlier output, then close the connection.

        After this the plugin gets only `connection_lost`.
        """
        framing: Any = self.framing
        last = None if last_frame is None else framing.pack(last_frame)
        (self._connection or self._ensure_connection()).close(last)

    def _new_reader(self, connection: PeerConnection) -> FrameReader:
        return FrameReader(self, connection)


class FrameReader:
    """Takes frames out of the bytes, and gives the protocol one after another when it is ready."""

    __slots__ = ("_at", "_author", "_connection", "_framer", "_frames", "_late", "_later")
    waits_by_itself = False

    def __init__(self, author: FrameProtocol[Any, Any, Any], connection: PeerConnection) -> None:
        self._author = author
        self._connection = connection
        framing: Any = author.framing
        self._framer = framing.framer(author.factory.max_frame)
        # Frames for the protocol, and those that follow them.
        self._frames: Iterator[Any] = NO_FRAMES
        self._later: Iterator[Any] = NO_FRAMES
        # The bytes that were not split yet: those in `_late` from `_at` on.
        self._late = b""
        self._at = 0

    @property
    def waiting(self) -> bool:
        return False

    @property
    def exhausted(self) -> bool:
        return not (self._late or length_hint(self._frames) or length_hint(self._later))

    @property
    def discard_early_input(self) -> bool:
        return not self.exhausted or bool(self._framer.unfinished_bytes or self._framer.fault)

    def received(self, data: bytes) -> None:
        self._late = self._late[self._at :] + data if self._late else data
        self._at = 0
        if self._connection.state.ready:
            # A framer of the author's may fail.
            self._connection.call_author(self.advance, "frame_received")

    def advance(self) -> None:
        connection, frame_received = self._connection, self._author.frame_received
        while True:
            for frame in self._frames:
                result = frame_received(frame)
                if result is not None:
                    connection.hold_input_until(result, "frame_received")
                if connection.state.held:
                    return
            self._frames = NO_FRAMES
            if self._later is NO_FRAMES:
                if self._framer.fault:
                    self._refuse_frame(self._framer.fault)
                    return
                if not self._late:
                    break
            if (self._at or self._later is not NO_FRAMES) and connection.is_turn_over():
                connection.give_way()
                return
            if self._later is NO_FRAMES:
                frames = self._framer.receive(self._take_late())
                if len(frames) <= connection.at_once:
                    self._frames = iter(frames)
                    continue
                self._later = iter(frames)
            self._frames = iter(list(islice(self._later, connection.at_once)))
            if not length_hint(self._later):
                self._later = NO_FRAMES
        if connection.state.reading is ENDED:
            connection.close()

    def _take_late(self) -> bytes:
        """Return the next bytes to split."""
        data, begin = self._late, self._at
        self._at = end = begin + BYTES_AT_ONCE
        if end >= len(data):
            self._late, self._at = b"", 0
        return data[begin:end] if begin or self._at else data

    def lost(self) -> None:
        late = len(self._late) - self._at
        self._connection.author.factory.dropped_bytes += self._framer.unfinished_bytes + late
        self._late, self._at = b"", 0
        self._frames = self._later = NO_FRAMES

    def _refuse_frame(self, sentence: str) -> None:
        self._author.factory.dropped_bytes += getattr(self._framer, "refused_bytes", 0)
        connection = self._connection
        was_open = connection.state.sending is OPEN
        result = self._author.frame_refused(sentence)
        if result is not None:
            raise TypeError(
                f"frame_refused returned {wrong_value_text(result)}; it has to return None"
            )
        if was_open and connection.state.sending is not OPEN:
            # The author has ended it, perhaps by `abort`; it counts as cut all the same.
            connection.author.factory.count_cut("bad_frame")
        connection.dismiss("bad_frame", sentence)
