"""Counts and figures by groups of lines: `avg ms, count by app`, the most frequent values of a field.

Lines that are only counted, over time or by level, need neither NumPy nor, mostly, to be read: the index of
a segment has their numbers. Of too many groups those with the most lines stay; `missed` then says by how
much a number may be too low.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.fields.level import LEVELS, RULES
from logsrv.linelog.query.question import Extraction, Figure, Grouping
from logsrv.linelog.read.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures import PERCENTILES
from logsrv.linelog.read.frequent_keys import FrequentKeys
from logsrv.linelog.read.line_counts import EVERY_LEVEL, count_by_step, step_start
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import SegmentFrames

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.counted_groups import GroupCounter
    from logsrv.linelog.read.kept_numbers import Numbers

MOST_VALUES = 8
"""Values with a column or part of their own in an answer by time and value."""
MOST_NUMBERS = 2_000_000
"""Numbers that are kept for exact percentiles; of more, percentiles are within 0.5 %."""
MOST_STEPS = 100_000
"""Steps of bars; with lines in more steps, counting fails with a sentence: nobody can look at so many."""
_STEPS = (
    0.001, 0.01, 0.1, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800,
    3600, 7200, 14400, 43200, 86400, 604800, 2592000, 31536000,
)  # fmt: skip
COUNT = Figure("count")

Cell: TypeAlias = str | int | float | None
Key: TypeAlias = tuple[str | float | None, ...]
"""The start of the step of time, if there are steps, and the value of each field of `by`."""


class Rows(NamedTuple):
    """The answer to a grouping.

    columns: names, all different: `time`, the fields of `by`, then such as `avg_ms`. rows: their values, by
    time, then by the first figure, the largest first. lines: how many match the query. without: fields of
    figures of which no line has a number. absent: fields of `by` that no line has. left_out: lines that are
    in no row, as groups with few lines are forgotten beyond a bound. exact: whether all percentiles are
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


class ValueCounts(NamedTuple):
    """The values of a field with their numbers of lines, the most frequent first, equal ones by text.

    total: the number of lines that have a value. missed: by how much each number may be too low.
    """

    values: list[tuple[str, int]]
    total: int
    missed: int


class TimeBucket(NamedTuple):
    """The number of lines in one step of time, in all and by level. start: in seconds since 1970."""

    start: float
    lines: int
    levels: dict[str, int]


def group(search: Search, grouping: Grouping, extractions: Sequence[Extraction]) -> Rows:
    """Return the figures of the lines that a search finds."""
    return add_up(search, Groups(grouping, extractions)).rows()


def count_lines(search: Search) -> int:
    """Return the number of lines that a search finds."""
    return add_up(search, Groups(Grouping((COUNT,)))).lines


def count_values(search: Search, field: str, extractions: Sequence[Extraction] = ()) -> ValueCounts:
    """Count the values of a field, which may be an extracted one; each element of a list counts."""
    found = add_up(search, Groups(Grouping((COUNT,), (field,)), extractions))
    counts = [(value, lines) for (value,), lines in found.counts() if isinstance(value, str)]
    counts.sort(key=lambda one: (-one[1], one[0]))
    return ValueCounts(counts, found.lines_with[0], found.missed)


def histogram(search: Search, step: float, *, levels: bool) -> list[TimeBucket]:
    """Count lines by steps of `step` seconds, counted from 1970, in order. Empty buckets are left out.

    Raises LogsrvError for more than MOST_STEPS steps with lines.
    """
    return _buckets(add_up(search, _Steps(step, levels=levels)))


def histogram_by(
    search: Search, step: float, field: str, extractions: Sequence[Extraction] = ()
) -> tuple[list[TimeBucket], dict[Cell, Counter[str | None]]]:
    """Count as `histogram` does, and the values of a field by the start of each step; None: without."""
    values = Groups(Grouping((COUNT,), (field,), step), extractions)
    both = add_up(search, _StepsWithValues(_Steps(step, levels=True), values))
    by_step: dict[Cell, Counter[str | None]] = {}
    for (start, value), lines in both.values.counts():
        assert not isinstance(value, float)
        by_step.setdefault(start, Counter())[value] = lines
    return _buckets(both.steps), by_step


def _buckets(steps: _Steps) -> list[TimeBucket]:
    by_time: dict[float, Counter[str | None]] = {}
    for (start, *level), lines in steps.counts():
        if isinstance(start, float):
            by_time.setdefault(start, Counter())[str(level[0]) if any(level) else None] = lines
    return [
        TimeBucket(start, counts.total(), {name: counts[name] for name in LEVELS if counts[name]})
        for start, counts in sorted(by_time.items())
    ]


