"""Fields that are stored as numbers: each text is given back exactly as it was written.

A way of writing is one of these:

    integer    123     an integer of 64 bits
    shortest   1.5 2   a decimal with as few digits as tell it from others; integers have no point
    point      1.5 2.0 the same; integers have a zero behind the point
    3          1.500   a decimal with so many digits behind the point
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

ArrowArray: TypeAlias = "pa.Array[Any]"

INTEGER, SHORTEST, POINT = "integer", "shortest", "point"


def numbers_of_texts(texts: ArrowArray, way: str) -> ArrowArray:
    """Return the numbers that texts are, which are all written in this way."""
    return texts.cast(pa.int64() if way == INTEGER else pa.float64())


def texts_of_numbers(numbers: ArrowArray, way: str) -> list[str]:
    """Return the texts of numbers, written in this way."""
    if way == INTEGER:
        return [str(one) for one in numbers.to_pylist()]
    if way.isdigit():
        return [f"{one:.{way}f}" for one in numbers.to_pylist()]
    texts: list[str] = numbers.cast(pa.string()).to_pylist()
    return [one.removesuffix(".0") for one in texts] if way == SHORTEST else texts
