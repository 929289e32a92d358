"""Making the index of a sealed segment, while it is sealed or again from its frames.

Apart from the reading of it (`index.py`), which is to be fast to import.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import Any, TypeAlias

import numpy

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import FORMAT, Frame, Index, frames
from logsrv.linelog.store.segment import Segment, tmp
from logsrv.linelog.store.times import SIZE, Times, time_of, times_of

Array: TypeAlias = numpy.ndarray[Any, Any]

# Where eight bytes of a TIME begin; the last ones overlap.
_EIGHTS = (0, 8, 16, SIZE - 8)


def add(index: Index, chunk: bytes, end: int, compressed: int) -> Index:
    """Return the index with one more frame: the text `chunk[:end]`, which takes `compressed` bytes."""
    # NumPy because, unlike bytes.count, it lets other threads run meanwhile.
    newlines: Array = numpy.flatnonzero(numpy.frombuffer(chunk, numpy.uint8, end) == ord("\n"))
    frame = Frame(index.text, index.compressed, index.lines, _times(chunk, end, newlines))
    return Index(
        index.segment,
        index.text + end,
        index.compressed + compressed,
        index.lines + len(newlines),
        (*index.frames, frame),
    )


def _times(chunk: bytes, end: int, newlines: Array) -> Times:
    """Return what `times_of` does of `chunk[:end]`, in a sixth of the time where each line has a TIME."""
    starts: Array = numpy.concatenate((numpy.zeros(1, newlines.dtype), newlines + 1))
    if starts[-1] == end:
        starts = starts[:-1]
    if len(starts) and starts[-1] + SIZE <= end:
        # A line that is shorter goes on in the next one here. In the order of text that makes no
        # difference: LF is before whatever a TIME has.
        heads = numpy.ndarray((end - SIZE + 1,), f"V{SIZE}", chunk, strides=(1,))[starts]
        smallest, largest = map(time_of, _ends(heads))
        if smallest is not None and largest is not None:
            return Times(smallest, largest, sure=True)
    return times_of(chunk[:end])


def _ends(heads: Array) -> tuple[bytes, bytes]:
    """Return the first and the last of these in the order of text, by eight bytes after the other."""
    low = high = heads
    for place in _EIGHTS:
        lows = _eights(low, place)
        highs = lows if high is low else _eights(high, place)
        least, most = lows.min(), highs.max()
        if high is not low or least != most:
            low, high = low[lows == least], high[highs == most]
    return low[0].tobytes(), high[0].tobytes()


def _eights(heads: Array, place: int) -> Array:
    eights: Array = numpy.ndarray((len(heads),), ">u8", heads, place, (SIZE,))
    return eights.astype(numpy.uint64)


def empty(segment: Segment) -> Index:
    """Return the index of a segment without frames."""
    return Index(segment.number, 0, 0, 0, ())


def encode(index: Index) -> bytes:
    """Return the index as it is stored."""
    body = _compact([[*frame[:3], *frame.times] for frame in index.frames]) + b"\n"
    head = _compact(
        {
            "format": FORMAT,
            "segment": index.segment,
            "text": index.text,
            "compressed": index.compressed,
            "lines": index.lines,
            "times": index.times,
            "size": len(body),
            "crc": zlib.crc32(body),
        }
    )
    return b"%b %08x\n%b" % (head, zlib.crc32(head), body)


def _compact(found: object) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def save(index: Index, packed: Segment, disk: Disk) -> None:
    """Put the index beside its segment, complete or not at all. Raises OSError."""
    fd = disk.create_anew(tmp(packed.index))
    try:
        left = encode(index)
        while left:
            left = left[disk.writev(fd, [left]) :]
        disk.fdatasync(fd)
    finally:
        os.close(fd)
    disk.rename(tmp(packed.index), packed.index)


def rebuild(packed: Segment, disk: Disk) -> Index:
    """Make the index again from the frames, and return it.

    Raises OSError; ValueError for a damaged file.
    """
    index = empty(packed)
    for text, compressed in frames(packed, disk):
        index = add(index, text, len(text), compressed)
    save(index, packed, disk)
    return index
