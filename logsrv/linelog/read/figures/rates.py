"""The seconds by which a rate divides: of a range of time, or of what is over of a step."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.query.question import Cell
from logsrv.linelog.read.figures.groups import Key
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.view import View

_SHORTEST = 1.0


class CountedTime:
    """The time between the limits of a search, and now: a rate divides by it.

    Without limits it goes from the oldest line of the store to the newest one, and with a beginning until
    `now`. A step that is cut by a limit, or is not over, counts as far as it goes.
    every: seconds of a step; None for one range. now: seconds since 1970.
    """

    def __init__(self, view: View, scope: Scope, every: float | None, now: float) -> None:
        self._view, self._scope, self._every, self._now = view, scope, every, now
        # A rate over a moment says nothing.
        self._shortest = _SHORTEST if every is None else min(_SHORTEST, every)

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The first moment, and the one behind the last."""
        since, until = self._scope.since, self._scope.until
        oldest, newest = ("", "") if since and until else self._view.read_time_span()
        begin = parse_rfc3339(since or oldest) if since or oldest else self._now
        if until:
            return begin, min(parse_rfc3339(until), self._now)
        is_whole = not since and self._every is None and newest
        return begin, parse_rfc3339(newest) if is_whole else self._now

    def _seconds(self, key: Key) -> float:
        begin, end = self._range
        if self._every is not None:
            start = key[0]
            assert isinstance(start, float)
            begin = max(start, begin) if self._scope.since else start
            end = min(start + self._every, max(end, begin))
        return max(end - begin, self._shortest)

    def rates(self, keys: Iterable[Key], lines: Iterable[Cell], per: float) -> list[Cell]:
        """Return how many lines each group has in `per` seconds; nothing for lines without a time."""
        return [
            None
            if (self._every is not None and key[0] is None) or not isinstance(number, int)
            else number * per / self._seconds(key)
            for key, number in zip(keys, lines, strict=True)
        ]
