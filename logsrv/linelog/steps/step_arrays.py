"""The steps of many moments at once. It is apart from `steps.py`, because NumPy takes long to load."""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.byte_arrays import Array, ranked
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.steps.zones import DAY, zone_of


def steps_of(moments: Array, steps: Steps) -> tuple[Array, Array]:
    """Return the starts of the different steps, in order, and for each moment the index of its step.

    All in microseconds. moments: one at least.
    """
    if steps.is_even:
        # Weeks alone have a base: no further pass over all moments for the others.
        return _even_steps(moments, steps.size, steps.base)
    days = ranked(moments // DAY)[0].tolist()
    return (_by_clock if steps.follows_clock else _by_length)(moments, days, steps)


def _even_steps(moments: Array, size: int, base: int) -> tuple[Array, Array]:
    numbers, codes = ranked((moments - base if base else moments) // size)
    return numbers * size + base, codes


def _by_clock(moments: Array, days: list[int], steps: Steps) -> tuple[Array, Array]:
    """Return starts and indexes. days: the different ones of the moments, in UTC."""
    bounds = set()
    for day in days:
        moment, end = day * DAY, (day + 1) * DAY
        while moment < end:
            start, moment = steps.bounds_of(moment)
            bounds.add(start)
    starts = numpy.array(sorted(bounds), numpy.int64)
    numbers, codes = ranked(numpy.searchsorted(starts, moments, "right") - 1)
    return starts[numbers], codes


def _by_length(moments: Array, days: list[int], steps: Steps) -> tuple[Array, Array]:
    zone, size = zone_of(steps.zone), steps.size
    pieces: dict[int, int] = {}
    # A step may begin on the day before.
    for day in sorted({*days, *(day - 1 for day in days)}):
        pieces.update(zone.pieces(day * DAY, day * DAY))
    begins = numpy.array([*pieces], numpy.int64)
    offsets = numpy.array([*pieces.values()], numpy.int64)
    is_cut = numpy.diff(offsets, prepend=offsets[:1]) % size != 0
    if not is_cut.any():
        return _even_steps(moments, size, -int(offsets[0]))
    earliest = numpy.where(is_cut, begins, numpy.iinfo(numpy.int64).min)
    at = numpy.searchsorted(begins, moments, "right") - 1
    offset = offsets[at]
    found, codes = numpy.unique(
        numpy.maximum((moments + offset) // size * size - offset, earliest[at]), return_inverse=True
    )
    return found, codes.reshape(-1)
