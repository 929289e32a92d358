"""Figures beside those of an earlier range of time: `count by app compare 1d`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from copy import copy

from logsrv.errors import QueryError
from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339, shift_rfc3339
from logsrv.linelog.query.question import Cell, Extraction
from logsrv.linelog.read.figures.group_table import Comparison, GroupTable, Rows
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.read.figures.groups import Key
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.figures.time_buckets import sensible_steps_of
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.steps.step_words import BARS
from logsrv.linelog.steps.steps import shifted
from logsrv.linelog.steps.zones import DAY


def group(
    search: Search,
    grouping: Grouping,
    extractions: Sequence[Extraction],
    most: int | None = None,
) -> Rows:
    """Return the figures of the lines that a search finds. most: as of `GroupTable.rows`.

    Raises QueryError if they are to be compared, and the search does not say since when.
    """
    grouping = for_reader(search, grouping, grouping.zone)
    scope, now = search.scope, time.time()
    if len(grouping.by_condition()) > 1:
        # Lines that come meanwhile would be counted for some figures, and not for others.
        ends = {number: end_of_store(store) for number, store in search.view.stores.items()}
        scope = scope._replace(ends=ends)
    if grouping.compare is None:
        present = GroupTable(search, scope, grouping, extractions, now)
        present.count(lambda newest: newest.rows(most=most))
        return present.rows(most=most)
    if not scope.since:
        raise QueryError("compare needs a range of time: since when? In a terminal: --since 1d")
    scope = scope._replace(until=scope.until or rfc3339(now))
    before = _Earlier(search, scope, grouping.compare, grouping)
    present, earlier = (
        GroupTable(search, one, grouping, extractions, now) for one in (scope, before.scope)
    )
    # The earlier figures are unknown until the present ones are whole; then only the progress is told.
    if (progress := search.view.progress) is not None:
        progress.later = earlier.file_size()
    present.count(lambda newest: _alone(newest, earlier, before, most))
    if progress is not None:
        progress.later = 0
    earlier.count()
    figures = dict(_joined(present, earlier, before))
    compared = Comparison(
        grouping.compare,
        before.scope.since,
        before.scope.until,
        earlier.lines,
        before.missing_until,
        before.missing_until and before.known_since,
    )
    ways = [now | then for now, then in zip(present.ways(), earlier.ways(), strict=True)]
    rows, rows_before = present.rows(figures, most, ways), earlier.rows({})
    return rows._replace(
        exact=rows.exact and rows_before.exact,
        left_out=rows.left_out + rows_before.left_out,
        missed=max(rows.missed, rows_before.missed),
        compare=compared,
    )


def _alone(present: GroupTable, earlier: GroupTable, before: _Earlier, most: int | None) -> Rows:
    """Return present figures while nothing earlier is counted."""
    unknown = before.with_nothing_known()
    ways = [now | then for now, then in zip(present.ways(), earlier.ways(), strict=True)]
    rows = present.rows(dict(_joined(present, earlier, unknown)), most, ways)
    compared = Comparison(before.shift, before.scope.since, before.scope.until, 0, None)
    return rows._replace(compare=compared)


def for_reader(search: Search, grouping: Grouping, zone: str) -> Grouping:
    """Return a grouping with steps in the time of a zone; those of `auto` get a length."""
    every = grouping.every
    if every is not None and every.is_auto:
        every = sensible_steps_of(search, BARS, zone)
    return grouping._replace(every=every and every.in_zone(zone), zone=zone)


class _Earlier:
    """The range of time that is `shift` seconds before another one; whole days by the clock of the zone.

    If clocks changed meanwhile, a day before is 23 or 25 hours before, so that 9:00 is compared with 9:00,
    and a whole day with a whole day. An hour that only the earlier day has is in no row; for one that only
    the later day has, there is nothing earlier.

    missing_until: the end of the part of which a store has no lines any more; None if there is none, or
    if it is no longer than a step `every` and a hundredth of the range.
    """

    def __init__(self, search: Search, scope: Scope, shift: float, grouping: Grouping) -> None:
        self._paired: dict[float, bool] = {}
        self._later: dict[int, int | None] = {}
        self._known: float | None = None
        self._shift, self._every, self._zone = round(shift * 1e6), grouping.every, grouping.zone
        since, until = (self._shifted_time(one, -1) for one in (scope.since, scope.until))
        self.scope = scope._replace(since=since, until=until, after=None, before=None, ends=None)
        oldest = max(one.read_time_span()[0] or until for one in search.view.stores.values())
        # A store begins with its first line, which need not come in the first moment of the range.
        begin, end = parse_rfc3339(since), parse_rfc3339(until)
        negligible = min((end - begin) / 100, self._every.seconds if self._every else math.inf)
        is_missing = parse_rfc3339(oldest) - begin > negligible
        self.missing_until = min(oldest, until) if is_missing else None

    @property
    def shift(self) -> float:
        """The seconds between both."""
        return self._shift / 1e6

    def with_nothing_known(self) -> _Earlier:
        """Return the same range, of which the store has no line."""
        found = copy(self)
        found.missing_until, found._known = self.scope.until, math.inf
        return found

    def _shifted_time(self, text: str, sign: int) -> str:
        if self._zone and not self._shift % DAY:
            moment = round(parse_rfc3339(text) * 1e6)
            return exact_rfc3339(shifted(moment, sign * self._shift, self._zone))
        return shift_rfc3339(text, sign * self._shift / 1e6)

    @property
    def known_since(self) -> str | None:
        """The end of the present steps whose earlier ones the store lacks in part; None if it has all."""
        return self.missing_until and self._shifted_time(self.missing_until, 1)

    def later_group(self, key: Key) -> Key | None:
        """Return the later group that an earlier one is compared with; None if there is none."""
        if not (self._every and isinstance(key[0], float)):
            return key
        start = round(key[0] * 1e6)
        if start not in self._later:
            self._later[start] = self._every.later_start(start, self._shift, self._zone)
        later = self._later[start]
        return None if later is None else (later / 1e6, *key[1:])

    def _has_earlier(self, start: float) -> bool:
        if start not in self._paired:
            assert self._every is not None
            at = round(start * 1e6)
            before, _ = self._every.bounds_of(shifted(at, -self._shift, self._zone))
            later = self._every.later_start(before, self._shift, self._zone)
            self._paired[start] = later == at
        return self._paired[start]

    def is_known(self, key: Key) -> bool:
        """Return whether the store has all earlier lines of a later group."""
        start = key[0] if key else None
        if self._every and isinstance(start, float) and not self._has_earlier(start):
            return False
        if self.missing_until is None:
            return True
        if self._known is None:
            self._known = parse_rfc3339(self.known_since or "")
        return isinstance(start, float) and start >= self._known


def _joined(
    found: GroupTable, earlier: GroupTable, before: _Earlier
) -> Iterator[tuple[Key, list[Cell]]]:
    """Yield each group with its figures, each followed by the earlier one, a number by the change, too."""
    figures = found.grouping.figures
    none: list[Cell] = [one.of_no_lines for one in figures]
    now, then = found.figures(), earlier.figures() if earlier.lines else {}
    past = {
        later: cells
        for key, cells in then.items()
        if (later := before.later_group(key)) is not None
    }
    for key in dict.fromkeys((*now, *past)):
        default = none if before.is_known(key) else [None] * len(figures)
        pairs = zip(figures, now.get(key, none), past.get(key, default), strict=True)
        yield key, [cell for pair in pairs for cell in _compared(*pair)]


def _compared(figure: Figure, now: Cell, before: Cell) -> tuple[Cell, ...]:
    return (now, before, _change(now, before)) if figure.column_kind.is_number else (now, before)


def _change(now: Cell, before: Cell) -> Cell:
    if not isinstance(now, int | float) or not isinstance(before, int | float):
        return None
    is_bound = isinstance(now, AtLeast) or isinstance(before, AtLeast)
    return None if is_bound else now - before
