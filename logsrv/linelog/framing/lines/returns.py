"""Carriage returns as Telnet and DOS write them: CR NUL is a bare one, CR LF ends a line.

First each CR NUL goes, from left to right, then each CR that stands before LF (RFC 854, "The NVT
printer and keyboard"; RFC 5198 section 2). Other CRs stay, as the control characters they are.
"""

from __future__ import annotations

import enum

import numpy as np

# Bytes from which on NumPy is faster than searching for two bytes, which is many times slower than for
# one, and slower still where they are often found; measured on CPython 3.11 with NumPy 2.
_LOOK_FIRST = 2 * 1024

_NUL, _LF, _CR = 0, 10, 13


class HeldReturn(enum.Enum):
    """The CRs held back at the end of a chunk, because the next one decides upon them."""

    NONE = enum.auto()
    OPEN = enum.auto()
    """CR: a NUL or an LF may follow."""
    NO_BARE = enum.auto()
    """CR, and behind it a CR NUL that is gone already: a NUL that follows now is not its own."""
    TWO = enum.auto()
    """CR CR: if a NUL follows, the second goes and the first may stand before an LF."""


def without_returns(data: bytes, held: HeldReturn) -> tuple[bytes, HeldReturn, int]:
    """Return `data` without its CR NUL and its CR before LF, the CRs held back, and the bytes of CR NUL.

    held: the CRs held back from the end of the data before; at first NONE. CRs that are held back until
    more comes are not in the data that is returned.
    """
    if not data:
        return data, held, 0
    if held is HeldReturn.OPEN:
        data = b"\r" + data
    elif held is HeldReturn.TWO:
        data = b"\r\r" + data
    bare = 0
    if b"\r" not in data and held is HeldReturn.NONE:
        return data, held, 0
    ends_open = data.endswith(b"\r")
    if b"\0" in data:
        bare = len(data)
        data = _without_bare(data)
        bare -= len(data)
    if held is HeldReturn.NO_BARE:
        data = b"\r" + data
    if not data.endswith(b"\r"):
        return _with_lf_endings(data), HeldReturn.NONE, bare
    if not ends_open:
        held = HeldReturn.NO_BARE
    else:
        held = HeldReturn.TWO if data.endswith(b"\r\r") else HeldReturn.OPEN
    data = data[: -2 if held is HeldReturn.TWO else -1]
    return _with_lf_endings(data), held, bare


def _without_bare(data: bytes) -> bytes:
    """`data` without CR NUL."""
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\0", b"")
    codes = np.frombuffer(data, np.uint8)
    bare = codes == _CR
    bare[:-1] &= codes[1:] == _NUL
    bare[-1] = False
    bare[1:] |= bare[:-1]
    return codes.compress(~bare).tobytes()


def _with_lf_endings(data: bytes) -> bytes:
    """`data` with LF instead of CR LF."""
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\n", b"\n")
    codes = np.frombuffer(data, np.uint8)
    # Compared first and shifted then, as NumPy is faster where memory is aligned.
    stray = codes == _CR
    stray[:-1] &= (codes != _LF)[1:]
    if not stray.any():
        return data.replace(b"\r", b"")
    return codes.compress(stray | (codes != _CR)).tobytes()
