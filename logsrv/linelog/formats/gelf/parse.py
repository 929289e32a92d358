"""GELF over streams, where a NUL ends each message (sans-IO)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from logsrv.linelog.lines.bodies import LARGE, BodyRules, Records, Reply, RequestRefused
from logsrv.linelog.lines.clean import is_utf8
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.inflated import (
    TooLargeError,
    UnpackingError,
    inflate_pieces,
    unpack,
)
from logsrv.linelog.lines.objects import add_object_or_text
from logsrv.linelog.lines.records import escape_line_ends
from logsrv.linelog.lines.rules import LineCounts, LineRules, for_frames


class GelfFramer:
    """The framer of one connection: `receive` and `finish` turn bytes into messages.

    A message longer than `most` bytes becomes text records while it arrives; `rules` say how long a line
    may be. So the framer keeps at most `most` bytes of a message.
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
        """Return whether the unfinished message looks whole, with LF instead of NUL."""
        return self._held.endswith((b"}\n", b"}\r\n"))

    @property
    def closing(self) -> str | None:
        """Return one sentence why the connection must be closed, or None."""
        return self._lines.closing

    def receive(self, data: bytes) -> Iterator[list[bytes] | Records]:
        """Yield the messages that `data` completes, a large one alone; or parts of a long one as text.

        It never raises, for any bytes. Run it to its end before the next call.
        """
        *messages, rest = data.split(b"\0")
        whole: list[bytes] = []
        for message in messages:
            if self._held:
                message = bytes(self._held) + message
                self._held.clear()
            is_long = self._in_long or len(message) > self._most
            if whole and (is_long or len(message) > LARGE):
                yield whole
                whole = []
            if is_long:
                yield from self._add_long_part(message, ends=True)
            elif len(message) > LARGE:
                yield [message]
            else:
                whole.append(message)
        if whole:
            yield whole
        self._held += rest
        if self._in_long or len(self._held) > self._most:
            part = bytes(self._held)
            self._held.clear()
            yield from self._add_long_part(part)

    def finish(self) -> Iterator[list[bytes] | Records]:
        """Yield the unfinished message. Call it when the connection has closed."""
        if self._held:
            yield [bytes(self._held)]
            self._held.clear()
        if self._in_long:
            yield from self._add_long_part(b"", ends=True)

    def _add_long_part(self, part: bytes, *, ends: bool = False) -> Iterator[Records]:
        """Yield part of a message that is too long, as text. ends: whether it is the last part."""
        records = Records()
        if not self._in_long:
            records.as_text += 1
        self._in_long = not ends
        text = escape_line_ends(part, self._raw)
        block = self._lines.receive(text + b"\n" if ends else text)
        if block is not None:
            records.add_whole_lines(bytes(block), block.number)
        if block is not None or records.as_text:
            yield records


# A datagram that unpacks to more than this many times --max-record is dropped. A smaller one that is longer
# than --max-record is stored as text.
_TIMES_A_RECORD = 8


def add_gelf_datagram(datagram: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the message in a datagram. Raises RequestRefused (413) if it is too large unpacked."""
    most = _TIMES_A_RECORD * rules.max_record
    try:
        message = unpacked_message(datagram, most, rules)
    except TooLargeError:
        raise RequestRefused(413, "it is too large unpacked", reason="unpacking") from None
    return add_object_or_text(message, rules, records)


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


def is_packed(message: bytes) -> bool:
    """Return whether a message begins as packed ones do."""
    zlib_header = message[:1] == b"\x78" and int.from_bytes(message[:2], "big") % 31 == 0
    return zlib_header or message.startswith(_GZIP)


def unpacked_message(message: bytes, most: int, rules: BodyRules) -> bytes:
    """Unpack a message; return it unchanged if it is not packed, or damaged.

    Raises TooLargeError if it has more than `most` bytes unpacked, or might have in the store.
    """
    if not is_packed(message):
        return message
    try:
        text = unpack(inflate_pieces(message), most, rules.check_unpacked)
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
