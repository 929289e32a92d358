"""Lumberjack, version 2: what Filebeat and the other Beats send to Logstash (sans-IO).

    2W number                  so many events are to come, and then an acknowledgement
    2J sequence length json    an event
    2C length zlib             frames, compressed
    2A sequence                from us: the events up to this one are safe

Numbers have 32 bits, the highest first.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator, Sequence

import attrs

from logsrv.linelog.framing.bodies.bodies import RECORD, most_made, parsed
from logsrv.linelog.framing.bodies.inflated import (
    TooLargeError,
    UnpackingError,
    bounded,
    in_pieces,
    inflating,
)
from logsrv.linelog.framing.bodies.json_text import objects_as_they_stand, one_line
from logsrv.linelog.framing.lines.records import RecordRun, in_runs, without_ending

_VERSION = ord("2")
_WINDOW, _JSON, _COMPRESSED = b"WJC"
_NUMBER = struct.Struct(">I")
# Bytes and events of a window that are given together, and bytes of unpacked data that are kept.
_AT_ONCE = 64 << 10
_MOST_AT_ONCE = 1024
_KEPT = 1 << 20
_KIND, _SHORT_HEADER, _LONG_HEADER = 2, 6, 10
_BEGIN_OF_EVENT = b"2J"


@attrs.frozen
class EventWindow:
    """Events, and the sequence that is to be acknowledged behind them: None, as there are more to come.

    as_text: how many of them are no JSON object, or too long for one. Without any events it is a turn for
    others.
    """

    records: Sequence[RecordRun]
    sequence: int | None
    as_text: int


_TURN = EventWindow((), None, 0)


def acknowledgement(sequence: int) -> bytes:
    """Return what says that an event and those before it are safe."""
    return b"2A" + _NUMBER.pack(sequence)


class LumberjackFramer:
    """The events of one connection's bytes.

    trouble: a sentence on why nothing is taken any more, "" while all is well; `reason`: for the metrics.
    """

    __slots__ = (
        "_body",
        "_events",
        "_held",
        "_left",
        "_record",
        "_size",
        "_wanted",
        "reason",
        "trouble",
    )

    def __init__(self, record: int, body: int) -> None:
        """record: bytes that an event of JSON may have. body: bytes of any frame, unpacked as well."""
        self.trouble = ""
        self.reason = "protocol"
        self._record = record
        self._body = body
        self._held = bytearray()
        # Bytes that have to be there before there is anything to do.
        self._wanted = 0
        # Events that the window still waits for.
        self._left = 0
        # Events that are whole, and their bytes.
        self._events: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        return len(self._held)

    def receive(self, data: bytes) -> Iterator[EventWindow]:
        """Give the events that are whole now, those before a `trouble` too; to be done before the next."""
        if self.trouble:
            return
        held = self._held
        held += data
        if len(held) < self._wanted:
            return
        self._wanted = 0
        done = yield from self._frames(held, compressed=False)
        if self.trouble:
            held.clear()
        else:
            del held[:done]
            self._wanted = max(0, self._wanted - done)
        yield from self._close_window(None)

    def _frames(
        self, data: bytes | bytearray, *, compressed: bool
    ) -> Generator[EventWindow, None, int]:
        """Take the frames that are whole; return where the next one begins. May set `trouble`."""
        at, end = 0, len(data)
        while not self.trouble and end - at >= _KIND:
            kind = data[at + 1]
            if not self._admitted(data[at], kind, compressed):
                break
            header = _LONG_HEADER if kind == _JSON else _SHORT_HEADER
            if end - at < header:
                break
            (number,) = _NUMBER.unpack_from(data, at + header - 4)
            if kind == _WINDOW:
                self._left = number
                at += header
                continue
            if not self._short_enough(number):
                break
            begin, stop = at + header, at + header + number
            if stop > end:
                self._wanted = stop
                break
            content = bytes(memoryview(data)[begin:stop])
            if kind == _COMPRESSED:
                yield from self._compressed(content)
            else:
                self._events.append(content)
                self._size += number
                self._left = max(0, self._left - 1)
                if not self._left:
                    yield from self._close_window(_NUMBER.unpack_from(data, at + _KIND)[0])
                elif self._size > _AT_ONCE or len(self._events) > _MOST_AT_ONCE:
                    yield from self._close_window(None)
            at = stop
        return at

    def _admitted(self, version: int, kind: int, compressed: bool) -> bool:
        if version != _VERSION:
            older = version == ord("1")
            self.trouble = (
                "it speaks Lumberjack of version 1; only version 2 is taken"
                if older
                else "what it sends is no Lumberjack"
            )
        elif kind not in (_WINDOW, _JSON, _COMPRESSED):
            self.trouble = "it sent a frame that Lumberjack's version 2 does not have"
        elif kind == _COMPRESSED and compressed:
            self.trouble = "it sent compressed data inside compressed data"
        return not self.trouble

    def _short_enough(self, length: int) -> bool:
        if length > self._body:
            self.trouble = f"a frame is longer than {self._body} bytes"
            self.reason = "oversize"
        return not self.trouble

    def _compressed(self, content: bytes) -> Iterator[EventWindow]:
        """Take the frames in a compressed one; nothing of it if it is damaged, which its end says."""
        yield from self._close_window(None)
        kept: list[bytes] = []
        size = events = 0
        most = most_made(self._body)
        try:
            for piece in bounded(inflating(in_pieces(content)), self._body):
                size += len(piece)
                # Some may be text inside an event: of usual frames there are a thousand times too few.
                events += piece.count(_BEGIN_OF_EVENT)
                if size + events * RECORD > most:
                    raise TooLargeError(f"it would become events of more than {most} bytes")
                if size <= _KEPT:
                    kept.append(piece)
                yield _TURN
        except UnpackingError as error:
            self.trouble = f"compressed data cannot be unpacked: {error}"
            self.reason = "unpacking"
            return
        # Much data is unpacked once more: keeping all of it would be too much.
        yield from self._unpacked(kept if size <= _KEPT else inflating(in_pieces(content)))

    def _unpacked(self, pieces: Iterable[bytes]) -> Iterator[EventWindow]:
        rest = b""
        for piece in pieces:
            rest += piece
            if len(rest) >= self._wanted:
                self._wanted = 0
                done = yield from self._frames(rest, compressed=True)
                rest = rest[done:]
                self._wanted = max(0, self._wanted - done)
            if self.trouble:
                return
        self._wanted = 0
        if rest:
            self.trouble = "a frame does not end where its compressed data does"

    def _close_window(self, sequence: int | None) -> Iterator[EventWindow]:
        events, self._events, self._size = self._events, [], 0
        if events:
            yield _window(events, sequence, self._record)


def _window(events: Sequence[bytes], sequence: int | None, most: int) -> EventWindow:
    if objects_as_they_stand(b"\n".join(events), most) == len(events):
        return EventWindow((RecordRun(events, True),), sequence, 0)
    records = list(_records(events, most))
    as_text = sum(not structured and bool(line) for line, structured in records)
    return EventWindow(tuple(in_runs(records)), sequence, as_text)


def _records(events: Iterable[bytes], most: int) -> Iterator[tuple[bytes, bool]]:
    for event in events:
        line = one_line(event) if len(event) <= most and is_object(event) else b""
        fits = 0 < len(line) <= most
        yield (line if fits else without_ending(event)), fits


def is_object(text: bytes) -> bool:
    """Return whether text is a JSON object."""
    try:
        return isinstance(parsed(text), dict)
    except ValueError:
        return False
