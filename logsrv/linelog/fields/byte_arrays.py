"""NumPy helpers: offsets of bytes in a text, rows of bytes at these offsets, shapes of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray[Any, Any]

U64 = numpy.uint64
DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
# Multiplied by a 64-bit word in which one of the eight bytes is 1, others 0: the highest byte of the
# product is the number of that byte.
_WHICH = U64(0x0001020304050607)
# An array is sparse if at most one in this many groups of 64 values contains a true value.
_SPARSE = 12
# If one in so many groups of eight has two true values, others have.
_SAMPLE = 500


def indexes_of_true(values: Array) -> Array:
    """Return the indexes of the true values in an array of booleans.

    `flatnonzero` alone takes three times as long for few true values, and twice as long for some more.
    """
    bits = numpy.packbits(values, bitorder="little")
    whole = len(bits) // 8 * 8
    words: Array = bits[:whole].view("<u8")
    at: Array = numpy.flatnonzero(words)
    if len(at) * _SPARSE > len(words):
        return _indexes_by_eights(values)
    few = numpy.unpackbits(words[at].view(numpy.uint8), bitorder="little")
    within: Array = numpy.flatnonzero(few)
    at_end = numpy.flatnonzero(values[whole * 8 :]) + whole * 8
    return numpy.concatenate((at[within >> 6] * 64 + (within & 63), at_end))


def _indexes_by_eights(values: Array) -> Array:
    """Do the work of `indexes_of_true` by groups of eight; fast if each has at most one true value."""
    whole = len(values) // 8 * 8
    eights: Array = values[:whole].view("<u8")
    if _have_several(eights[:_SAMPLE]):
        return numpy.flatnonzero(values)
    at: Array = numpy.flatnonzero(eights != 0)
    some: Array = eights[at]
    if _have_several(some):
        return numpy.flatnonzero(values)
    within = (some * _WHICH >> U64(56)).astype(at.dtype)
    return numpy.concatenate((at * 8 + within, numpy.flatnonzero(values[whole:]) + whole))


def _have_several(eights: Array) -> bool:
    return bool((eights & (eights - U64(1))).any())


def first_true_of_eight(rows: Array) -> Array:
    """Return for each row of eight booleans the number of its first true one; each row has one.

    `argmax` takes five times as long for such short rows.
    """
    return first_true_of_words(numpy.ascontiguousarray(rows).view("<u8")[:, 0])


def first_true_of_words(words: Array) -> Array:
    """Return the same for rows that are seen as words, little-endian ones."""
    # Nothing but the lowest byte that is 1.
    found: Array = (words & (~words + U64(1))) * _WHICH >> U64(56)
    return found.astype(numpy.intp)


def rows_with_nonzero(rows: Array) -> Array:
    """Return which rows contain a byte that is not 0; a row has a multiple of eight bytes.

    `any` takes five times as long for such short rows.
    """
    columns: Array = rows.view(U64)
    found: Array = columns[:, 0].copy()
    for column in range(1, columns.shape[1]):
        found |= columns[:, column]
    found = found != 0
    return found


PADDING = 32
"""LFs before and behind the lines of PaddedLines."""


class PaddedLines(NamedTuple):
    """Lines without LF, in one text with an LF behind each, and with LFs before and behind all.

    starts, ends: bounds of each line without its LF. Up to PADDING bytes before the first and behind the
    last can be looked at.
    """

    text: bytes
    raw: Array
    starts: Array
    ends: Array

    @classmethod
    def join(cls, lines: Sequence[bytes]) -> PaddedLines:
        """Join lines that have no LF."""
        padding = b"\n" * PADDING
        text = b"\n".join([padding[1:], *lines, padding])
        # To add their lengths takes a fourth of the time of a look for the LFs.
        behind = numpy.cumsum(numpy.fromiter(map(len, lines), numpy.intp, len(lines)) + 1)
        ends: Array = behind + (PADDING - 1)
        starts = numpy.append(PADDING, ends[:-1] + 1)[: len(lines)]
        return cls(text, numpy.frombuffer(text, numpy.uint8), starts, ends)


class RowShape:
    """A pattern for the beginning of rows: 0 stands for any digit, ? for any byte.

    same: a table for `bytes.translate` that makes equivalent bytes equal. width: number of bytes of a row
    that are compared, a multiple of eight.
    """

    def __init__(self, text: bytes, same: bytes = DIGITS_AS_ZEROS) -> None:
        self.width = -(-len(text) // 8) * 8
        fixed = bytes(0 if byte == ord("?") else 255 for byte in text)
        self._words: Array = numpy.frombuffer(text.ljust(self.width), U64)
        self._mask: Array = numpy.frombuffer(fixed.ljust(self.width, b"\0"), U64)
        self._same = same

    def matching_rows(self, rows: Array) -> Array:
        """Return which rows begin with this shape."""
        words = numpy.frombuffer(rows[:, : self.width].tobytes().translate(self._same), U64)
        found: Array = ~rows_with_nonzero(
            (words.reshape(-1, len(self._words)) ^ self._words) & self._mask
        )
        return found


def rows_at(raw: Array, at: Array, width: int) -> Array:
    """Return a row of `width` bytes from each offset on; the last row must end inside `raw`."""
    rows: Array = rows_from_each(raw, width)[at].view(numpy.uint8).reshape(len(at), width)
    return rows


def rows_from_each(raw: Array, width: int) -> Array:
    """Return a view with the `width` bytes from each offset on, as one value that is copied as a whole."""
    kind = numpy.dtype(f"V{width}")
    return numpy.ndarray((max(0, len(raw) - width + 1),), kind, raw, 0, (1,))


# Integers in a range of up to so many times their number are counted instead of sorted.
_SPREAD = 8


def ranked(values: Array) -> tuple[Array, Array]:
    """Return the different integers in order, and for each of `values` its index among them."""
    if not len(values):
        return values, values.astype(numpy.intp)
    least, most = int(values.min()), int(values.max())
    if most - least > _SPREAD * len(values):
        return numpy.unique(values, return_inverse=True)
    offsets = values - least
    known = numpy.bincount(offsets) > 0
    if known.all():
        # An end behind the largest of 64 bits would make it floating.
        return numpy.arange(len(known)) + least, offsets
    return numpy.flatnonzero(known) + least, (numpy.cumsum(known) - 1)[offsets]


def byte_membership_table(members: bytes) -> Array:
    """Return a table of 256 booleans: true for the bytes in `members`."""
    table: Array = numpy.zeros(256, bool)
    table[list(members)] = True
    return table
