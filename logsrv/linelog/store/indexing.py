"""Making the index of a sealed segment, while it is sealed or again from its frames.

Apart from the reading of it (`index.py`), which is to be fast to import.
"""

from __future__ import annotations

import json
import os

import numpy

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import Frame, Index, frames
from logsrv.linelog.store.segment import Segment, time_text, tmp


def add(index: Index, chunk: bytes, end: int, compressed: int) -> Index:
    """Return the index with one more frame: the text `chunk[:end]`, which takes `compressed` bytes."""
    last = chunk.rfind(b"\n", 0, end - 1) + 1
    frame = Frame(
        index.text,
        index.compressed,
        index.lines,
        time_text(chunk[: min(end, 64)]),
        time_text(chunk[last : min(end, last + 64)]),
    )
    return Index(
        index.segment,
        index.text + end,
        index.compressed + compressed,
        index.lines + _lines(memoryview(chunk)[:end]),
        (*index.frames, frame),
    )


def _lines(text: memoryview) -> int:
    # NumPy because, unlike bytes.count, it lets other threads run meanwhile.
    return int(numpy.count_nonzero(numpy.frombuffer(text, numpy.uint8) == ord("\n")))


def empty(segment: Segment) -> Index:
    """Return the index of a segment without frames."""
    return Index(segment.number, 0, 0, 0, ())


def encode(index: Index) -> bytes:
    """Return the index as it is stored."""
    document = {
        "segment": index.segment,
        "text": index.text,
        "compressed": index.compressed,
        "lines": index.lines,
        "first": index.frames[0].first if index.frames else None,
        "last": index.frames[-1].last if index.frames else None,
        "frames": index.frames,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


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