def sensible_step(seconds: float, buckets: int) -> float:
    """Return the shortest easily readable step, in seconds, that gives at most `buckets` buckets."""
    step = next((step for step in _STEPS if seconds / step <= buckets), _STEPS[-1])
    while seconds / step > buckets:
        step *= 2
    return step


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


def group_counter(
    grouping: Grouping,
    fields: Sequence[str],
    kept: Collection[str],
    extractions: Sequence[Extraction],
) -> GroupCounter:
    """Return a `GroupCounter`; it is imported here because it loads NumPy."""
    from logsrv.linelog.read import counted_groups

    return counted_groups.GroupCounter(grouping, fields, kept, extractions)


class Groups(Aggregate):
    """The groups of all lines. A part is what `GroupCounter` (counted_groups.py) returns.

    lines: the number of all lines. lines_with: for each field of `by`, how many lines have it.
    """

    def __init__(
        self,
        grouping: Grouping,
        extractions: Sequence[Extraction] = (),
        most: int | None = None,
    ) -> None:
        """most: the groups that are kept when there are too many; None for as many as of other keys."""
        self.grouping = grouping
        self.lines = 0
        self.lines_with = [0] * len(grouping.by)
        self._fields = list(dict.fromkeys(one.field for one in grouping.figures if one.field))
        self._kept = {one.field for one in grouping.figures if one.function in PERCENTILES}
        self._frequent: FrequentKeys[Key] = FrequentKeys(_characters, most)
        self._numbers: dict[Key, list[Numbers]] = {}
        self._in_memory = 0
        self._exact = True
        self._extractions = extractions
        self._reads_fields = bool(self._fields) or grouping.by not in ((), ("level",))
        names = {*grouping.by, *self._fields}
        # Columns have the moments of lines, not their texts.
        if not names & {"time", *(name for one in extractions for name in one.names)}:
            self.columns = names

    @cached_property
    def _counter(self) -> GroupCounter:
        return group_counter(self.grouping, self._fields, self._kept, self._extractions)

    def counts(self) -> Iterator[tuple[Key, int]]:
        """Yield the groups with their numbers of lines."""
        return self._frequent.items()

    @property
    def missed(self) -> int:
        """By how many lines the number of a group may be too low."""
        return self._frequent.missed

    def count(self, lines: FoundLines) -> Part:
        by, every = self.grouping.by, self.grouping.every
        if every is None and by == ("position",):
            counts = {(str(hit.position),): 1 for hit in lines.hits()}
            return len(counts), [len(counts)], counts, {}
        if every is None and not by and not self._reads_fields:
            number = lines.number()
            return number, [], {(): number} if number else {}, {}
        return self.count_text(lines.text())

    def count_text(self, text: bytes) -> Part:
        """Return the number of whole lines, how many have each field of `by`, lines and sums by group.

        For each field, a group has `Sums` and, for percentiles, the numbers as doubles.
        """
        return self._counter.count_text(text) if self._reads_fields else self._count_stamps(text)

    def count_rows(self, rows: ColumnRows) -> Part:
        return self._counter.count_rows(rows)

    def _count_stamps(self, text: bytes) -> Part:
        steps, with_level = self.grouping.every is not None, bool(self.grouping.by)
        counts: Counter[Key] = Counter()
        for (start, level), lines in count_by_step(
            text, self.grouping.every, levels=with_level
        ).items():
            counts[(start,) * steps + (level,) * with_level] += lines
        return self._part_of_counts(dict(counts))

    def _part_of_counts(self, counts: dict[Key, int]) -> Part:
        lines = sum(counts.values())
        having = [
            sum(number for key, number in counts.items() if key[-1] is not None)
            for _ in self.grouping.by
        ]
        return lines, having, counts, {}

    def part_by_index(
        self, wanted: Collection[str | None], frames: SegmentFrames, frame: int
    ) -> Part:
        if self._reads_fields:
            return None
        by, every = self.grouping.by, self.grouping.every
        # For the total, an index made by older rules of levels is good enough: the sum is the same.
        is_total = not by and len(wanted) == len(EVERY_LEVEL)
        found = frames.level_counts(frame, 0 if is_total else RULES)
        if found is None:
            return None
        start: Key = ()
        if every is not None:
            times = frames.times_of_frame(frame)
            if times.smallest is None or times.largest is None:
                return None
            start = (step_start(parse_rfc3339(times.smallest), every),)
            if start != (step_start(parse_rfc3339(times.largest), every),):
                return None
        counts: Counter[Key] = Counter()
        for level, lines in zip(EVERY_LEVEL, found, strict=True):
            if lines and level in wanted:
                counts[(*start, level) if by else start] += lines
        return self._part_of_counts(dict(counts))

    def merge(self, part: Part) -> None:
        lines, having, counts, sums = part
        self.lines += lines
        for place, number in enumerate(having):
            self.lines_with[place] += number
        for key, packed in sums.items():
            if key not in self._numbers:
                self._numbers[key] = self._counter.new_numbers()
            for one, found in zip(self._numbers[key], packed, strict=True):
                one.add(*found)
                self._in_memory += len(found[1]) // 8
        if self._frequent.add(counts):
            for key in [key for key in self._numbers if key not in self._frequent]:
                self._in_memory -= sum(map(len, self._numbers.pop(key)))
        if self._in_memory > MOST_NUMBERS:
            self._exact = False
            self._in_memory = 0
            for numbers in self._numbers.values():
                for one in numbers:
                    one.compress()

    def rows(self) -> Rows:
        """Return the table."""
        grouping, counts = self.grouping, dict(self.counts())
        columns = (
            *(("time",) if grouping.every is not None else ()),
            *grouping.by,
            *(
                f"{one.function}_{one.field}" if one.field else one.function
                for one in grouping.figures
            ),
        )
        if not counts and not grouping.by and grouping.every is None:
            # SQL, too, answers one row without groups.
            counts[()] = 0
        rows = [(key, self._figures(key, lines)) for key, lines in counts.items()]
        rows.sort(key=self._order)
        without = tuple(
            field
            for place, field in enumerate(self._fields)
            if not any(numbers[place].sums for numbers in self._numbers.values())
        )
        has_field = zip(grouping.by, self.lines_with, strict=True)
        return Rows(
            _different(columns),
            [(*map(_shown, key), *figures) for key, figures in rows],
            self.lines,
            without,
            self._frequent.left_out,
            self._exact,
            tuple(name for name, lines in has_field if not lines),
            self.missed,
        )

    def _order(self, row: tuple[Key, list[Cell]]) -> tuple[Any, ...]:
        key, figures = row
        first = figures[0]
        time, by = (key[0], key[1:]) if self.grouping.every is not None else (0.0, key)
        least = (1, 0.0) if not isinstance(first, int | float) else (0, -first)
        return time is None, time or 0.0, least, tuple((one is None, one or "") for one in by)

    def _figures(self, key: Key, lines: int) -> list[Cell]:
        numbers = self._numbers.get(key)
        if numbers is None:
            numbers = self._counter.new_numbers() if self._fields else []
        by_field = dict(zip(self._fields, numbers, strict=True))
        return [
            by_field[one.field].figure(one.function) if one.field else lines
            for one in self.grouping.figures
        ]


