"""Frames of bytes: the ways to mark them on the wire, and framers, which split received bytes into frames.

A `Framing` is one way to mark frames. Its `framer` cuts the bytes of one connection, which may come split
anywhere; its `pack` marks a frame for sending. A framer keeps at most one unfinished frame, and refuses a
frame as soon as it is known to be too long: with a length before it, before any of it is kept.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Literal, Protocol

import attrs

# Bytes of a varint of 64 bits, the longest; one that does not end there is a fault.
LONGEST_VARINT = 10
# A number without leading zeros, and its colon if that has come.
NETSTRING_LENGTH = re.compile(rb"(0|[1-9][0-9]*)(:?)")
# Formats of struct for the sizes that a length may have.
FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Framing(Protocol):
    """A way to mark frames on the wire, such as `LengthPrefix`."""

    def framer(self, max_frame: int) -> Any:
        """Return a Framer, or an object with the same methods, for one connection. max_frame: the most
        bytes of a frame.
        """

    def pack(self, frame: bytes) -> bytes:
        """Return the bytes to send for a frame. Raises ValueError if it cannot be marked in this way."""


class Framer:
    """Splits the bytes of one connection into frames.

    fault: a sentence that says why it takes no more bytes; "" while all is well. refused_bytes: number of
    bytes that the fault has dropped.
    """

    __slots__ = ("_most", "_unfinished", "_wanted", "fault", "refused_bytes")

    def __init__(self, most: int) -> None:
        self.fault = ""
        self.refused_bytes = 0
        self._most = most
        # The beginning of an unfinished frame; it is parsed again when `_wanted` bytes have come.
        self._unfinished = bytearray()
        self._wanted = 0

    @property
    def unfinished_bytes(self) -> int:
        """Return how many bytes of an unfinished frame have arrived."""
        return len(self._unfinished)

    def receive(self, data: bytes) -> list[bytes]:
        """Return the frames that `data` completes; if there is a `fault`, only the frames before the
        fault.
        """
        if self.fault:
            return []
        unfinished = self._unfinished
        if unfinished:
            if len(unfinished) + len(data) < self._wanted:
                unfinished += data
                return []
            data = b"".join((unfinished, data))
            unfinished.clear()
        frames: list[bytes] = []
        end = self._cut_frames(data, frames)
        if self.fault:
            self.refused_bytes = len(data) - end
        elif end < len(data):
            unfinished += memoryview(data)[end:]
        return frames

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        """Append the complete frames. Return the offset where the unfinished one begins; set `_wanted`."""
        raise NotImplementedError

    def _set_too_long_fault(self) -> None:
        self.fault = f"a frame is longer than {self._most} bytes"


@attrs.frozen
class LengthPrefix:
    """Frames that each have their length as a binary number before them. The length counts the bytes of the
    frame, not its own.

    size: bytes of the length: 1, 2, 4 or 8. order: "big" (network order) or "little". Raises ValueError
    for any other size or order.
    """

    size: int = 4
    order: Literal["big", "little"] = "big"

    def __attrs_post_init__(self) -> None:
        if self.size not in FORMATS:
            raise ValueError(f"the size of a length is 1, 2, 4 or 8 bytes, not {self.size!r}")
        if self.order not in ("big", "little"):
            raise ValueError(f'the order of a length is "big" or "little", not {self.order!r}')

    def framer(self, max_frame: int) -> Framer:
        return _LengthFramer(max_frame, _STRUCTS[self.size, self.order])

    def pack(self, frame: bytes) -> bytes:
        try:
            return _STRUCTS[self.size, self.order].pack(len(frame)) + frame
        except struct.error:
            raise ValueError(
                f"a frame of {len(frame)} bytes is too long for a length of size {self.size}"
            ) from None


_STRUCTS = {
    (size, order): struct.Struct(mark + FORMATS[size])
    for size in FORMATS
    for order, mark in (("big", ">"), ("little", "<"))
}


class _LengthFramer(Framer):
    __slots__ = ("_struct",)

    def __init__(self, most: int, struct: struct.Struct) -> None:
        super().__init__(most)
        self._struct = struct

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        unpack, size, most = self._struct.unpack_from, self._struct.size, self._most
        append, at, end = frames.append, 0, len(data)
        begin = size
        while begin <= end:
            (length,) = unpack(data, at)
            if length > most:
                self.fault = f"a frame of {length} bytes is longer than {most} bytes"
                return at
            stop = begin + length
            if stop > end:
                self._wanted = stop - at
                return at
            append(data[begin:stop])
            at = stop
            begin = stop + size
        self._wanted = size
        return at


@attrs.frozen
class Varint:
    """Frames that each have their length as a varint before them, as in Protocol Buffers: seven bits a
    byte, the lowest bits first.
    """

    def framer(self, max_frame: int) -> Framer:
        return _VarintFramer(max_frame)

    def pack(self, frame: bytes) -> bytes:
        length, prefix = len(frame), bytearray()
        while length > 0x7F:
            prefix.append(length & 0x7F | 0x80)
            length >>= 7
        prefix.append(length)
        return bytes(prefix) + frame


class _VarintFramer(Framer):
    __slots__ = ()

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        most, at, end = self._most, 0, len(data)
        while at < end:
            length, begin = 0, at
            while begin < end:
                byte = data[begin]
                length |= (byte & 0x7F) << 7 * (begin - at)
                begin += 1
                if length > most or byte <= 0x7F or begin - at == LONGEST_VARINT:
                    break
            if length > most:
                self._set_too_long_fault()
                return at
            if byte > 0x7F:
                if begin - at == LONGEST_VARINT:
                    self.fault = f"a length has more than {LONGEST_VARINT} bytes"
                break
            stop = begin + length
            if stop > end:
                self._wanted = stop - at
                return at
            frames.append(data[begin:stop])
            at = stop
        self._wanted = end - at + 1
        return at


@attrs.frozen
class Netstring:
    """Netstrings: a decimal length and a colon before each frame, a comma after it: `5:hello,`."""

    def framer(self, max_frame: int) -> Framer:
        return _NetstringFramer(max_frame)

    def pack(self, frame: bytes) -> bytes:
        return b"%d:%b," % (len(frame), frame)


class _NetstringFramer(Framer):
    __slots__ = ()

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        at, end, longest = 0, len(data), len(str(self._most)) + 2
        while at < end:
            found = NETSTRING_LENGTH.match(data, at, at + longest)
            length = int(found[1]) if found else 0
            if length > self._most:
                self._set_too_long_fault()
                return at
            if found is None or (not found[2] and found.end() < end):
                self.fault = "a netstring does not begin with a length and a colon"
                return at
            if not found[2]:
                break
            begin = found.end()
            stop = begin + length
            if stop >= end:
                self._wanted = stop + 1 - at
                return at
            if data[stop] != 0x2C:
                self.fault = "a netstring has no comma at its end"
                return at
            frames.append(data[begin:stop])
            at = stop + 1
        self._wanted = end - at + 1
        return at


@attrs.frozen
class Delimiter:
    """Frames that all end with the same bytes; no frame may contain these bytes.

    Raises ValueError for an empty delimiter.
    """

    delimiter: bytes = b"\0"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.delimiter, bytes) or not self.delimiter:
            raise ValueError(f"a delimiter is one byte or more, not {self.delimiter!r}")

    def framer(self, max_frame: int) -> Framer:
        return _DelimiterFramer(max_frame, self.delimiter)

    def pack(self, frame: bytes) -> bytes:
        data = frame + self.delimiter
        if data.find(self.delimiter) < len(frame):
            raise ValueError(f"a frame has the delimiter {self.delimiter!r} in it")
        return data


class _DelimiterFramer(Framer):
    __slots__ = ("_delimiter",)

    def __init__(self, most: int, delimiter: bytes) -> None:
        super().__init__(most)
        self._delimiter = delimiter

    def receive(self, data: bytes) -> list[bytes]:
        # The earlier bytes contain no delimiter, so it is searched only from their end on.
        unfinished, delimiter = self._unfinished, self._delimiter
        if unfinished and not self.fault:
            tail = bytes(unfinished[-(len(delimiter) - 1) :]) if len(delimiter) > 1 else b""
            if delimiter not in tail + data:
                unfinished += data
                self._refuse_if_too_long(len(unfinished) - len(delimiter) + 1)
                return []
            self._wanted = 0
        return super().receive(data)

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        found = data.split(self._delimiter)
        last = found.pop()
        if len(data) > self._most:
            for number, frame in enumerate(found):
                if len(frame) > self._most:
                    self._set_too_long_fault()
                    return sum(map(len, found[:number])) + number * len(self._delimiter)
                frames.append(frame)
        else:
            frames += found
        self._refuse_if_too_long(len(last) - len(self._delimiter) + 1)
        return len(data) - len(last)

    def _refuse_if_too_long(self, length: int) -> None:
        """Set `fault`, and drop the kept bytes, if an unfinished frame of `length` bytes is too long."""
        if length > self._most:
            self._set_too_long_fault()
            self.refused_bytes = len(self._unfinished)
            self._unfinished.clear()


@attrs.frozen
class FixedSize:
    """Frames of `size` bytes each, with nothing between them. Raises ValueError for a size below 1."""

    size: int

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"the size of a frame is one byte or more, not {self.size!r}")

    def framer(self, max_frame: int) -> Framer:
        return _FixedFramer(max(self.size, max_frame), self.size)

    def pack(self, frame: bytes) -> bytes:
        data = b"" + frame
        if len(data) != self.size:
            raise ValueError(f"a frame has {self.size} bytes, not {len(data)}")
        return data


class _FixedFramer(Framer):
    __slots__ = ("_size",)

    def __init__(self, most: int, size: int) -> None:
        super().__init__(most)
        self._size = self._wanted = size

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        size = self._size
        end = len(data) - len(data) % size
        frames += [data[at : at + size] for at in range(0, end, size)]
        return end
