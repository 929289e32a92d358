"""Fields that are stored as numbers: each text is given back exactly as it was written.

A way of writing is one of these:

    integer    123     an integer of 64 bits
    shortest   1.5 2   a decimal with as few digits as tell it from others; integers have no point
    point      1.5 2.0 the same; integers have a zero behind the point
    3          1.500   a decimal with so many digits behind the point
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

ArrowArray: TypeAlias = "pa.Array[Any]"

INTEGER, SHORTEST, POINT = "integer", "shortest", "point"
# A double tells any two decimals of 15 digits apart.
_EXACT_LENGTH = len("123456789012345.")
_FIRST = 50


def ways_of_texts(texts: ArrowArray) -> frozenset[str]:
    """Return each way in which all of the texts are written; none if one of them is no number."""
    # Arrow takes 300 ns for each text that is no number, and mostly one of the first is none.
    found = frozenset(_ways(texts[:_FIRST], (INTEGER, SHORTEST, POINT)))
    return frozenset(_ways(texts, found)) if len(texts) > _FIRST else found


def _ways(texts: ArrowArray, possible: Collection[str]) -> Iterator[str]:
    """Yield the ways in which all texts are written, of the possible ones and of those for decimals."""
    if not possible:
        return
    if INTEGER in possible and _is_exact(texts, INTEGER):
        yield INTEGER
    decimals = len(texts[0].as_py().partition(".")[2])
    if 0 < decimals < _EXACT_LENGTH and _are_exact_decimals(texts, decimals):
        yield str(decimals)
    # Other versions of Arrow may write exponents in another way. `-0` says the integer 0.
    if _all_match(texts, r"-?[0-9.]*[1-9.][0-9.]*|0"):
        yield from (way for way in (SHORTEST, POINT) if way in possible and _is_exact(texts, way))


def _is_exact(texts: ArrowArray, way: str) -> bool:
    try:
        return bool(texts_of_numbers(numbers_of_texts(texts, way), way).equals(texts))
    except pa.ArrowInvalid:
        return False


def _are_exact_decimals(texts: ArrowArray, decimals: int) -> bool:
    longest = pc.max(pc.binary_length(texts)).as_py()
    shape = rf"-?(0|[1-9][0-9]*)\.[0-9]{{{decimals}}}"
    return bool(longest <= _EXACT_LENGTH) and _all_match(texts, shape)


def _all_match(texts: ArrowArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, f"^({pattern})$")).as_py())


def numbers_of_texts(texts: ArrowArray, way: str) -> ArrowArray:
    """Return the numbers that texts are, which are all written in this way."""
    return pc.cast(texts, pa.int64() if way == INTEGER else pa.float64())


def texts_of_numbers(numbers: ArrowArray, way: str) -> ArrowArray:
    """Return the texts of numbers, written in this way."""
    if way.isdigit():
        return pa.array([f"{one:.{way}f}" for one in numbers.to_pylist()], pa.string())
    texts = pc.cast(numbers, pa.string())
    return pc.replace_substring_regex(texts, r"\.0$", "") if way == SHORTEST else texts


def preferred_way(ways: frozenset[str]) -> str | None:
    """Return the way that is read fastest; None if there is none."""
    return min(ways, key=lambda way: (way != INTEGER, way.isdigit(), way), default=None)
