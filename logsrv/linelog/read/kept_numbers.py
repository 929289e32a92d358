"""The numbers of a field in a group of lines, for all figures of them.

Percentiles are exact as long as the numbers are few, then within 0.5 %.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.query.question import PERCENTILES
from logsrv.linelog.read.figures import Sums, figure, joined_sums

# Python sorts fewer numbers faster than NumPy.
_FEW = 300
# The numbers in a bucket differ from its middle by at most half of this ratio.
_LOG = math.log(1.01)
# A bucket is a power of the ratio plus this, negative for negative numbers: so they sort as numbers do.
_ONE = 100_000


class Numbers:
    """The numbers of a field in a group: their sums and, if percentiles are wanted, the numbers."""

    def __init__(self) -> None:
        self.sums: Sums = ()
        self._packed: list[bytes] = []
        self._many = 0
        self._buckets: Counter[int] = Counter()

    def __bool__(self) -> bool:
        """Return whether there are any numbers."""
        return bool(self.sums)

    def __len__(self) -> int:
        """Return how many numbers are in memory."""
        return self._many

    def add(self, sums: Sums, packed: bytes = b"") -> None:
        """Add the sums of numbers and, for percentiles, the numbers themselves as doubles."""
        self.sums = joined_sums((self.sums, sums))
        if packed:
            self._packed.append(packed)
            self._many += len(packed) // 8

    def _values(self) -> Array:
        return numpy.frombuffer(b"".join(self._packed))

    def compress(self) -> None:
        """Keep only how many numbers are in each bucket."""
        buckets, lines = numpy.unique(_buckets(self._values()), return_counts=True)
        self._buckets.update(dict(zip(buckets.tolist(), lines.tolist(), strict=True)))
        self._packed, self._many = [], 0

    def figure(self, function: str) -> float | None:
        """Return any figure but a count; None without numbers."""
        if function in PERCENTILES:
            return self.percentile(PERCENTILES[function])
        return figure(function, self.sums)

    def percentile(self, part: float) -> float | None:
        """Return the number at `part` (0 to 1), between two numbers in proportion, as SQL's
        quantile_cont does.
        """
        if self._buckets:
            self.compress()
            return _in_buckets(sorted(self._buckets.items()), part * (self._buckets.total() - 1))
        if self._many < _FEW:
            return _interpolated(sorted(array("d", b"".join(self._packed))), part)
        values = numpy.sort(self._values())
        self._packed = [values.tobytes()]
        return _interpolated(values, part)


def _interpolated(values: Array | list[float], part: float) -> float | None:
    if not len(values):
        return None
    place = part * (len(values) - 1)
    low = math.floor(place)
    least, most = float(values[low]), float(values[min(low + 1, len(values) - 1)])
    return least + (most - least) * (place - low)


def _buckets(values: Array) -> Array:
    size = numpy.abs(values)
    is_small = size < 1e-300
    powers = numpy.rint(numpy.log(numpy.where(is_small, 1, size)) / _LOG) + _ONE
    found: Array = numpy.where(is_small, 0, numpy.copysign(powers, values)).astype(numpy.int64)
    return found


def _in_buckets(ordered: Sequence[tuple[int, int]], place: float) -> float | None:
    passed = 0
    for bucket, lines in ordered:
        passed += lines
        if passed > place:
            size = math.exp((abs(bucket) - _ONE) * _LOG)
            return math.copysign(size, bucket) if bucket else 0.0
    return None
