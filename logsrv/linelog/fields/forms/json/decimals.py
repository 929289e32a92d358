"""Find JSON with decimals that are not written in the shortest way: `1.10`, `1e5`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_arrays import Array, byte_membership_table, indexes_of_true, rows_at

_WIDTH = 24
"""Bytes of a number that are looked at; a longer one is odd."""
_PADDING = b"\n" * (_WIDTH + 2)
_ZERO, _NINE = numpy.uint8(ord("0")), 9
_IN_EXPONENT = byte_membership_table(b"0123456789+-")
_AFTER_NUMBER = byte_membership_table(b",}] \t\r\n")
# A double has 15 digits, whatever they are.
_SURE_DIGITS = 15
# The value of a decimal of so few digits cannot need an exponent.
_FEW = 4


def lines_with_odd_decimals(lines: Sequence[bytes]) -> list[int]:
    """Return the numbers of these lines, and of a few with such numbers in texts."""
    text = b"\n".join([_PADDING, *lines, _PADDING])
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    digit = raw - _ZERO <= _NINE
    offsets = numpy.concatenate((_odd_fractions(text, raw, digit), _exponents(raw, digit)))
    if not len(offsets):
        return []
    ends = indexes_of_true(raw == ord("\n"))[len(_PADDING) :]
    found: list[int] = numpy.unique(numpy.searchsorted(ends, offsets) - 1).tolist()
    return found


def _odd_fractions(text: bytes, raw: Array, digit: Array) -> Array:
    """Return the offsets of the dots in odd decimals."""
    dots = indexes_of_true((raw[1:-1] == ord(".")) & digit[:-2] & digit[2:]) + 1
    size = (rows_at(raw, dots + 1, _WIDTH) - _ZERO > _NINE).argmax(1)
    ended = _AFTER_NUMBER[raw[dots + 1 + size]] | (size == 0)
    dots, size = dots[ended], size[ended]
    odd = ((raw[dots + size] == ord("0")) & (size > 1)) | (size == 0)
    # Behind so many digits few are too many as well.
    long = numpy.flatnonzero(~odd & ((size > _FEW) | digit[dots - (_SURE_DIGITS - _FEW) - 1]))
    before = rows_at(raw, dots[long] - _WIDTH, _WIDTH)[:, ::-1]
    whole = (before - _ZERO > _NINE).argmax(1)
    start, end = dots[long] - whole, dots[long] + 1 + size[long]
    small = (raw[start] == ord("0")) & (raw[dots[long] + 1] == ord("0"))
    unsure = numpy.flatnonzero((whole + size[long] > _SURE_DIGITS) | (whole == 0) | small)
    bounds = zip(start[unsure].tolist(), end[unsure].tolist(), strict=True)
    odd[long[unsure]] = [
        (written := text[first:last].decode()) != repr(float(written)) for first, last in bounds
    ]
    found: Array = dots[odd]
    return found


def _exponents(raw: Array, digit: Array) -> Array:
    """Return the offsets of the letters before exponents."""
    may_follow = digit[2:] | (raw[2:] == ord("-")) | (raw[2:] == ord("+"))
    at = indexes_of_true((raw[1:-1] | 0x20 == ord("e")) & digit[:-2] & may_follow) + 1
    size = (~_IN_EXPONENT[rows_at(raw, at + 1, _WIDTH)]).argmax(1)
    found: Array = at[_AFTER_NUMBER[raw[at + 1 + size]] | (size == 0)]
    return found


def numbers_of_key(text: bytes, key: str) -> list[str]:
    """Return the numbers of a key in the text of many objects, as they are written; none if that is unsure.

    If they are as many as the objects with this key, each has one of them.
    """
    # An escape may stand for a character of the key.
    if not key.isascii() or "/" in key or b"\\u00" in text:
        return []
    found = re.findall(rb'"%s"(?:: ?([0-9.eE+-]+)[,}]|)' % re.escape(key).encode(), text)
    # `-0` says the integer 0.
    return b" ".join(found).decode().split() if all(found) and b"-0" not in found else []
