"""Numbers of lines by time and level: from an index, else from text.

The index of a segment has its numbers of lines by level since sealing: the text is not read. A frame is
either taken from the index as a whole, or read. It is taken if all its lines are in the scope of the search
and in one step of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.level import LEVELS, RULES
from logsrv.linelog.fields.record import level_of
from logsrv.linelog.query.candidates import levels_satisfying
from logsrv.linelog.query.question import EVERYTHING, Compare, HasField, Node
from logsrv.linelog.read.texts import SegmentFrames

_EVERY = (None, *LEVELS)


class IndexedCounts:
    """Counts of the lines in the frames that were taken from indexes.

    wanted: the levels that the query asks for. step: seconds of a step of time; None for no steps.
    levels: count by level, not only the total.
    """

    def __init__(
        self, wanted: Collection[str | None], step: float | None = None, *, levels: bool = True
    ) -> None:
        self._wanted = [level in wanted for level in _EVERY]
        self._step = step
        # For the total, an index made by older rules of levels is good enough: the sum is the same.
        self._rules = RULES if levels or not all(self._wanted) else 0
        self._sums: dict[float, list[int]] = {}

    def try_add_frame(self, frames: SegmentFrames, frame: int) -> bool:
        """Add the counts of a frame, and return whether the index allows it.

        All lines of the frame have to be in the scope.
        """
        counts = frames.level_counts(frame, self._rules)
        if counts is None:
            return False
        start = 0.0
        if self._step is not None:
            times = frames.times_of_frame(frame)
            if times.smallest is None or times.largest is None:
                return False
            start = step_start(parse_rfc3339(times.smallest), self._step)
            if start != step_start(parse_rfc3339(times.largest), self._step):
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
        """Return for each step, by its start in seconds since 1970, its lines: in all, and by level."""
        found = {}
        for start, (without, *sums) in self._sums.items():
            levels = {level: lines for level, lines in zip(LEVELS, sums, strict=True) if lines}
            if without or levels:
                found[start] = without + sum(sums), levels
        return found


def levels_in_query(query: Node) -> frozenset[str | None] | None:
    """Return the levels that a query asks for; None if it asks for anything else.

    In the set, None stands for lines without a level.
    """
    if query == EVERYTHING:
        return frozenset(_EVERY)
    if isinstance(query, HasField) and query.field == "level":
        return frozenset(LEVELS)
    if isinstance(query, Compare) and query.field == "level":
        return frozenset(levels_satisfying(query.op, query.value))
    return None


def step_start(moment: float, step: float) -> float:
    """Return the start of the step that contains a moment; both in seconds since 1970."""
    # Computed in whole microseconds, because 0.3 // 0.1 is 2.
    size = step_size(step)
    return round(moment * 1e6) // size * size / 1e6


def step_size(step: float) -> int:
    """Return the length of a step of so many seconds in whole microseconds."""
    return round(step * 1e6)


# Bytes. For less text, loading NumPy takes longer than counting without it.
SMALL = 256 << 10


def count_by_time(text: bytes, size: int, *, levels: bool) -> Counter[tuple[bytes, str | None]]:
    """Return the numbers of lines by their first `size` bytes and, if wanted, their levels (else None).

    text: whole lines, each with its LF.
    """
    if len(text) >= SMALL:
        from logsrv.linelog.read.numpy_counts import count_by_time_with_numpy

        return count_by_time_with_numpy(text, size, levels=levels)
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    return Counter((line[:size], level_of(line) if levels else None) for line in lines)
