"""A table of figures, made of the groups that were counted.

Figures with a condition, such as `count if (level>=error)`, are counted by a search of their own, of the
lines that the query and the condition find: so each comes from where it is cheapest, the index, columns or
text, and is remembered by itself. All of them read the stores up to the same lines.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from logsrv.kit.text.time import rfc3339
from logsrv.lazy_names import later_module
from logsrv.linelog.query.question import Cell, ColumnKind, Extraction, Node
from logsrv.linelog.read.figures.aggregate import add_up
from logsrv.linelog.read.figures.counted_values import LONGEST
from logsrv.linelog.read.figures.grouping import Figure, Grouping, Measure
from logsrv.linelog.read.figures.groups import Groups, Key, microseconds
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.figures.rates import CountedTime
from logsrv.linelog.read.plan import Scope, bytes_in_scope
from logsrv.linelog.read.search import Search

if TYPE_CHECKING:
    from logsrv.linelog.read.figures import newest_first
else:
    # Most answers tell no progress.
    newest_first = later_module("logsrv.linelog.read.figures.newest_first")

# Behind every text, which is shorter.
_LAST = chr(sys.maxunicode) * (LONGEST + 1)
# The number of lines of a group with that.
_LINES = itemgetter(1)


class Comparison(NamedTuple):
    """The earlier range of time, `shift` seconds before, and its number of lines.

    missing_until: the end of its part of which a store has no lines any more; None if there is none.
    known_since: the same in the present range.
    """

    shift: float
    since: str
    until: str
    lines: int
    missing_until: str | None
    known_since: str | None = None


class Rows(NamedTuple):
    """The answer to a grouping.

    columns, kinds: names, all different, and what the cells are: of `time`, the fields of `by`, then such
    as `avg_ms`. units: of their numbers, as of a Column. rows: their values, by time, then by the first
    figure, the largest first. lines: how many match the query. without: fields of figures of which no line
    has a number. absent: other fields that no line has. left_out: lines that are in no row, as groups with
    few lines are forgotten beyond a bound. exact: whether all percentiles are exact. missed: how many lines
    a row may lack, and a group without a row may have. compare: None if nothing was compared. cut: the rows
    of groups with few lines that were left out over the whole time.
    """

    columns: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    units: tuple[str | None, ...]
    rows: list[tuple[Cell, ...]]
    lines: int
    without: tuple[str, ...]
    left_out: int
    exact: bool
    absent: tuple[str, ...] = ()
    missed: int = 0
    compare: Comparison | None = None
    cut: int = 0

    @property
    def at_least(self) -> list[str]:
        """The columns in which numbers are only known to be no less."""
        columns = zip(self.columns, zip(*self.rows, strict=True), strict=False)
        return [name for name, cells in columns if AtLeast in {*map(type, cells)}]


class GroupTable:
    """The figures of all lines in a scope.

    extractions: of the query. now: the seconds since 1970 up to which lines are counted.
    """

    def __init__(
        self,
        search: Search,
        scope: Scope,
        grouping: Grouping,
        extractions: Sequence[Extraction],
        now: float,
    ) -> None:
        self.grouping = grouping
        self._now = now
        self._search, self._scope = search, scope
        self._extractions = extractions
        # By condition; those of all lines are counted first.
        self._groups: dict[Node | None, Groups] = {
            condition: self._new_groups(condition) for condition in grouping.by_condition()
        }
        self._all = self._groups[None]

    def _new_groups(self, condition: Node | None) -> Groups:
        counted = self.grouping.by_condition()[condition]
        by_time = bool(self._search.view.names)
        return Groups(counted, self._extractions, by_time=by_time)

    @property
    def lines(self) -> int:
        """The number of lines that the query finds."""
        return self._all.lines

    def file_size(self) -> int:
        """Return the bytes of the files that `count` may have to read."""
        return len(self._groups) * bytes_in_scope(self._search.view, self._scope)

    def count(self, show: Callable[[GroupTable], Any] | None = None) -> None:
        """Count the lines of the search.

        show: returns what is shown of a table of the newest lines, if the view tells the progress.
        """
        if self._search.view.progress is not None:
            self._count_newest_first(show)
            return
        for condition, groups in self._groups.items():
            with closing(self._search.within(self._scope, condition)) as search:
                add_up(search, groups)

    def _count_newest_first(self, show: Callable[[GroupTable], Any] | None) -> None:
        def find(some: list[Groups], since: str) -> Any:
            assert show is not None
            found = copy(self)
            found._groups = dict(zip(self._groups, some, strict=True))
            found._all = found._groups[None]
            # A rate is of the time that was counted.
            found._scope = self._scope._replace(since=max(since, self._scope.since))
            return show(found)

        with ExitStack() as searches:
            lines = [
                newest_first.NewestLines(
                    searches.enter_context(closing(self._search.within(self._scope, condition))),
                    groups,
                    partial(self._new_groups, condition),
                )
                for condition, groups in self._groups.items()
            ]
            newest_first.add_all(lines, show and find)

    def figures(self, keys: Collection[Key] | None = None) -> dict[Key, list[Cell]]:
        """Return the figures of each group, or of some."""
        counts = dict(self._all.counts())
        if not counts and not self.grouping.by and self.grouping.every is None:
            # SQL, too, answers one row without groups.
            counts[()] = 0
        if keys is not None:
            counts = {key: counts[key] for key in keys}
        by_condition = {
            condition: self._figures_of(condition, counts) for condition in self._groups
        }
        time = CountedTime(self._search.view, self._scope, self.grouping.every, self._now)
        columns: list[Sequence[Cell]] = []
        for one in self.grouping.figures:
            cells = by_condition[one.condition][one.counted]
            if one.function == "rate":
                cells = time.rates(counts, cells, one.per)
            columns.append(cells)
        return dict(zip(counts, map(list, zip(*columns, strict=True)), strict=True))

    def _figures_of(
        self, condition: Node | None, counts: Mapping[Key, int]
    ) -> dict[Figure, list[Cell]]:
        """Return the cells of each figure of one condition, for groups of all lines in their order."""
        groups = self._groups[condition]
        if condition is None:
            return {one: [*cells] for one, cells in groups.figures(counts)}
        known = {key: lines for key, lines in groups.counts() if key in counts}
        found: dict[Figure, list[Cell]] = {}
        for one, cells in groups.figures(known):
            by_key, none = dict(zip(known, cells, strict=True)), one.of_no_lines
            found[one] = [by_key.get(key, none) for key in counts]
        return found

    def ways(self) -> list[int]:
        """Return for each figure how the numbers that it is of are written."""
        return [self._groups[one.condition].ways(one.counted) for one in self.grouping.figures]

    def rows(
        self,
        figures: Mapping[Key, list[Cell]] | None = None,
        most: int | None = None,
        ways: Sequence[int] = (),
    ) -> Rows:
        """Return the table. figures, ways: of each group and of each figure; by default its own.

        most: of more rows over time, only those of the groups with most lines, each over the whole time.
        """
        grouping = self.grouping
        every_one: Collection[Key] = (
            [key for key, _ in self._all.counts()] if figures is None else figures
        )
        keys = every_one
        if most is not None and len(every_one) > most and grouping.every is not None:
            keys = self._keys_of_largest(every_one, most) or every_one
        if figures is None:
            figures = self.figures(None if keys is every_one else keys)
        elif len(keys) < len(figures):
            figures = {key: figures[key] for key in keys}
        if grouping.by or grouping.every is not None:
            # Groups whose lines have nothing of what is asked tell nothing.
            figures = {
                key: cells
                for key, cells in figures.items()
                if any(one is not None for one in cells)
            }
        rows = sorted(figures.items(), key=self._order)
        # Only the start of a step is a number; most groups share few of these.
        starts = {key[0] for key, _ in rows if key and isinstance(key[0], float)}
        shown: dict[Any, Any] = {start: rfc3339(start) for start in starts}
        every_groups = self._groups.values()
        without, absent = self._never_found()
        columns = grouping.columns_of(ways or self.ways())
        return Rows(
            tuple(one.name for one in columns),
            tuple(one.kind for one in columns),
            tuple(one.unit for one in columns),
            [(*[shown.get(part, part) for part in key], *figures) for key, figures in rows],
            self.lines,
            without,
            self._all.left_out,
            all(one.exact for one in every_groups),
            absent,
            max(one.missed for one in every_groups),
            cut=len(every_one) - len(keys),
        )

    def _never_found(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fields of figures of which no line has a number, and the others that no line has."""
        by = zip(self.grouping.by, self._all.lines_with, strict=True)
        absent = [name for name, lines in by if not lines]
        found: dict[Measure, bool] = {}
        for groups in self._groups.values():
            for one, is_found in groups.measured():
                found[one] = found.get(one, False) or is_found
        without: list[str] = []
        for (kind, field), is_found in found.items():
            if not is_found:
                (without if kind.needs_numbers else absent).append(field)
        return tuple(dict.fromkeys(without)), tuple(dict.fromkeys(absent))

    def _keys_of_largest(self, keys: Collection[Key], most: int) -> set[Key]:
        """Return the keys over time of the groups with most lines, `most` of them together."""
        lines: Counter[Key] = Counter()
        for key, number in self._all.counts():
            lines[key[1:]] += number
        steps = Counter([key[1:] for key in keys])
        kept: set[Key] = set()
        # Groups with equally many lines are in the order of their names, whatever was counted first.
        ordered = (
            sorted(equal, key=_names_of) for _, equal in groupby(lines.most_common(), _LINES)
        )
        for by, _ in chain.from_iterable(ordered):
            most -= steps[by]
            if most < 0:
                break
            kept.add(by)
        return {key for key in keys if key[1:] in kept}

    def _order(self, row: tuple[Key, list[Cell]]) -> tuple[Any, ...]:
        key, figures = row
        first: Cell = figures[0]
        if isinstance(first, str) and self.grouping.figures[0].is_time:
            first = microseconds(first)
        time, by = (key[0], key[1:]) if self.grouping.every is not None else (0.0, key)
        size, text = (-first, "") if isinstance(first, int | float) else (math.inf, first)
        # A tuple of few parts is sorted in half of the time that tuples in tuples take.
        texts = [_LAST if one is None else one for one in (text, *by)]
        return math.inf if time is None else time, size, *texts


def _names_of(group: tuple[Key, int]) -> list[str]:
    """Return the values of a group, to order it by them."""
    return [_LAST if part is None else str(part) for part in group[0]]
