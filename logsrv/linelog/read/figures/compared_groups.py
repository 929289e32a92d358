"""Figures beside those of an earlier range of time: `count by app compare 1d`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from logsrv.errors import QueryError
from logsrv.kit.text.time import parse_rfc3339, rfc3339, shift_rfc3339
from logsrv.linelog.query.question import Cell, Extraction
from logsrv.linelog.read.figures.group_table import Comparison, GroupTable, Rows
from logsrv.linelog.read.figures.grouping import Figure, Grouping
from logsrv.linelog.read.figures.groups import Key
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search


def group(
    search: Search,
    grouping: Grouping,
    extractions: Sequence[Extraction],
    most: int | None = None,
) -> Rows:
    """Return the figures of the lines that a search finds. most: as of `GroupTable.rows`.

    Raises QueryError if they are to be compared, and the search does not say since when.
    """
    scope, now = search.scope, time.time()
    if len(grouping.by_condition()) > 1:
        # Lines that come meanwhile would be counted for some figures, and not for others.
        ends = {number: end_of_store(store) for number, store in search.view.stores.items()}
        scope = scope._replace(ends=ends)
    if grouping.compare is None:
        present = GroupTable(search, scope, grouping, extractions, now)
        present.count()
        return present.rows(most=most)
    if not scope.since:
        raise QueryError("compare needs a range of time: since when? In a terminal: --since 1d")
    scope = scope._replace(until=scope.until or rfc3339(now))
    before = _Earlier(search, scope, grouping.compare, grouping.every)
    present, earlier = (
        GroupTable(search, one, grouping, extractions, now) for one in (scope, before.scope)
    )
    present.count()
    earlier.count()
    figures = dict(_joined(present, earlier, before))
    compared = Comparison(
        grouping.compare,
        before.scope.since,
        before.scope.until,
        earlier.lines,
        before.missing_until,
    )
    rows, rows_before = present.rows(figures, most), earlier.rows({})
    return rows._replace(
        exact=rows.exact and rows_before.exact,
        left_out=rows.left_out + rows_before.left_out,
        missed=max(rows.missed, rows_before.missed),
        compare=compared,
    )


class _Earlier:
    """The range of time that is `shift` seconds before another one.

    missing_until: the end of the part of which a store has no lines any more; None if there is none, or
    if it is no longer than a step `every` and a hundredth of the range.
    """

    def __init__(self, search: Search, scope: Scope, shift: float, every: float | None) -> None:
        since, until = (shift_rfc3339(one, -shift) for one in (scope.since, scope.until))
        self.scope = scope._replace(since=since, until=until, after=None, before=None, ends=None)
        self._shift = round(shift * 1e6)
        oldest = max(one.read_time_span()[0] or until for one in search.view.stores.values())
        # A store begins with its first line, which need not come in the first moment of the range.
        begin, end = parse_rfc3339(since), parse_rfc3339(until)
        negligible = min((end - begin) / 100, every or math.inf)
        is_missing = parse_rfc3339(oldest) - begin > negligible
        self.missing_until = min(oldest, until) if is_missing else None

    def shifted(self, key: Key) -> Key:
        """Return the later group that an earlier one is compared with."""
        return tuple(
            (round(part * 1e6) + self._shift) / 1e6 if isinstance(part, float) else part
            for part in key
        )

    def is_known(self, key: Key) -> bool:
        """Return whether the store has all earlier lines of a later group."""
        if self.missing_until is None:
            return True
        start = key[0] if key else None
        known = parse_rfc3339(self.missing_until) + self._shift / 1e6
        return isinstance(start, float) and start >= known


def _joined(
    found: GroupTable, earlier: GroupTable, before: _Earlier
) -> Iterator[tuple[Key, list[Cell]]]:
    """Yield each group with its figures, each followed by the earlier one, a number by the change, too."""
    figures = found.grouping.figures
    none: list[Cell] = [one.of_no_lines for one in figures]
    now, then = found.figures(), earlier.figures() if earlier.lines else {}
    past = {before.shifted(key): cells for key, cells in then.items()}
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
