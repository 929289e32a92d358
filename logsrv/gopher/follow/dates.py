"""Dates in titles and selectors, as people write them into phlogs. No I/O.

Ambiguous dates are ignored: `11/12/2026` is in November or in December, depending on the country.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

# An earlier date is not the day of an entry: it is history, or just a number.
_FIRST = date(1990, 1, 1)
# A date further in the future is ignored. One day is allowed, because the server may be in another time
# zone.
_AHEAD = timedelta(days=1)
_LONGEST = 500
_AROUND = " )]-_:;,.–—|/"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_DAY = r"\d\d?(?:st|nd|rd|th)?"
# Some authors write years with five digits (longnow.org).
_YEAR = r"(?<!\d)0?(?:19|20)\d\d"
_DATE = rf"""
    (?P<y1>{_YEAR}) ([-/._]) (?P<m1>\d\d?) \2 (?P<d1>\d\d?) (?!\d)
  | (?P<y2>{_YEAR}) (?P<m2>\d\d) (?P<d2>\d\d) (?:\d{{4}}|\d{{6}})? (?!\d)
  | (?P<y3>{_YEAR}) [-\ ] (?P<m3>{_MONTH}) [-\ ] (?P<d3>\d\d?) (?!\d)
  | (?<!\d) (?P<d4>{_DAY}) [-\ .]{{1,2}} (?P<m4>{_MONTH}) [-\ .,]{{1,2}} (?P<y4>\d{{4}}) (?!\d)
  | (?<![a-z]) (?P<m5>{_MONTH}) [-\ .]{{1,2}} (?P<d5>{_DAY}) [-\ ,]{{1,2}} (?P<y5>\d{{4}}) (?!\d)
  | (?<!\d) (?P<d6>\d\d?) \. (?P<m6>\d\d?) \. (?P<y6>\d{{4}}) (?!\d)
"""


def utc_day(moment: int) -> date:
    """Return the day (UTC) of a moment in seconds since 1970."""
    return datetime.fromtimestamp(moment, UTC).date()


def date_in(text: str, today: date) -> date | None:
    """Return the first valid date in `text` from 1990 to one day after `today`; None if there is none."""
    for found in _date_pattern().finditer(text[:_LONGEST]):
        day = _parse_date(found)
        if day is not None and _FIRST <= day <= today + _AHEAD:
            return day
    return None


def without_date(text: str) -> str:
    """Return `text` without a date at its beginning, unless the date is all of it."""
    found = _date_pattern().match(text, 1 if text[:1] in ("(", "[") else 0)
    rest = text[found.end() :].lstrip(_AROUND) if found is not None and _parse_date(found) else ""
    return rest or text


@cache
def _date_pattern() -> re.Pattern[str]:
    # Compiled at first use: that takes 9 ms, which the start of the browser can save.
    return re.compile(_DATE, re.VERBOSE | re.IGNORECASE | re.ASCII)


def _parse_date(found: re.Match[str]) -> date | None:
    parts = {name[0]: value for name, value in found.groupdict().items() if value}
    month = parts["m"].lower()[:3]
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    try:
        return date(int(parts["y"]), number, int(parts["d"].rstrip("stndrhSTNDRH")))
    except ValueError:
        return None
