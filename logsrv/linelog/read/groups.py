"""Figures by groups of lines: `avg ms, count by app`, as rows of a table.

Each process reads the frames that it gets, and sends for each group the numbers that the parent adds up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.fields.reader import Column
from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.query.question import Extraction, Grouping
from logsrv.linelog.read.columns import column_reader, numbers, texts_to_count
from logsrv.linelog.read.line_counts import step_size
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.sketches import FrequentKeys, QuantileNumbers

MOST_VALUES = 8
"""Values with a column or part of their own in an answer by time and value."""
MOST_NUMBERS = 2_000_000
"""Numbers that are kept for exact quantiles; of more, quantiles are within 0.5 %."""

Cell: TypeAlias = str | int | float | None
Key: TypeAlias = tuple[str | float | None, ...]
"""The start of the step of time, if there are steps, and the value of each field of `by`."""
Sums: TypeAlias = tuple[float, ...]
"""Of the numbers in a field: how many, their sum, the least, the largest; empty without numbers."""
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Rows(NamedTuple):
    """The answer to a grouping.

    columns: names, all different: `time`, the fields of `by`, then such as `avg_ms`. rows: their values, by
    time, then by the first figure, the largest first. lines: how many match the query. without: fields of
    figures of which no line has a number. absent: fields of `by` that no line has. left_out: lines that are
    in no row, as groups with few lines are forgotten beyond a bound. exact: whether all quantiles are
    exact. missed: how many lines a row may lack, and a group without a row may have.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    lines: int
    without: tuple[str, ...]
    left_out: int
    exact: bool
    absent: tuple[str, ...] = ()
    missed: int = 0


def group(search: Search, grouping: Grouping, extractions: Sequence[Extraction]) -> Rows:
    """Return the figures of the lines that a search finds."""
    table = GroupTable(grouping)
    for counted in count_groups(search, grouping, extractions):
        table.add(counted)
    return table.rows()


def count_groups(
    search: Search, grouping: Grouping, extractions: Sequence[Extraction]
) -> Iterator[list[Any]]:
    """Yield what `GroupCounter.counted` returns for each text with matching lines, in their order."""
    counter = GroupCounter(grouping, extractions)

    for _, counted in search.run_for_json(
        lambda task: map(counter.counted, search.matching_lines(task))
    ):
        yield counted


def counts_by_value(
    rows: Iterable[Sequence[Cell]],
) -> tuple[list[str], dict[Cell, Counter[str]]]:
    """Return the values in rows of time, value and count, the most frequent first; the counts by time."""
    totals: Counter[str] = Counter()
    by_time: dict[Cell, Counter[str]] = {}
    for time, value, count in rows:
        totals[str(value)] += int(count or 0)
        by_time.setdefault(time, Counter())[str(value)] += int(count or 0)
    return [value for value, _ in totals.most_common()], by_time


class GroupCounter:
    """The counter of one text's lines by group, which runs in the reading process."""

    def __init__(self, grouping: Grouping, extractions: Sequence[Extraction]) -> None:
        self._grouping = grouping
        self._fields = fields_of(grouping)
        self._kept = kept_fields(grouping)
        self._read = column_reader([*grouping.by, *self._fields], extractions, grouping.by)

    def counted(self, text: bytes) -> list[Any]:
        """Return the number of whole lines, and their groups: key, number of lines, numbers of each field.

        The numbers of a field are: how many, their sum, the least, the largest; for quantiles then all.
        """
        stamps = StampedLines(text)
        columns = self._read(stamps)
        keys, rows = self._keys(stamps, columns)
        counts = Counter(keys)
        sums: dict[str, dict[Key, list[float]]] = {}
        for field in self._fields:
            by_key: dict[Key, list[float]] = {}
            values = numbers(field, columns[field])
            for key, row in zip(keys, rows, strict=True):
                if (value := values[row]) is not None:
                    by_key.setdefault(key, []).append(value)
            sums[field] = by_key
        groups = [
            [key, lines, [self._packed(field, sums[field].get(key, [])) for field in self._fields]]
            for key, lines in counts.items()
        ]
        return [len(stamps), groups]

    def _packed(self, field: str, values: list[float]) -> list[float]:
        if not values:
            return []
        summed = [len(values), sum(values), min(values), max(values)]
        return [*summed, *values] if field in self._kept else summed

    def _keys(
        self, stamps: StampedLines, columns: Mapping[str, Column]
    ) -> tuple[list[Key], Sequence[int]]:
        """Return keys and the number of the line of each; a line has one for each element of a list."""
        parts: list[list[list[str | float | None]]] = []
        if self._grouping.every is not None:
            parts.append([[start] for start in _steps(stamps, self._grouping.every)])
        parts += [
            [[*texts_to_count(value)] or [None] for value in columns[name]]
            for name in self._grouping.by
        ]
        if not parts:
            return [()] * len(stamps), range(len(stamps))
        keys: list[Key] = []
        rows: list[int] = []
        for row, lists in enumerate(zip(*parts, strict=True)):
            keys += product(*lists)
            rows += [row] * (len(keys) - len(rows))
        return keys, rows


def fields_of(grouping: Grouping) -> list[str]:
    """Return the fields whose numbers a grouping needs."""
    return list(dict.fromkeys(one.field for one in grouping.figures if one.field))


def kept_fields(grouping: Grouping) -> set[str]:
    """Return the fields of which every number is kept, for quantiles."""
    return {one.field for one in grouping.figures if one.function in _QUANTILES}


