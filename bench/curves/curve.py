"""A curve: a cost at some sizes of the work, with limits for its growth and for its height."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from pathlib import Path

import attrs

Measure = Callable[[int, Path], float]
"""Called with a size and a directory; returns the cost. Raises `Missing`.

The directory is for the whole module, so that its curves can share stores.
"""


class Missing(Exception):
    """This machine lacks something that a curve needs; the text says what."""


@attrs.frozen
class Curve:
    """A cost to be measured over sizes of the work.

    name: unique, for `--curve`. over, unit: the labels of the axes: "segments", "CPU s".
    sizes: at least four, rising; short: those of `--short`.
    exponent: limit of the slope with both axes logarithmic: 0 is constant, 1 is proportional.
    most: size → limit of the cost.
    floor: lower costs count as this one: they are below the noise of the clocks.
    """

    name: str
    over: str
    unit: str
    sizes: tuple[int, ...]
    short: tuple[int, ...]
    measure: Measure
    exponent: float
    most: Mapping[int, float] = attrs.field(factory=dict)
    floor: float = 0.001


@attrs.frozen
class Measured:
    """The measured points (size, cost) of a curve, in the order of their sizes.

    lenient: for busy machines: costs may be twice as high, and the exponent 0.3 larger.
    """

    curve: Curve
    points: tuple[tuple[int, float], ...]
    lenient: bool = False

    def slope(self) -> float:
        """Return the slope of the line through the points, by least squares with both axes logarithmic."""
        pairs = [(log(size), log(max(cost, self.curve.floor))) for size, cost in self.points]
        middle_x = sum(x for x, _ in pairs) / len(pairs)
        middle_y = sum(y for _, y in pairs) / len(pairs)
        spread = sum((x - middle_x) ** 2 for x, _ in pairs)
        return sum((x - middle_x) * (y - middle_y) for x, y in pairs) / spread

    def faults(self) -> list[str]:
        """Return a sentence for each limit that is exceeded."""
        curve, slope = self.curve, self.slope()
        times, exponent = (2, curve.exponent + 0.3) if self.lenient else (1, curve.exponent)
        found = [
            f"{curve.name}: {cost:.3g} {curve.unit} at {size:,} {curve.over}, more than {most:.3g}"
            for size, cost in self.points
            if (most := curve.most.get(size)) is not None and cost > most * times
        ]
        if slope > exponent:
            found.append(f"{curve.name}: grows with the power {slope:.2f}, more than {exponent:g}")
        return found
