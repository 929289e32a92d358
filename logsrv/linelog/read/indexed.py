"""Lines that an index has counted, by their level, when the segment was sealed: their text is not read.

A frame is taken as a whole, or read: it is taken if all of its lines are in the scope of the search and in
one step of time.
"""

from __future__ import annotations

from collections.abc import Collection

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.level import LEVELS, RULES
from logsrv.linelog.query.language.tree import EVERYTHING, Compare, Has, Node
from logsrv.linelog.query.matching.shapes import levels_of
from logsrv.linelog.read.texts import Frames

_EVERY = (None, *LEVELS)


class IndexedLines:
    """The lines of the frames that were taken.

    wanted: the levels that the query asks for. step: seconds of a step of time; None for all of it.
    levels: whether they are to be known by level, besides their number.
    """

    def __init__(
        self, wanted: Collection[str | None], step: float | None = None, *, levels: bool = True
    ) -> None:
        self._wanted = [level in wanted for level in _EVERY]
        self._step = step
        # By whatever rules lines have levels, their sum is the same.
        self._rules = RULES if levels or not all(self._wanted) else 0
        self._sums: dict[float, list[int]] = {}

    def take(self, frames: Frames, frame: int) -> bool:
        """Count the lines of a frame, all of which are in the scope; return whether that was possible."""
        counts = frames.levels(frame, self._rules)
        if counts is None:
            return False
        start = 0.0
        if self._step is not None:
            times = frames.times(frame)
            if times.smallest is None or times.largest is None:
                return False
            start = begin(parse_rfc3339(times.smallest), self._step)
            if start != begin(parse_rfc3339(times.largest), self._step):
                return False
        sums = self._sums.setdefault(start, [0] * len(_EVERY))
        for place, wanted in enumerate(self._wanted):
            if wanted:
                sums[place] += counts[place]
        return True

    @property
    def total(self) -> int:
        return sum(map(sum, self._sums.values()))

    def by_time(self) -> dict[float, tuple[int, dict[str, int]]]:
        """Return by the beginnings of steps, in seconds since 1970, how many lines, and of each level."""
        found = {}
        for start, (without, *sums) in self._sums.items():
            levels = {level: lines for level, lines in zip(LEVELS, sums, strict=True) if lines}
            if without or levels:
                found[start] = without + sum(sums), levels
        return found


def levels_wanted(query: Node) -> frozenset[str | None] | None:
    """Return the levels for whose lines a query asks, None for lines without; None if it asks for more."""
    if query == EVERYTHING:
        return frozenset(_EVERY)
    if isinstance(query, Has) and query.field == "level":
        return frozenset(LEVELS)
    if isinstance(query, Compare) and query.field == "level":
        return frozenset(levels_of(query.op, query.value))
    return None


def begin(moment: float, step: float) -> float:
    """Return the beginning of the step that holds a moment, the same for all of its moments."""
    # In whole microseconds: 0.3 // 0.1 is 2.
    micro = round(step * 1e6)
    return round(moment * 1e6) // micro * micro / 1e6
