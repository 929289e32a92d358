"""Find where MessagePack values end, in a stream or inside a value, by their headers alone (sans-IO).

Nothing is unpacked here: a header that promises four thousand million elements costs one number. Other
modules unpack only whole values; a whole value contains at most as many values as it has bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from msgpack import OutOfData, Unpacker

from logsrv.linelog.lines.inflated import Buffer

PIECE = 16 << 10
"""Bytes scanned or unpacked together: they may be as many values, at 0.3 µs each."""
_DAMAGED = "its MessagePack is damaged"

# A value nested deeper is a fault. The C code of msgpack has room for 1024 levels; JSON made here has 200.
DEEPEST = 500
_NEVER = 0xC1
# By first byte: bytes of the value, or of its header if values follow; 0 if it has a length field.
_SIZES = [1] * 256
# By first byte: the number of values that follow.
_FOLLOWING = [0] * 256
# For values with a length field: the bytes of that field; the further bytes of the header; and how many
# values follow for each unit of the length, 0 if the length counts bytes.
_LENGTHS: dict[int, tuple[int, int, int]] = {
    **{0xC4 + power: (1 << power, 0, 0) for power in range(3)},
    **{0xC7 + power: (1 << power, 1, 0) for power in range(3)},
    **{0xD9 + power: (1 << power, 0, 0) for power in range(3)},
    0xDC: (2, 0, 1),
    0xDD: (4, 0, 1),
    0xDE: (2, 0, 2),
    0xDF: (4, 0, 2),
}
for _code in _LENGTHS:
    _SIZES[_code] = 0
_FOLLOWING[0x80:0x90] = range(0, 32, 2)
_FOLLOWING[0x90:0xA0] = range(16)
_SIZES[0xA0:0xC0] = range(1, 33)
# Floats of 4 and 8 bytes, unsigned and signed integers of 1 to 8, extensions of 1 to 16.
_SIZES[0xCA:0xD4] = (5, 9, 2, 3, 5, 9, 2, 3, 5, 9)
_SIZES[0xD4:0xD9] = (3, 4, 6, 10, 18)


@attrs.define(eq=False)
class MsgpackValueFramer:
    """A framer that splits a stream of bytes into whole values.

    most: longest value in bytes; may be changed at any time.
    fault: a sentence why the framer has stopped, "" without an error.
    passed: number of values so far, nested ones included.
    """

    most: int
    fault: str = ""
    passed: int = 0
    _held: bytearray = attrs.field(init=False, factory=bytearray)
    # `_held` is scanned up to here.
    _at: int = 0
    # For each unfinished array and map: how many of its values are missing.
    _open: list[int] = attrs.field(init=False, factory=list)

    @property
    def unfinished_bytes(self) -> int:
        """Return the number of bytes kept of an unfinished value."""
        return len(self._held)

    def receive(self, data: bytes) -> Iterator[bytes | bytearray]:
        """Yield the values that are whole now. Run it to its end before the next call."""
        if self.fault:
            return
        held = self._held
        held += data
        start = 0
        while not self.fault:
            whole = self._scan_value(start)
            if not whole:
                break
            if start == 0 and self._at > PIECE:
                # Do not copy a long value.
                held, value = held[self._at :], held
                del value[self._at :]
                self._held, self._at = held, 0
                yield value
                continue
            yield bytes(memoryview(held)[start : self._at])
            start = self._at
        if self.fault:
            held.clear()
        else:
            del held[:start]
            self._at -= start

    def _scan_value(self, start: int) -> bool:
        """Scan to the end of the value that begins at `start`; return whether it is whole."""
        held, waiting = self._held, self._open
        at, end = self._at, len(held)
        sizes, following = _SIZES, _FOLLOWING
        passed = self.passed
        done = False
        while at < end and not done:
            code = held[at]
            size = sizes[code]
            inside = following[code]
            if not size:
                width, more, each = _LENGTHS[code]
                if at + 1 + width > end:
                    break
                length = int.from_bytes(held[at + 1 : at + 1 + width], "big")
                inside = length * each
                size = 1 + width + more + (0 if each else length)
            if at + size + inside - start > self.most:
                self.fault = f"a value is longer than {self.most} bytes"
                break
            if code == _NEVER:
                self.fault = "it sent bytes that are no MessagePack"
                break
            if len(waiting) >= DEEPEST:
                self.fault = "a value is nested too deeply"
                break
            if at + size > end:
                break
            at += size
            passed += 1
            if inside:
                waiting.append(inside)
                continue
            while waiting:
                waiting[-1] -= 1
                if waiting[-1]:
                    break
                waiting.pop()
            done = not waiting
        self._at, self.passed = at, passed
        return done


def has_more_values(value: Buffer, most: int) -> bool:
    """Return whether a whole value contains more than `most` values. Raises ValueError if it is damaged."""
    framer = MsgpackValueFramer(len(value))
    for start in range(0, len(value), PIECE):
        for _ in framer.receive(bytes(value[start : start + PIECE])):
            pass
        if framer.fault:
            raise ValueError(framer.fault)
        if framer.passed > most:
            return True
    return False


def value_ends(values: Buffer, most: int | None = None) -> list[int]:
    """Return where each of the consecutive whole values ends, `most` of them at most.

    An unfinished or damaged value ends the list. Raises ValueError if the first value is damaged.
    """
    unpacker = Unpacker(max_buffer_size=max(len(values), 1))
    unpacker.feed(values)
    skip, tell = unpacker.skip, unpacker.tell
    found: list[int] = []
    try:
        while most is None or len(found) < most:
            skip()
            found.append(tell())
    except OutOfData:
        return found
    except Exception as error:
        if not found:
            raise ValueError(_DAMAGED) from error
    return found


def value_end(values: memoryview, start: int) -> int:
    """Return where the value at `start` ends. Raises ValueError if it is damaged or not whole."""
    size = PIECE
    while True:
        found = value_ends(values[start : start + size], 1)
        if found:
            return start + found[0]
        if start + size >= len(values):
            raise ValueError(_DAMAGED)
        # A longer part is scanned from the beginning again.
        size *= 4


def array_header(view: memoryview) -> tuple[int, int] | None:
    """Return the number of elements of an array, and where the first begins; None for another value."""
    code = view[0]
    if code & 0xF0 == 0x90:
        return code & 0x0F, 1
    if code not in (0xDC, 0xDD):
        return None
    header = 3 if code == 0xDC else 5
    return int.from_bytes(view[1:header], "big"), header


def begins_text(code: int) -> bool:
    """Return whether a first byte is that of a string or of bytes."""
    return code & 0xE0 == 0xA0 or 0xC4 <= code <= 0xC6 or 0xD9 <= code <= 0xDB


def is_small_integer(code: int) -> bool:
    """Return whether a first byte is the whole integer: ASCII, and most first bytes of other UTF-8, are."""
    return code < 0x80 or code >= 0xE0


def text_content(text: memoryview) -> memoryview:
    """Return the content of a whole string or bytes value, without its header."""
    width = _LENGTHS[text[0]][0] if text[0] in _LENGTHS else 0
    return text[1 + width :]
