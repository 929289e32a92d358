"""The window of a group: what each of its steps keeps of the lines, and the figures of all steps together.

A step keeps a count or sums of numbers, for percentiles the numbers themselves, and for `count_distinct`
hashes of values. Of many numbers it keeps how many are in each bucket, of many values a lower bound; so
memory is bounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from logsrv.lazy_names import later_module
from logsrv.linelog.alerts.condition import WindowFigures
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.figures.grouping import PERCENTILES, MeasureKind
from logsrv.linelog.read.figures.numbers import MOST_DISTINCT, Sums, figure, joined_sums

if TYPE_CHECKING:
    from logsrv.linelog.read.figures import kept_numbers, kept_values
    from logsrv.linelog.read.figures.kept_values import DistinctValues
else:
    # They load NumPy, which a count does not need.
    kept_numbers = later_module("logsrv.linelog.read.figures.kept_numbers")
    kept_values = later_module("logsrv.linelog.read.figures.kept_values")

_SUMS = attrgetter("sums")
MOST_EXACT = 8192
"""Numbers of a group and step that are kept: of more, percentiles are within 0.5 %."""


class StepMeasure(ABC):
    """A measure of the lines of one step."""

    @abstractmethod
    def add(self, found: Any) -> None:
        """Add the measure of more lines, as a part of `Groups` has it."""

    @staticmethod
    @abstractmethod
    def figure(function: str, steps: Sequence[Any]) -> Cell:
        """Return a figure of the lines of all steps."""


@attrs.define
class StepLines(StepMeasure):
    """The number of lines for which a figure's own query is true."""

    lines: int = 0

    def add(self, found: int) -> None:
        self.lines += found

    @staticmethod
    def figure(function: str, steps: Sequence[StepLines]) -> int:
        return sum(one.lines for one in steps)


@attrs.define
class StepSums(StepMeasure):
    """The sums of numbers."""

    sums: Sums = ()

    def add(self, found: Sums) -> None:
        self.sums = joined_sums((self.sums, found))

    @staticmethod
    def figure(function: str, steps: Sequence[StepSums]) -> float | None:
        return figure(function, joined_sums(map(_SUMS, steps)))


@attrs.define(eq=False)
class StepNumbers(StepMeasure):
    """The sums of numbers, and these as doubles; or the buckets of most of them, and how many each has."""

    sums: Sums = ()
    _packed: bytearray = attrs.field(factory=bytearray)
    _buckets: Any = None

    @property
    def size(self) -> int:
        """The number of numbers and buckets in memory."""
        return len(self._packed) // 8 + (0 if self._buckets is None else 2 * len(self._buckets[0]))

    def add(self, found: tuple[Sums, bytes]) -> None:
        sums, packed = found
        self.sums = joined_sums((self.sums, sums))
        self._packed += packed
        if len(self._packed) > 8 * MOST_EXACT:
            self.compress(0)

    def compress(self, level: int) -> None:
        """Keep buckets instead of numbers; with each level they are twice as wide."""
        self._buckets = kept_numbers.numbers_in_buckets(
            [bytes(self._packed)], [self._buckets], level
        )
        self._packed.clear()

    @staticmethod
    def figure(function: str, steps: Sequence[StepNumbers]) -> float | None:
        if function not in PERCENTILES:
            return figure(function, joined_sums(map(_SUMS, steps)))
        return kept_numbers.percentile(
            [bytes(one._packed) for one in steps],
            [one._buckets for one in steps],
            PERCENTILES[function],
        )


@attrs.define(eq=False)
class StepValues(StepMeasure):
    """The hashes of different values."""

    _values: DistinctValues = attrs.field(factory=lambda: kept_values.DistinctValues())

    @property
    def size(self) -> int:
        """The number of hashes in memory."""
        return len(self._values)

    def add(self, found: tuple[bytes]) -> None:
        self._values.add(*found)

    def compress(self, level: int) -> None:
        """Keep each hash once, and with each level half as many."""
        self._values.compress(MOST_DISTINCT >> level)

    @staticmethod
    def figure(function: str, steps: Sequence[StepValues]) -> int:
        found = kept_values.DistinctValues()
        for one in steps:
            found.add_values(one._values)
        return found.figure(function)


MEASURES: Mapping[MeasureKind, type[StepMeasure]] = {
    MeasureKind.SUMS: StepSums,
    MeasureKind.NUMBERS: StepNumbers,
    MeasureKind.VALUES: StepValues,
}


class Step(NamedTuple):
    """The lines of a step. kept: what is kept of them for each measure of the condition."""

    number: int
    lines: int
    kept: Sequence[StepMeasure]


@attrs.define(eq=False)
class GroupWindow:
    """The lines of one group in the window.

    since: the step since when it has been known. seen: the step of its newest line. met: the newest step in
    which the condition was true; None if it is not firing. begun: when it began to fire, in seconds.
    figures: of the window; None if they have to be made again.
    """

    since: int
    seen: int
    steps: deque[Step] = attrs.field(factory=deque)
    met: int | None = None
    begun: float = 0.0
    figures: WindowFigures | None = None

    def add(
        self,
        number: int,
        lines: int,
        measures: Sequence[type[StepMeasure]],
        measured: Sequence[Any],
    ) -> None:
        """Add lines to a step, which is the newest one. measured: for each measure; None for nothing."""
        self.seen, self.figures = max(self.seen, number), None
        if self.steps and self.steps[-1].number == number:
            last = self.steps.pop()
            step = Step(number, last.lines + lines, last.kept)
        else:
            step = Step(number, lines, [new() for new in measures] if measures else ())
        self.steps.append(step)
        if measured:
            for kept, found in zip(step.kept, measured, strict=True):
                if found is not None:
                    kept.add(found)

    def forget_before(self, number: int) -> None:
        """Forget the lines of earlier steps."""
        while self.steps and self.steps[0].number < number:
            self.steps.popleft()
            self.figures = None

    def forget_all(self) -> None:
        """Forget all lines."""
        self.steps.clear()
        self.figures = None

    def move(self, by: int) -> None:
        """Let all that was seen be so many steps later."""
        self.steps = deque(step._replace(number=step.number + by) for step in self.steps)
        self.since, self.seen = self.since + by, self.seen + by
        self.met = None if self.met is None else self.met + by


def bound(windows: Iterable[GroupWindow], most: int) -> None:
    """Let what groups keep be coarser until at most so many numbers, and hashes, are in memory."""
    kept = [one for window in windows for step in window.steps for one in step.kept]
    for kind in (StepNumbers, StepValues):
        those = [one for one in kept if isinstance(one, kind)]
        level = 0
        while sum(one.size for one in those) > most:
            for one in those:
                one.compress(level)
            level += 1
