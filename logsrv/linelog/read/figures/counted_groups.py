"""Lines counted by group: the number and the measures of each, from the codes of the lines' values.

A value of a line is a code, the index of the value among the different ones. Columns have codes; the fields
that are read from a text get them here. So both are counted in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from itertools import product, zip_longest
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.fields.values import EXACT
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import PLAIN
from logsrv.linelog.read.figures.counted_measures import (
    Labels,
    LineNumbers,
    Measured,
    edges_by_group,
    joined,
    rows_of_sums,
    sums_by_group,
    sums_of_rows,
    times_by_group,
    values_by_group,
)
from logsrv.linelog.read.figures.counted_values import (
    counted_column,
    counted_texts,
    written_numbers,
)
from logsrv.linelog.read.figures.grouping import Grouping, Measure, MeasureKind
from logsrv.linelog.read.figures.kept_numbers import KeptNumbers
from logsrv.linelog.read.figures.kept_values import EdgeValue, KeptDistinct, KeptValues, TimeSpan
from logsrv.linelog.read.figures.text_values import Reader, column_reader
from logsrv.linelog.steps.step_arrays import steps_of
from logsrv.linelog.steps.steps import Steps

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.fields.coded import CodedField

# With more possible combinations of values for each line than this, numbers are given to those that occur.
_SPARSE = 8
Kept: TypeAlias = KeptNumbers | KeptValues


class _Lines:
    """Lines, and functions that return their times, and the labels and the numbers of a field."""

    def __init__(
        self,
        count: int,
        moments: Callable[[], Array],
        labels: Callable[[str], Labels],
        numbers: Callable[[str], LineNumbers],
    ) -> None:
        self.count, self.labels, self.numbers = count, cache(labels), numbers
        self._moments = moments

    @cached_property
    def moments(self) -> Array:
        return self._moments()


class GroupCounter:
    """Counts the lines of a text, or of columns, for a grouping."""

    def __init__(self, grouping: Grouping, extractions: Sequence[Extraction] = ()) -> None:
        self._grouping, self._extractions = grouping, extractions
        self._measures = grouping.measures

    @cached_property
    def _read(self) -> Reader:
        return column_reader([*self._grouping.by, *self._grouping.fields], self._extractions)

    def new_kept(self, *, by_time: bool) -> list[Kept]:
        """Return what is kept of each measure of groups, without any lines yet."""
        return [_kept(one.kind, by_time=by_time) for one in self._measures]

    def count_text(self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> Any:
        """Return the part of whole lines, as `Groups` merges it."""
        stamps = StampedLines(text, first_lines)
        found = self._read(stamps)
        lines = _Lines(
            len(stamps),
            stamps.moments,
            lambda name: _labels(*_coded(counted_column(found[name]))),
            lambda name: _numbers_of_cells(name, found[name]),
        )
        return self._count(lines)

    def first_numbers_in_text(
        self, text: bytes, first_lines: FirstLines, most: int, sign: int
    ) -> tuple[int, list[tuple[int, int | float]]]:
        """Return the same as `first_numbers` for whole lines."""
        return self.first_numbers(StampedLines(text, first_lines), most, sign)

    def first_numbers(
        self, lines: StampedLines | ColumnRows, most: int, sign: int
    ) -> tuple[int, list[tuple[int, int | float]]]:
        """Return how many lines have a number in the field, and the first of these by sign * number.

        lines: whole lines, or columns. Each of the first ones is its row and its number; of equal ones the
        earlier goes first.
        """
        [(_, name)] = self._measures
        if name == "time" and not any(name in one.names for one in self._extractions):
            moments = lines.moments()
            rows = numpy.flatnonzero(moments != NO_TIME)
            known = LineNumbers(rows, moments[rows])
        elif isinstance(lines, StampedLines):
            known = _numbers_of_cells(name, self._read(lines)[name])
        else:
            known = numbers_of_rows(name, lines)
        keys = known.values
        if sign < 0:
            # -1 - n has no overflow.
            keys = ~keys if keys.dtype == numpy.int64 else -keys
        indexes = numpy.arange(len(keys))
        if 0 < most < len(keys) and keys.dtype != object:
            indexes = numpy.flatnonzero(keys <= numpy.partition(keys, most - 1)[most - 1])
        first = known.at(indexes[numpy.argsort(keys[indexes], kind="stable")[:most]])
        return len(keys), list(zip(first.rows.tolist(), first.list(), strict=True))

    def count_rows(self, rows: ColumnRows) -> Any:
        """Return the part of lines by their columns, as `Groups` merges it."""
        lines = _Lines(
            rows.lines,
            rows.moments,
            lambda name: _labels_of_field(rows.field(name)),
            lambda name: numbers_of_rows(name, rows),
        )
        return self._count(lines)

    def _count(self, lines: _Lines) -> Any:
        every = self._grouping.every
        steps = [] if every is None else [_labels_of_steps(lines.moments, every)]
        by = [lines.labels(name) for name in self._grouping.by]
        combined = _combined(lines.count, [*steps, *by])
        keys = combined.keys
        having = [int(numpy.count_nonzero(one.codes >= 0)) for one in by]
        has_lists = any(tuple in {*map(type, one.shown)} for one in by)
        counts = _by_element(keys, combined.lines, int.__add__, has_lists=has_lists)
        found = []
        for measure in self._measures:
            groups, measured = _measured(measure, lines, combined)
            those = [keys[group] for group in groups]
            if has_lists and groups:
                those, measured = _measured_by_element(measure.kind, those, measured)
            found.append((those, tuple(measured)))
        return lines.count, having, counts, found


def _kept(kind: MeasureKind, *, by_time: bool) -> Kept:
    if kind in (MeasureKind.FIRST, MeasureKind.LAST):
        is_last = kind is MeasureKind.LAST
        return KeptValues(lambda: EdgeValue(is_last=is_last, by_time=by_time))
    if kind is MeasureKind.TIMES:
        return KeptValues(TimeSpan)
    return KeptDistinct() if kind is MeasureKind.VALUES else KeptNumbers()


def _measured_by_element(
    kind: MeasureKind, keys: list[Any], measured: Any
) -> tuple[list[Any], Any]:
    """Return the measures of lines which are in a group for each element of a list."""
    rows = rows_of_sums(measured) if kind.needs_numbers else measured
    found = _by_element(keys, rows, partial(joined, kind), has_lists=True)
    if not kind.needs_numbers:
        return [*found], [*found.values()]
    return [*found], sums_of_rows(found.values(), measured.ways)


def _measured(measure: Measure, lines: _Lines, combined: _Combined) -> Measured:
    """Return the indexes of the groups with a measure, and the measure of each."""
    kind, most = measure.kind, len(combined.keys)
    if kind is MeasureKind.TIMES:
        rows = numpy.flatnonzero(lines.moments != NO_TIME)
        return times_by_group(combined.groups(rows), lines.moments[rows], most)
    if kind.needs_numbers:
        numbers = lines.numbers(measure.field)
        is_kept = kind is MeasureKind.NUMBERS
        return sums_by_group(combined.groups(numbers.rows), numbers, most, is_kept=is_kept)
    labels = lines.labels(measure.field)
    rows = numpy.flatnonzero(labels.codes >= 0)
    labels, groups = labels._replace(codes=labels.codes[rows]), combined.groups(rows)
    if kind is MeasureKind.VALUES:
        return values_by_group(groups, labels)
    return edges_by_group(
        groups, rows, labels, lines.moments, most, is_last=kind is MeasureKind.LAST
    )


def numbers_of_rows(name: str, rows: ColumnRows) -> LineNumbers:
    """Return the numbers of a field in lines with columns."""
    stored = rows.numbers(name)
    if stored is None:
        field = rows.field(name)
        found, ways = written_numbers(name, field.values())
        if ways:
            # A value may be in none of these lines.
            codes = numpy.unique(field.codes)
            ways = [ways[code] for code in codes[codes >= 0].tolist()]
        return _coded_numbers(field.codes, found, ways)
    known = numpy.arange(rows.lines)
    values = stored.values
    if stored.missing is not None:
        known = numpy.flatnonzero(~stored.missing)
        values = values[known]
    is_whole = stored.integers and values.dtype != numpy.int64
    return LineNumbers(known, values, values == numpy.floor(values) if is_whole else None)


def _numbers_of_cells(name: str, column: Sequence[Any]) -> LineNumbers:
    found, ways = written_numbers(name, column)
    return _coded_numbers(*_coded(found), ways)


def _coded_numbers(
    codes: Array, numbers: Sequence[int | float | None], ways: Sequence[int]
) -> LineNumbers:
    """Return numbers of lines. numbers: the number of each code. ways: as of `written_numbers`."""
    known = [0 if one is None else one for one in numbers]
    kinds = {type(one) for one in numbers if one is not None}
    size = max(map(abs, known), default=0)
    whole = None
    if kinds <= {int} and size < 1 << 63:
        table = numpy.array(known, numpy.int64)
    elif int in kinds and size > EXACT:
        table = numpy.array(known, object)
    else:
        table = numpy.array(known, float)
        whole = numpy.array([type(one) is int for one in known]) if int in kinds else None
    has_number = numpy.array([*(one is not None for one in numbers), False])
    rows = numpy.flatnonzero(has_number[codes])
    codes = codes[rows]
    all_ways = sum({*ways}) if ways else PLAIN * bool(len(rows))
    return LineNumbers(rows, table[codes], None if whole is None else whole[codes], all_ways)


def _coded(cells: Sequence[Any]) -> tuple[Array, list[Any]]:
    """Return the code of each cell, and the different cells."""
    codes = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
    return numpy.fromiter(map(codes.__getitem__, cells), numpy.intp, len(cells)), list(codes)


def _labels(codes: Array, cells: Sequence[Any]) -> Labels:
    """Return labels. cells: those of each code, of which some may be equal, or None."""
    shown = [cell for cell in dict.fromkeys(cells) if cell is not None]
    if len(shown) == len(cells):
        return Labels(codes, cells)
    numbers = {cell: number for number, cell in enumerate(shown)}
    return Labels(numpy.array([*(numbers.get(cell, -1) for cell in cells), -1])[codes], shown)


def _labels_of_field(field: CodedField) -> Labels:
    if field.lists:
        return _labels(field.codes, counted_column(field.values()))
    shown = counted_texts(field.texts)
    return Labels(field.codes, shown) if shown is field.texts else _labels(field.codes, shown)


def _labels_of_steps(moments: Array, every: Steps) -> Labels:
    """Return the start of the step of each line, in seconds."""
    missing = moments == NO_TIME
    if missing.all():
        return Labels(numpy.full(len(moments), -1), [])
    if not missing.any():
        starts, codes = steps_of(moments, every)
    else:
        starts, codes = steps_of(numpy.where(missing, moments.max(), moments), every)
        codes[missing] = -1
    return Labels(codes, (starts / 1e6).tolist())


class _Combined(NamedTuple):
    """The different combinations of labels, with the number of lines of each.

    numbers: of the combination of each line. indexes: the index in `keys` of each number; None if equal.
    """

    keys: list[tuple[Any, ...]]
    lines: list[int]
    numbers: Array
    indexes: Array | None

    def groups(self, rows: Array) -> Array:
        """Return the indexes of the combinations of some lines."""
        numbers = self.numbers[rows]
        return numbers if self.indexes is None else self.indexes[numbers]


def _combined(lines: int, labels: Sequence[Labels]) -> _Combined:
    numbers: Array = numpy.zeros(lines, numpy.intp)
    counts: Array = numpy.array([lines] * bool(lines))
    indexes: Array | None = None
    # The codes of each combination, by label; the sizes of what `numbers` is made of since these.
    codes: list[Array] = []
    sizes = [len(counts)]
    for labelled, next_ in zip_longest(labels, labels[1:]):
        sizes.append(len(labelled.shown) + 1)
        if indexes is not None:
            numbers, indexes = indexes[numbers], None
        numbers = (
            numbers * sizes[-1] + (labelled.codes + 1)
            if prod(sizes[:-1]) > 1
            else labelled.codes + 1
        )
        most = prod(sizes)
        if next_ is not None and most * (len(next_.shown) + 1) <= _SPARSE * lines:
            continue
        if most > _SPARSE * lines:
            known, numbers, counts = numpy.unique(numbers, return_inverse=True, return_counts=True)
        else:
            all_counts = numpy.bincount(numbers, minlength=most)
            known = numpy.flatnonzero(all_counts)
            indexes, counts = numpy.cumsum(all_counts > 0) - 1, all_counts[known]
        before, *found = numpy.unravel_index(known, sizes)
        codes = [*(each[before] for each in codes), *(each - 1 for each in found)]
        sizes = [len(counts)]
    shown = [[*labelled.shown, None] for labelled in labels]
    cells = [
        [column[code] for code in each.tolist()] for column, each in zip(shown, codes, strict=True)
    ]
    keys = list(zip(*cells, strict=True)) if labels else [()] * len(counts)
    return _Combined(keys, counts.tolist(), numbers, indexes)


def _by_element(
    keys: Sequence[Any], values: Sequence[Any], add: Callable[[Any, Any], Any], *, has_lists: bool
) -> dict[Any, Any]:
    """Return values by key: a line is in a group for each element of a list."""
    if not has_lists:
        return dict(zip(keys, values, strict=True))
    found: dict[Any, Any] = {}
    for row, added in zip(keys, values, strict=True):
        for key in product(*[part if type(part) is tuple else (part,) for part in row]):
            found[key] = add(found[key], added) if key in found else added
    return found
