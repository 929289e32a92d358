"""Lumberjack, version 2, the protocol between Filebeat or another Beat and Logstash (sans-IO).

    2W number                  a window of this many events follows; then the sender expects 2A
    2J sequence length json    an event
    2C length zlib             frames, compressed
    2A sequence                the answer: all events up to this one are safe

Numbers have 32 bits, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from logsrv.linelog.lines.bodies import (
    LARGE,
    RECORD,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    record_bytes_limit,
)
from logsrv.linelog.lines.inflated import (
    TooLargeError,
    UnpackingError,
    inflate_pieces,
    unpack,
)
from logsrv.linelog.lines.objects import add_objects_or_text

_VERSION = ord("2")
_WINDOW, _JSON, _COMPRESSED = b"WJC"
_NUMBER = struct.Struct(">I")
# Events of a window with more bytes, or more of them, are stored in parts.
_AT_ONCE = 64 << 10
_MOST_AT_ONCE = 1024
_KIND, _SHORT_HEADER, _LONG_HEADER = 2, 6, 10
_BEGIN_OF_EVENT = b"2J"
TO_COME = "to come"
"""The name under which the parser of compressed frames returns `LumberjackFramer.to_come`."""


@attrs.frozen
class Events:
    """Events, and the acknowledgement to send when they are safe: b"" if their window is not complete."""

    texts: list[bytes]
    acknowledgement: bytes = b""


@attrs.frozen
class CompressedFrames:
    """The content of a compressed frame."""

    packed: bytes

    def order(self, to_come: int) -> bytes:
        """Return what the parser needs. to_come: events still to come in the window."""
        return _NUMBER.pack(to_come) + self.packed


class EmptyWindow:
    """A window, or a compressed frame, without any event."""


def acknowledgement_frame(sequence: int) -> bytes:
    """Return the frame that acknowledges the events up to `sequence`."""
    return b"2A" + _NUMBER.pack(sequence)


@attrs.define(eq=False)
class LumberjackFramer:
    """The framer of one connection: bytes become events.

    body: longest frame, also unpacked, in bytes. to_come: events still to come in the window. inside:
    whether the bytes are those of a compressed frame.
    fault: a sentence why the framer has stopped, "" without an error. reason: its label in the metrics.
    """

    _body: int
    to_come: int = 0
    _inside: bool = False
    fault: str = ""
    reason: str = "protocol"
    _held: bytearray = attrs.field(init=False, factory=bytearray)
    # `_held` must have this many bytes before parsing can go on.
    _wanted: int = 0

    @property
    def refused_events(self) -> int:
        """Return how many events a `fault` refuses: the rest of their window, if that may be true."""
        return max(1, min(self.to_come, record_bytes_limit(self._body) // RECORD))

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished frame."""
        return len(self._held)

    def receive(self, data: bytes) -> Iterator[Events | CompressedFrames | EmptyWindow]:
        """Yield what is whole now, also what came before a `fault`; an event of more than 64 KiB alone.

        Run it to its end before the next call. After CompressedFrames, first set `to_come`.
        """
        if self.fault:
            return
        self._held += data
        if len(self._held) < self._wanted:
            return
        self._wanted = 0
        texts: list[bytes] = []
        size = at = 0
        while (frame := self._frame_at(at)) is not None:
            kind, begin, stop, sequence = frame
            if kind == _WINDOW:
                if not self.to_come:
                    yield EmptyWindow()
                at = stop
                continue
            content = bytes(memoryview(self._held)[begin:stop])
            at = stop
            alone = kind == _COMPRESSED or len(content) > LARGE
            if texts and (alone or size > _AT_ONCE or len(texts) >= _MOST_AT_ONCE):
                yield Events(texts)
                texts, size = [], 0
            if kind == _COMPRESSED:
                yield CompressedFrames(content)
                continue
            self.to_come = max(0, self.to_come - 1)
            texts.append(content)
            size += len(content)
            if not self.to_come or alone:
                yield Events(texts, b"" if self.to_come else acknowledgement_frame(sequence))
                texts, size = [], 0
        if texts:
            yield Events(texts)
        if self.fault:
            self._held.clear()
        else:
            del self._held[:at]
            self._wanted = max(0, self._wanted - at)

    def _frame_at(self, at: int) -> tuple[int, int, int, int] | None:
        """Return kind, begin, end and sequence number of the frame at an offset; None if it is not whole.

        May set `fault`, and the size of a window.
        """
        held, end = self._held, len(self._held)
        if end - at < _KIND or not self._admit_frame(held[at], held[at + 1]):
            return None
        kind = held[at + 1]
        header = _LONG_HEADER if kind == _JSON else _SHORT_HEADER
        if end - at < header:
            return None
        (number,) = _NUMBER.unpack_from(held, at + header - 4)
        begin = at + header
        if kind == _WINDOW:
            self.to_come = number
            return kind, begin, begin, 0
        if number > self._body:
            self.fault = f"a frame is longer than {self._body} bytes"
            self.reason = "oversize"
            return None
        if begin + number > end:
            self._wanted = begin + number
            return None
        (sequence,) = _NUMBER.unpack_from(held, at + _KIND)
        return kind, begin, begin + number, sequence

    def _admit_frame(self, version: int, kind: int) -> bool:
        if version != _VERSION:
            older = version == ord("1")
            self.fault = (
                "it speaks Lumberjack of version 1; only version 2 is taken"
                if older
                else "it sent bytes that are no Lumberjack"
            )
        elif kind not in (_WINDOW, _JSON, _COMPRESSED):
            self.fault = "it sent a frame that Lumberjack's version 2 does not have"
        elif kind == _COMPRESSED and self._inside:
            self.fault = "it sent compressed data inside compressed data"
        return not self.fault


def add_compressed_events(order: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the events in CompressedFrames; the reply has their acknowledgements, and `TO_COME`.

    Raises RequestRefused for a damaged frame; only its end shows that.
    """
    (to_come,) = _NUMBER.unpack_from(order)
    framer = LumberjackFramer(rules.max_body, to_come, inside=True)
    try:
        unpacked = _unpack_events(memoryview(order)[_NUMBER.size :], rules)
    except UnpackingError as error:
        why = f"compressed data cannot be unpacked: {error}"
        raise RequestRefused(400, why, reason="unpacking", records=framer.refused_events) from None
    if not unpacked:
        records.count_unknown()
    answer = b""
    for found in framer.receive(unpacked):
        if isinstance(found, Events):
            add_objects_or_text(found.texts, rules.max_record, records)
            answer += found.acknowledgement
        else:
            records.count_unknown()
    if framer.unfinished_bytes:
        framer.fault = "a frame does not end where its compressed data does"
    if framer.fault:
        refused = len(records) + framer.refused_events
        raise RequestRefused(400, framer.fault, reason=framer.reason, records=refused)
    return Reply(200, answer, headers={TO_COME: str(framer.to_come)})


def _unpack_events(packed: memoryview, rules: BodyRules) -> bytes:
    unpacked = unpack(inflate_pieces(packed), rules.max_body, rules.check_unpacked)
    # A rough count: some hits may be text inside an event. Usual data stays a thousand times below the
    # limit.
    if len(unpacked) + unpacked.count(_BEGIN_OF_EVENT) * RECORD > rules.max_made:
        raise TooLargeError(f"it would become events of more than {rules.max_made} bytes")
    return unpacked
