"""Counts of the lines of a frame by level, made when it is sealed, so that a reader need not read its text.

A reader uses the counts of a frame if one step of time holds its smallest and its largest TIME. So lines
are counted only if each begins with a valid TIME.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.levels.byte_places import Array, Shape, any_of, windows
from logsrv.linelog.fields.levels.numbers import OF_NUMBERS, quick_numbers
from logsrv.linelog.store.segments.times import SHAPE, time_of

# A line that the quick way cannot decide takes 10 µs. With more than one in 32 of them, sealing would take
# half as long again; the lines of such a frame are read when somebody counts.
_SLOW = 32
_TIME = Shape(SHAPE)
_DATE = len("2026-11-20")
_OF_DATE = numpy.frombuffer(b"\xff" * _DATE + bytes(_TIME.width - _DATE), "<u8")
# The places of the first digits of hours, minutes and seconds, and the greatest digit of each.
_TENS = ((11, b"2"), (14, b"5"), (17, b"5"))


def counted(text: bytes, newlines: Array) -> tuple[int, ...] | None:
    """Return the numbers of lines without a level and with each level; None if they are not counted.

    newlines: the offsets of the LFs in `text`.
    """
    if not text.endswith(b"\n") or not _have_times(text, newlines):
        return None
    numbers = quick_numbers(text, newlines, most=max(len(newlines) // _SLOW, 1))
    if numbers is None:
        return None
    return tuple(numpy.bincount(numbers, minlength=len(OF_NUMBERS)).tolist())


def _have_times(text: bytes, newlines: Array) -> bool:
    """Return whether each line begins with a valid TIME."""
    raw: Array = numpy.frombuffer(text + bytes(_TIME.width), numpy.uint8)
    heads = windows(raw, numpy.concatenate(([0], newlines[:-1] + 1)), _TIME.width)
    if not _TIME.begins(heads).all():
        return False
    if any((heads[:, place] > most[0]).any() for place, most in _TENS):
        return False
    if ((heads[:, 11] == ord("2")) & (heads[:, 12] > ord("3"))).any():
        return False
    dates = heads.view("<u8") & _OF_DATE
    first = numpy.concatenate(([True], any_of(dates[1:] ^ dates[:-1])))
    found = {bytes(head[:_DATE]) for head in heads[first]}
    return all(time_of(date + b"T00:00:00.000000Z") for date in found)
