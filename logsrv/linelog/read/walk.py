"""An index for a segment whose own is missing or wrong, by the heads of its frames: nothing is unpacked."""

from __future__ import annotations

import os

from logsrv.linelog.store.segments import heads, zstd
from logsrv.linelog.store.segments.index import Frame, Index
from logsrv.linelog.store.segments.times import UNKNOWN


def walk(number: int, fd: int) -> tuple[Index, str]:
    """Return an index of the frames in the file, without times and lines, and what is wrong behind them.

    number: the segment's. The sentence is "" where the file is whole. Raises OSError.
    """
    frames: list[Frame] = []
    text = at = 0
    end = os.fstat(fd).st_size
    wrong = ""
    while at < end:
        found = heads.frame_at(lambda at, size: os.pread(fd, size, at), at, end)
        if found is None or len(frames) == heads.MOST:
            wrong = f"damaged at byte {at}: no whole frame begins there"
            break
        frames.append(Frame(text, at, 0, UNKNOWN))
        length, size = found
        text += size
        at += length
    return Index(number, text, at, 0, tuple(frames)), wrong


def require(index: Index, fd: int) -> None:
    """Raise ValueError if a frame is not where the index says, or has more text or less. Raises OSError."""
    stops = [frame.text for frame in index.frames[1:]] + [index.text]
    for number, (frame, stop) in enumerate(zip(index.frames, stops, strict=True)):
        head = os.pread(fd, heads.LONGEST, frame.at)
        try:
            size = zstd.frame_content_size(head)
        except zstd.ZstdError:
            size = -1
        if size != stop - frame.text:
            raise ValueError(f"frame {number + 1} is not where it says, or has another size")
