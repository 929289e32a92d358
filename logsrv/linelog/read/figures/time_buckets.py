"""Numbers of lines over time: for bars, by level or by the values of a field."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.query.question import Cell, Extraction
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part, add_up
from logsrv.linelog.read.figures.grouping import COUNT, Grouping
from logsrv.linelog.read.figures.groups import Groups
from logsrv.linelog.read.figures.line_counts import EVERY_LEVEL
from logsrv.linelog.read.search import Search
from logsrv.linelog.steps.step_words import sensible_steps
from logsrv.linelog.steps.steps import Steps

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.figures import newest_first
else:
    # Most answers tell no progress.
    newest_first = later_module("logsrv.linelog.read.figures.newest_first")

MOST_STEPS = 100_000
"""Steps of bars; with lines in more steps, counting fails with a sentence: nobody can look at so many."""


_Found = TypeVar("_Found")
_Aggregate = TypeVar("_Aggregate", bound=Aggregate)


class TimeBucket(NamedTuple):
    """The number of lines in one step of time, in all and by level. start: in seconds since 1970."""

    start: float
    lines: int
    levels: dict[str, int]


def histogram(search: Search, steps: Steps, *, levels: bool) -> list[TimeBucket]:
    """Count lines by steps, in order. Empty buckets are left out.

    Raises LogsrvError for more than MOST_STEPS steps with lines.
    """
    return _add(search, lambda: _StepCounts(steps, levels=levels), _buckets)


def histogram_by(
    search: Search, steps: Steps, field: str, extractions: Sequence[Extraction] = ()
) -> tuple[list[TimeBucket], dict[Cell, Counter[str | None]], int]:
    """Count as `histogram` does, and the values of a field by the start of each step; None: without.

    Third, by how much each number of a value may be too low.
    """

    def new() -> _StepsWithValues:
        values = Groups(Grouping((COUNT,), (field,), steps), extractions)
        return _StepsWithValues(_StepCounts(steps, levels=True), values)

    return _add(search, new, _buckets_by_value)


def _add(
    search: Search, new: Callable[[], _Aggregate], find: Callable[[_Aggregate], _Found]
) -> _Found:
    """Add all lines to a new aggregate; return what it finds. It is shown so far if the view tells it."""
    if search.view.progress is None:
        return find(add_up(search, new()))
    lines = newest_first.NewestLines(search, new(), new)
    newest_first.add_all([lines], lambda some, _: find(some[0]))
    return find(lines.aggregate)


def _buckets_by_value(
    both: _StepsWithValues,
) -> tuple[list[TimeBucket], dict[Cell, Counter[str | None]], int]:
    by_step: dict[Cell, Counter[str | None]] = {}
    for (start, value), lines in both.values.counts():
        assert not isinstance(value, float)
        by_step.setdefault(start, Counter())[value] = lines
    return _buckets(both.steps), by_step, both.values.missed


def _buckets(steps: _StepCounts) -> list[TimeBucket]:
    by_time: dict[float, Counter[str | None]] = {}
    for (start, *level), lines in steps.counts():
        if isinstance(start, float):
            by_time.setdefault(start, Counter())[str(level[0]) if any(level) else None] = lines
    return [
        TimeBucket(start, counts.total(), {name: counts[name] for name in LEVELS if counts[name]})
        for start, counts in sorted(by_time.items())
    ]


def sensible_steps_of(search: Search, most: int, zone: str = "") -> Steps:
    """Return easily readable steps, at most so many, for the time of a search, or of its store."""
    begin, end = search.scope.since, search.scope.until
    if not begin or not end:
        first, last = search.view.read_time_span()
        begin, end = begin or first, end or last
    seconds = parse_rfc3339(end) - parse_rfc3339(begin) if begin and end else time.time()
    return sensible_steps(max(seconds, 0.001), most, zone)


class _StepCounts(Groups):
    """Groups by time that are all needed, as nobody can look at bars of which some are missing."""

    def __init__(self, steps: Steps, *, levels: bool) -> None:
        most = MOST_STEPS * len(EVERY_LEVEL)
        super().__init__(Grouping((COUNT,), ("level",) * levels, steps), most=most)
        self._seconds = steps.seconds
        self._starts: set[object] = set()

    def merge(self, part: Part) -> None:
        super().merge(part)
        _, _, counts, _ = part
        self._starts.update(start for start, *_ in counts)
        if len(self._starts) > MOST_STEPS:
            raise LogsrvError(
                f"there are lines in more than {MOST_STEPS:,} steps of {self._seconds:g} s; take "
                "longer steps"
            )


class _StepsWithValues(Aggregate):
    """Groups by time, and by time and the values of a field."""

    def __init__(self, steps: _StepCounts, values: Groups) -> None:
        self.steps, self.values = steps, values
        self.identity = f"{steps.identity} {values.identity}"
        if steps.columns is not None and values.columns is not None:
            self.columns = {*steps.columns, *values.columns}

    def count(self, lines: FoundLines) -> Part:
        text = lines.text(self.values.fields)
        return self.steps.count_text(*text), self.values.count_text(*text)

    def count_rows(self, rows: ColumnRows) -> Part:
        return self.steps.count_rows(rows), self.values.count_rows(rows)

    def merge(self, part: Part) -> None:
        self.steps.merge(part[0])
        self.values.merge(part[1])
