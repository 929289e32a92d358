"""The numbers of a field in some lines, and figures of them: sum, avg, min, max.

`group` (compared_groups.py) makes tables of them for the terminal, the page and the API. An alert's windows
use the same sums.

Percentiles need the numbers themselves, which `KeptNumbers` (kept_numbers.py) keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

MOST_DISTINCT = 100_000
"""Different values of a group that are counted exactly."""
Sums: TypeAlias = Sequence[float]
"""Of some numbers: how many, their sum, the least, the largest; empty without numbers."""


class AtLeast(int):
    """A number that is only known to be no less."""


def joined_sums(all_: Iterable[Sums]) -> Sums:
    """Return the sums of lines together. all_: the sums of some lines each."""
    known = [one for one in all_ if one]
    if len(known) < 2:
        return known[0] if known else ()
    many, total, least, largest = zip(*known, strict=True)
    return sum(many), sum(total), min(least), max(largest)


def figure(function: str, sums: Sums) -> float | None:
    """Return a figure other than a count or a percentile; None without numbers."""
    if not sums:
        return None
    many, total, least, largest = sums
    return {"sum": total, "avg": total / many, "min": least, "max": largest}[function]