def _steps(stamps: StampedLines, every: float) -> list[float | None]:
    moments = stamps.moments()
    size = step_size(every)
    starts: list[float | None] = (moments // size * size / 1e6).tolist()
    for row in numpy.flatnonzero(moments == NO_TIME).tolist():
        starts[row] = None
    return starts


def _characters(key: Key) -> int:
    return sum(len(part) for part in key if isinstance(part, str))


class _Group:
    """The figures of one group so far."""

    def __init__(self, fields: Sequence[str], kept: set[str]) -> None:
        self.lines = 0
        self.sums: list[Sums] = [()] * len(fields)
        self.distributions = [QuantileNumbers() if field in kept else None for field in fields]

    @property
    def numbers(self) -> int:
        """The number of its numbers in memory."""
        return sum(len(one) for one in self.distributions if one is not None)

    def add(self, lines: int, packed: Sequence[Sequence[float]]) -> int:
        """Add the numbers of a text; return how many of them are kept in memory."""
        self.lines += lines
        kept = 0
        for place, numbers_ in enumerate(packed):
            if not numbers_:
                continue
            self.sums[place] = joined_sums([self.sums[place], numbers_])
            distribution = self.distributions[place]
            if distribution is not None:
                before = len(distribution)
                distribution.add(numbers_[4:])
                kept += len(distribution) - before
        return kept


class GroupTable:
    """The groups of all texts, in bounded memory: those with the most lines stay."""

    def __init__(self, grouping: Grouping) -> None:
        self._grouping = grouping
        self._fields = fields_of(grouping)
        self._kept_fields = kept_fields(grouping)
        self._groups: dict[Key, _Group] = {}
        self._frequent: FrequentKeys[Key] = FrequentKeys(_characters)
        self._numbers = self._lines = self._counted = 0
        self._exact = True

    def add(self, counted: Sequence[Any]) -> None:
        """Add what `GroupCounter.counted` returns."""
        self._lines += counted[0]
        added = {}
        for parts, lines, packed in counted[1]:
            key = tuple(parts)
            found = self._groups.get(key)
            if found is None:
                found = self._groups[key] = _Group(self._fields, self._kept_fields)
            self._numbers += found.add(lines, packed)
            added[key] = lines
        self._counted += sum(added.values())
        if self._frequent.add(added):
            for key in [key for key in self._groups if key not in self._frequent]:
                self._numbers -= self._groups.pop(key).numbers
        if self._numbers > MOST_NUMBERS:
            self._exact = False
            self._numbers = 0
            for one in self._groups.values():
                for distribution in one.distributions:
                    if distribution is not None:
                        distribution.compress()

    def rows(self) -> Rows:
        """Return the table."""
        grouping = self._grouping
        columns = (
            *(("time",) if grouping.every is not None else ()),
            *grouping.by,
            *(
                f"{one.function}_{one.field}" if one.field else one.function
                for one in grouping.figures
            ),
        )
        if not self._groups and not grouping.by and grouping.every is None:
            # SQL, too, answers one row without groups.
            self._groups[()] = _Group(self._fields, self._kept_fields)
        rows = [(key, self._figures(one)) for key, one in self._groups.items()]
        rows.sort(key=self._order)
        shown = [(*self._shown(key), *figures) for key, figures in rows]
        without = tuple(
            field
            for place, field in enumerate(self._fields)
            if not any(one.sums[place] for one in self._groups.values())
        )
        first = int(grouping.every is not None)
        absent = tuple(
            name
            for place, name in enumerate(grouping.by, first)
            if all(key[place] is None for key in self._groups)
        )
        left_out = self._counted - sum(one.lines for one in self._groups.values())
        missed = self._frequent.missed
        return Rows(
            _different(columns), shown, self._lines, without, left_out, self._exact, absent, missed
        )

    def _order(self, row: tuple[Key, list[Cell]]) -> tuple[Any, ...]:
        key, figures = row
        first = figures[0]
        time, by = (key[0], key[1:]) if self._grouping.every is not None else (0.0, key)
        least = (1, 0.0) if not isinstance(first, int | float) else (0, -first)
        return time is None, time or 0.0, least, tuple((one is None, one or "") for one in by)

    def _shown(self, key: Key) -> Iterator[Cell]:
        for part in key:
            yield rfc3339(part) if isinstance(part, float) else part

    def _figures(self, found: _Group) -> list[Cell]:
        quantiles: dict[str, dict[str, Cell]] = {}
        for place, field in enumerate(self._fields):
            distribution = found.distributions[place]
            if distribution is not None:
                values = distribution.quantiles(list(_QUANTILES.values()))
                quantiles[field] = dict(zip(_QUANTILES, values, strict=True))
        cells: list[Cell] = []
        for one in self._grouping.figures:
            if one.function == "count":
                cells.append(found.lines)
            elif one.function in _QUANTILES:
                cells.append(quantiles[one.field][one.function])
            else:
                sums = found.sums[self._fields.index(one.field)]
                cells.append(figure(one.function, sums))
        return cells


def _different(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns, the second of two equal ones with a number: `count by count`."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{number}" for number in range(2, len(found) + 2))
        found.append(next(one for one in (name, *others) if one not in found))
    return tuple(found)


def joined_sums(all_: Iterable[Sequence[float]]) -> Sums:
    """Return the sums of lines together. all_: the sums of some lines each."""
    known = [one[:4] for one in all_ if one]
    if not known:
        return ()
    many, total, least, largest = zip(*known, strict=True)
    return sum(many), sum(total), min(least), max(largest)


def figure(function: str, sums: Sums) -> float | None:
    """Return a figure other than a count or a quantile; None without numbers."""
    if not sums:
        return None
    many, total, least, largest = sums
    return {"sum": total, "avg": total / many, "min": least, "max": largest}[function]
