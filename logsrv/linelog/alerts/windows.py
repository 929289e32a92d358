"""The windows of a condition: its figures for each group, step by step, and when episodes begin and end.

A window consists of STEPS steps of the lines' TIME. `count > N` is looked at as soon as a step has new
lines, every other condition at the end of each step. So the same lines give the same episodes, whether they
are read at once or as they come. There is no clock here: the caller says how late it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from logsrv.linelog.alerts.condition import LONGEST_VALUE, Condition, Values, WindowFigures
from logsrv.linelog.alerts.condition_counter import ConditionCounter, CountedGroup
from logsrv.linelog.alerts.group_window import GroupWindow, bound
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.read.figures.aggregate import Aggregate, FoundLines, Part

if TYPE_CHECKING:
    from logsrv.linelog.columns.rows import ColumnRows

STEPS = 60
"""Steps of a window."""
MOST_GROUPS = 1000
"""Groups that are kept; the lines of further groups are counted in the group OTHERS."""
MOST_KEPT = 4_000_000
"""Numbers and buckets of all groups together, and hashes: beyond that they become coarser."""
REMEMBERED = 86400.0
"""Seconds for which a group without lines is remembered, to notice its absence."""
Key = tuple[str | None, ...]
"""The values of the fields of `by`; None for a field that the lines lack."""
OTHERS: Key = ()
"""The key of the lines of further groups."""


class Change(NamedTuple):
    """The begin or the end of an episode. values: the figures then. time: seconds since 1970."""

    key: Key
    begins: bool
    time: float
    values: Values = ()


class Windows(Aggregate):
    """All groups of a condition. step: seconds of a step. begin: the step before which nobody looked.

    known_to: the last step that an earlier process has looked at: its lines are only counted again.
    """

    def __init__(
        self,
        condition: Condition,
        begin: float,
        known_to: int | None = None,
        *,
        extractions: Sequence[Extraction] = (),
    ) -> None:
        self.condition = condition
        # In whole microseconds.
        self.step = round(condition.window * 1e6) // STEPS / 1e6
        self._counter = ConditionCounter(condition, self.step, extractions)
        self.columns = self._counter.columns
        self.current = self.begin = self._step_at(begin)
        self.known_to = self.current - 1 if known_to is None else known_to
        if known_to is not None:
            # The lines of one window are read again.
            self.current = known_to - STEPS - 1
        self.groups: dict[Key, GroupWindow] = {}
        self.left_out = False
        self._changes: list[Change] = []
        # Steps by which the clock was set, while lines from before may still come.
        self._set_by = 0
        # The present step, if it is known.
        self._present: int | None = None
        self._rises = condition.only_rises
        # The numbers and values that were added since the groups were bounded.
        self._grown = 0
        if condition.is_absence and not condition.by:
            self.groups[()] = GroupWindow(self.begin, self.begin)

    @property
    def values(self) -> dict[Key, Values]:
        """The present figures of each group that is firing."""
        return {key: one.values for key, one in self._firing()}

    @property
    def values_that_fulfil(self) -> dict[Key, Values]:
        """Those of the groups that fulfil the condition now: an episode goes on for one more window."""
        return {key: one.values for key, one in self._firing() if one.is_met}

    @property
    def is_known(self) -> bool:
        """True if all lines are read again that an earlier process has read: the figures are right."""
        return self.current > self.known_to

    def firing_groups(self) -> list[tuple[Key, float, Values]]:
        """Return the groups that are firing: since when, and their present figures."""
        return [(key, self.groups[key].begun, one.values) for key, one in self._firing()]

    def _firing(self) -> Iterator[tuple[Key, WindowFigures]]:
        for key, one in self.groups.items():
            if one.met is not None:
                yield key, self._figures(key, one)

    def _figures(self, key: Key, group: GroupWindow) -> WindowFigures:
        if group.figures is None:
            group.figures = self.condition.figures(key, self._counter.cells(group.steps))
        return group.figures

    def true_at(self, moment: float) -> set[Key]:
        """Return the groups that fulfil the condition; none before the lines until `moment` are read."""
        if not self.is_known:
            return set()
        newest = max(self.current, self._step_at(moment)) - 1
        return {
            key for key, one in self.groups.items() if one.met is not None and one.met >= newest
        }

    def take_changes(self) -> list[Change]:
        """Return the changes since the last call."""
        taken, self._changes = self._changes, []
        return taken

    def add(self, text: bytes, first_lines: FirstLines = NO_FIRST_LINES) -> None:
        """Count whole lines. first_lines: of the continuation lines among them."""
        self.merge(self._counter.count_text(text, first_lines))

    def count(self, lines: FoundLines) -> Part:
        return self._counter.count(lines)

    def count_rows(self, rows: ColumnRows) -> Part:
        return self._counter.count_rows(rows)

    def merge(self, part: Part) -> None:
        """Count lines, of which the counter made a part. Lines without a time do not count."""
        self.add_groups(self._counter.groups_of(part))

    def groups_of(self, part: Part) -> Iterator[CountedGroup]:
        """Yield the groups of a part for `add_groups`, in the order of their times."""
        return self._counter.groups_of(part)

    def add_groups(self, groups: Iterable[CountedGroup]) -> None:
        """Count the lines of groups, in the order of their times."""
        for counted, lines, measured in groups:
            start, *parts = counted
            assert isinstance(start, float)
            number = self._step_of_lines(start)
            self._advance_to_step(number)
            if number <= self.current - STEPS:
                continue
            key: Key = tuple(
                [None if part is None else str(part)[:LONGEST_VALUE] for part in parts]
            )
            if key not in self.groups and len(self.groups) >= MOST_GROUPS:
                key = OTHERS
                self.left_out = True
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = GroupWindow(number, number)
            # A clock that was set back brings lines of an earlier step: they count in this one.
            group.add(self.current, lines, self._counter.measures, measured)
            if self._rises:
                self._look_at(key, group)
            elif measured:
                self._bound(lines * len(measured))

    def _bound(self, more: int) -> None:
        """Let the groups keep less, if they keep too much. more: by how much they have grown at most."""
        self._grown += more
        if self._grown > MOST_KEPT:
            bound(self.groups.values(), MOST_KEPT)
            self._grown = 0

    def advance(self, moment: float) -> None:
        """Look at all groups up to the TIME of a line, before which no further lines are to come."""
        self._advance_to_step(self._step_of_lines(moment))

    def follow_clock(self, now: float) -> None:
        """Advance to the time of day, or go back if the clock was set back by more than a window."""
        self.go_back_with_clock(now)
        self._advance_to_step(self._step_at(now))

    def go_back_with_clock(self, now: float) -> None:
        """Begin new windows if the clock was set back by more than a window."""
        number, known = self._step_at(now), max(self.current, self.known_to)
        if number < known - STEPS:
            self._set_back(number, known - number)

    def set_clock(self, seconds: float) -> float:
        """Let all that was seen be so much later, or earlier, because the clock was set while time went on.

        Returns by how many seconds: whole steps. Until `forget_set_clock`, lines may have a TIME by the old
        clock.
        """
        by = round(seconds / self.step)
        self._set_by = by
        self.current, self.begin, self.known_to = (
            number + by for number in (self.current, self.begin, self.known_to)
        )
        for one in self.groups.values():
            one.move(by)
        return by * self.step

    def note_clock(self, now: float) -> None:
        """Note the time of day: lines of a later TIME were stored while another clock was right."""
        self._present = self._step_at(now)

    def forget_set_clock(self) -> None:
        """Take every TIME from now on as one by the present clock."""
        self._set_by = 0

    def _step_of_lines(self, moment: float) -> int:
        """Return the step of lines with this TIME; of the two by the old and by the new clock the nearer.

        No line shows that nothing has come until a moment that is still to come.
        """
        number = self._step_at(moment)
        number = min(number, number + self._set_by, key=lambda one: abs(one - self.current))
        if self._present is not None and self.condition.is_absence:
            return min(number, max(self._present, self.current))
        return number

    def _step_at(self, moment: float) -> int:
        # In whole microseconds, because 0.3 // 0.1 is 2.
        return int(round(moment * 1e6) // round(self.step * 1e6))

    def _set_back(self, number: int, by: int) -> None:
        self.current, self.begin = number, min(self.begin, number)
        self.known_to = min(self.known_to, number - 1)
        for one in self.groups.values():
            one.forget_all()
            one.move(-by)

    def _advance_to_step(self, number: int) -> None:
        """End all steps before this one. After two windows without lines nothing changes any more."""
        quiet = self.current + 2 * STEPS + 2
        while self.current < min(number, quiet):
            self._end_step()
        if self.current < number:
            for group in self.groups.values():
                if group.met == self.current - 1:
                    group.met = number - 1
            self.current = number

    def _end_step(self) -> None:
        for key, group in list(self.groups.items()):
            self._look_at(key, group)
            self._forget_old_group(key, group)
        self.current += 1

    def _look_at(self, key: Key, group: GroupWindow) -> None:
        """Compare the figure of the window that ends with the current step."""
        group.forget_before(self.current - STEPS + 1)
        is_quiet = not group.steps and group.met is None and not self.condition.is_absence
        if self.current <= self.known_to or is_quiet:
            return
        values, is_met = self._figures(key, group)
        whole = self.current - max(group.since, self.begin) >= STEPS
        can_be_met = whole or group.met is not None or not self.condition.is_absence
        if can_be_met and is_met:
            if group.met is None:
                group.begun = (self.current + (not self._rises)) * self.step
                self._changes.append(Change(key, True, group.begun, values))
            group.met = self.current
        elif group.met is not None and self.current - group.met > STEPS:
            group.met = None
            self._changes.append(Change(key, False, (self.current + 1) * self.step, values))

    def _forget_old_group(self, key: Key, group: GroupWindow) -> None:
        if not self.condition.by:
            return
        if self.condition.is_absence:
            most = round(max(REMEMBERED, 2 * self.condition.window) / self.step)
            if self.current - group.seen > most:
                del self.groups[key]
                if group.met is not None:
                    time = (group.seen + most) * self.step
                    self._changes.append(Change(key, False, time))
        elif not group.steps and group.met is None:
            del self.groups[key]

    def forget_groups(self, keys: Set[Key]) -> None:
        """Forget some groups, and the changes of them that were not taken yet."""
        self.groups = {key: one for key, one in self.groups.items() if key not in keys}
        self._changes = [one for one in self._changes if one.key not in keys]

    def to_document(self) -> Iterator[list[Any]]:
        """Yield the groups to remember, as JSON can represent them."""
        for key, one in self.groups.items():
            if one.met is not None or self.condition.is_absence:
                yield [list(key), one.since, one.seen, one.met, one.begun]

    def restore_groups(self, documents: Sequence[Sequence[Any]]) -> None:
        """Remember groups that `to_document` has given."""
        for key, since, seen, met, begun in documents:
            self.groups[tuple(key)] = GroupWindow(since, seen, met=met, begun=begun)
