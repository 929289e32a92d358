"""The years of dates without a year, in the order of a file (sans-IO).

The file's last change tells the year of its last lines. Each step back over New Year before that is a year
more. A step back of at most a month is none: the lines of a file may be a little out of order.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_YEAR, _DISORDER = timedelta(days=366), timedelta(days=31)
# The same at the beginning of a file, where a step forward over most of a year may be one.
_FIRST_DISORDER = timedelta(days=2)
LEAP_YEAR = 2000
"""The year of dates for `NewYears`, in which 29 February exists."""
# 29 February comes every four years, and once in a century after eight.
_YEARS_BACK = 8


class NewYears:
    """The New Years between the dates of a file.

    passed: their number so far.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._newest: datetime | None = None
        # The numbers of those years that have a 29 February; earlier ones are before 1970.
        self._leap_years: deque[int] = deque(maxlen=100)

    def passed_before(self, date: datetime) -> int:
        """Return the number of New Years before the next date, which is given in `LEAP_YEAR`."""
        newest = self._newest
        if newest is None or newest - date > _DISORDER:
            self.passed += newest is not None
            self._newest = date
        elif date - newest > _YEAR - (_DISORDER if self.passed else _FIRST_DISORDER):
            # It is late, from before the last New Year.
            return self.passed - 1
        else:
            self._newest = max(newest, date)
        if (date.month, date.day) == (2, 29) and self.passed not in self._leap_years:
            self._leap_years.append(self.passed)
        return self.passed

    def first_year(self, latest: datetime) -> int:
        """Return the year of the first date, if no date is after `latest`."""
        fits = [
            year for year in range(latest.year, latest.year - 2, -1) if self._is_past(year, latest)
        ]
        years = range(fits[0], fits[0] - _YEARS_BACK - 1, -1) if fits else [latest.year]
        firsts = [year - self.passed for year in years]
        return next(filter(self._has_leap_years, firsts), firsts[0])

    def _is_past(self, year: int, latest: datetime) -> bool:
        newest = self._newest or datetime(LEAP_YEAR, 1, 1)
        of_year = (latest.month, latest.day, latest.time())
        return year < latest.year or (newest.month, newest.day, newest.time()) <= of_year

    def _has_leap_years(self, first: int) -> bool:
        return all(_is_leap_year(first + number) for number in self._leap_years)


def _is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
