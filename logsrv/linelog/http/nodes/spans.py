"""The spans of time in which nodes are asked, one after the other (no I/O).

First all is asked for. What has too many lines is cut short and asked for again: where nine tenths of the
lines that came lie; after that, in the middle, because a store is not in the order of time, and those
that came may be all of one moment. Each next span is as long as the lines of the one before it suggest.
Behind two spans without lines, all the rest is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from logsrv.linelog.http.nodes.answer import moment_of

EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The first moment of the year 1, and that of the year 10000, which is not in it."""
_HOUR = 3_600_000_000
_FULL = 0.7
_LONGER = 16.0


class TimeSpan(NamedTuple):
    """A span of time in microseconds since 1970, without its end."""

    begin: int
    end: int

    @property
    def is_moment(self) -> bool:
        """True if it cannot be cut."""
        return self.end - self.begin <= 1


def span_between(since: str, until: str) -> TimeSpan:
    """Return the span between two TIMEs; "": all time before or behind. Raises ValueError."""
    return TimeSpan(moment_of(since) if since else EARLIEST, moment_of(until) if until else LATEST)


class SpanWalk:
    """The way through a span of time, from its begin to its end; or, reverse, the other way.

    now: the present; few lines are later. most: lines that an answer may have.
    """

    # Inside, the way always goes up: in reverse, all moments have the other sign.

    def __init__(self, whole: TimeSpan, now: int, *, reverse: bool, most: int) -> None:
        self._reverse = reverse
        self._most = most
        self._at, self._stop = self._turned(whole)
        self._is_open = whole.end >= LATEST if reverse else whole.begin <= EARLIEST
        # There are hardly any lines before the one, and behind the other.
        self._near = -now - _HOUR if reverse else None
        self._far = 0 if reverse else now + _HOUR
        self._end = self._stop
        self._length = 0
        self._empty = 0
        self._was_cut = False
        self.is_known = False
        """It is known about how many lines the span has."""

    def _turned(self, span: TimeSpan) -> TimeSpan:
        return TimeSpan(1 - span.end, 1 - span.begin) if self._reverse else span

    @property
    def span(self) -> TimeSpan | None:
        """The span to ask for now; None: all is done."""
        return self._turned(TimeSpan(self._at, self._end)) if self._at < self._stop else None

    def answered(self, lines: int) -> None:
        """Go on behind the span, which had so many lines."""
        self._at, self._end = self._end, self._stop
        self._is_open = self._was_cut = False
        self._empty = 0 if lines else self._empty + 1
        self.is_known = self._empty < 2
        if not self.is_known:
            self._empty = 0
            return
        factor = _FULL * self._most / lines if lines else _LONGER
        self._length = max(1, int(self._length * min(max(factor, 0.1), _LONGER)))
        end = self._at + self._length
        # Beyond, spans would have to be long to reach the end of all time.
        if end < min(self._stop, self._far):
            self._end = end

    def cut(self, moments: list[int]) -> None:
        """Make the span shorter, because it had too many lines; these are the moments of some."""
        found = sorted(-one if self._reverse else one for one in moments)
        begin = self._at
        if self._is_open:
            begin = found[0] if self._near is None else min(found[0], self._near)
        edge = found[len(found) * 9 // 10]
        if self._was_cut:
            end = min(self._end, self._far) if begin < self._far else self._end
            edge = min(edge, (begin + end) // 2)
        self._was_cut = self.is_known = True
        self._end = min(max(edge, self._at + 1), self._end - 1)
        self._length = max(1, self._end - begin)
