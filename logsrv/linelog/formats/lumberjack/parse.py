"""Lumberjack, version 2, the protocol between Filebeat or another Beat and Logstash (sans-IO).

    2W number                  a window of this many events follows; then the sender expects 2A
    2J sequence length json    an event
    2C length zlib             frames, compressed
    2A sequence                the answer: all events up to this one are safe

Numbers have 32 bits, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from typing import Any, TypeAlias

import attrs

from logsrv.linelog.lines.bodies import RECORD, Records, record_bytes_limit
from logsrv.linelog.lines.inflated import (
    TooLargeError,
    UnpackingError,
    in_pieces,
    inflate_pieces,
    limited_pieces,
)
from logsrv.linelog.lines.objects import add_objects_or_text

_VERSION = ord("2")
_WINDOW, _JSON, _COMPRESSED = b"WJC"
_NUMBER = struct.Struct(">I")
# The most bytes, and the most events or windows, that are yielded together.
_AT_ONCE = 64 << 10
_MOST_AT_ONCE = 1024
# Unpacked data of more bytes is not kept in memory, but unpacked a second time.
_KEPT = 1 << 20
_KIND, _SHORT_HEADER, _LONG_HEADER = 2, 6, 10
_BEGIN_OF_EVENT = b"2J"


@attrs.frozen
class EventsToAcknowledge:
    """Events, and the acknowledgements to send when they are safe: b"" if their window is not complete."""

    records: Records
    acknowledgements: bytes


# Other peers may be served between two steps.
EventsSteps: TypeAlias = Generator[Any, None, None]


def acknowledgement_frame(sequence: int) -> bytes:
    """Return the frame that acknowledges the events up to `sequence`."""
    return b"2A" + _NUMBER.pack(sequence)


@attrs.define(eq=False)
class LumberjackFramer:
    """The framer of one connection: bytes become Events.

    record: longest event that stays JSON, in bytes. body: longest frame, also unpacked, in bytes.
    fault: a sentence why the framer has stopped, "" without an error. reason: its label in the metrics.
    """

    _record: int
    _body: int
    fault: str = ""
    reason: str = "protocol"
    _held: bytearray = attrs.field(init=False, factory=bytearray)
    # `_held` must have this many bytes before parsing can go on.
    _wanted: int = 0
    # Events still to come in the window.
    _to_come: int = 0
    # Whole events of the current window. Records and acknowledgements that are not yielded yet. The bytes
    # of all these events and records.
    _events: list[bytes] = attrs.field(init=False, factory=list)
    _records: Records = attrs.field(init=False, factory=Records)
    _acknowledgements: list[bytes] = attrs.field(init=False, factory=list)
    _size: int = 0

    @property
    def missing_events(self) -> int:
        """Return how many events of the present window have not come."""
        return self._to_come

    @property
    def refused_events(self) -> int:
        """Return how many events a `fault` refuses: the rest of their window, if that may be true."""
        return max(1, min(self._to_come, record_bytes_limit(self._body) // RECORD))

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished frame."""
        return len(self._held)

    def receive(self, data: bytes) -> EventsSteps:
        """Yield the events that are whole now, also those before a `fault`.

        Run it to its end before the next call.
        """
        if self.fault:
            return
        held = self._held
        held += data
        if len(held) < self._wanted:
            return
        self._wanted = 0
        done = yield from self._take_frames(held, compressed=False)
        if self.fault:
            held.clear()
        else:
            del held[:done]
            self._wanted = max(0, self._wanted - done)
        yield from self._take_window_events(b"")
        yield from self._yield_records()

    def _take_frames(
        self, data: bytes | bytearray, *, compressed: bool
    ) -> Generator[Any, None, int]:
        """Take the whole frames; return where the next one begins. May set `fault`."""
        at, end = 0, len(data)
        while not self.fault and end - at >= _KIND:
            kind = data[at + 1]
            if not self._admit_frame(data[at], kind, compressed):
                break
            header = _LONG_HEADER if kind == _JSON else _SHORT_HEADER
            if end - at < header:
                break
            (number,) = _NUMBER.unpack_from(data, at + header - 4)
            if kind == _WINDOW:
                self._to_come = number
                if not number:
                    self._records.count_unknown()
                at += header
                continue
            if number > self._body:
                self.fault = f"a frame is longer than {self._body} bytes"
                self.reason = "oversize"
                break
            begin, stop = at + header, at + header + number
            if stop > end:
                self._wanted = stop
                break
            content = bytes(memoryview(data)[begin:stop])
            if kind == _COMPRESSED:
                yield from self._take_compressed_frame(content)
            else:
                self._events.append(content)
                self._size += number
                self._to_come = max(0, self._to_come - 1)
                if not self._to_come:
                    (sequence,) = _NUMBER.unpack_from(data, at + _KIND)
                    yield from self._take_window_events(acknowledgement_frame(sequence))
                elif self._size > _AT_ONCE or len(self._events) > _MOST_AT_ONCE:
                    yield from self._take_window_events(b"")
            at = stop
        return at

    def _admit_frame(self, version: int, kind: int, compressed: bool) -> bool:
        if version != _VERSION:
            older = version == ord("1")
            self.fault = (
                "it speaks Lumberjack of version 1; only version 2 is taken"
                if older
                else "it sent bytes that are no Lumberjack"
            )
        elif kind not in (_WINDOW, _JSON, _COMPRESSED):
            self.fault = "it sent a frame that Lumberjack's version 2 does not have"
        elif kind == _COMPRESSED and compressed:
            self.fault = "it sent compressed data inside compressed data"
        return not self.fault

    def _take_compressed_frame(self, content: bytes) -> EventsSteps:
        """Take the frames in a compressed frame, or none if it is damaged: only its end shows that."""
        yield from self._take_window_events(b"")
        yield from self._yield_records()
        kept: list[bytes] = []
        size = events = 0
        most = record_bytes_limit(self._body)
        try:
            for piece in limited_pieces(inflate_pieces(in_pieces(content)), self._body):
                size += len(piece)
                # A rough count: some hits may be text inside an event. Usual data stays a thousand times
                # below the limit.
                events += piece.count(_BEGIN_OF_EVENT)
                if size + events * RECORD > most:
                    raise TooLargeError(f"it would become events of more than {most} bytes")
                if size <= _KEPT:
                    kept.append(piece)
                yield None
        except UnpackingError as error:
            self.fault = f"compressed data cannot be unpacked: {error}"
            self.reason = "unpacking"
            return
        if not size:
            self._records.count_unknown()
        # Much data is unpacked a second time: keeping it would take too much memory.
        yield from self._take_unpacked_frames(
            kept if size <= _KEPT else inflate_pieces(in_pieces(content))
        )

    def _take_unpacked_frames(self, pieces: Iterable[bytes]) -> EventsSteps:
        rest = b""
        for piece in pieces:
            rest += piece
            if len(rest) >= self._wanted:
                self._wanted = 0
                done = yield from self._take_frames(rest, compressed=True)
                rest = rest[done:]
                self._wanted = max(0, self._wanted - done)
            if self.fault:
                return
            # Let other peers have a turn: frames without events yield nothing.
            yield None
        self._wanted = 0
        if rest:
            self.fault = "a frame does not end where its compressed data does"

    def _take_window_events(self, acknowledgement: bytes) -> EventsSteps:
        """Take the events of the window so far; many small windows are yielded together.

        A window with events stored as text is yielded by itself: --oversize may close the connection there.
        """
        events, self._events = self._events, []
        if not events:
            return
        found = Records()
        yield from add_objects_or_text(events, self._record, found)
        if found.as_text:
            yield from self._yield_records()
        self._records.move_all_from(found)
        self._acknowledgements.append(acknowledgement)
        many = self._size > _AT_ONCE or len(self._acknowledgements) > _MOST_AT_ONCE
        if many or found.as_text:
            yield from self._yield_records()
        else:
            yield None

    def _yield_records(self) -> EventsSteps:
        records, self._records = self._records, Records()
        due, self._acknowledgements = b"".join(self._acknowledgements), []
        self._size = 0
        if len(records) or records.refused_count:
            yield EventsToAcknowledge(records, due)
