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
        base = steps.base
        numbers, codes = ranked((moments - base if base else moments) // steps.size)
        return numbers * steps.size + base, codes
    days = ranked(moments // DAY)[0].tolist()
    starts = (
        _starts_by_clock(moments, days, steps)
        if steps.follows_clock
        else _by_length(moments, days, steps)
    )
    found, codes = numpy.unique(starts, return_inverse=True)
    return found, codes.reshape(-1)


def _starts_by_clock(moments: Array, days: list[int], steps: Steps) -> Array:
    """Return the start of the step of each moment. days: the different ones, of UTC."""
    bounds = set()
    for day in days:
        moment, end = day * DAY, (day + 1) * DAY
        while moment < end:
            start, moment = steps.bounds_of(moment)
            bounds.add(start)
    known = numpy.array(sorted(bounds), numpy.int64)
    return known[numpy.searchsorted(known, moments, "right") - 1]


def _by_length(moments: Array, days: list[int], steps: Steps) -> Array:
    zone, size = zone_of(steps.zone), steps.size
    pieces: dict[int, int] = {}
    # A step may begin on the day before.
    for day in sorted({*days, *(day - 1 for day in days)}):
        pieces.update(zone.pieces(day * DAY, day * DAY))
    begins = numpy.array([*pieces], numpy.int64)
    offsets = numpy.array([*pieces.values()], numpy.int64)
    is_cut = numpy.diff(offsets, prepend=offsets[:1]) % size != 0
    earliest = numpy.where(is_cut, begins, numpy.iinfo(numpy.int64).min)
    at = numpy.searchsorted(begins, moments, "right") - 1
    offset = offsets[at]
    starts: Array = numpy.maximum((moments + offset) // size * size - offset, earliest[at])
    return starts
