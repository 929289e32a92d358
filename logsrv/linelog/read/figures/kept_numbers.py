"""The numbers of a field in groups of lines, for all figures of them.

Percentiles are exact as long as the numbers are few, then within 0.5 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import truediv
from typing import Any, NamedTuple, TypeAlias

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.read.figures.counted_measures import GroupSums
from logsrv.linelog.read.figures.grouping import PERCENTILES

# The numbers in a bucket differ from its middle by at most half of this ratio.
_LOG = math.log(1.01)
# A bucket is a power of the ratio plus this, negative for negative numbers: so they sort as numbers do.
_ONE = 100_000
# Buckets of a group, of which one in the middle is that of zero.
_SPAN = 1 << 19
_JOINS: tuple[Any, ...] = (numpy.add, numpy.minimum, numpy.maximum)


Buckets: TypeAlias = tuple[Array, Array]
"""Different buckets in their order, and how many numbers each has."""


class _Part(NamedTuple):
    """Numbers of some groups: how many of each, one group after the other."""

    groups: Array
    many: Array
    values: Array


class KeptNumbers:
    """The numbers of a field in groups, which have numbers from 0 on.

    size: how many are in memory. ways: all ways in which they are written, PLAIN, TIMES and SIZES, added.
    """

    def __init__(self) -> None:
        self.size = self.ways = 0
        self._many: Array = numpy.zeros(0, numpy.int64)
        # Sum, least and largest: Python's numbers, because sums of integers are exact whatever their size.
        self._sums: Array = numpy.zeros((len(_JOINS), 0), object)
        self._parts: list[_Part] = []
        self._are_sorted = False
        # A group and a bucket as one number, in order, and how many numbers are in it.
        self._buckets: Buckets | None = None

    def __bool__(self) -> bool:
        """Return whether there are any numbers."""
        return bool(self._many.any())

    def add(self, groups: Sequence[int], measured: Sequence[Any]) -> None:
        """Add the sums of numbers in different groups and, for percentiles, the numbers: GroupSums."""
        sums = GroupSums(*measured)
        self.ways |= sums.ways
        numbers, many = numpy.array(groups, numpy.intp), numpy.array(sums.many, numpy.int64)
        self._grow(1 + max(groups, default=-1))
        known = self._many[numbers] > 0
        for column, join, values in zip(self._sums, _JOINS, sums[1:4], strict=True):
            added = numpy.array(values, object)
            column[numbers] = numpy.where(known, join(column[numbers], added), added)
        self._many[numbers] += many
        if sums.packed:
            self._parts.append(_Part(numbers, many, numpy.frombuffer(sums.packed)))
            self.size += len(self._parts[-1].values)
            self._are_sorted = False

    def _grow(self, groups: int) -> None:
        """Make room for so many groups."""
        new = groups - len(self._many)
        if new > 0:
            self._many = numpy.append(self._many, numpy.zeros(new, numpy.int64))
            self._sums = numpy.append(self._sums, numpy.zeros((len(_JOINS), new), object), axis=1)

    def keep(self, groups: Sequence[int]) -> None:
        """Forget all groups but these, which get the numbers from 0 on in this order."""
        self._grow(1 + max(groups, default=-1))
        kept = numpy.array(groups, numpy.intp)
        new: Array = numpy.full(len(self._many), -1)
        new[kept] = numpy.arange(len(kept))
        self._many, self._sums = self._many[kept], self._sums[:, kept]
        parts = []
        for one in self._parts:
            is_kept = new[one.groups] >= 0
            values = one.values[numpy.repeat(is_kept, one.many)]
            parts.append(_Part(new[one.groups[is_kept]], one.many[is_kept], values))
        self._parts, self.size = parts, sum(len(one.values) for one in parts)
        if self._buckets is not None:
            keys, many = self._buckets
            numbers = new[keys // _SPAN]
            is_kept = numbers >= 0
            self._buckets = joined_buckets((numbers * _SPAN + keys % _SPAN)[is_kept], many[is_kept])

    def compress(self) -> None:
        """Keep only how many numbers are in each bucket."""
        if not self._parts:
            return
        found = [] if self._buckets is None else [self._buckets]
        for one in self._parts:
            keys = numpy.repeat(one.groups, one.many) * _SPAN + (
                buckets_of(one.values) + _SPAN // 2
            )
            found.append(joined_buckets(keys, numpy.ones(len(keys), numpy.int64)))
        self._parts, self.size = [], 0
        self._buckets = joined_buckets(*map(numpy.concatenate, zip(*found, strict=True)))

    def figures(self, function: str, groups: int) -> list[float | None]:
        """Return any figure but a count of so many groups; None for one without numbers."""
        self._grow(groups)
        has = (self._many[:groups] > 0).tolist()
        if function in PERCENTILES:
            found = self.percentiles(PERCENTILES[function]).tolist()
        elif function == "avg":
            found = map(truediv, self._sums[0], numpy.maximum(self._many, 1).tolist())
        else:
            found = self._sums[("sum", "min", "max").index(function)].tolist()
        return [one if is_there else None for one, is_there in zip(found, has, strict=False)]

    def percentiles(self, part: float) -> Array:
        """Return the number at `part` (0 to 1) of each group, between two numbers in proportion, as SQL's
        quantile_cont does. It has no meaning for groups without numbers.
        """
        if self._buckets is not None:
            self.compress()
            return self._in_buckets(part)
        if not self.size:
            return numpy.zeros(len(self._many))
        self._sort()
        [(groups, many, values)] = self._parts
        first, rank = numpy.cumsum(many) - many, part * (many - 1)
        low = numpy.floor(rank).astype(numpy.intp)
        least, most = values[first + low], values[first + numpy.minimum(low + 1, many - 1)]
        found: Array = numpy.zeros(len(self._many))
        found[groups] = least + (most - least) * (rank - low)
        return found

    def _sort(self) -> None:
        """Join all parts to one, in which the numbers of each group are sorted."""
        if self._are_sorted:
            return
        many: Array = numpy.zeros(len(self._many), numpy.intp)
        for one in self._parts:
            many[one.groups] += one.many
        ends = numpy.cumsum(many)
        free = ends - many
        values = numpy.empty(self.size)
        for one in self._parts:
            begins = numpy.repeat(free[one.groups] - (numpy.cumsum(one.many) - one.many), one.many)
            values[begins + numpy.arange(len(begins))] = one.values
            free[one.groups] += one.many
        groups = numpy.flatnonzero(many)
        # To sort all by group and number takes three times as long.
        for start, end in zip((ends - many)[groups].tolist(), ends[groups].tolist(), strict=True):
            values[start:end].sort()
        self._parts, self._are_sorted = [_Part(groups, many[groups], values)], True

    def _in_buckets(self, part: float) -> Array:
        assert self._buckets is not None
        keys, many = self._buckets
        groups, passed = keys // _SPAN, numpy.cumsum(many)
        found: Array = numpy.zeros(len(self._many))
        starts = numpy.flatnonzero(numpy.diff(groups, prepend=-1))
        ends = numpy.append(starts[1:], len(keys))[: len(starts)] - 1
        before = passed[starts] - many[starts]
        ranks = before + part * (passed[ends] - before - 1)
        buckets = keys[numpy.searchsorted(passed, ranks, "right")] % _SPAN - _SPAN // 2
        found[groups[starts]] = middles_of(buckets)
        return found


def joined_buckets(keys: Array, many: Array) -> Buckets:
    """Return the different keys in order, and the sum of what belongs to each."""
    order = numpy.argsort(keys, kind="stable")
    keys, many = keys[order], many[order]
    starts = numpy.flatnonzero(numpy.diff(keys, prepend=-1))
    return keys[starts], numpy.add.reduceat(many, starts)


def buckets_of(values: Array) -> Array:
    """Return the bucket of each number; buckets have the order of their numbers."""
    size = numpy.abs(values)
    is_small = size < 1e-300
    powers = numpy.rint(numpy.log(numpy.where(is_small, 1, size)) / _LOG) + _ONE
    found: Array = numpy.where(is_small, 0, numpy.copysign(powers, values)).astype(numpy.int64)
    return found


def middles_of(buckets: Array) -> Array:
    """Return the number in the middle of each bucket."""
    sizes = numpy.exp((numpy.abs(buckets) - _ONE) * _LOG)
    found: Array = numpy.where(buckets, numpy.copysign(sizes, buckets), 0.0)
    return found


def numbers_in_buckets(
    packed: Iterable[bytes], known: Iterable[Buckets | None], level: int = 0
) -> Buckets:
    """Return the buckets of numbers of one group, and of those that are in buckets already.

    packed: doubles. level: how often buckets of twice the width are made.
    """
    values = numpy.frombuffer(b"".join(packed))
    found = [(buckets_of(values), numpy.ones(len(values), numpy.int64))]
    keys, many = map(numpy.concatenate, zip(*found, *filter(None, known), strict=True))
    return joined_buckets(((keys + (1 << level) // 2) >> level) << level, many)


def percentile(
    packed: Iterable[bytes], known: Iterable[Buckets | None], part: float
) -> float | None:
    """Return the number at `part` of one group, as `KeptNumbers` does; None without numbers."""
    in_buckets = [*filter(None, known)]
    if in_buckets:
        keys, many = numbers_in_buckets(packed, in_buckets)
        passed = numpy.cumsum(many)
        at = numpy.searchsorted(passed, part * (passed[-1] - 1), "right")
        return float(middles_of(keys[at]))
    values = numpy.frombuffer(b"".join(packed))
    if not len(values):
        return None
    rank = part * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    ordered = numpy.partition(values, (low, high))
    return float(ordered[low] + (ordered[high] - ordered[low]) * (rank - low))