class _Steps(Groups):
    """Groups by time that are all needed, as nobody can look at bars of which some are missing."""

    def __init__(self, step: float, *, levels: bool) -> None:
        most = MOST_STEPS * len(EVERY_LEVEL)
        super().__init__(Grouping((COUNT,), ("level",) * levels, step), most=most)
        self._starts: set[object] = set()

    def merge(self, part: Part) -> None:
        super().merge(part)
        _, _, counts, _ = part
        self._starts.update(start for start, *_ in counts)
        if len(self._starts) > MOST_STEPS:
            raise LogsrvError(
                f"there are lines in more than {MOST_STEPS:,} steps of {self.grouping.every:g} s; take "
                "longer steps"
            )


class _StepsWithValues(Aggregate):
    """Groups by time, and by time and the values of a field."""

    def __init__(self, steps: _Steps, values: Groups) -> None:
        self.steps, self.values = steps, values
        if steps.columns is not None and values.columns is not None:
            self.columns = {*steps.columns, *values.columns}

    def count(self, lines: FoundLines) -> Part:
        text = lines.text()
        return self.steps.count_text(text), self.values.count_text(text)

    def count_rows(self, rows: ColumnRows) -> Part:
        return self.steps.count_rows(rows), self.values.count_rows(rows)

    def merge(self, part: Part) -> None:
        self.steps.merge(part[0])
        self.values.merge(part[1])


def _characters(key: Key) -> int:
    return sum(len(part) for part in key if isinstance(part, str))


def _shown(part: str | float | None) -> str | None:
    return rfc3339(part) if isinstance(part, float) else part


def _different(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns, the second of two equal ones with a number: `count by count`."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{number}" for number in range(2, len(found) + 2))
        found.append(next(one for one in (name, *others) if one not in found))
    return tuple(found)
