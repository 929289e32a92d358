"""The lines of a condition, counted by steps of time and groups, for the windows.

Figures with a query of their own, such as `count if (level>=error)`, are counted apart from the others: of
the lines of the same text for which that is true, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from logsrv.lazy_names import later_module
from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.alerts.group_window import MEASURES, Step, StepLines, StepMeasure
from logsrv.linelog.fields.stored_line import INHERITED, NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.question import Cell, Extraction
from logsrv.linelog.read.figures.aggregate import FoundLines, Part
from logsrv.linelog.read.figures.grouping import Figure, MeasureKind
from logsrv.linelog.read.figures.groups import Groups, Key
from logsrv.linelog.read.hits import cut_out
from logsrv.linelog.steps.steps import Steps

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows
    from logsrv.linelog.read.figures import counted_measures
else:
    # It loads NumPy, which a count does not need.
    counted_measures = later_module("logsrv.linelog.read.figures.counted_measures")

CountedGroup = tuple[Key, int, Sequence[Any]]
"""The begin of a step and a group's values, the number of lines, and what each measure has of them."""
CellOf = Callable[[Sequence[Step]], Cell]
_NOTHING: Part = (0, [], {}, [])


class _Slot(NamedTuple):
    """The origin of a measure: which of the counted parts, and which measure there; None for the lines."""

    part: int
    measure: int | None
    kind: MeasureKind | None


class ConditionCounter:
    """Counts the lines of a condition. step: the seconds of a step.

    measures: what each step of a group keeps. columns: as of an `Aggregate`; None if figures have queries
    of their own, for which the text is needed.
    """

    def __init__(
        self, condition: Condition, step: float, extractions: Sequence[Extraction]
    ) -> None:
        self._window = condition.window
        parts = condition.grouping._replace(every=Steps(step)).by_condition()
        self._matchers: list[Matcher | None] = [
            None if one is None else make_matcher(one) for one in parts
        ]
        self._parts = [Groups(one, extractions) for one in parts.values()]
        self.columns = self._parts[0].columns if len(parts) == 1 else None
        slots: dict[_Slot, type[StepMeasure]] = {}
        for number, part in enumerate(parts.values()):
            if number:
                slots[_Slot(number, None, None)] = StepLines
            for index, measure in enumerate(part.measures):
                slots[_Slot(number, index, measure.kind)] = MEASURES[measure.kind]
        self._slots, self.measures = [*slots], [*slots.values()]
        numbers = {node: number for number, node in enumerate(parts)}
        self._cells = [
            self._cell_of(one, numbers[one.condition]) for one in condition.grouping.figures
        ]

    def _cell_of(self, figure: Figure, part: int) -> CellOf:
        """Return the function that makes a cell of a figure. part: the number of the one that counts it."""
        if not figure.field:
            lines = _count_lines if not part else self._figure_of(_Slot(part, None, None), "count")
            if figure.function == "count":
                return lines
            return lambda steps: lines(steps) * figure.per / self._window  # type: ignore[operator]
        grouping = self._parts[part].grouping
        measure = grouping.measure_of(figure.counted)
        slot = _Slot(part, grouping.measures.index(measure), measure.kind)
        return self._figure_of(slot, figure.function)

    def _figure_of(self, slot: _Slot, function: str) -> CellOf:
        at = self._slots.index(slot)
        make = self.measures[at].figure
        return lambda steps: make(function, [step.kept[at] for step in steps])

    def cells(self, steps: Sequence[Step]) -> list[Cell]:
        """Return the figures of the lines of some steps."""
        return [cell(steps) for cell in self._cells]

    def count(self, lines: FoundLines) -> Part:
        """Return the part of found lines."""
        if len(self._parts) == 1:
            return [self._parts[0].count(lines)]
        fields = {name for one in self._parts for name in one.fields}
        if any(one is not None and one.inherits for one in self._matchers):
            fields.update(INHERITED)
        return self.count_text(*lines.text(fields))

    def count_rows(self, rows: ColumnRows) -> Part:
        """Return the part of lines by their columns."""
        [only] = self._parts
        return [only.count_rows(rows)]

    def count_text(self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> Part:
        """Return the part of whole lines. first_lines: of the continuation lines among them."""
        found = []
        for matcher, part in zip(self._matchers, self._parts, strict=True):
            if matcher is None:
                found.append(part.count_text(text, first_lines))
                continue
            spans = list(matcher.find(text, None, first_lines))
            narrowed = next(cut_out(0, text, spans, first_lines), None)
            found.append(
                _NOTHING
                if narrowed is None
                else part.count_text(narrowed.lines, narrowed.first_lines)
            )
        return found

    def groups_of(self, part: Part) -> Iterator[CountedGroup]:
        """Yield the groups of a part in the order of their times: the step's begin and the group's values,
        the number of lines, and what `StepMeasure.add` takes, for each measure.

        Lines without a time are left out.
        """
        counts = part[0][2]
        measured = [self._measured(part, slot) for slot in self._slots]
        known = [key for key in counts if key[0] is not None]
        for key in sorted(known, key=lambda key: key[0]):
            yield key, counts[key], [one.get(key) for one in measured] if measured else ()

    def _measured(self, part: Part, slot: _Slot) -> dict[Key, Any]:
        _, _, counts, measured = part[slot.part]
        if slot.measure is None:
            found: dict[Key, Any] = counts
            return found
        if not measured:
            return {}
        keys, values = measured[slot.measure]
        return dict(zip(keys, _rows(slot.kind, values), strict=True))


def _rows(kind: MeasureKind | None, values: Any) -> Iterable[Any]:
    """Return the measure of each group."""
    if kind is MeasureKind.SUMS:
        return zip(*values[:4], strict=True)
    if kind is MeasureKind.NUMBERS:
        return counted_measures.rows_of_sums(counted_measures.GroupSums(*values))
    rows: Iterable[Any] = values
    return rows


def _count_lines(steps: Sequence[Step]) -> int:
    return sum([step.lines for step in steps])
