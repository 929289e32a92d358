"""Steps of time as words, `5m`, `1d`, `2mo`, `auto`, and lengths that are easy to read."""

from __future__ import annotations

import re

from logsrv.linelog.steps.steps import EVER, MONTH, Steps

BARS = 60
"""Steps that `auto` makes, at most."""
AUTO = Steps(0.0)
_MONTHS = re.compile(r"([0-9]{0,4})(mo|y)", re.ASCII)
_LENGTHS = (
    0.001, 0.01, 0.1, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800,
    3600, 7200, 14400, 43200, 86400, 604800,
)  # fmt: skip
_IN_MONTHS = (1, 3, 12)


def parse_months(text: str) -> Steps | None:
    """Return steps of months or years, such as `1mo`, `3mo`, `y`, or `auto`; None for other words."""
    if text == "auto":
        return AUTO
    found = _MONTHS.fullmatch(text)
    months = int(found[1] or "1") * (12 if found[2] == "y" else 1) if found else 0
    return of_months(months) if months else None


def of_months(months: int) -> Steps:
    return Steps(months * MONTH, months)


def sensible_steps(seconds: float, most: int, zone: str = "") -> Steps:
    """Return the shortest easily readable steps that part so much time into at most so many."""
    known = [*map(Steps, map(float, _LENGTHS)), *map(of_months, _IN_MONTHS)]
    found = next((one for one in known if seconds / one.seconds <= most), known[-1])
    while seconds / found.seconds > most:
        found = of_months(2 * found.months)
    return found.in_zone(zone)


def longer(steps: Steps) -> Steps:
    """Return steps of twice the length; EVER behind those of 2,000 years.

    All others have a start at 1970: none has a moment before and one after it.
    """
    if 2 * steps.seconds > 4000 * 12 * MONTH:
        return EVER
    found = of_months(2 * steps.months) if steps.months else Steps(2 * steps.seconds)
    return found.in_zone(steps.zone)
