"""Numbers of a column as people read them: all in one unit, and with the same number of decimals.

`text_table` shows tables so, `http/static/units.js` does the same in the page. Programs get the numbers
themselves, as CSV or JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from logsrv.linelog.query.question import SHARE
from logsrv.linelog.read.figures.numbers import AtLeast

_DIGITS, _DIGITS_OF_LEAST = 3, 2
"""Digits of a usual number of a column, and of the smallest one if few more decimals do that."""
_MORE_DECIMALS = 2
_MOST_DECIMALS = 12
# Scales by unit: from a number on another unit of so many is shown. A column in ms has that in its name.
_SCALES: Mapping[str, Sequence[tuple[float, float, str]]] = {
    "s": (
        *((10.0**-power, 10.0**-power, name) for power, name in ((9, "ns"), (6, "µs"), (3, "ms"))),
        (1, 1, "s"),
        *((5 * size, size, name) for size, name in ((60, "min"), (3600, "h"), (86_400, "d"))),
    ),
    "B": tuple(
        (1024.0**power, 1024.0**power, name)
        for power, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    ),
}


class NumberFormat(NamedTuple):
    """The way in which the numbers of a column are shown.

    size: of the unit that is shown, in that of the numbers. unit: "" for none.
    """

    size: float = 1
    decimals: int = 0
    unit: str = ""

    def text(self, number: float) -> str:
        """Return a number as it is shown."""
        shown = self._digits(number)
        if not shown.strip("-0."):
            shown = shown.removeprefix("-")
        bound = "≥ " if isinstance(number, AtLeast) else ""
        return f"{bound}{shown} {self.unit}".rstrip()

    def _digits(self, number: float) -> str:
        if self.size == 1 and isinstance(number, int):
            # Exact, whatever its size.
            return f"{int(number)}.{'0' * self.decimals}".rstrip(".")
        shown = f"{number / self.size:.{self.decimals}f}"
        if self.decimals == _MOST_DECIMALS and not shown.strip("-0."):
            return f"{number / self.size:g}"
        return shown


def format_of(
    numbers: Iterable[float], unit: str | None, changes: Iterable[float] = ()
) -> NumberFormat:
    """Return the format of a column, or of several that are compared. changes: the differences of these."""
    known = [*numbers]
    sizes = sorted(abs(one) for one in known if one)
    usual = sizes[len(sizes) // 2] if sizes else 0
    known += changes
    size, shown = _scale(usual, unit or "")
    if size == 1 and not any(isinstance(one, float) for one in known):
        return NumberFormat(size, 0, shown)
    least_number = min((abs(one) for one in known if one), default=1.0)
    decimals = max(0, _DIGITS - 1 - _power(usual / size))
    of_least = _DIGITS_OF_LEAST - 1 - _power(least_number / size)
    decimals = max(decimals, min(of_least, decimals + _MORE_DECIMALS))
    made = NumberFormat(size, min(decimals, _MOST_DECIMALS), shown)
    # No digit of any of them would be seen otherwise.
    is_tiny = 0 < usual / size < 10**-_MOST_DECIMALS
    return made if is_tiny else made._replace(decimals=_needed_decimals(known, made))


def _scale(usual: float, unit: str) -> tuple[float, str]:
    """Return the unit in which a number is shown: its size in `unit`, and its name."""
    if unit == SHARE:
        return 0.01, "%"
    known = _SCALES.get(unit)
    if not known or not usual:
        return 1.0, unit
    _, *larger = known
    fitting = [one for one in larger if usual >= one[0]]
    _, size, shown = fitting[-1] if fitting else known[0]
    return size, shown


def _power(number: float) -> int:
    return math.floor(math.log10(number)) if number > 0 else 0


def _needed_decimals(numbers: Iterable[float], made: NumberFormat) -> int:
    """Return how many decimals are not 0 in all numbers."""
    needed = 0
    for one in numbers:
        _, _, decimals = made._digits(one).partition(".")
        needed = max(needed, len(decimals.rstrip("0")))
        if needed == made.decimals:
            break
    return needed


def column_formats(
    columns: Sequence[str], units: Sequence[str | None], rows: Sequence[Sequence[Any]]
) -> list[NumberFormat]:
    """Return the format of each column; a figure and what it is compared with have the same."""
    found: list[NumberFormat] = []
    numbers = [[one for one in cells if _is_number(one)] for cells in zip(*rows, strict=True)]
    names = [*columns, "", ""]
    for index, name in enumerate(columns[: len(numbers)]):
        if len(found) > index:
            continue
        is_compared = names[index + 1] == f"{name}_before"
        has_change = is_compared and names[index + 2] == f"{name}_change"
        unit = units[index] if units else None
        known = [*numbers[index], *(numbers[index + 1] if is_compared else ())]
        made = format_of(known, unit, numbers[index + 2] if has_change else ())
        found += [made] * (1 + is_compared + has_change)
    return found


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
