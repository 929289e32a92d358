"""The time in which the lines of a group were counted, for rates: a range, or what is over of a step."""

from __future__ import annotations

import time
from collections.abc import Iterable

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.figures.groups import Key
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.view import View
from logsrv.linelog.steps.steps import Steps

_SHORTEST = 1.0


class CountedTime:
    """The time between the limits of a search, and now: a rate divides by it.

    Without limits it goes from the oldest line of the store to the newest one, and with a beginning until
    now. A step that is cut by a limit, or is not over, counts as far as it goes. every: the steps;
    None for one range.
    """

    def __init__(self, view: View, scope: Scope, every: Steps | None) -> None:
        now = time.time()
        oldest, newest = view.read_time_span()
        self._every = every
        self._begin = parse_rfc3339(scope.since or oldest) if scope.since or oldest else now
        self._end = min(parse_rfc3339(scope.until), now) if scope.until else now
        if not scope.until and not scope.since and every is None and newest:
            self._end = parse_rfc3339(newest)
        self._is_limited = bool(scope.since)
        # A rate over a moment says nothing.
        self._shortest = _SHORTEST if every is None else min(_SHORTEST, every.seconds)

    def _seconds(self, key: Key) -> float:
        begin, end = self._begin, self._end
        if self._every is not None:
            start = key[0]
            assert isinstance(start, float)
            begin = max(start, begin) if self._is_limited else start
            end = min(self._every.end_of(start), max(end, begin))
        return max(end - begin, self._shortest)

    def rates(self, keys: Iterable[Key], lines: Iterable[Cell], per: float) -> list[Cell]:
        """Return how many lines each group has in `per` seconds; nothing for lines without a time."""
        return [
            None
            if (self._every is not None and key[0] is None) or not isinstance(number, int)
            else number * per / self._seconds(key)
            for key, number in zip(keys, lines, strict=True)
        ]
