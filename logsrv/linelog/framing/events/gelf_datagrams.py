"""GELF in datagrams: join the chunks of a message, and unpack it, all within limits (sans-IO).

    1e 0f, ID of the message (8 bytes), index of this chunk (1 byte), count of chunks (1 byte, up to 128)

A sender compresses a message (zlib, gzip) before it cuts it into chunks.
"""

from __future__ import annotations

import attrs

from logsrv.linelog.framing.bodies.inflated import TooLargeError, UnpackingError, inflated
from logsrv.linelog.framing.lines.clean import is_utf8

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
