"""Counts and figures by groups of lines: `avg ms, count by app`, the most frequent values of a field.

Lines that are only counted, over time or by level, need neither NumPy nor, mostly, to be read: the index of
a segment has their numbers. Of too many groups those with the most lines stay; `missed` then says by how
much a number may be too low.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.question import Cell, Extraction
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures.frequent_keys import FrequentKeys, characters_of_texts
from logsrv.linelog.read.figures.grouping import COUNT, Figure, Grouping, Measure, MeasureKind
from logsrv.linelog.read.figures.line_counts import EVERY_LEVEL, count_by_step
from logsrv.linelog.read.figures.numbers import MOST_DISTINCT
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.texts import SegmentFrames

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.figures.counted_groups import GroupCounter, Kept
    from logsrv.linelog.read.figures.kept_numbers import KeptNumbers
    from logsrv.linelog.read.figures.kept_values import KeptDistinct

MOST_VALUES = 8
"""Values with a column or part of their own in an answer by time and value."""
MOST_NUMBERS = 10_000_000
"""Numbers that are kept for exact percentiles; of more, percentiles are within 0.5 %."""
MOST_HASHES = 2_000_000
"""Different values that are counted in all groups; of more, the numbers are lower bounds."""
MOST_WITH_TEXTS = 20_000
"""Groups with a first or last value that are kept when there are twice as many."""

Key: TypeAlias = tuple[str | float | None, ...]
"""The start of the step of time, if there are steps, and the value of each field of `by`."""


class ValueCounts(NamedTuple):
    """The values of a field with their numbers of lines, the most frequent first, equal ones by text.

    total: the number of lines that have a value. missed: by how much each number may be too low.
    """

    values: list[tuple[str, int]]
    total: int
    missed: int


def count_lines(search: Search) -> int:
    """Return the number of lines that a search finds."""
    return add_up(search, Groups(Grouping((COUNT,)))).lines


def count_values(search: Search, field: str, extractions: Sequence[Extraction] = ()) -> ValueCounts:
    """Count the values of a field, which may be an extracted one; each element of a list counts."""
    found = add_up(search, Groups(Grouping((COUNT,), (field,)), extractions))
    counts = [(value, lines) for (value,), lines in found.counts() if isinstance(value, str)]
    counts.sort(key=lambda one: (-one[1], one[0]))
    return ValueCounts(counts, found.lines_with[0], found.missed)


def group_counter(grouping: Grouping, extractions: Sequence[Extraction]) -> GroupCounter:
    """Return a `GroupCounter`; it is imported here because it loads NumPy."""
    from logsrv.linelog.read.figures import counted_groups

    return counted_groups.GroupCounter(grouping, extractions)


class Groups(Aggregate):
    """The groups of all lines. A part is what `GroupCounter` (counted_groups.py) returns.

    lines: the number of all lines. lines_with: for each field of `by`, how many lines have it. exact:
    whether all percentiles are exact.
    """

    def __init__(
        self,
        grouping: Grouping,
        extractions: Sequence[Extraction] = (),
        most: int | None = None,
        *,
        by_time: bool = False,
    ) -> None:
        """most: the groups that are kept when there are too many; None for as many as of other keys.

        by_time: whether the first line is the one with the smallest time, as of several stores.
        """
        self.grouping = grouping
        self.lines = 0
        self.lines_with = [0] * len(grouping.by)
        self._measures = grouping.measures
        kinds = {one.kind for one in self._measures}
        if kinds & {MeasureKind.FIRST, MeasureKind.LAST}:
            # Each has a text.
            most = MOST_WITH_TEXTS
        self._frequent: FrequentKeys[Key] = FrequentKeys(_characters, most)
        # The numbers of the groups that have a measure.
        self._group_numbers: dict[Key, int] = {}
        self.exact = True
        self._by_time, self._extractions = by_time, extractions
        self.identity = repr((grouping.figures, grouping.by, grouping.every, extractions))
        self._reads_fields = bool(self._measures) or grouping.by not in ((), ("level",))
        self._is_total = (
            grouping.by == () and grouping.every is None and kinds <= {MeasureKind.TIMES}
        )
        names = {*grouping.by, *grouping.fields}
        # Columns have the moments of lines, not their texts.
        if not names & {"time", *(name for one in extractions for name in one.names)}:
            self.columns = names

    @cached_property
    def _counter(self) -> GroupCounter:
        return group_counter(self.grouping, self._extractions)

    @cached_property
    def _kept(self) -> dict[Measure, Kept]:
        """The numbers or values of all groups, by measure."""
        if not self._measures:
            return {}
        kept = self._counter.new_kept(by_time=self._by_time)
        return dict(zip(self._measures, kept, strict=True))

    def counts(self) -> Iterator[tuple[Key, int]]:
        """Yield the groups with their numbers of lines."""
        return self._frequent.items()

    @property
    def missed(self) -> int:
        """By how many lines the number of a group may be too low."""
        return self._frequent.missed

    @property
    def left_out(self) -> int:
        """The number of the lines that are in no group."""
        return self._frequent.left_out

    def count(self, lines: FoundLines) -> Part:
        by, every = self.grouping.by, self.grouping.every
        if every is None and by == ("position",):
            counts = {(str(hit.position),): 1 for hit in lines.hits()}
            return len(counts), [len(counts)], counts, []
        if every is None and not by and not self._reads_fields:
            number = lines.number()
            return number, [], {(): number} if number else {}, []
        return self.count_text(*lines.text(self.fields))

    @property
    def fields(self) -> Collection[str]:
        """The fields that are counted."""
        return {*self.grouping.by, *self.grouping.fields}

    def count_text(self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> Part:
        """Return what `merge` adds: lines, lines with each field of `by`, lines and measures by group."""
        if self._reads_fields:
            return self._counter.count_text(text, first_lines)
        return self._count_stamps(text, first_lines)

    def count_rows(self, rows: ColumnRows) -> Part:
        return self._counter.count_rows(rows)

    def _count_stamps(self, text: bytes, first_lines: FirstLines) -> Part:
        steps, with_level = self.grouping.every is not None, bool(self.grouping.by)
        counts: Counter[Key] = Counter()
        for (start, level), lines in count_by_step(
            text, self.grouping.every, levels=with_level, first_lines=first_lines
        ).items():
            counts[(start,) * steps + (level,) * with_level] += lines
        return self._part_of_counts(dict(counts))

    def _part_of_counts(self, counts: dict[Key, int]) -> Part:
        lines = sum(counts.values())
        having = [
            sum(number for key, number in counts.items() if key[-1] is not None)
            for _ in self.grouping.by
        ]
        return lines, having, counts, []

    def part_by_index(
        self, wanted: Collection[str | None], frames: SegmentFrames, frame: int
    ) -> Part:
        if self._reads_fields and not self._is_total:
            return None
        by, every = self.grouping.by, self.grouping.every
        # For the total, an index made by older rules of levels is good enough: the sum is the same.
        is_total = not by and len(wanted) == len(EVERY_LEVEL)
        level_counts = frames.level_counts(frame, 0 if is_total else RULES)
        if level_counts is None:
            return None
        start: Key = ()
        if every is not None or self._measures:
            times = frames.times_of_frame(frame)
            if times.smallest is None or times.largest is None:
                return None
            if every is None:
                if not (is_total and times.sure):
                    return None
                span = (microseconds(times.smallest), microseconds(times.largest))
                return (
                    sum(level_counts),
                    [],
                    {(): sum(level_counts)},
                    [([()], [span])] * len(self._measures),
                )
            start = (every.start_of(parse_rfc3339(times.smallest)),)
            if start != (every.start_of(parse_rfc3339(times.largest)),):
                return None
        counts: Counter[Key] = Counter()
        for level, lines in zip(EVERY_LEVEL, level_counts, strict=True):
            if lines and level in wanted:
                counts[(*start, level) if by else start] += lines
        return self._part_of_counts(dict(counts))

    def merge(self, part: Part) -> None:
        lines, having, counts, measured = part
        self.lines += lines
        for index, number in enumerate(having):
            self.lines_with[index] += number
        known = self._group_numbers
        for one, (keys, values) in zip(self._kept.values(), measured, strict=False):
            one.add([known.setdefault(key, len(known)) for key in keys], values)
        if self._frequent.add(counts):
            self._forget()
        numbers: list[KeptNumbers] = self._kept_of(MeasureKind.NUMBERS)
        if sum(one.size for one in numbers) > MOST_NUMBERS:
            self.exact = False
            for one in numbers:
                one.compress()
        self._bound_hashes(self._kept_of(MeasureKind.VALUES))

    def _kept_of(self, kind: MeasureKind) -> list[Any]:
        return [one for measure, one in self._kept.items() if measure.kind is kind]

    def _forget(self) -> None:
        """Forget what is kept of the groups that are no longer counted."""
        keys = [key for key in self._group_numbers if key in self._frequent]
        numbers = [self._group_numbers[key] for key in keys]
        for one in self._kept.values():
            one.keep(numbers)
        self._group_numbers = {key: number for number, key in enumerate(keys)}

    def _bound_hashes(self, kept: Sequence[KeptDistinct]) -> None:
        most = MOST_DISTINCT
        while sum(one.size for one in kept) > (
            MOST_HASHES if most < MOST_DISTINCT else 2 * MOST_HASHES
        ):
            for one in kept:
                one.compress(most)
            most //= 2

    def figures(self, counts: Mapping[Key, int]) -> Iterator[tuple[Figure, Iterable[Cell]]]:
        """Yield each figure with its cells for groups in their order. counts: their numbers of lines."""
        # The last number is that of groups without any measure.
        numbers = [self._group_numbers.get(key, len(self._group_numbers)) for key in counts]
        for one in self.grouping.figures:
            if one.field:
                kept = self._kept[self.grouping.measure_of(one)]
                cells = kept.figures(one.function, 1 + len(self._group_numbers))
                yield one, map(cells.__getitem__, numbers)
            else:
                assert one.function == "count", f"{one.function} is counted nowhere"
                yield one, counts.values()

    def ways(self, figure: Figure) -> int:
        """Return how the numbers of a figure are written: PLAIN, TIMES, SIZES of `query/units`, added."""
        if not figure.field or not figure.kind.needs_numbers:
            return 0
        kept: KeptNumbers = self._kept[self.grouping.measure_of(figure)]  # type: ignore[assignment]
        return kept.ways

    def measured(self) -> Iterator[tuple[Measure, bool]]:
        """Yield each measure, and whether any line has it."""
        for one, kept in self._kept.items():
            yield one, bool(kept)


def microseconds(time: str) -> int:
    return round(parse_rfc3339(time) * 1e6)


def _characters(keys: Iterable[Key]) -> int:
    return characters_of_texts(
        [part for part in chain.from_iterable(keys) if isinstance(part, str)]
    )
