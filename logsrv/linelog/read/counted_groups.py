"""Lines counted by group: the number and the sums of each, from the codes of the lines' values.

A value of a line is a code, the place of the value among the different ones. Columns have codes; the fields
that are read from a text get them here. So both are counted in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_places import Array, ranked
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.fields.values import EXACT
from logsrv.linelog.query.question import Extraction, Grouping
from logsrv.linelog.read.counted_values import counted_column, counted_texts, numbers
from logsrv.linelog.read.figures import Sums, joined_sums
from logsrv.linelog.read.kept_numbers import Numbers
from logsrv.linelog.read.line_counts import step_size

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.fields.together.coded import CodedField
    from logsrv.linelog.read.columns import Reader

# With more possible combinations of values for each line than this, numbers are given to those that occur.
_SPARSE = 8
_NOTHING: tuple[Sums, bytes] = (), b""


class Labels(NamedTuple):
    """The counted part of each line: a text, a time, or the texts of a list.

    codes: for each line the index in `shown`, which are all different; -1 for nothing.
    """

    codes: Array
    shown: Sequence[Any]


class LineNumbers(NamedTuple):
    """The numbers of a field. rows: the lines that have one, in order.

    values: their numbers: int64, float64, or objects. whole: which of them are integers; None for all of
    int64 and none of float64.
    """

    rows: Array
    values: Array
    whole: Array | None = None

    def list(self) -> list[int | float]:
        """Return the numbers, each an integer if it is one in the line."""
        found: list[int | float] = self.values.tolist()
        if self.whole is None:
            return found
        return [
            int(one) if whole else one
            for one, whole in zip(found, self.whole.tolist(), strict=True)
        ]

    def at(self, places: Array) -> LineNumbers:
        """Return the numbers at these places only, in their order."""
        whole = None if self.whole is None else self.whole[places]
        return LineNumbers(self.rows[places], self.values[places], whole)


class GroupCounter:
    """Counts the lines of a text, or of columns, for a grouping. kept: fields whose numbers are kept."""

    def __init__(
        self,
        grouping: Grouping,
        fields: Sequence[str],
        kept: Collection[str] = (),
        extractions: Sequence[Extraction] = (),
    ) -> None:
        self._grouping = grouping
        self._fields, self._kept, self._extractions = fields, kept, extractions

    @cached_property
    def _read(self) -> Reader:
        # Imported here: with columns alone, there is no text to be read.
        from logsrv.linelog.read.columns import column_reader

        by = self._grouping.by
        return column_reader([*by, *self._fields], self._extractions)

    def new_numbers(self) -> list[Numbers]:
        """Return the numbers of each field, without any yet."""
        return [Numbers() for _ in self._fields]

    def count_text(self, text: bytes) -> Any:
        """Return the part of whole lines, as `Groups` merges it."""
        stamps = StampedLines(text)
        found = self._read(stamps)
        by = [_labels(*_coded(counted_column(found[name]))) for name in self._grouping.by]
        numbers = [_numbers_of_cells(name, found[name]) for name in self._fields]
        return self._count(len(stamps), stamps.moments, by, numbers)

    def first_numbers(
        self, lines: bytes | ColumnRows, most: int, sign: int
    ) -> tuple[int, list[tuple[int, int | float]]]:
        """Return how many lines have a number in the field, and the first of these by sign * number.

        lines: whole lines, or columns. Each of the first ones is its row and its number; of equal ones the
        earlier goes first.
        """
        [name] = self._fields
        if isinstance(lines, bytes):
            known = _numbers_of_cells(name, self._read(StampedLines(lines))[name])
        else:
            known = numbers_of_rows(name, lines)
        keys = known.values
        if sign < 0:
            # -1 - n has no overflow.
            keys = ~keys if keys.dtype == numpy.int64 else -keys
        places = numpy.arange(len(keys))
        if 0 < most < len(keys) and keys.dtype != object:
            places = numpy.flatnonzero(keys <= numpy.partition(keys, most - 1)[most - 1])
        first = known.at(places[numpy.argsort(keys[places], kind="stable")[:most]])
        return len(keys), list(zip(first.rows.tolist(), first.list(), strict=True))

    def count_rows(self, rows: ColumnRows) -> Any:
        """Return the part of lines by their columns, as `Groups` merges it."""
        by = [_labels_of_field(rows.field(name)) for name in self._grouping.by]
        numbers = [numbers_of_rows(name, rows) for name in self._fields]
        return self._count(rows.lines, rows.moments, by, numbers)

    def _count(
        self,
        lines: int,
        moments: Callable[[], Array],
        by: Sequence[Labels],
        numbers: Sequence[LineNumbers],
    ) -> Any:
        every = self._grouping.every
        steps = [] if every is None else [_labels_of_steps(moments(), every)]
        combined = _combined(lines, [*steps, *by])
        keys = combined.keys
        having = [int(numpy.count_nonzero(one.codes >= 0)) for one in by]
        has_lists = any(tuple in {*map(type, one.shown)} for one in by)
        counts = _by_element(keys, combined.lines, int.__add__, has_lists=has_lists)
        sums: dict[Any, list[tuple[Sums, bytes]]] = {}
        for place, (name, one) in enumerate(zip(self._fields, numbers, strict=True)):
            groups = combined.groups(one.rows)
            known, added = _sums(groups, one, len(keys), is_kept=name in self._kept)
            those = [keys[group] for group in known]
            for key, value in _by_element(those, added, _joined, has_lists=has_lists).items():
                sums.setdefault(key, [_NOTHING] * len(self._fields))[place] = value
        return lines, having, counts, sums


def numbers_of_rows(name: str, rows: ColumnRows) -> LineNumbers:
    """Return the numbers of a field in lines with columns."""
    stored = rows.numbers(name)
    if stored is None:
        field = rows.field(name)
        return _coded_numbers(field.codes, numbers(name, field.values()))
    known = numpy.arange(rows.lines)
    values = stored.values
    if stored.missing is not None:
        known = numpy.flatnonzero(~stored.missing)
        values = values[known]
    is_whole = stored.integers and values.dtype != numpy.int64
    return LineNumbers(known, values, values == numpy.floor(values) if is_whole else None)


def _numbers_of_cells(name: str, column: Sequence[Any]) -> LineNumbers:
    return _coded_numbers(*_coded(numbers(name, column)))


def _coded_numbers(codes: Array, found: Sequence[int | float | None]) -> LineNumbers:
    """Return numbers of lines. found: the number of each code."""
    known = [0 if one is None else one for one in found]
    kinds = {type(one) for one in found if one is not None}
    size = max(map(abs, known), default=0)
    whole = None
    if kinds <= {int} and size < 1 << 63:
        table = numpy.array(known, numpy.int64)
    elif int in kinds and size > EXACT:
        table = numpy.array(known, object)
    else:
        table = numpy.array(known, float)
        whole = numpy.array([type(one) is int for one in known]) if int in kinds else None
    has_number = numpy.array([*(one is not None for one in found), False])
    rows = numpy.flatnonzero(has_number[codes])
    codes = codes[rows]
    return LineNumbers(rows, table[codes], None if whole is None else whole[codes])


def _coded(cells: Sequence[Any]) -> tuple[Array, list[Any]]:
    """Return the code of each cell, and the different cells."""
    places = {cell: place for place, cell in enumerate(dict.fromkeys(cells))}
    return numpy.fromiter(map(places.__getitem__, cells), numpy.intp, len(cells)), list(places)


def _labels(codes: Array, cells: Sequence[Any]) -> Labels:
    """Return labels. cells: those of each code, of which some may be equal, or None."""
    shown = [cell for cell in dict.fromkeys(cells) if cell is not None]
    if len(shown) == len(cells):
        return Labels(codes, cells)
    places = {cell: place for place, cell in enumerate(shown)}
    return Labels(numpy.array([*(places.get(cell, -1) for cell in cells), -1])[codes], shown)


def _labels_of_field(field: CodedField) -> Labels:
    if field.lists:
        return _labels(field.codes, counted_column(field.values()))
    shown = counted_texts(field.texts)
    return Labels(field.codes, shown) if shown is field.texts else _labels(field.codes, shown)


def _labels_of_steps(moments: Array, every: float) -> Labels:
    """Return the start of the step of each line, in seconds."""
    size = step_size(every)
    has_time = moments != NO_TIME
    steps, codes = ranked(numpy.where(has_time, moments, moments.max(initial=0)) // size)
    return Labels(numpy.where(has_time, codes, -1), (steps * size / 1e6).tolist())


class _Combined(NamedTuple):
    """The different combinations of labels, with the number of lines of each.

    numbers: of the combination of each line. places: the place in `keys` of each number; None if equal.
    """

    keys: list[tuple[Any, ...]]
    lines: list[int]
    numbers: Array
    places: Array | None

    def groups(self, rows: Array) -> Array:
        """Return the places of the combinations of some lines."""
        numbers = self.numbers[rows]
        return numbers if self.places is None else self.places[numbers]


def _combined(lines: int, labels: Sequence[Labels]) -> _Combined:
    numbers: Array = numpy.zeros(lines, numpy.intp)
    counts: Array = numpy.array([lines] * bool(lines))
    places: Array | None = None
    # The codes of each combination, by label.
    codes: list[Array] = []
    for one in labels:
        width = len(one.shown) + 1
        if codes:
            numbers = numbers if places is None else places[numbers]
            numbers = numbers * width + (one.codes + 1)
        else:
            numbers = one.codes + 1
        if width * len(counts) > _SPARSE * lines:
            known, numbers, counts = numpy.unique(numbers, return_inverse=True, return_counts=True)
            places = None
        else:
            all_counts = numpy.bincount(numbers, minlength=width * len(counts))
            known = numpy.flatnonzero(all_counts)
            places, counts = numpy.cumsum(all_counts > 0) - 1, all_counts[known]
        codes = [*(each[known // width] for each in codes), known % width - 1]
    shown = [[*one.shown, None] for one in labels]
    cells = [
        [column[code] for code in each.tolist()] for column, each in zip(shown, codes, strict=True)
    ]
    keys = list(zip(*cells, strict=True)) if labels else [()] * len(counts)
    return _Combined(keys, counts.tolist(), numbers, places)


def _sums(
    groups: Array, numbers: LineNumbers, most: int, *, is_kept: bool
) -> tuple[list[int], list[tuple[Sums, bytes]]]:
    """Return the groups that have numbers, with their sums and, if they are kept, the numbers.

    groups: of each number. most: the number of groups.
    """
    many = numpy.bincount(groups, minlength=most)
    known = numpy.flatnonzero(many)
    if not len(known):
        return [], []
    many = many[known]
    starts = numpy.cumsum(many) - many
    # With 16 bits, NumPy sorts by radix.
    kind = numpy.uint16 if most <= 1 << 16 else groups.dtype
    sorted_ = numbers.at(numpy.argsort(groups.astype(kind), kind="stable"))
    packed = sorted_.values.astype(float).tobytes() if is_kept else b""
    columns = _figures(sorted_, starts)
    ends = ((starts + many) * 8).tolist()
    pieces = [packed[8 * start : end] for start, end in zip(starts.tolist(), ends, strict=True)]
    sums = zip(many.tolist(), *columns, strict=True)
    return known.tolist(), list(zip(sums, pieces, strict=True))


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


def _joined(one: tuple[Sums, bytes], other: tuple[Sums, bytes]) -> tuple[Sums, bytes]:
    return joined_sums((one[0], other[0])), one[1] + other[1]


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
