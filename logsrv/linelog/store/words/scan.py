"""Runs and windows of a frame, found with NumPy at memory speed, other threads running meanwhile.

Passes over the whole frame are over single bytes (1 MiB: some 40 µs each); what is wider is gathered
only where something was found. `evidence.py` says what runs and windows are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy

from logsrv.linelog.store.segments.times import SHAPE
from logsrv.linelog.store.words.evidence import (
    ADDRESS_MARK,
    ESCAPES,
    MULTIPLIER,
    SECOND_MULTIPLIER,
)

Array = numpy.ndarray[Any, Any]
U8, U64 = numpy.uint8, numpy.uint64

# Bytes behind the text, so that eight can be read at any place in it.
_PAD = 16
# Words of eight bytes that cover a TIME.
_TIME_AT = (0, 8, 16, 19)
_LOW = U64(0x7F7F7F7F7F7F7F7F)
_HIGH = U64(0x8080808080808080)
_FIVE = U64((1 << 40) - 1)
_SEVEN = U64((1 << 56) - 1)
# Adding it sets the high bit of letters behind f (g to z and _), and of no others.
_BEHIND_F = U64(0x1919191919191919)
_FIRST_BYTES: Array = numpy.array([(1 << 8 * size) - 1 for size in range(9)], U64)


class Runs(NamedTuple):
    """Runs of a frame: where they begin, how many letters they have, and the first eight of these."""

    starts: Array
    sizes: Array
    first: Array

    def only(self, which: Array) -> Runs:
        """Return the runs of these numbers."""
        return Runs(self.starts[which], self.sizes[which], self.first[which])


class FrameText:
    """The text of a frame, folded and without TIMEs, and the classes of its bytes."""

    def __init__(self, chunk: bytes, end: int) -> None:
        """Take the text `chunk[:end]`, which is of whole lines."""
        text: Array = numpy.empty(end + _PAD, U8)
        self._raw: Array = numpy.frombuffer(chunk, U8, end)
        text[:end] = self._raw
        text[end:] = 0
        self.text = text
        self.eights: Array = numpy.ndarray((end + _PAD - 7,), "<u8", text.data, strides=(1,))
        _leave_out_times(text, self.eights)
        text += _where((text - U8(ord("A"))) < 26, 0x20)
        text ^= _where((text == ord("_")) | (text == ord("{")), 0x24)
        self.digit: Array = (text - U8(ord("0"))) < 10
        self.letter: Array = (text - U8(ord("a"))) < 27
        self.hex: Array = ((text - U8(ord("a"))) < 6) | self.digit

    def windows(self) -> tuple[Array, Array]:
        """Return the hashes of the windows of ids, and of all others."""
        in_hex = _five(self.hex)
        others = _five(self.digit | self.letter | (self.text > 127)) > (in_hex | _five(self.letter))
        addresses = self._at(self._addresses(), _SEVEN) | U64(ADDRESS_MARK)
        return self._at(in_hex, _FIVE) * U64(MULTIPLIER), numpy.concatenate(
            (
                self._at(others, _FIVE) * U64(MULTIPLIER),
                addresses * U64(MULTIPLIER),
                addresses * U64(SECOND_MULTIPLIER),
            )
        )

    def _at(self, where: Array, mask: Any) -> Array:
        """Return the bytes at these places that a mask of eight lets through."""
        found: Array = self.eights[numpy.flatnonzero(where)]
        found &= mask
        return found

    def _addresses(self) -> Array:
        """Return where seven bytes are hexadecimal digits, and either two dots or more, or colons."""
        dot, colon = self.text == ord("."), self.text == ord(":")
        # Dots are counted in the lower half of a byte, colons in the upper. (NumPy's shift of bytes
        # takes ten times as long as a product: 260 µs and 22 for 1 MiB.)
        marks = _where(colon, 16) | dot.view(U8)
        two = marks[:-1] + marks[1:]
        seven = two[:-5] + two[2:-3] + two[4:-1] + marks[6:]
        are_marked = ((seven - U8(2)) < 6) | ((seven >= 0x20) & (seven & U8(15) == 0))
        found: Array = _seven(self.hex | dot | colon) & are_marked
        return found

    def escapes(self) -> tuple[bool, ...]:
        """Return which of the ESCAPES the frame has."""
        raw = self._raw
        found = numpy.flatnonzero(raw == ord("\\"))
        has = []
        for place, byte in enumerate(ESCAPES[-1][1:], 1):
            found = found[found + place < len(raw)]
            found = found[raw[found + place] == byte]
            has.append(len(found) > 0)
        return has[0], has[-1]

    def runs(self) -> Runs:
        """Return the runs, in order."""
        letter = self.letter
        three = letter[:-2] & letter[1:-1] & letter[2:]
        changes = three.copy()
        changes[1:] ^= three[:-1]
        # The text ends in NULs, so each run has an end.
        edges = numpy.flatnonzero(changes)
        starts = edges[0::2]
        sizes = edges[1::2] - starts + 2
        first = self.eights[starts]
        first &= _FIRST_BYTES.take(sizes, mode="clip")
        kept = ((first + _BEHIND_F) & _HIGH).astype(bool) | (sizes > 8)
        return Runs(starts.compress(kept), sizes.compress(kept), first.compress(kept))

    def eight(self, starts: Array, sizes: Array) -> Array:
        """Return up to eight bytes at each start, those behind a size being 0."""
        found: Array = self.eights[starts]
        found &= _FIRST_BYTES.take(sizes, mode="clip")
        return found


def _where(found: Array, value: int) -> Array:
    return found.view(U8) * U8(value)


def _leave_out_times(text: Array, eights: Array) -> None:
    """Overwrite with NULs the TIMEs that begin lines and have a space behind them."""
    starts = numpy.flatnonzero(text == ord("\n")) + 1
    starts = numpy.concatenate((numpy.zeros(1, starts.dtype), starts))
    starts = starts[starts < len(text) - _PAD - len(SHAPE)]
    starts = starts[text[starts + len(SHAPE)] == ord(" ")]
    for at in _TIME_AT:
        starts = starts[_has_shape(eights[starts + at], SHAPE[at : at + 8])]
    for at in _TIME_AT:
        eights[starts + at] = 0


def _has_shape(found: Array, shape: bytes) -> Array:
    """Return which words of eight bytes have digits where `shape` has 0, and else its bytes."""
    wanted = int.from_bytes(shape, "little")
    # Adding `room` keeps the high bit clear only for allowed differences: up to 9 where `shape` has a
    # digit (0x76 + 9 = 0x7F), none elsewhere.
    room = int.from_bytes(bytes(0x76 if byte == ord("0") else 0x7F for byte in shape), "little")
    differs = found ^ U64(wanted)
    kept: Array = (((differs & _LOW) + U64(room)) | differs) & _HIGH == 0
    return kept


def _five(members: Array) -> Array:
    """Return where five members stand side by side."""
    two = members[:-1] & members[1:]
    found: Array = (two[:-3] & two[2:-1])[:] & members[4:]
    return found


def _seven(members: Array) -> Array:
    two = members[:-1] & members[1:]
    four = two[:-2] & two[2:]
    found: Array = four[:-3] & four[3:]
    return found
