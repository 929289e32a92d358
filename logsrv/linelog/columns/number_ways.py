"""The ways of writing in which all texts of a field are numbers (numbers.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from logsrv.linelog.columns.numbers import (
    INTEGER,
    POINT,
    SHORTEST,
    ArrowArray,
    numbers_of_texts,
    texts_of_numbers,
)

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
        return bool(texts_of_numbers(numbers_of_texts(texts, way), way) == texts.to_pylist())
    except pa.ArrowInvalid:
        return False


def _are_exact_decimals(texts: ArrowArray, decimals: int) -> bool:
    longest = pc.max(pc.binary_length(texts)).as_py()
    shape = rf"-?(0|[1-9][0-9]*)\.[0-9]{{{decimals}}}"
    return bool(longest <= _EXACT_LENGTH) and _all_match(texts, shape)


def _all_match(texts: ArrowArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, f"^({pattern})$")).as_py())


def preferred_way(ways: frozenset[str]) -> str | None:
    """Return the way that is read fastest; None if there is none."""
    return min(ways, key=lambda way: (way != INTEGER, way.isdigit(), way), default=None)
