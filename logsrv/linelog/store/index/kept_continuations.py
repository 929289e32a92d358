"""The continuation lines of a frame as its index keeps them, so that a reader need not look for them.

To find them (`fields/continuations/first_lines.py`) takes a third of the time in which a text is searched;
kept, they take a byte or two each. They are kept unless text before the frame was missing when it was
sealed, and are used while the rules that told them are those of the reader (`fields.level_names.RULES`).

Lines that follow each other and go on with the same record are a run. Before it is compressed, this is, as
little-endian numbers of four bytes: how many runs there are, how many first lines stand before the frame,
and how many in it; for each run where it begins, less where the one before begins; how many lines each has;
for each the number of its first line, those before the frame being counted first; for each first line in
the frame where it begins, less where the one before begins; for each one before the frame its size. The
first bytes of all numbers but the first three come first, then the second ones, and so on, as they are more
alike. At the end is the text of the first lines before the frame.

This module reads them, without NumPy, as `segment_index.py` does; `indexing.py` makes them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, Choice, FirstLines

MOST_TEXT = 64 << 10
"""Bytes of first lines before a frame. A reader looks for the continuation lines of a frame with more."""
_HEAD = struct.Struct("<3I")
_NUMBER = 4
_LF = 0x0A


class KeptContinuations(NamedTuple):
    """The continuation lines of a frame.

    runs: the offset of the LF before each, -1 at the beginning. counts: of their lines. numbers: of their
    first lines. before: the first lines before the frame. starts: as runs, where the others begin in it.
    """

    runs: Sequence[int]
    counts: Sequence[int]
    numbers: Sequence[int]
    before: list[bytes]
    starts: Sequence[int]


def decode_continuations(
    data: bytes,
    text: bytes,
    lines: int,
    choose: Choice | None = None,
) -> FirstLines:
    """Return the first lines of the continuation lines of a frame.

    data: as `encode_continuations` returned it. text: of the frame. lines: the most that it has. choose:
    if given, it chooses among the first lines. Raises ValueError if the data is damaged.
    """
    if not data:
        return NO_FIRST_LINES
    kept = decode_kept(data, lines)
    size, first = len(text), len(kept.before)
    if not (_are_ends(text, kept.runs) and _are_ends(text, kept.starts)):
        raise ValueError("the continuation lines in an index do not fit the text")
    wanted: Collection[int] = range(first + len(kept.starts))
    if choose is not None:
        wanted = _wanted(kept, choose(b"\n".join(kept.before)), choose(text))
    heads, found = dict(enumerate(kept.before)), dict[int, bytes]()
    for number in wanted:
        if number >= first:
            start = kept.starts[number - first] + 1
            end = text.find(b"\n", start)
            heads[number] = text[start : end if end >= 0 else size]
    runs = [
        run for run in zip(kept.runs, kept.counts, kept.numbers, strict=True) if run[2] in wanted
    ]
    find = text.find
    for end_before, count, number in runs:
        start = end_before + 1
        head = found[start] = heads[number]
        for _ in range(1, count):
            start = find(b"\n", start) + 1
            if not start:
                break
            found[start] = head
        if not 0 <= start < size or (start == 0 and count > 1):
            raise ValueError("the continuation lines in an index are beyond the text")
    return found


def _wanted(kept: KeptContinuations, before: Collection[int], inside: Collection[int]) -> set[int]:
    """Return the numbers of the first lines that begin there: before the frame, and in it."""
    offsets = accumulate((len(line) + 1 for line in kept.before), initial=0)
    found = {
        number
        for number, (_, at) in enumerate(zip(kept.before, offsets, strict=False))
        if at in before
    }
    first = len(kept.before)
    return found.union(first + number for number, at in enumerate(kept.starts) if at + 1 in inside)


def decode_kept(data: bytes, lines: int) -> KeptContinuations:
    """Return the continuation lines of a frame as they are kept. Arguments and ValueError as above."""
    if not data:
        return KeptContinuations((), (), (), [], ())
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(data, _HEAD.size + 5 * (lines + 1) * _NUMBER + MOST_TEXT)
    except zlib.error as error:
        raise ValueError(f"the continuation lines in an index are damaged: {error}") from error
    runs, before, inside = _HEAD.unpack_from(raw.ljust(_HEAD.size, b"\0"))
    size = 3 * runs + inside + before
    end = _HEAD.size + size * _NUMBER
    if not unpack.eof or not 0 < runs <= lines or max(before, inside) > runs or len(raw) < end:
        raise ValueError("the continuation lines in an index have a wrong size")
    rows = bytearray(size * _NUMBER)
    for byte in range(_NUMBER):
        rows[byte::_NUMBER] = raw[_HEAD.size + byte * size : _HEAD.size + (byte + 1) * size]
    numbers = struct.unpack(f"<{size}I", rows)
    counts, heads = numbers[runs : 2 * runs], numbers[2 * runs : 3 * runs]
    bounds = [*accumulate(numbers[3 * runs + inside :], initial=end)]
    if bounds[-1] != len(raw) or max(heads) >= before + inside or sum(counts) > lines:
        raise ValueError("the first lines of continuation lines in an index are damaged")
    texts = [raw[begin:stop] for begin, stop in pairwise(bounds)]
    first_lines = numbers[3 * runs : 3 * runs + inside]
    return KeptContinuations(
        _ends_before(numbers[:runs]), counts, heads, texts, _ends_before(first_lines)
    )


def _ends_before(distances: Sequence[int]) -> list[int]:
    """Return the offsets of the bytes before those at these distances from one another."""
    return [*accumulate(distances, initial=-1)][1:]


def _are_ends(text: bytes, offsets: Sequence[int]) -> bool:
    """Return whether an LF is at each of these offsets, which ascend, and a line follows it."""
    # Before the first line of a text is none.
    inside = offsets[1:] if offsets and offsets[0] < 0 else offsets
    return not inside or (inside[-1] < len(text) - 1 and {*map(text.__getitem__, inside)} == {_LF})
