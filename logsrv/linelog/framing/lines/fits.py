"""Counts without `<` behind them, which look like numbers that lines begin with: do they fit? (sans-IO)

rsyslog's omfwd counts what its template makes, such as JSON: `8 {"n": 1}`. Which of these is a frame:

- Straight behind a counted frame, whatever follows the count belongs to it; `0 ` is an empty frame. Behind
  the LF that some senders put there, it is as behind any other LF.
- Elsewhere a count fits if its frame ends where the next count stands, or where the bytes end that have
  come, and if the frame is no longer than a line may be. So `200 OK` is a line, as is one whose LF comes
  before the end of its count: who sends a line finds it stored at once.
- Only at the start of a connection may such a message have LFs: if all of it is there, what follows are
  counted frames as far as they are there (eight are looked at), and it ends with no digit or space: rows
  of numbers are lines.
- Bytes that may be either wait for those that decide; when the connection ends, they are lines.

The decision depends on the bytes alone, but where the network has stopped. A count fits if its end is the
last byte that has come: `8 packets` and an LF are a frame by themselves, and a line if `hello` came with
them. And a first message that has LFs is a frame only if it comes whole. Waiting there for more, which may
never come, would keep a line from the disk.
"""

from __future__ import annotations

import enum
import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logsrv.linelog.framing.lines.counted import (
    COUNT,
    LONGEST_HEADER,
    MAY_BECOME_HEADER,
    MAY_BECOME_NEXT,
    NEXT_COUNT,
)

Codes: TypeAlias = npt.NDArray[np.uint8]
Ends: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Marks: TypeAlias = npt.NDArray[np.bool_]

_LF, _SPACE, _LESS_THAN, _ZERO, _ONE, _NINE = 10, 32, 60, 48, 49, 9
_END_OF_LINE = re.compile(rb"[\n\0]")
_LOOKED_AT = 8
# Bytes of a line in which the first of several frames is looked for, and how many make one suspect them.
_SEARCHED = 1 << 10
_SUSPECT = 3


class Count(enum.Enum):
    """The sense of a number and a space where a frame begins."""

    FITS = enum.auto()
    NONE = enum.auto()
    """It is how a line begins."""
    OPEN = enum.auto()
    """More has to come."""


def count_at(data: bytes, at: int, limit: int, *, first: bool) -> Count:
    """Judge what `data[at:]` begins with, where a frame begins that is not straight behind a counted one.

    limit: bytes that a line may have. first: nothing of the connection stands before.
    """
    header = COUNT.match(data, at)
    if header is None:
        return Count.NONE
    begin = header.end()
    end = begin + int(header[1])
    if data[begin : begin + 1] == b"<":
        return Count.FITS
    if end - begin > limit:
        return Count.NONE
    if _END_OF_LINE.search(data, begin, end - 1):
        whole = first and end <= len(data)
        return Count.FITS if whole and _frames_follow(data, end) else Count.NONE
    if end > len(data):
        return Count.OPEN
    if end == len(data) or COUNT.match(data, end):
        return Count.FITS
    return Count.OPEN if MAY_BECOME_HEADER.match(data, end) else Count.NONE


def _frames_follow(data: bytes, at: int) -> bool:
    """Tell whether there are counted frames from `at` on, as far as it goes, and not rows of numbers."""
    if data[at - 1] in b" 0123456789":
        return False
    for _ in range(_LOOKED_AT):
        header = NEXT_COUNT.match(data, at)
        if header is None:
            return at >= len(data) or MAY_BECOME_NEXT.match(data, at) is not None
        at = header.end() + int(header[1])
    return True


def may_be_counted(codes: Codes, line_ends: Ends, digits: Marks, limit: int) -> bool:
    """Tell whether one of the lines that begin with digits, and have an end, may be a counted frame.

    line_ends: where LFs stand that a line follows. digits: which of these lines begin with one.
    """
    size = len(codes)
    padded = np.append(codes, np.zeros(LONGEST_HEADER, np.uint8))
    starts = line_ends[digits] + 1
    running = np.ones(len(starts), bool)
    for place in range(1, LONGEST_HEADER):
        code = padded[starts + place]
        counted = running & (code == _SPACE)
        if counted.any():
            begins = starts[counted] + place + 1
            if (padded[begins] == _LESS_THAN).any():
                return True
            numbers = np.zeros(len(begins), np.int64)
            for digit in range(place, 0, -1):
                numbers = numbers * 10 + (padded[begins - 1 - digit] - np.uint8(_ZERO))
            # No LF is in a frame but at its end.
            last = size if codes[-1] == _LF else 0
            stops = np.append(line_ends[1:] + 1, last)[digits][counted]
            frame_ends = begins + numbers
            fits = (numbers <= limit) & (frame_ends <= stops)
            behind = padded[np.minimum(frame_ends, size)] - np.uint8(_ONE)
            if (fits & ((frame_ends == size) | (behind < _NINE))).any():
                return True
        running &= (code - np.uint8(_ZERO)) < 10
        if not running.any():
            return False
    return False


def longest_line(line_ends: Ends, size: int) -> tuple[int, int]:
    """Return where the longest line begins and ends: frames that are merged make it longer than others."""
    bounds = np.concatenate(([-1], line_ends, [size]))
    at = int((bounds[1:] - bounds[:-1]).argmax())
    return int(bounds[at]) + 1, int(bounds[at + 1])


def looks_counted(data: bytes, start: int, stop: int) -> bool:
    """Tell whether frames seem to follow one another in the line `data[start:stop]`."""
    for header in COUNT.finditer(data, start, min(stop, start + _SEARCHED)):
        at = header.end() + int(header[1])
        for _ in range(_SUSPECT - 1):
            following = COUNT.match(data, at, stop)
            if following is None:
                break
            at = following.end() + int(following[1])
        else:
            return True
    return False
