"""The numbers of lines per level in a frame, counted when it is sealed, so that a reader can skip its text.

A reader that counts lines per step of time uses these numbers if the smallest and the largest TIME of the
frame are in the same step. So lines are counted only if each begins with a valid TIME.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.byte_places import Array, RowShape, rows_at, rows_with_nonzero
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers_if_quick
from logsrv.linelog.store.times import SHAPE, time_of

# A line whose level the quick method cannot find takes 10 µs. With more than one such line in this many, a
# frame gets no numbers, and readers read its lines: sealing would take 50 % longer.
_SLOW = 32
_TIME = RowShape(SHAPE)
_DATE = len("2026-11-20")
_OF_DATE = numpy.frombuffer(b"\xff" * _DATE + bytes(_TIME.width - _DATE), "<u8")
# The offsets of the first digits of hours, minutes and seconds in a TIME, each with its greatest digit.
_TENS = ((11, b"2"), (14, b"5"), (17, b"5"))


def count_levels(text: bytes, newlines: Array) -> tuple[int, ...] | None:
    """Return the numbers of lines without a level and with each level; None if they are not counted.

    newlines: the offsets of the LFs in `text`.
    """
    if not text.endswith(b"\n") or not _have_times(text, newlines):
        return None
    numbers = level_numbers_if_quick(text, newlines, most=max(len(newlines) // _SLOW, 1))
    if numbers is None:
        return None
    return tuple(numpy.bincount(numbers, minlength=len(OF_NUMBERS)).tolist())


def _have_times(text: bytes, newlines: Array) -> bool:
    """Return whether each line begins with a valid TIME."""
    raw: Array = numpy.frombuffer(text + bytes(_TIME.width), numpy.uint8)
    heads = rows_at(raw, numpy.concatenate(([0], newlines[:-1] + 1)), _TIME.width)
    if not _TIME.matching_rows(heads).all():
        return False
    if any((heads[:, place] > most[0]).any() for place, most in _TENS):
        return False
    if ((heads[:, 11] == ord("2")) & (heads[:, 12] > ord("3"))).any():
        return False
    dates = heads.view("<u8") & _OF_DATE
    first = numpy.concatenate(([True], rows_with_nonzero(dates[1:] ^ dates[:-1])))
    found = {bytes(head[:_DATE]) for head in heads[first]}
    return all(time_of(date + b"T00:00:00.000000Z") for date in found)
