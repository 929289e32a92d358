"""The continuation lines of a frame as its index keeps them, so that a reader need not look for them.

To find them takes a third of the time in which a text is searched (`fields/first_lines.py`); kept, they
take a byte or two each. They are kept if the frame and those before it in its segment tell all of them, and
are used while the rules that told them are those of the reader (`fields.level.RULES`).

Before it is compressed, this is, as little-endian numbers of four bytes: how many continuation lines there
are, how many first lines stand before the frame, and how many in it; for each continuation line its number
in the frame, less that of the one before; for each the number of its first line, those before the frame
being counted first; for each first line in the frame, where it begins, less where the one before begins;
for each one before the frame, its size. The text of the latter follows.

This module reads them, without NumPy, as `index.py` does; `indexing.py` makes them.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from itertools import accumulate, pairwise
from operator import add
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines

MOST_TEXT = 64 << 10
"""Bytes of first lines before a frame. A reader looks for the continuation lines of a frame with more."""
_HEAD = struct.Struct("<3I")
_NUMBER = 4


class _Kept(NamedTuple):
    """The continuation lines of a frame.

    lines: their numbers in it. heads: for each the number of its first line. before: the first lines before
    the frame. starts: where the others begin in it.
    """

    lines: list[int]
    heads: tuple[int, ...]
    before: list[bytes]
    starts: list[int]


def kept_first_lines(kept: tuple[bytes, int] | None, text: bytes) -> FirstLines | None:
    """Return the first lines of the continuation lines of a frame; None if they are not kept, or damaged.

    kept: as `Index.kept_continuations` returns it. text: of the frame.
    """
    if kept is not None:
        with contextlib.suppress(ValueError):
            return decode_continuations(kept[0], text, kept[1])
    return None


def decode_continuations(data: bytes, text: bytes, lines: int) -> FirstLines:
    """Return the first lines of the continuation lines of a frame.

    data: as `encode_continuations` returned it. text: of the frame. lines: the most that it has. Raises
    ValueError if the data is damaged.
    """
    if not data:
        return NO_FIRST_LINES
    kept = _decode(data, lines)
    # The bytes before each line, but for the LFs.
    before = [0, *accumulate(map(len, text.split(b"\n")))]
    last = kept.lines[-1]
    if (kept.starts and kept.starts[-1] >= len(text)) or last >= len(before) - 1:
        raise ValueError("the continuation lines in an index are not those of the text")
    heads = [*kept.before]
    for start in kept.starts:
        end = text.find(b"\n", start)
        heads.append(text[start : end if end >= 0 else len(text)])
    starts = map(add, map(before.__getitem__, kept.lines), kept.lines)
    return dict(zip(starts, map(heads.__getitem__, kept.heads), strict=True))


def _decode(data: bytes, lines: int) -> _Kept:
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(data, _HEAD.size + (4 * lines + 4) * _NUMBER + MOST_TEXT)
    except zlib.error as error:
        raise ValueError(f"the continuation lines in an index are damaged: {error}") from error
    count, before, inside = _HEAD.unpack_from(raw.ljust(_HEAD.size, b"\0"))
    size = 2 * count + inside + before
    end = _HEAD.size + size * _NUMBER
    if not unpack.eof or not 0 < count <= lines or max(before, inside) > count or len(raw) < end:
        raise ValueError("the continuation lines in an index have another size")
    numbers = struct.unpack_from(f"<{size}I", raw, _HEAD.size)
    heads = numbers[count : 2 * count]
    bounds = [*accumulate(numbers[2 * count + inside :], initial=end)]
    if bounds[-1] != len(raw) or max(heads) >= before + inside:
        raise ValueError("the continuation lines in an index have other first lines")
    texts = [raw[begin:stop] for begin, stop in pairwise(bounds)]
    gaps = numbers[2 * count : 2 * count + inside]
    return _Kept([*accumulate(numbers[:count])], heads, texts, [*accumulate(gaps)])
