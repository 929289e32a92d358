"""Lumberjack, version 2: what Filebeat and the other Beats send to Logstash (sans-IO).

    2W number                  so many events are to come, and then an acknowledgement
    2J sequence length json    an event
    2C length zlib             frames, compressed
    2A sequence                from us: the events up to this one are safe

Numbers have 32 bits, the highest first.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from typing import Any, TypeAlias

import attrs

from logsrv.linelog.framing.bodies.bodies import RECORD, Records, most_made
from logsrv.linelog.framing.bodies.inflated import (
    TooLargeError,
    UnpackingError,
    bounded,
    in_pieces,
    inflating,
)
from logsrv.linelog.framing.events.objects import add_objects

_VERSION = ord("2")
_WINDOW, _JSON, _COMPRESSED = b"WJC"
_NUMBER = struct.Struct(">I")
# Bytes, and events or windows, that are given together, and bytes of unpacked data that are kept.
_AT_ONCE = 64 << 10
_MOST_AT_ONCE = 1024
_KEPT = 1 << 20
_KIND, _SHORT_HEADER, _LONG_HEADER = 2, 6, 10
_BEGIN_OF_EVENT = b"2J"


@attrs.frozen
class Events:
    """Events, and the acknowledgements that are due when those are safe: b"" if their window goes on."""

    records: Records
    acknowledgements: bytes


# Others may have a turn between two steps.
Steps: TypeAlias = Generator[Any, None, None]


def acknowledgement(sequence: int) -> bytes:
    """Return what says that an event and those before it are safe."""
    return b"2A" + _NUMBER.pack(sequence)


class LumberjackFramer:
    """The events of one connection's bytes.

    trouble: a sentence on why nothing is taken any more, "" while all is well; `reason`: for the metrics.
    """

    __slots__ = (
        "_acknowledgements",
        "_body",
        "_events",
        "_held",
        "_left",
        "_record",
        "_records",
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
        # Events of one window that are whole; those of windows before it; the bytes of all.
        self._events: list[bytes] = []
        self._records = Records()
        self._acknowledgements: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        return len(self._held)

    def receive(self, data: bytes) -> Steps:
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
        yield from self._take_window(b"")
        yield from self._give()

    def _frames(self, data: bytes | bytearray, *, compressed: bool) -> Generator[Any, None, int]:
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
            if number > self._body:
                self.trouble = f"a frame is longer than {self._body} bytes"
                self.reason = "oversize"
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
                    (sequence,) = _NUMBER.unpack_from(data, at + _KIND)
                    yield from self._take_window(acknowledgement(sequence))
                elif self._size > _AT_ONCE or len(self._events) > _MOST_AT_ONCE:
                    yield from self._take_window(b"")
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

    def _compressed(self, content: bytes) -> Steps:
        """Take the frames in a compressed one; nothing of it if it is damaged, which its end says."""
        yield from self._take_window(b"")
        yield from self._give()
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
                yield None
        except UnpackingError as error:
            self.trouble = f"compressed data cannot be unpacked: {error}"
            self.reason = "unpacking"
            return
        # Much data is unpacked once more: keeping all of it would be too much.
        yield from self._unpacked(kept if size <= _KEPT else inflating(in_pieces(content)))

    def _unpacked(self, pieces: Iterable[bytes]) -> Steps:
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
            # Frames without events give none.
            yield None
        self._wanted = 0
        if rest:
            self.trouble = "a frame does not end where its compressed data does"

    def _take_window(self, acknowledgement: bytes) -> Steps:
        """Take the events of a window that are there; many small windows are given together.

        One with text is given by itself: --oversize may close the connection for it.
        """
        events, self._events = self._events, []
        if not events:
            return
        found = Records()
        yield from add_objects(events, self._record, found)
        if found.as_text:
            yield from self._give()
        self._records.add_all(found)
        self._acknowledgements.append(acknowledgement)
        many = self._size > _AT_ONCE or len(self._acknowledgements) > _MOST_AT_ONCE
        if many or found.as_text:
            yield from self._give()
        else:
            yield None

    def _give(self) -> Steps:
        records, self._records = self._records, Records()
        due, self._acknowledgements = b"".join(self._acknowledgements), []
        self._size = 0
        if len(records):
            yield Events(records, due)
