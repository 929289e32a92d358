"""Steps of time: in which one a moment is, and when that begins and ends.

Steps are one after the other, without gaps: so two moments in one step have no other step between them, by
which the index answers for a frame from its first and last time alone. There are three kinds:

- In UTC, of a fixed length: counted from 1970, those of whole weeks from a Monday. This is one division.
- Longer than an hour, in a zone, and months: they begin when the reader's clock shows a whole multiple, as
  midnight or 06:00. At a change of clocks they are shorter or longer. Clocks may leave out midnight: then
  the day begins at the change, such as at 01:00; where they show midnight twice, it begins at the first.
- Of an hour at most, in a zone: they always have their length, and begin at whole multiples of the
  reader's clock, also half an hour beside those of UTC. Only where clocks are set by something else than a
  multiple (Lord Howe: by half an hour), the change cuts a step.
"""

from __future__ import annotations

from functools import cached_property

from logsrv.linelog.steps.zones import DAY, SECOND, UTC, Zone, zone_of
from logsrv.value import Value

MONTH = 2_629_746.0
"""Seconds of a month, on average. Those of a step of months are so many times this."""
_HOUR = 3600 * SECOND
_WEEK = 7 * DAY
_MONDAY = 4 * DAY
# Longer than all years that have a text.
_EVER_SECONDS = 1e12
# Clocks differ from UTC by multiples of this, since 1972 everywhere: steps that divide it begin as in UTC.
_QUARTER = 900 * SECOND


class Steps(Value):
    """Steps of a length, in the time of a zone.

    seconds: the usual length; 0 for one that fits the time asked for (`auto`). months: how many, if they
    are steps of months, else 0. zone: of the reader's clock; "" is UTC, `zones.LOCAL` that of this process.
    """

    seconds: float
    months: int = 0
    zone: str = UTC

    def in_zone(self, zone: str) -> Steps:
        """Return such steps in the time of a zone."""
        is_same = self.size and not self.months and _QUARTER % self.size == 0
        return self.replace(zone=UTC if is_same else zone)

    @cached_property
    def size(self) -> int:
        """The usual length in whole microseconds."""
        return round(self.seconds * SECOND)

    @cached_property
    def base(self) -> int:
        """The start of one of the steps, if they have the same length: a Monday's for whole weeks."""
        if self.seconds == _EVER_SECONDS:
            return -self.size // 2
        return 0 if self.size % _WEEK else _MONDAY

    @property
    def is_auto(self) -> bool:
        """True if they still have no length."""
        return not self.seconds

    @cached_property
    def is_even(self) -> bool:
        """True if all have the same length, and are counted in UTC."""
        return not (self.months or self.zone)

    @cached_property
    def follows_clock(self) -> bool:
        """True if each begins when clocks show a multiple, so that the lengths differ."""
        return bool(self.months) or self.size > _HOUR

    @cached_property
    def _clock(self) -> Zone:
        return zone_of(self.zone)

    def start_of(self, moment: float) -> float:
        """Return the start of the step with a moment; both in seconds since 1970."""
        # Computed in whole microseconds, because 0.3 // 0.1 is 2.
        moment = round(moment * 1e6)
        if self.is_even:
            base = self.base
            return ((moment - base) // self.size * self.size + base) / 1e6
        return self.bounds_of(moment)[0] / 1e6

    def end_of(self, start: float) -> float:
        """Return the end of the step with a moment; both in seconds since 1970."""
        return self.bounds_of(round(start * 1e6))[1] / 1e6

    def bounds_of(self, moment: int) -> tuple[int, int]:
        """Return the start and the end of the step with a moment, all in microseconds."""
        if self.is_even:
            start = (moment - self.base) // self.size * self.size + self.base
            return start, start + self.size
        begin, end = self._last_bounds
        if not begin <= moment < end:
            found = self._by_clock(moment) if self.follows_clock else self._by_length(moment)
            self.__dict__["_last_bounds"] = begin, end = found
        return begin, end

    # The step that was asked for last: lines mostly come in their order.
    @cached_property
    def _last_bounds(self) -> tuple[int, int]:
        return 0, 0

    def _by_clock(self, moment: int) -> tuple[int, int]:
        number = self._number_of(self._clock.wall_of(moment))
        start = self._start_of_number(number)
        # Set back over a start, clocks show the time before it again.
        while (end := self._start_of_number(number + 1)) <= moment:
            number, start = number + 1, end
        return start, end

    def _number_of(self, wall: int) -> int:
        """Return the number of the step in which clocks show a time."""
        if self.months:
            return _month_of(wall // DAY) // self.months
        return (wall - self.base) // self.size

    def _start_of_number(self, number: int) -> int:
        if self.months:
            wall = _first_day(number * self.months) * DAY
        else:
            wall = number * self.size + self.base
        return self._clock.moment_of(wall)

    def _by_length(self, moment: int) -> tuple[int, int]:
        size = self.size
        pieces = self._clock.pieces(moment - size, moment + size)
        at = max(index for index, (begin, _) in enumerate(pieces) if begin <= moment)
        offset = pieces[at][1]
        start = (moment + offset) // size * size - offset
        end = start + size
        if at and (offset - pieces[at - 1][1]) % size:
            start = max(start, pieces[at][0])
        if at + 1 < len(pieces) and (offset - pieces[at + 1][1]) % size:
            end = min(end, pieces[at + 1][0])
        return start, end

    def later_start(self, start: int, shift: int, zone: str) -> int | None:
        """Return the start of the step that is compared with an earlier one; None if there is none.

        Both in microseconds. Of steps that follow the clock it is the one so many steps later. Of others,
        and whole days, it is the one at whose start the clocks of the zone show the same time of day.
        """
        if self.follows_clock and not self.is_even:
            clock = self._clock
            wall = clock.wall_of(start)
            # At a change of clocks a step begins where they show more than its multiple.
            by = self._number_of(shift + self.base)
            number = self._number_of(wall)
            while self._start_of_number(number + 1) <= start:
                number += 1
            later, end = (self._start_of_number(number + by + one) for one in (0, 1))
            return later if later < end else None
        if not zone or shift % DAY:
            return self.bounds_of(start + shift)[0]
        clock = zone_of(zone)
        wall = clock.wall_of(start)
        if clock.moments_of(wall)[0] != start:
            # The hour that clocks show for a second time: the first one is compared.
            return None
        known = [one for one in clock.moments_of(wall + shift) if self.bounds_of(one)[0] == one]
        return known[0] if known else None


def shifted(moment: int, shift: int, zone: str) -> int:
    """Return the moment that is so much later; by whole days, that at which clocks show the same time."""
    if not zone or shift % DAY:
        return moment + shift
    clock = zone_of(zone)
    return clock.moment_of(clock.wall_of(moment) + shift)


EVER = Steps(_EVER_SECONDS)
"""Steps of which one has all moments from the year 1 to 9999."""


def _month_of(day: int) -> int:
    """Return how many months since January 1970 a day is in. day: since 1970-01-01."""
    # Years that begin in March end with the leap day; 400 of them have 146,097 days.
    era, rest = divmod(day + 719_468, 146_097)
    year = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    rest -= 365 * year + year // 4 - year // 100
    return 12 * (400 * era + year - 1970) + (5 * rest + 2) // 153 + 2


def _first_day(month: int) -> int:
    """Return the first day of a month, both counted from January 1970."""
    year, after_march = divmod(month - 2 + 12 * 1970, 12)
    era, year = divmod(year, 400)
    days = 365 * year + year // 4 - year // 100 + (153 * after_march + 2) // 5
    return 146_097 * era + days - 719_468
