"""Decide whether a number at the start of a line is the count of an octet-counted frame (sans-IO).

With `<` after it, the number is a count. But rsyslog's omfwd counts any output of its template, such as
JSON: `8 {"n": 1}`. The rules for counts without `<`:

- Directly after a counted frame, every count begins a frame; `0 ` is an empty frame. Some senders put an LF
  after a frame; the byte after it is judged as after any other LF.
- Elsewhere a count is one only if its frame is whole and what follows proves it: another count, of a frame
  that is whole as well; or the end of the connection, or a second of silence, exactly there. Both frames
  are no longer than a line may be. So `200 OK` is a line.
- Elsewhere only the first message of a connection may contain LFs, and its last byte is neither digit nor
  space: rows of numbers are lines. Any other text with an LF before the end of its count is a line, so a
  sender of lines finds each line stored at once.
- Until these bytes have arrived, the number waits for them. A first message with LFs waits only until a
  second of silence, and then is lines: it may come from a sender of lines.

The decision depends on the bytes, never on how the network cut them.
"""

from __future__ import annotations

import enum
import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logsrv.linelog.formats.syslog.counted import (
    COUNT,
    HEADER,
    LONGEST_HEADER,
    MAY_BECOME_HEADER,
)

Codes: TypeAlias = npt.NDArray[np.uint8]
Ends: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Marks: TypeAlias = npt.NDArray[np.bool_]

_LF, _SPACE, _LESS_THAN, _ZERO, _ONE, _NINE, _BOM = 10, 32, 60, 48, 49, 9, 0xEF
_END_OF_LINE = re.compile(rb"[\n\0]")
_NUMBERS = tuple(b" 0123456789"[offset : offset + 1] for offset in range(11))
# Merged frames are searched for in this many bytes of a line. This many frames in a row count as merged.
_SEARCHED = 1 << 10
_SUSPECT = 3


class CountVerdict(enum.Enum):
    """The verdict on a number and a space at the beginning of a frame."""

    FITS = enum.auto()
    NONE = enum.auto()
    """The number is the beginning of a line."""
    OPEN = enum.auto()
    """The next bytes decide."""


class NextBytes(enum.Enum):
    """The continuation of the bytes that have arrived."""

    BYTES = enum.auto()
    """More bytes, as far as is known."""
    SILENCE = enum.auto()
    """No byte for a second."""
    END = enum.auto()
    """The end of the connection."""


def judge_count(
    data: bytes | bytearray, at: int, limit: int, *, first: bool, following: NextBytes
) -> CountVerdict:
    """Judge the beginning of `data[at:]`, a new frame that does not directly follow a counted one.

    limit: longest line in bytes. first: whether this is the first byte of the connection.
    """
    header = COUNT.match(data, at)
    if header is None:
        return CountVerdict.NONE
    begin = header.end()
    end = begin + int(header[1])
    if HEADER.match(data, at):
        return CountVerdict.FITS
    if end - begin > limit:
        return CountVerdict.NONE
    has_lines = _END_OF_LINE.search(data, begin, end - 1) is not None
    if has_lines and (not first or data[end - 1 : end] in _NUMBERS):
        return CountVerdict.NONE
    undecided = CountVerdict.OPEN
    if following is NextBytes.END or (has_lines and following is NextBytes.SILENCE):
        undecided = CountVerdict.NONE
    if end > len(data):
        return undecided
    if end == len(data):
        return CountVerdict.OPEN if following is NextBytes.BYTES else CountVerdict.FITS
    second = COUNT.match(data, end)
    if second is None:
        return undecided if MAY_BECOME_HEADER.match(data, end) else CountVerdict.NONE
    length = int(second[1])
    if length > limit:
        return CountVerdict.NONE
    return CountVerdict.FITS if second.end() + length <= len(data) else undecided


def missing_bytes(data: bytes, at: int, limit: int) -> int:
    """Return how many bytes are missing of the frame whose count stands at `at`, or of the one after it."""
    for _ in range(2):
        header = COUNT.match(data, at)
        if header is None or int(header[1]) > limit:
            return 0
        at = header.end() + int(header[1])
        if at >= len(data):
            break
    return max(0, at - len(data))


def may_be_counted(codes: Codes, line_ends: Ends, digits: Marks, limit: int) -> bool:
    """Tell whether a line that begins with a digit 1 to 9, after an LF, may be a counted frame.

    The unfinished last line is checked for `COUNT <` only.
    line_ends: offsets of the LFs before the last byte. digits: marks the LFs with such a line after them.
    limit: longest line in bytes.
    """
    size = len(codes)
    padded = np.append(codes, np.zeros(LONGEST_HEADER, np.uint8))
    starts = line_ends[digits] + 1
    running = np.ones(len(starts), bool)
    for offset in range(1, LONGEST_HEADER):
        code = padded[starts + offset]
        counted = running & (code == _SPACE)
        if counted.any():
            begins = starts[counted] + offset + 1
            firsts = padded[begins]
            if ((firsts == _LESS_THAN) | (firsts == _BOM)).any():
                return True
            numbers = np.zeros(len(begins), np.int64)
            for digit in range(offset, 0, -1):
                numbers = numbers * 10 + (padded[begins - 1 - digit] - np.uint8(_ZERO))
            # A frame has an LF only at its end.
            last = size if codes[-1] == _LF else 0
            stops = np.append(line_ends[1:] + 1, last)[digits][counted]
            frame_ends = begins + numbers
            fits = (numbers <= limit) & (frame_ends <= stops)
            next_byte = padded[np.minimum(frame_ends, size)] - np.uint8(_ONE)
            if (fits & ((frame_ends == size) | (next_byte < _NINE))).any():
                return True
        running &= (code - np.uint8(_ZERO)) < 10
        if not running.any():
            return False
    return False


def longest_line_span(line_ends: Ends, size: int) -> tuple[int, int]:
    """Return where the longest line begins and ends: merged frames make long lines, so check this one."""
    bounds = np.concatenate(([-1], line_ends, [size]))
    at = int((bounds[1:] - bounds[:-1]).argmax())
    return int(bounds[at]) + 1, int(bounds[at + 1])


def looks_counted(data: bytes, start: int, stop: int) -> bool:
    """Tell whether the line `data[start:stop]` looks like several counted frames in a row.

    Only frames without a priority are taken for a line, so a line with one is no such line.
    """
    if data.startswith(b"<", start):
        return False
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
