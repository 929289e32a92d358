"""The ways of writing in which all texts of a field are numbers (numbers.py)."""

from __future__ import annotations

from collections.abc import Iterator, Set

import pyarrow as pa
import pyarrow.compute as pc

from logsrv.linelog.columns.numbers import INTEGER, POINT, SHORTEST, ArrowArray

# A double tells any two decimals of 15 digits apart.
_EXACT_LENGTH = len("123456789012345.")
# Arrow writes no integer of so few characters with an exponent.
_SHORT = 9
_FIRST = 50


def ways_of_texts(texts: ArrowArray) -> frozenset[str]:
    """Return each way in which all of the texts are written; none if one of them is no number."""
    # Arrow takes 300 ns for each text that is no number, and mostly one of the first is none.
    found = frozenset(_ways(texts[:_FIRST], {INTEGER, SHORTEST, POINT}))
    return frozenset(_ways(texts, found)) if len(texts) > _FIRST else found


def _ways(texts: ArrowArray, possible: Set[str]) -> Iterator[str]:
    """Yield the ways in which all texts are written, of the possible ones and of those for decimals."""
    if INTEGER in possible and _written_again(texts, pa.int64()).equals(texts):
        yield INTEGER
        if _longest(texts) <= _SHORT:
            yield SHORTEST
            return
    decimals = len(texts[0].as_py().partition(".")[2])
    if 0 < decimals < _EXACT_LENGTH and _are_exact_decimals(texts, decimals):
        yield str(decimals)
    # Other versions of Arrow may write exponents in another way. `-0` says the integer 0.
    if possible & {SHORTEST, POINT} and _all_match(texts, r"-?[0-9.]*[1-9.][0-9.]*|0"):
        written = _written_again(texts, pa.float64())
        if POINT in possible and written.equals(texts):
            yield POINT
        if SHORTEST in possible and _without_zero(written).equals(texts):
            yield SHORTEST


def _written_again(texts: ArrowArray, kind: pa.DataType) -> ArrowArray:
    """Return the texts of the numbers that texts are; no texts if one is no number."""
    try:
        return texts.cast(kind).cast(pa.string())
    except pa.ArrowInvalid:
        return texts[:0]


def _without_zero(texts: ArrowArray) -> ArrowArray:
    return pc.if_else(pc.ends_with(texts, ".0"), pc.utf8_slice_codeunits(texts, 0, -2), texts)


def _longest(texts: ArrowArray) -> int:
    longest: int = pc.max(pc.binary_length(texts)).as_py()
    return longest


def _are_exact_decimals(texts: ArrowArray, decimals: int) -> bool:
    shape = rf"-?(0|[1-9][0-9]*)\.[0-9]{{{decimals}}}"
    return _longest(texts) <= _EXACT_LENGTH and _all_match(texts, shape)


def _all_match(texts: ArrowArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, f"^({pattern})$")).as_py())


def preferred_way(ways: frozenset[str]) -> str | None:
    """Return the way that is read fastest; None if there is none."""
    return min(ways, key=lambda way: (way != INTEGER, way.isdigit(), way), default=None)
