"""GELF over streams, where a NUL ends each message (sans-IO)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import attrs

from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.clean import is_utf8
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.inflated import TooLargeError, UnpackingError, inflated
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.records import escape_line_ends
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_frames


class GelfFramer:
    """The framer of one connection: `receive` and `finish` turn bytes into records.

    A message longer than `most` bytes is stored as text while it arrives; `rules` say how long a line may
    be. So the framer keeps at most `most` bytes of a message.
    """

    __slots__ = ("_held", "_in_long", "_lines", "_most", "_raw")

    def __init__(self, rules: LineRules, counts: LineCounts, most: int) -> None:
        self._most = most
        self._raw = rules.raw
        self._held = bytearray()
        self._lines = LineFramer(for_frames(rules), counts)
        self._in_long = False

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished message."""
        return len(self._held)

    @property
    def is_ended_by_lf(self) -> bool:
        """Return whether the unfinished message looks whole, with LF in the place of NUL."""
        return self._held.endswith((b"}\n", b"}\r\n"))

    @property
    def closing(self) -> str | None:
        """Return one sentence why the connection must be closed, or None."""
        return self._lines.closing

    def receive(self, data: bytes) -> Generator[Any, None, Records]:
        """Return the records that `data` completes, in steps. It never raises, for any bytes."""
        *messages, rest = data.split(b"\0")
        records = Records()
        whole: list[bytes] = []
        for message in messages:
            if self._held:
                message = bytes(self._held) + message
                self._held.clear()
            if self._in_long or len(message) > self._most:
                yield from add_objects_or_text(whole, self._most, records)
                whole.clear()
                self._add_long_part(message, records)
                self._in_long = False
                self._add_framed_lines(b"\n", records)
            else:
                whole.append(message)
        yield from add_objects_or_text(whole, self._most, records)
        if self._in_long:
            self._add_long_part(rest, records)
            return records
        self._held += rest
        if len(self._held) > self._most:
            self._add_long_part(bytes(self._held), records)
            self._held.clear()
        return records

    def finish(self) -> Generator[Any, None, Records]:
        """Return the unfinished message, in steps. Call it when the connection has closed."""
        records = Records()
        if self._held:
            yield from add_objects_or_text([bytes(self._held)], self._most, records)
            self._held.clear()
        if self._in_long:
            self._add_framed_lines(b"\n", records)
        return records

    def _add_long_part(self, part: bytes, records: Records) -> None:
        """Store part of a message that is too long."""
        if not self._in_long:
            self._in_long = True
            records.as_text += 1
        self._add_framed_lines(escape_line_ends(part, self._raw), records)

    def _add_framed_lines(self, part: bytes, records: Records) -> None:
        block = self._lines.receive(part)
        if block is not None:
            records.add_whole_lines(bytes(block), block.number)


MAGIC = b"\x1e\x0f"
SECONDS = 5.0
"""All chunks of a message must arrive within this time; Graylog has the same limit."""

MOST_UNFINISHED = 1000
MOST_BYTES = 32 << 20
"""The most unfinished messages of a listener, and bytes of them; above these, the oldest is dropped."""

_MOST_CHUNKS = 128
_HEADER = 12
_ASCII = bytes(range(128))
_HARMLESS = b"\t" + bytes((*range(0x20, 0x7F), *range(0x80, 0x100)))
_GZIP = b"\x1f\x8b"


@attrs.define
class ChunkedMessage:
    """An unfinished message.

    began: when its first chunk arrived, in seconds. count: how many chunks it has. chunks: those that have
    arrived, by number. size: bytes of their datagrams.
    """

    began: float
    count: int
    chunks: dict[int, bytes] = attrs.field(factory=dict)
    size: int = 0


class ChunkJoiner:
    """The unfinished messages of a listener, oldest first; the caller passes the time.

    size: bytes of all unfinished messages. given_up: messages dropped, because chunks were missing in time,
        or because of the limits, since the caller set it to 0.
    """

    def __init__(self) -> None:
        self.given_up = 0
        self._unfinished: dict[tuple[str, bytes], ChunkedMessage] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._unfinished)

    def add_chunk(self, source: str, datagram: bytes, now: float) -> bytes | None:
        """Return the message that a chunk completes, or None. An invalid chunk is returned as a message.

        source: the sender. now: in seconds.
        """
        self.drop_expired(now)
        key = source, datagram[2:10]
        number, count = datagram[10:_HEADER] if len(datagram) >= _HEADER else (_MOST_CHUNKS, 0)
        begun = self._unfinished.get(key)
        if not number < count <= _MOST_CHUNKS or (begun and begun.count != count):
            return datagram
        if begun is None:
            begun = self._unfinished[key] = ChunkedMessage(now, count)
        if number not in begun.chunks:
            begun.chunks[number] = datagram[_HEADER:]
            begun.size += len(datagram)
            self.size += len(datagram)
        if len(begun.chunks) == count:
            self._remove_message(key)
            return b"".join([begun.chunks[one] for one in range(count)])
        while len(self._unfinished) > MOST_UNFINISHED or self.size > MOST_BYTES:
            self._drop_oldest()
        return None

    def drop_expired(self, now: float) -> None:
        """Drop the messages that have been unfinished for SECONDS."""
        while self._unfinished and self._oldest_message().began + SECONDS <= now:
            self._drop_oldest()

    def _oldest_message(self) -> ChunkedMessage:
        return next(iter(self._unfinished.values()))

    def _drop_oldest(self) -> None:
        self._remove_message(next(iter(self._unfinished)))
        self.given_up += 1

    def _remove_message(self, key: tuple[str, bytes]) -> None:
        self.size -= self._unfinished.pop(key).size


def unpacked_message(message: bytes, most: int) -> bytes:
    """Unpack a message; return it unchanged if it is not packed, or damaged.

    Raises TooLargeError if it has more than `most` bytes unpacked, or might have in the store.
    """
    zlib_header = message[:1] == b"\x78" and int.from_bytes(message[:2], "big") % 31 == 0
    if not (zlib_header or message.startswith(_GZIP)):
        return message
    try:
        text = inflated(message, most)
    except TooLargeError:
        raise
    except UnpackingError:
        return message
    if len(text) > most // 4 and _most_stored_bytes(text) > most:
        raise TooLargeError(f"it would be more than {most} bytes in the store")
    return text


def _most_stored_bytes(text: bytes) -> int:
    """Return an upper bound of a text's length in the store, without escaping it: 8 MB take a second."""
    # An escape has four bytes. An LF is escaped too, because a message becomes one line.
    size = len(text) + 3 * len(text.translate(None, _HARMLESS))
    if text.isascii():
        return size
    if not is_utf8(text):
        return size + 3 * len(text.translate(None, _ASCII))
    # Count all characters that begin like C1 controls, U+2028 and U+2029, the harmless ones too.
    return size + 6 * text.count(b"\xc2") + 9 * text.count(b"\xe2\x80")
