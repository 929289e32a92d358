"""The difference of two answers, for the errors of tests."""

from __future__ import annotations

from itertools import zip_longest

# Bytes before the first different one that an error shows; twice as many from it on.
CONTEXT = 20
# Bytes of an answer that an error shows whole.
SHORT = 60
# Pieces of a list that an error shows.
MOST_PIECES = 20


def short_repr(value: object) -> str:
    """Return the `repr` of a value; long bytes without their middle, and with their number.

    Of a list of bytes, only some at each end are shown.
    """
    if isinstance(value, list):
        shown = [short_repr(one) for one in value]
        if len(shown) > MOST_PIECES:
            shown[3:-2] = [f"… ({len(value)} pieces)"]
        return f"[{', '.join(shown)}]"
    if not isinstance(value, bytes) or len(value) <= 80:
        return repr(value)
    return f"{value[:40]!r}…{value[-20:]!r} ({len(value)} bytes)"


def difference(wanted: object, came: object) -> str:
    """Return `X instead of Y`; for bytes, and the first different ones in lists, where they differ."""
    if isinstance(wanted, list) and isinstance(came, list):
        pairs = zip_longest(wanted, came)
        number, pair = next(each for each in enumerate(pairs, 1) if each[1][0] != each[1][1])
        return f"answer {number} of {len(wanted)}: {difference(*pair)}"
    if not isinstance(wanted, bytes) or not isinstance(came, bytes):
        return f"{short_repr(came)} instead of {short_repr(wanted)}"
    if max(len(wanted), len(came)) <= SHORT:
        return f"{came!r} instead of {wanted!r}"
    at = next(
        (at for at, pair in enumerate(zip(wanted, came, strict=False)) if pair[0] != pair[1]), None
    )
    at = min(len(wanted), len(came)) if at is None else at
    return f"{_part(came, at)} instead of {_part(wanted, at)} from byte {at} on"


def _part(data: bytes, at: int) -> str:
    """Return the `repr` of the bytes from `at` on, with some before them, and how many there are."""
    begin, end = max(0, at - CONTEXT), at + 2 * CONTEXT
    before, behind = "…" * (begin > 0), "…" * (end < len(data))
    part = f"{data[begin:at]!r}" + f" + {data[at:end]!r}" if at else f"{data[:end]!r}"
    return f"{before}{part}{behind} ({len(data)} bytes)"
