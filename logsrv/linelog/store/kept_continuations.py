"""The continuation lines of a frame as its index keeps them, so that a reader need not look for them.

To find them takes a third of the time in which a text is searched (`fields/first_lines.py`); kept, they
take a byte or two each. They are kept unless text before the frame was missing when it was sealed, and are
used while the rules that told them are those of the reader (`fields.level.RULES`).

Lines that follow each other and go on with the same record are a run. Before it is compressed, this is, as
little-endian numbers of four bytes: how many runs there are, how many first lines stand before the frame,
and how many in it; for each run where it begins, less where the one before begins; how many lines each has;
for each the number of its first line, those before the frame being counted first; for each first line in
the frame where it begins, less where the one before begins; for each one before the frame its size. The
first bytes of all numbers but the first three come first, then the second ones, and so on, as they are more
alike. At the end is the text of the first lines before the frame.

This module reads them, without NumPy, as `index.py` does; `indexing.py` makes them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines

MOST_TEXT = 64 << 10
"""Bytes of first lines before a frame. A reader looks for the continuation lines of a frame with more."""
_HEAD = struct.Struct("<3I")
_NUMBER = 4
_LF = 0x0A


class _Kept(NamedTuple):
    """The continuation lines of a frame.

    runs: for each where it begins, the number of its lines, and of its first line. before: the first lines
    before the frame. starts: where the others begin in it.
    """

    runs: list[tuple[int, int, int]]
    before: list[bytes]
    starts: list[int]


def decode_continuations(
    data: bytes, text: bytes, lines: int, may_tell: Callable[[bytes], bool] | None = None
) -> FirstLines:
    """Return the first lines of the continuation lines of a frame.

    data: as `encode_continuations` returned it. text: of the frame. lines: the most that it has. may_tell:
    if given, the first lines for which it is false are left out. Raises ValueError if the data is damaged.
    """
    if not data:
        return NO_FIRST_LINES
    kept = _decode(data, lines)
    size = len(text)
    if any(
        at >= size or (at and text[at - 1] != _LF) for at, *_ in [*kept.runs, *zip(kept.starts)]
    ):
        raise ValueError("the continuation lines in an index are not those of the text")
    heads, found = [*kept.before], dict[int, bytes]()
    for start in kept.starts:
        end = text.find(b"\n", start)
        heads.append(text[start : end if end >= 0 else size])
    runs = kept.runs
    if may_tell is not None:
        telling = {number for number, head in enumerate(heads) if may_tell(head)}
        runs = [run for run in runs if run[2] in telling]
    for start, count, number in runs:
        head = found[start] = heads[number]
        for _ in range(1, count):
            start = text.find(b"\n", start) + 1
            if not 0 < start < size:
                raise ValueError("the continuation lines in an index are beyond the text")
            found[start] = head
    return found


def decode_lines_before(data: bytes, lines: int) -> list[bytes]:
    """Return the first lines that stand before a frame. Arguments and ValueError as above."""
    return _decode(data, lines).before if data else []


def _decode(data: bytes, lines: int) -> _Kept:
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(data, _HEAD.size + 5 * (lines + 1) * _NUMBER + MOST_TEXT)
    except zlib.error as error:
        raise ValueError(f"the continuation lines in an index are damaged: {error}") from error
    runs, before, inside = _HEAD.unpack_from(raw.ljust(_HEAD.size, b"\0"))
    size = 3 * runs + inside + before
    end = _HEAD.size + size * _NUMBER
    if not unpack.eof or not 0 < runs <= lines or max(before, inside) > runs or len(raw) < end:
        raise ValueError("the continuation lines in an index have another size")
    rows = bytearray(size * _NUMBER)
    for place in range(_NUMBER):
        rows[place::_NUMBER] = raw[_HEAD.size + place * size : _HEAD.size + (place + 1) * size]
    numbers = struct.unpack(f"<{size}I", rows)
    counts, heads = numbers[runs : 2 * runs], numbers[2 * runs : 3 * runs]
    bounds = [*accumulate(numbers[3 * runs + inside :], initial=end)]
    if bounds[-1] != len(raw) or max(heads) >= before + inside or sum(counts) > lines:
        raise ValueError("the continuation lines in an index have other first lines")
    texts = [raw[begin:stop] for begin, stop in pairwise(bounds)]
    starts = [*accumulate(numbers[3 * runs : 3 * runs + inside])]
    return _Kept([*zip(accumulate(numbers[:runs]), counts, heads, strict=True)], texts, starts)
