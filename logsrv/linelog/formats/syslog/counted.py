"""Octet-counted frames, `COUNT <…` (RFC 6587 section 3.4.1), taken from a chunk as lines (sans-IO).

Each frame begins where the previous one ends. Reading them one by one takes half a microsecond each in
Python. Instead NumPy finds every offset that looks like a header at once. Nearly always each of them begins
at the end of the frame before, which proves them right. The bytes between two messages then become the LF
that ends the first, in the whole chunk at once.

The byte after the header identifies it: `<`, or the first byte of the chunk's first message, such as `{`
for JSON. Directly after a frame every count begins a frame; after the LF that some senders add, only a
count with `<` does.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from logsrv.linelog.lines.records import escape_line_ends, without_ending

Offsets: TypeAlias = npt.NDArray[np.signedinteger[Any]]

HEADER = re.compile(rb"([1-9][0-9]{0,8}) (?=<|\xef\xbb\xbf<)")
"""The header of a frame at any offset where a frame may begin. A BOM may stand before the `<PRI>`."""
COUNT = re.compile(rb"([1-9][0-9]{0,8}) ")
"""The header of a frame that is not empty, if its count fits (`fits.py`)."""
NEXT_COUNT = re.compile(rb"(0|[1-9][0-9]{0,8}) ")
"""The header of a frame directly after another."""
MAY_BECOME_HEADER = re.compile(rb"[1-9][0-9]{0,8}(?: (?:\xef(?:\xbb\xbf?)?)?)?\Z")
MAY_BECOME_NEXT = re.compile(rb"(?:0|[1-9][0-9]{0,8})\Z")
LONGEST_HEADER = 11
"""Bytes of the longest count, its space and the first byte of the message."""

_DIGITS = 9
_LF, _CR, _SPACE, _ZERO, _LESS_THAN = 10, 13, 32, 48, 60
# A message of at most this many bytes may consist of its ending alone, and be empty.
_LONGEST_ENDING = 2
# Shorter chunks are read faster one frame at a time.
_WORTH_IT = 16 * 1024
# Reading one at a time is also faster if more than this share of the apparent headers are false.
_MOST_BREAKS = 1 / 8
# Up to this many frames, copying one by one is as fast as all at once.
_FEW = 64


@attrs.frozen
class CountedFrames:
    """Consecutive counted frames, as lines.

    lines: the messages, their own ending replaced by one LF, inner LFs escaped.
    end: where the last frame ends in the chunk. after: the same, or one more if an LF stands there.
    empty: number of empty frames, which make no lines.
    """

    lines: bytes
    end: int
    after: int
    empty: int = 0


def cut_counted_frames(
    data: bytes, start: int, limit: int, raw: bool, *, few: bool = False
) -> CountedFrames | None:
    """Return the whole counted frames that `data[start:]` begins with; None if the first is not whole.

    Skips an LF between two frames. Stops before a frame longer than `limit` bytes, before an incomplete
    one, and before anything that is no header.
    raw: whether to leave CRs unescaped. few: whether there are probably few frames, a hint for speed.
    """
    header = NEXT_COUNT.match(data, start)
    first = data[header.end() : header.end() + 1] if header else b""
    if few or len(data) - start < _WORTH_IT or first in (b"", b"\0"):
        firsts, lasts, after = _find_frames_singly(data, start, limit, -1)
        if not lasts:
            return None
        lines, empty = _lines_of_each(data, firsts, lasts, raw)
        return CountedFrames(lines, lasts[-1], after, empty)
    found, after = _find_frames_at_once(data, start, limit, first[0])
    if not found:
        return None
    begins, ends = found[0]
    if len(found) > 1:
        begins, ends = (np.concatenate(each) for each in zip(*found, strict=True))
    all_at_once = None
    if len(ends) >= _FEW and data.find(b"\0", start, after) < 0:
        all_at_once = _lines_at_once(data, begins, ends, raw)
    if all_at_once is not None:
        return CountedFrames(all_at_once, int(ends[-1]), after)
    lines, empty = _lines_of_each(data, begins.tolist(), ends.tolist(), raw)
    return CountedFrames(lines, int(ends[-1]), after, empty)


def _find_frames_at_once(
    data: bytes, at: int, limit: int, first: int
) -> tuple[list[tuple[Offsets, Offsets]], int]:
    """Return the starts and ends of the messages, as pairs of arrays, and where the next frame begins.

    first: the first byte of the first message; most others probably begin with it.
    """
    found: list[tuple[Offsets, Offsets]] = []
    spaces, counts, headers = _header_candidates(data, limit, first)
    ends = spaces + 1 + counts
    codes = np.frombuffer(data, np.uint8)
    follows = headers[1:] == ends[:-1]
    # Without the last header: whether another follows its frame is unknown.
    if first == _LESS_THAN and not follows[:-1].all():
        # A header may also stand after one LF that follows the frame before.
        later = np.minimum(ends[:-1], len(data) - 1)
        follows |= (headers[1:] == ends[:-1] + 1) & (codes[later] == _LF)
    fits = (counts <= limit) & (ends <= len(data))
    # A run of frames goes on as long as each one fits and a header follows it.
    breaks = [*np.flatnonzero(~(follows & fits[1:])).tolist(), len(headers) - 1]
    run_begin, end = 0, at
    if len(breaks) > len(headers) * _MOST_BREAKS:
        breaks = []

    def begins_run() -> bool:
        straight = at == end or first == _LESS_THAN
        return straight and int(headers[run_begin]) == at and bool(fits[run_begin])

    for last in [*breaks, -1]:
        if 0 <= last < run_begin:
            continue
        if last < 0 or not begins_run():
            stop = int(headers[last]) if last >= 0 else -1
            firsts, lasts, at = _find_frames_singly(data, at, limit, stop, after_lf=at != end)
            if lasts:
                found.append((np.array(firsts, np.intp), np.array(lasts, np.intp)))
                end = lasts[-1]
            run_begin = int(np.searchsorted(headers, at))
            if last < 0 or run_begin > last or not begins_run():
                continue
        run = slice(run_begin, last + 1)
        found.append((spaces[run] + 1, ends[run]))
        end = int(ends[last])
        at = _skip_lf(data, end)
        run_begin = last + 1
    return found, at


def _find_frames_singly(
    data: bytes, at: int, limit: int, stop: int, *, after_lf: bool = False
) -> tuple[list[int], list[int], int]:
    """Return the starts and ends of the messages that begin before `stop`, and where the next frame begins.

    stop: -1 for no limit. after_lf: whether an LF stands between the frame before and `at`.
    """
    begins: list[int] = []
    ends: list[int] = []
    match = HEADER.match if after_lf else NEXT_COUNT.match
    while stop < 0 or at < stop:
        header = match(data, at)
        if header is None:
            break
        begin = header.end()
        end = begin + int(header[1])
        if end - begin > limit or end > len(data):
            break
        begins.append(begin)
        ends.append(end)
        at = _skip_lf(data, end)
        match = NEXT_COUNT.match if at == end else HEADER.match
    return begins, ends, at


def _skip_lf(data: bytes, at: int) -> int:
    return at + (data[at : at + 1] == b"\n")


def _lines_of_each(data: bytes, begins: list[int], ends: list[int], raw: bool) -> tuple[bytes, int]:
    """Return messages as lines, one by one if necessary, and the number of empty ones."""
    frames = [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
    lines = b"\n".join(frames) + b"\n"
    usual = b"\r" not in lines and b"\0" not in lines and b"" not in frames
    if usual and lines.count(b"\n") == len(frames):
        return lines, 0
    messages = [escape_line_ends(text, raw) for frame in frames if (text := without_ending(frame))]
    return b"".join([message + b"\n" for message in messages]), len(frames) - len(messages)


def _lines_at_once(data: bytes, begins: Offsets, ends: Offsets, raw: bool) -> bytes | None:
    """Return messages as lines, all at once; None if one contains an LF, or may be empty.

    The messages must have no NUL. Bytes to remove become NUL, and all NULs are removed together, which is
    1.5 times as fast as a mask.
    """
    if int((ends - begins).min()) <= _LONGEST_ENDING:
        return None
    start, stop = int(begins[0]), int(ends[-1])
    codes = np.empty(stop - start + 1, np.uint8)
    codes[:-1] = np.frombuffer(data, np.uint8, stop - start, start)
    ends = ends - start
    gaps, widths = ends[:-1], begins[1:] - start - ends[:-1]
    for offset in range(int(widths.max(initial=0))):
        codes[(gaps + offset)[widths > offset]] = 0
    if data.find(b"\n", start, stop) >= 0:
        last = codes[ends - 1] == _LF
        codes[(ends - 1)[last]] = 0
        codes[(ends - 2)[last & (codes[ends - 2] == _CR)]] = 0
        if (codes[:-1] == _LF).any():
            return None
    codes[gaps] = codes[-1] = _LF
    lines = codes.tobytes().replace(b"\0", b"")
    return lines if raw else lines.replace(b"\r", rb"\x0d")


def _header_candidates(data: bytes, limit: int, first: int) -> tuple[Offsets, Offsets, Offsets]:
    """Return three arrays for all apparent headers before a byte `first`: the offset of the space, the
    count, and the offset of the header.

    Digits before the space may belong to the previous frame. So a count takes as many digits as let its
    frame end near the next header. The header's offset is -1 if no number of digits does that, and for the
    last header.
    """
    # A count has no more digits than `limit`. The NULs put at least that many bytes before each offset.
    digits = min(len(str(limit)), _DIGITS)
    codes = np.frombuffer(b"\0" * digits + data, np.uint8)
    spaces: Offsets = np.flatnonzero(codes == first) - 1
    spaces = spaces[(codes[spaces] == _SPACE) & (codes[spaces - 1] - np.uint8(_ZERO) < 10)]
    # The number of bytes up to the next header. `np.diff` takes ten times as long.
    most = np.full(len(spaces), -1, np.int32)
    most[:-1] = spaces[1:] - spaces[:-1] - 2
    number, counts, lengths = np.zeros((3, len(spaces)), np.int32)
    running = np.ones(len(spaces), bool)
    for length in range(1, digits + 1):
        digit = codes.take(spaces - length) - np.uint8(_ZERO)
        running &= digit < 10
        number += digit * np.int32(10 ** (length - 1))
        short = most - number
        running &= short >= 0
        leads = running & (short <= LONGEST_HEADER)
        leads &= digit > 0
        np.copyto(counts, number, where=leads)
        np.copyto(lengths, np.int32(length), where=leads)
        # Every count leads to a header: stop. From the third digit on, one more adds at least 100, and
        # would lead elsewhere.
        if (length > 1 and lengths[:-1].all()) or not running.any():
            break
    spaces -= digits
    return spaces, counts, np.where(lengths > 0, spaces - lengths, -1)
