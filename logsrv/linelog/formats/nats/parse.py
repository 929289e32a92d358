"""The server's side of the NATS protocol: bytes in, operations of limited size out (no I/O).

    INFO {…}   PING   PONG   +OK   -ERR 'text'
    MSG subject sid [reply] size
    HMSG subject sid [reply] size-of-headers size

This replaces nats-py's parser, which keeps as many bytes as a server announces, and whose patterns take
quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

import attrs

from logsrv.errors import LogsrvError
from logsrv.linelog.store.packed_block import NAMES

LONGEST_LINE = 32 << 10
"""The most bytes of a line; a longer one is an error. nats-py has this limit for the first line."""
LARGEST = 6 << 20
"""The bytes of a larger message are dropped; the answer about a stream with 100,000 stores has 5 MB."""
LARGEST_SENT = 65 << 20
"""A larger message is an error: a server accepts up to 64 MiB, and adds headers."""
LARGEST_HEADERS = 16 << 10
STATUS = "Status"
NATS_STREAM, NATS_SUBJECT, NATS_SEQUENCE = "Nats-Stream", "Nats-Subject", "Nats-Sequence"
_KNOWN = frozenset((*NAMES, NATS_STREAM, NATS_SUBJECT, NATS_SEQUENCE))
_SIZE = re.compile(rb"[0-9]{1,9}")
_STATUS = re.compile(rb"NATS/1\.0[ \t]+([0-9]{3})")
_ENDED = b"\r\n"


class WireError(LogsrvError):
    """The server does not speak the NATS protocol, or announces a size that no server sends."""


@attrs.frozen
class Delivery:
    """A message for a subscription; headers and data are empty if the message is too large to keep."""

    sid: int
    subject: bytes
    reply: bytes
    headers: bytes = attrs.field(repr=False)
    data: bytes = attrs.field(repr=False)

    @property
    def size(self) -> int:
        return len(self.headers) + len(self.data)


@attrs.frozen
class ControlLine:
    """Any other operation. word: its name. rest: the rest of its line."""

    word: bytes
    rest: bytes


Operation: TypeAlias = Delivery | ControlLine


@attrs.frozen
class _MessageHead:
    """The line before a message. headers: the number of bytes in its headers. size: in headers and data."""

    sid: int
    subject: bytes
    reply: bytes
    headers: int
    size: int


class NatsReader:
    """A reader of the bytes of a server, which come in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        # The number of bytes at the start of the buffer that were searched, and have no LF.
        self._looked_at = 0
        self._head: _MessageHead | None = None
        # The number of bytes still to come of a message that is too large to keep.
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[Operation]:
        """Yield the operations that are complete. Raises WireError; after that nothing more can be read."""
        self._buffer += data
        while (found := self._read_message() if self._head else self._read_line()) is not None:
            if not isinstance(found, _MessageHead):
                yield found
            elif found.size > LARGEST:
                self._head, self._skip = found, found.size + len(_ENDED)
            else:
                self._head = found

    def _read_line(self) -> ControlLine | _MessageHead | None:
        end = self._buffer.find(b"\n", self._looked_at)
        if max(end, len(self._buffer) if end < 0 else 0) > LONGEST_LINE:
            raise WireError(f"a line of more than {LONGEST_LINE} bytes")
        if end < 0:
            self._looked_at = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._looked_at = 0
        word, _, rest = line.strip().partition(b" ")
        word = word.upper()
        if word not in (b"MSG", b"HMSG"):
            return ControlLine(word, rest.strip())
        return _parse_message_head(rest, has_headers=word == b"HMSG")

    def _read_message(self) -> Delivery | None:
        head = self._head
        assert head is not None
        if self._skip:
            skipped = min(self._skip, len(self._buffer))
            del self._buffer[:skipped]
            self._skip -= skipped
            if self._skip:
                return None
            self._head = None
            return Delivery(head.sid, head.subject, head.reply, b"", b"")
        end = head.size + len(_ENDED)
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            headers, data = bytes(view[: head.headers]), bytes(view[head.headers : head.size])
            ended = bytes(view[head.size : end])
        if ended != _ENDED:
            raise WireError("a message has another size than was announced")
        del self._buffer[:end]
        self._head = None
        return Delivery(head.sid, head.subject, head.reply, headers, data)


def _parse_message_head(rest: bytes, *, has_headers: bool) -> _MessageHead:
    """Return the content of the line before a message. Raises WireError."""
    words = rest.split()
    numbers = 1 + has_headers
    if not 2 + numbers <= len(words) <= 3 + numbers or not rest.isascii():
        raise WireError("a line before a message has too many or too few words")
    sizes = words[-numbers:]
    if not all(_SIZE.fullmatch(one) for one in (words[1], *sizes)):
        raise WireError("a line before a message has an invalid number, or one that is too large")
    headers, size = (int(sizes[0]) if has_headers else 0), int(sizes[-1])
    if size > LARGEST_SENT or headers > size:
        raise WireError(f"a message of {size} bytes is announced, {headers} of them headers")
    reply = words[2] if len(words) == 3 + numbers else b""
    return _MessageHead(int(words[1]), words[0], reply, headers, size)


def known_nats_headers(raw: bytes) -> dict[str, str]:
    """Return those headers of a NATS message that we know, and its status if it has one.

    raw: a line `NATS/1.0 [STATUS]`, one line for each header, an empty line. Invalid headers are no error,
    because any writer to a stream may send them. Headers of more than LARGEST_HEADERS bytes are ignored.
    """
    if len(raw) > LARGEST_HEADERS:
        return {}
    first, *lines = raw.split(b"\r\n")
    found = {}
    if (status := _STATUS.match(first)) is not None:
        found[STATUS] = status[1].decode()
    for line in lines:
        name, colon, value = line.partition(b":")
        text = name.decode("latin-1").strip()
        if colon and text in _KNOWN:
            found[text] = value.decode("latin-1").strip()
    return found
