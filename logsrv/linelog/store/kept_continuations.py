"""The continuation lines of a frame as its index keeps them, so that a reader need not look for them.

To find them takes a third of the time in which a text is searched (`fields/first_lines.py`); kept, they
take a byte or two each. They are kept if the frame and those before it in its segment tell all of them, and
are used while the rules that told them are those of the reader (`fields.level.RULES`).

Before it is compressed, this is, as little-endian numbers of four bytes: how many continuation lines there
are, how many first lines stand before the frame, and how many in it; for each continuation line its number
in the frame, less that of the one before; for each the number of its first line, those before the frame
being counted first; for each first line in the frame, where it begins, less where the one before begins;
for each one before the frame, its size. The text of the latter follows.
"""

from __future__ import annotations

import contextlib
import zlib
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_places import Array, indexes_of_true
from logsrv.linelog.fields.first_lines import ContinuationLines
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines

_NUMBER = numpy.dtype("<u4")
_HEAD = 3 * _NUMBER.itemsize
# Bytes of first lines before a frame. A reader looks for the continuation lines of a frame with more.
_MOST_TEXT = 64 << 10


class _Kept(NamedTuple):
    """The continuation lines of a frame.

    lines: their numbers in it. heads: for each the number of its first line. before: the first lines before
    the frame. starts: where the others begin in it.
    """

    lines: Array
    heads: Array
    before: list[bytes]
    starts: Array


def encode_continuations(found: ContinuationLines, lines: StampedLines) -> bytes | None:
    """Return what an index keeps of the continuation lines of a frame; b"" if there are none.

    None: they are not told by the segment, or are too large.
    """
    if not found.are_sure:
        return None
    if not found.first_lines:
        return b""
    starts: Array = numpy.array(sorted(found.first_lines))
    begins: Array = numpy.array([found.beginnings[start] for start in starts.tolist()])
    known, heads = numpy.unique(begins, return_inverse=True)
    texts = {found.beginnings[start]: line for start, line in found.first_lines.items()}
    before = [texts[begin] for begin in known[known < 0].tolist()]
    if sum(map(len, before)) > _MOST_TEXT:
        return None
    inside = known[known >= 0]
    numbers = (
        numpy.array([len(starts), len(before), len(inside)]),
        numpy.diff(numpy.searchsorted(lines.starts, starts), prepend=0),
        heads,
        numpy.diff(inside, prepend=0),
        numpy.array([*map(len, before)], numpy.int64),
    )
    packed = numpy.concatenate(numbers).astype(_NUMBER).tobytes()
    return zlib.compress(b"".join([packed, *before]))


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
    newlines = indexes_of_true(numpy.frombuffer(text, numpy.uint8) == ord("\n"))
    most = len(newlines) + (not text.endswith(b"\n"))
    starts = numpy.append(0, newlines + 1)
    if kept.lines[-1] >= most or (len(kept.starts) and kept.starts[-1] >= len(text)):
        raise ValueError("the continuation lines in an index are not those of the text")
    heads = [*kept.before]
    for start in kept.starts.tolist():
        end = text.find(b"\n", start)
        heads.append(text[start : end if end >= 0 else len(text)])
    places = starts[kept.lines].tolist()
    return dict(zip(places, map(heads.__getitem__, kept.heads.tolist()), strict=True))


def _decode(data: bytes, lines: int) -> _Kept:
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(data, _HEAD + (4 * lines + 4) * _NUMBER.itemsize + _MOST_TEXT)
    except zlib.error as error:
        raise ValueError(f"the continuation lines in an index are damaged: {error}") from error
    sizes = numpy.frombuffer(raw[:_HEAD].ljust(_HEAD, b"\0"), _NUMBER).tolist()
    count, before, inside = sizes
    end = _HEAD + (2 * count + before + inside) * _NUMBER.itemsize
    if not unpack.eof or not 0 < count <= lines or max(before, inside) > count or len(raw) < end:
        raise ValueError("the continuation lines in an index have another size")
    numbers = numpy.frombuffer(raw, _NUMBER, (end - _HEAD) // _NUMBER.itemsize, _HEAD)
    steps, heads, gaps, lengths = numpy.split(
        numbers.astype(numpy.int64), numpy.cumsum([count, count, inside])
    )
    bounds = [*accumulate(lengths.tolist(), initial=end)]
    if bounds[-1] != len(raw) or heads.max() >= before + inside:
        raise ValueError("the continuation lines in an index have other first lines")
    texts = [raw[begin:stop] for begin, stop in pairwise(bounds)]
    return _Kept(numpy.cumsum(steps), heads, texts, numpy.cumsum(gaps))
