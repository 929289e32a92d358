"""The levels of all lines of a text as an array of numbers, which is the form that is counted fastest."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.levels.lines import levels_of

Array: TypeAlias = numpy.ndarray[Any, Any]

OF_NUMBERS = (None, *LEVELS)
"""The level that each number means: 0 for none, 1 for the least severe."""
_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}


def numbers_of(text: bytes) -> Array:
    """Return the level of each line of `text`, whole lines with their LFs, as a byte: see OF_NUMBERS."""
    found = levels_of(text) if text else []
    return numpy.array([_NUMBERS[level] for level in found], numpy.uint8)
