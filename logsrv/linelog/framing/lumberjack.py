"""Lumberjack, version 2: what Filebeat and the other Beats send to Logstash (sans-IO).

    2W number                  so many events are to come, and then an acknowledgement
    2J sequence length json    an event
    2C length zlib             frames, compressed
    2A sequence                from us: the events up to this one are safe

Numbers have 32 bits, the highest first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

import attrs
import orjson

from logsrv.linelog.framing.inflated import UnpackingError, in_pieces, inflating
from logsrv.linelog.framing.json_text import one_line
from logsrv.linelog.framing.records import Run, in_runs, without_ending

_VERSION = ord("2")
_WINDOW, _JSON, _COMPRESSED = b"WJC"
_NUMBER = struct.Struct(">I")
_KIND, _SHORT_HEADER, _LONG_HEADER = 2, 6, 10


@attrs.frozen
class Window:
    """Events, and the sequence that is to be acknowledged behind them: None, as there are more to come.

    as_text: how many of them are no JSON object.
    """

    records: Sequence[Run]
    sequence: int | None
    as_text: int


def acknowledgement(sequence: int) -> bytes:
    """Return what says that an event and those before it are safe."""
    return b"2A" + _NUMBER.pack(sequence)


class LumberjackFramer:
    """The events of one connection's bytes.

    trouble: a sentence on why nothing is taken any more, "" while all is well; `reason`: for the metrics.
    """

    __slots__ = ("_body", "_events", "_held", "_left", "_record", "_wanted", "reason", "trouble")

    def __init__(self, record: int, body: int) -> None:
        """record: bytes that an event may have. body: bytes of a compressed frame, unpacked as well."""
        self.trouble = ""
        self.reason = "protocol"
        self._record = record
        self._body = body
        self._held = bytearray()
        # Bytes that have to be there before there is anything to do.
        self._wanted = 0
        # Events that the window still waits for.
        self._left = 0
        self._events: list[bytes] = []

    @property
    def held(self) -> int:
        """Return how many bytes wait for the rest of their frame."""
        return len(self._held)

    def receive(self, data: bytes) -> list[Window]:
        """Return the events that are whole now, those before a `trouble` included."""
        if self.trouble:
            return []
        held = self._held
        held += data
        if len(held) < self._wanted:
            return []
        found: list[Window] = []
        self._wanted = 0
        done = self._frames(held, found, compressed=False)
        if self.trouble:
            held.clear()
        else:
            del held[:done]
            self._wanted = max(0, self._wanted - done)
        self._close_window(found, None)
        return found

    def _frames(self, data: bytes | bytearray, found: list[Window], *, compressed: bool) -> int:
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
            if not self._short_enough(kind, number):
                break
            begin, stop = at + header, at + header + number
            if stop > end:
                self._wanted = stop
                break
            content = bytes(memoryview(data)[begin:stop])
            if kind == _COMPRESSED:
                self._compressed(content, found)
            else:
                self._event(content, _NUMBER.unpack_from(data, at + _KIND)[0], found)
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

    def _short_enough(self, kind: int, length: int) -> bool:
        most = self._record if kind == _JSON else self._body
        if length > most:
            what = "an event" if kind == _JSON else "a compressed frame"
            self.trouble = f"{what} is longer than {most} bytes"
            self.reason = "oversize"
        return not self.trouble

    def _compressed(self, content: bytes, found: list[Window]) -> None:
        """Take the frames in a compressed one; nothing of it if it is damaged, which its end says."""
        self._close_window(found, None)
        before = len(found)
        self._unpack(content, found)
        if self.reason == "unpacking":
            del found[before:]
            self._events = []

    def _unpack(self, content: bytes, found: list[Window]) -> None:
        rest = b""
        size = 0
        try:
            for piece in inflating(in_pieces(content)):
                size += len(piece)
                if size > self._body:
                    self.trouble = f"compressed data would be more than {self._body} bytes"
                    self.reason = "unpacking"
                    return
                rest += piece
                if len(rest) >= self._wanted:
                    self._wanted = 0
                    done = self._frames(rest, found, compressed=True)
                    rest = rest[done:]
                    self._wanted = max(0, self._wanted - done)
                if self.trouble:
                    return
        except UnpackingError as error:
            self.trouble = f"compressed data cannot be unpacked: {error}"
            self.reason = "unpacking"
        self._wanted = 0
        if rest and not self.trouble:
            self.trouble = "a frame does not end where its compressed data does"

    def _event(self, content: bytes, sequence: int, found: list[Window]) -> None:
        self._events.append(content)
        self._left = max(0, self._left - 1)
        if self._left == 0:
            self._close_window(found, sequence)

    def _close_window(self, found: list[Window], sequence: int | None) -> None:
        if self._events:
            found.append(_window(self._events, sequence))
            self._events = []


def _window(events: Sequence[bytes], sequence: int | None) -> Window:
    records = list(_records(events))
    as_text = sum(not structured and bool(line) for line, structured in records)
    return Window(tuple(in_runs(records)), sequence, as_text)


def _records(events: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for event in events:
        structured = is_object(event)
        yield (one_line if structured else without_ending)(event), structured


def is_object(text: bytes) -> bool:
    """Return whether text is a JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
