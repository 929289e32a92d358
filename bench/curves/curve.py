"""A curve: a cost at some sizes of the work, how fast it may grow, and what it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from pathlib import Path

import attrs

Measure = Callable[[int, Path], float]
"""A size and a directory in; the cost out.

The directory is for the whole module, so that curves can share what they make. Raises `Missing`.
"""


class Missing(Exception):
    """What a curve needs is not on this machine; the text says what."""


@attrs.frozen
class Curve:
    """Points of a cost over sizes of the work.

    name: unique, as `--curve` takes it. over, unit: what the axes say: "segments", "CPU s".
    sizes: at least four, rising; short: those of the short form.
    exponent: the most that the slope may be with both axes logarithmic: 0 flat, 1 in proportion.
    most: the most that the cost may be at some of the sizes.
    floor: costs below it count as it, as clocks and noise make those meaningless.
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
    """The points of a curve that were measured, in the order of their sizes.

    lenient: a busy machine is no fault: costs may be twice as high, and rise with a power 0.3 larger.
    """

    curve: Curve
    points: tuple[tuple[int, float], ...]
    lenient: bool = False

    def slope(self) -> float:
        """Return the slope of the line with the least squares of errors, both axes logarithmic."""
        pairs = [(log(size), log(max(cost, self.curve.floor))) for size, cost in self.points]
        middle_x = sum(x for x, _ in pairs) / len(pairs)
        middle_y = sum(y for _, y in pairs) / len(pairs)
        spread = sum((x - middle_x) ** 2 for x, _ in pairs)
        return sum((x - middle_x) * (y - middle_y) for x, y in pairs) / spread

    def faults(self) -> list[str]:
        """Return what is not as it should be, a sentence each."""
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
