"""Carriage returns as Telnet and DOS write them: CR NUL is a bare one, CR LF ends a line.

First every CR NUL is removed, from left to right, then every CR before an LF (RFC 854, "The NVT
printer and keyboard"; RFC 5198 section 2). Other CRs stay: they are control characters.
"""

from __future__ import annotations

import enum

import numpy as np

# NumPy is faster than `replace` with a pair of bytes from this many bytes on. Searching for a pair is many
# times slower than for one byte, and slower still with many hits; measured on CPython 3.11 with NumPy 2.
_LOOK_FIRST = 2 * 1024

_NUL, _LF, _CR = 0, 10, 13


class HeldReturn(enum.Enum):
    """The CRs held back at the end of a chunk; the next chunk decides about them."""

    NONE = enum.auto()
    OPEN = enum.auto()
    """CR: a NUL or an LF may follow."""
    NO_BARE = enum.auto()
    """CR, after which a CR NUL was removed already: a NUL that comes next does not pair with this CR."""
    TWO = enum.auto()
    """CR CR: a NUL would remove the second CR, and then an LF may follow the first."""


def without_returns(data: bytes, held: HeldReturn) -> tuple[bytes, HeldReturn, int]:
    """Remove every CR NUL, and every CR before an LF.

    held: the CRs held back from the previous chunk; NONE at first. Returns the data without the CRs that
    are held back now, these CRs, and how many bytes of CR NUL were removed.
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
        data = _without_cr_nul(data)
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


def _without_cr_nul(data: bytes) -> bytes:
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\0", b"")
    codes = np.frombuffer(data, np.uint8)
    bare = codes == _CR
    bare[:-1] &= codes[1:] == _NUL
    bare[-1] = False
    bare[1:] |= bare[:-1]
    return codes.compress(~bare).tobytes()


def _with_lf_endings(data: bytes) -> bytes:
    if len(data) < _LOOK_FIRST:
        return data.replace(b"\r\n", b"\n")
    codes = np.frombuffer(data, np.uint8)
    # Compare first, then shift: NumPy is faster on aligned memory.
    stray = codes == _CR
    stray[:-1] &= (codes != _LF)[1:]
    if not stray.any():
        return data.replace(b"\r", b"")
    return codes.compress(stray | (codes != _CR)).tobytes()
