"""Places of bytes in a text, rows of what stands there, and shapes that these have, by NumPy."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray[Any, Any]

U64 = numpy.uint64
DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
# Multiplied by a word in which one of eight bytes is 1, gives that byte's number in the highest byte.
_WHICH = U64(0x0001020304050607)
# Few are true if at most one of so many words of 64 bytes has one.
_SPARSE = 12


def places(found: Array) -> Array:
    """Return where an array of truth values is true.

    `flatnonzero` of each byte takes three times as long where few are, and twice where some more are.
    """
    bits = numpy.packbits(found, bitorder="little")
    whole = len(bits) // 8 * 8
    words: Array = bits[:whole].view("<u8")
    at: Array = numpy.flatnonzero(words)
    if len(at) * _SPARSE > len(words):
        return _places(found)
    few = numpy.unpackbits(words[at].view(numpy.uint8), bitorder="little")
    within: Array = numpy.flatnonzero(few)
    behind = numpy.flatnonzero(found[whole * 8 :]) + whole * 8
    return numpy.concatenate((at[within >> 6] * 64 + (within & 63), behind))


def _places(found: Array) -> Array:
    """Do what `places` does by eight bytes, of which most have one that is true, or none."""
    whole = len(found) // 8 * 8
    eights: Array = found[:whole].view("<u8")
    at: Array = numpy.flatnonzero(eights != 0)
    some: Array = eights[at]
    if (some & (some - U64(1))).any():
        return numpy.flatnonzero(found)
    within = (some * _WHICH >> U64(56)).astype(at.dtype)
    return numpy.concatenate((at * 8 + within, numpy.flatnonzero(found[whole:]) + whole))


def any_of(rows: Array) -> Array:
    """Return which rows, of a multiple of eight bytes, have a byte that is not 0.

    By columns of eight bytes: `any` takes five times as long for rows that are so short.
    """
    columns: Array = rows.view(U64)
    found: Array = columns[:, 0].copy()
    for column in range(1, columns.shape[1]):
        found |= columns[:, column]
    found = found != 0
    return found


class Shape:
    """A text that rows may begin with: 0 stands for any digit, ? for any byte.

    same: a table for `bytes.translate`, by which different bytes are the same. width: the bytes that are
    looked at of a row, a multiple of eight.
    """

    def __init__(self, text: bytes, same: bytes = DIGITS_AS_ZEROS) -> None:
        self.width = -(-len(text) // 8) * 8
        fixed = bytes(0 if byte == ord("?") else 255 for byte in text)
        self._words: Array = numpy.frombuffer(text.ljust(self.width), U64)
        self._mask: Array = numpy.frombuffer(fixed.ljust(self.width, b"\0"), U64)
        self._same = same

    def begins(self, rows: Array) -> Array:
        """Return which rows begin with it."""
        words = numpy.frombuffer(rows[:, : self.width].tobytes().translate(self._same), U64)
        found: Array = ~any_of((words.reshape(-1, len(self._words)) ^ self._words) & self._mask)
        return found


def windows(raw: Array, at: Array, width: int) -> Array:
    """Return a row of `width` bytes from each of these places; raw has as many behind the last one."""
    kind = numpy.dtype(f"V{width}")
    every: Array = numpy.ndarray((max(0, len(raw) - width + 1),), kind, raw, 0, (1,))
    rows: Array = every[at].view(numpy.uint8).reshape(len(at), width)
    return rows


def table_of(members: bytes) -> Array:
    """Return for each byte whether it is one of these."""
    table: Array = numpy.zeros(256, bool)
    table[list(members)] = True
    return table
