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
import pyarrow.compute as pc

ArrowArray: TypeAlias = "pa.Array[Any]"

INTEGER, SHORTEST, POINT = "integer", "shortest", "point"
# A double tells any two decimals of 15 digits apart.
_EXACT_LENGTH = len("123456789012345.")


def ways_of_texts(texts: ArrowArray) -> frozenset[str]:
    """Return each way in which all of the texts are written; none if one of them is no number."""
    found = set()
    try:
        if pc.cast(pc.cast(texts, pa.int64()), pa.string()).equals(texts):
            found.add(INTEGER)
    except pa.ArrowInvalid:
        pass
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return frozenset(found)
    # Other versions of Arrow may write exponents in another way. `-0` says the integer 0.
    if not pc.all(pc.is_finite(numbers)).as_py() or _any_match(texts, "[eE]|^-0$"):
        return frozenset(found)
    found |= {way for way in (SHORTEST, POINT) if texts_of_numbers(numbers, way).equals(texts)}
    decimals = len(texts[0].as_py().partition(".")[2]) if len(texts) else 0
    if decimals and not found and _all_fixed(texts, decimals):
        found.add(str(decimals))
    return frozenset(found)


def _any_match(texts: ArrowArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _all_fixed(texts: ArrowArray, decimals: int) -> bool:
    shape = rf"^-?(0|[1-9][0-9]*)\.[0-9]{{{decimals}}}$"
    is_fixed = pc.and_(
        pc.match_substring_regex(texts, shape),
        pc.less_equal(pc.binary_length(texts), _EXACT_LENGTH),
    )
    return bool(pc.all(is_fixed).as_py())


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
