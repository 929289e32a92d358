"""Octet-counted frames, `COUNT <…` (RFC 6587 section 3.4.1), cut out of a chunk (sans-IO).

Each begins where the one before it ends, so they have to be gone through one by one: half a microsecond
each in Python. Instead every place that looks like a header is found with NumPy; where each of them
begins at the end of the one before, which is nearly always so, that was the way to go.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Places: TypeAlias = npt.NDArray[np.intp]

HEADER = re.compile(rb"([1-9][0-9]{0,8}) (?=<)")
MAY_BECOME_HEADER = re.compile(rb"[1-9][0-9]{0,8}(?: \Z|\Z)")
LONGEST_HEADER = 11
"""Bytes of the longest count, its space and the `<`."""

_DIGITS = 9
_LF, _SPACE, _ZERO, _LESS_THAN = 10, 32, 48, 60
# Below this, going through them one by one is faster.
_WORTH_IT = 16 * 1024
# Where more than this share of what looks like headers is none, it is faster as well.
_MOST_BREAKS = 1 / 8


def cut_counted(
    data: bytes, start: int, limit: int, *, few: bool = False
) -> tuple[list[bytes], int]:
    """Return the whole counted frames that stand one behind the other from `start` on, and where they end.

    few: there are probably not many of them.
    A LF between two is skipped. It ends before a frame longer than `limit`, one that is not whole, and
    what is no header.
    """
    frames: list[bytes] = []
    if few or len(data) - start < _WORTH_IT:
        return frames, _one_by_one(data, start, limit, frames, -1)
    spaces, counts, headers = _candidates(data)
    ends = spaces + 1 + counts
    codes = np.frombuffer(data, np.uint8)
    follows = headers[1:] == ends[:-1]
    # Where the frame before may end in LF, and another LF stands behind it.
    later = np.minimum(ends[:-1], len(data) - 1)
    follows |= (headers[1:] == ends[:-1] + 1) & (codes[later] == _LF)
    fits = (counts <= limit) & (ends <= len(data))
    # A run of frames goes as far as each one fits, and is followed by a header.
    breaks = [*np.flatnonzero(~(follows & fits[1:])).tolist(), len(headers) - 1]
    at = start
    first = 0
    if len(breaks) > len(headers) * _MOST_BREAKS:
        breaks = []
    for last in breaks:
        if last < first:
            continue
        if int(headers[first]) != at or not fits[first]:
            at = _one_by_one(data, at, limit, frames, int(headers[last]))
            first = int(np.searchsorted(headers, at))
            if first > last or at != int(headers[first]) or not fits[first]:
                continue
        run = slice(first, last + 1)
        pairs = zip((spaces[run] + 1).tolist(), ends[run].tolist(), strict=True)
        frames += [data[begin:end] for begin, end in pairs]
        at = _skip_lf(data, int(ends[last]))
        first = last + 1
    return frames, _one_by_one(data, at, limit, frames, -1)


def _one_by_one(data: bytes, at: int, limit: int, frames: list[bytes], stop: int) -> int:
    """Cut frames until one begins at `stop` or behind it (never, if that is -1); return where it ended."""
    match = HEADER.match
    while stop < 0 or at < stop:
        header = match(data, at)
        if header is None:
            break
        begin = header.end()
        end = begin + int(header[1])
        if end - begin > limit or end > len(data):
            break
        frames.append(data[begin:end])
        at = _skip_lf(data, end)
    return at


def _skip_lf(data: bytes, at: int) -> int:
    return at + (data[at : at + 1] == b"\n")


def _candidates(data: bytes) -> tuple[Places, Places, Places]:
    """Return, of all that looks like a header, where its space is, its number, and where it begins.

    Digits before the space may belong to the frame before. As many are taken as make a number that leads
    about to the next header; none of the last, and of what leads nowhere: that begins at -1.
    """
    codes = np.frombuffer(data, np.uint8)
    found = codes[1:-1] == _SPACE
    found &= codes[2:] == _LESS_THAN
    found &= (codes[:-2] - np.uint8(_ZERO)) < 10
    spaces: Places = np.flatnonzero(found) + 1
    # `np.diff` takes ten times as long.
    most = np.full(len(spaces), -1, np.intp)
    most[:-1] = spaces[1:] - spaces[:-1] - 2
    counts = np.zeros(len(spaces), np.intp)
    headers = np.full(len(spaces), -1, np.intp)
    running = np.ones(len(spaces), bool)
    number = np.zeros(len(spaces), np.intp)
    for back in range(1, _DIGITS + 1):
        digit = codes[np.maximum(spaces - back, 0)] - np.uint8(_ZERO)
        running &= (digit < 10) & (spaces >= back)
        number += digit.astype(np.intp) * 10 ** (back - 1)
        leads = running & (digit > 0) & (number <= most) & (number >= most - LONGEST_HEADER)
        counts[leads] = number[leads]
        headers[leads] = spaces[leads] - back
        running &= number <= most
        if not running.any():
            break
    return spaces, counts, headers
