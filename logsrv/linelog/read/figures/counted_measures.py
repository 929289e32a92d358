"""Measures of a field in groups of lines: numbers, different values, the first or last one, times.

Each function returns the groups that have any, and their measures, as they are added to what is kept
(kept_numbers.py, kept_values.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.values import EXACT
from logsrv.linelog.query.units import PLAIN
from logsrv.linelog.read.figures.counted_values import joined_text
from logsrv.linelog.read.figures.grouping import MeasureKind
from logsrv.linelog.read.figures.numbers import Sums, joined_sums

_SMALL = 1 << 16
Measured: TypeAlias = tuple[list[int], Any]


class Labels(NamedTuple):
    """The counted part of each line: a text, a time, or the texts of a list.

    codes: for each line the index in `shown`, which are all different; -1 for nothing.
    """

    codes: Array
    shown: Sequence[Any]


class LineNumbers(NamedTuple):
    """The numbers of a field. rows: the lines that have one, in order.

    values: their numbers: int64, float64, or objects. whole: which of them are integers; None for all of
    int64 and none of float64. ways: all ways in which they are written, PLAIN, TIMES and SIZES, added.
    """

    rows: Array
    values: Array
    whole: Array | None = None
    ways: int = PLAIN

    def list(self) -> list[int | float]:
        """Return the numbers, each an integer if it is one in the line."""
        found: list[int | float] = self.values.tolist()
        if self.whole is None:
            return found
        return [
            int(one) if whole else one
            for one, whole in zip(found, self.whole.tolist(), strict=True)
        ]

    def at(self, indexes: Array) -> LineNumbers:
        """Return the numbers at these indexes only, in their order."""
        whole = None if self.whole is None else self.whole[indexes]
        return LineNumbers(self.rows[indexes], self.values[indexes], whole, self.ways)


class GroupSums(NamedTuple):
    """Numbers of some groups: how many of each, their sum, the least and the largest.

    A part has a plain tuple of these, because `marshal` knows no others.

    packed: the numbers as doubles, one group after the other, if they are kept. ways: as of LineNumbers, of
    all groups.
    """

    many: list[int]
    total: list[int | float]
    least: list[int | float]
    largest: list[int | float]
    packed: bytes
    ways: int


def rows_of_sums(sums: GroupSums) -> list[tuple[Sums, bytes]]:
    """Return the sums of each group, and its numbers if they are kept."""
    packed = sums.packed
    ends = accumulate((8 * many for many in sums.many), initial=0)
    pieces = [packed[start:end] for start, end in pairwise(ends)]
    return list(zip(zip(*sums[:4], strict=True), pieces, strict=True))


def sums_of_rows(rows: Iterable[tuple[Sums, bytes]], ways: int) -> GroupSums:
    """Return what `rows_of_sums` makes rows of; there is at least one."""
    known = list(rows)
    many, total, least, largest = zip(*(sums for sums, _ in known), strict=True)
    packed = b"".join(piece for _, piece in known)
    return GroupSums([*many], [*total], [*least], [*largest], packed, ways)


def sums_by_group(groups: Array, numbers: LineNumbers, most: int, *, is_kept: bool) -> Measured:
    """Return the groups that have numbers, with their GroupSums.

    groups: of each number. most: the number of groups.
    """
    many = numpy.bincount(groups, minlength=most)
    known = numpy.flatnonzero(many)
    if not len(known):
        return [], GroupSums([], [], [], [], b"", 0)
    many = many[known]
    starts = numpy.cumsum(many) - many
    # With 16 bits, NumPy sorts by radix.
    kind = numpy.uint16 if most <= 1 << 16 else groups.dtype
    sorted_ = numbers.at(numpy.argsort(groups.astype(kind), kind="stable"))
    packed = sorted_.values.astype(float).tobytes() if is_kept else b""
    total, least, largest = _figures(sorted_, starts)
    return known.tolist(), GroupSums(many.tolist(), total, least, largest, packed, numbers.ways)


def _figures(numbers: LineNumbers, starts: Array) -> list[list[Any]]:
    """Return sum, least and largest of the numbers from each start to the next; exact for integers."""
    values, whole = numbers.values, numbers.whole
    if values.dtype == numpy.int64 or whole is not None:
        size = max(-int(values.min()), int(values.max()))
        most = 1 << 63 if whole is None else EXACT
        if size * len(values) >= most:
            values, whole = numpy.array(numbers.list(), object), None
    reductions = (numpy.add, numpy.minimum, numpy.maximum)
    found = [one.reduceat(values, starts).tolist() for one in reductions]
    if whole is not None:
        # Python's sum of integers is an integer, and so is the least of them.
        only = numpy.logical_and.reduceat(whole, starts).tolist()
        found[0] = [int(one) if is_int else one for one, is_int in zip(found[0], only, strict=True)]
        found[1:] = [[int(one) if one.is_integer() else one for one in each] for each in found[1:]]
    return found


def values_by_group(groups: Array, labels: Labels) -> Measured:
    """Return the hashes of the different values in each group. labels: of lines that have one each."""
    if not len(groups):
        return [], []
    width = len(labels.shown)
    pairs = _different(groups * width + labels.codes)
    groups, codes = pairs // width, pairs % width
    parts = [one if type(one) is tuple else (one,) for one in labels.shown]
    hashes = numpy.array([*map(hash, chain(*parts))], numpy.int64)
    if len(hashes) > len(parts):
        # Each element of a list is a value.
        sizes = numpy.array([*map(len, parts)], numpy.intp)
        starts, many = numpy.cumsum(sizes) - sizes, sizes[codes]
        within = numpy.arange(many.sum()) - numpy.repeat(many.cumsum() - many, many)
        groups = numpy.repeat(groups, many)
        codes = numpy.repeat(starts[codes], many) + within
    begins = numpy.concatenate(([0], numpy.flatnonzero(groups[1:] != groups[:-1]) + 1))
    packed = hashes[codes].tobytes()
    bounds = pairwise([*begins.tolist(), len(codes)])
    return groups[begins].tolist(), [(packed[8 * begin : 8 * end],) for begin, end in bounds]


def _different(numbers: Array) -> Array:
    """Return the different ones of some numbers, in order."""
    most = int(numbers.max()) + 1
    if most > 16 * len(numbers) + _SMALL:
        # `numpy.unique` takes five times as long: it has a hash table.
        ordered: Array = numpy.sort(numbers)
        found: Array = ordered[numpy.diff(ordered, prepend=-1) != 0]
        return found
    # A table takes a tenth of the time of sorting.
    has: Array = numpy.zeros(most, bool)
    has[numbers] = True
    return numpy.flatnonzero(has)


def edges_by_group(
    groups: Array, rows: Array, labels: Labels, moments: Array, most: int, *, is_last: bool
) -> Measured:
    """Return the first or last value in each group, before it the line's row and time."""
    indexes: Array = numpy.full(most, -1)
    order = slice(None, None, 1 if is_last else -1)
    # The last one of equal indexes counts.
    indexes[groups[order]] = numpy.arange(len(groups))[order]
    known = numpy.flatnonzero(indexes >= 0)
    indexes = indexes[known]
    rows = rows[indexes]
    shown = [joined_text(labels.shown[code]) for code in labels.codes[indexes].tolist()]
    return known.tolist(), list(zip(rows.tolist(), moments[rows].tolist(), shown, strict=True))


def times_by_group(groups: Array, moments: Array, most: int) -> Measured:
    """Return the smallest and the largest time in each group. most: the number of groups."""
    least, largest = numpy.full(most, _NEVER), numpy.full(most, -_NEVER)
    numpy.minimum.at(least, groups, moments)
    numpy.maximum.at(largest, groups, moments)
    known = numpy.flatnonzero(least <= largest)
    return known.tolist(), list(zip(least[known].tolist(), largest[known].tolist(), strict=True))


_NEVER = numpy.iinfo(numpy.int64).max


def joined(kind: MeasureKind, one: Any, other: Any) -> Any:
    """Return the measure of the lines of two groups, of numbers as `rows_of_sums`."""
    match kind:
        case MeasureKind.VALUES:
            return (one[0] + other[0],)
        case MeasureKind.FIRST | MeasureKind.LAST:
            return max(one, other) if kind is MeasureKind.LAST else min(one, other)
        case MeasureKind.TIMES:
            return min(one[0], other[0]), max(one[1], other[1])
    return joined_sums((one[0], other[0])), one[1] + other[1]
