"""A replacement for a missing or wrong index, made from the frames' headers without unpacking them."""

from __future__ import annotations

import os

from logsrv.linelog.store.frames import MOST_FRAMES, frame_sizes_at
from logsrv.linelog.store.index import FrameStart, Index
from logsrv.linelog.store.times import UNKNOWN


def index_sound_frames(number: int, fd: int) -> tuple[Index, str]:
    """Return an index of the file's sound frames, without times and line counts, and the fault after them.

    number: of the segment. The fault is "" if the whole file is sound. Raises OSError.
    """
    frames: list[FrameStart] = []
    text = at = 0
    end = os.fstat(fd).st_size
    wrong = ""
    while at < end:
        found = frame_sizes_at(lambda at, size: os.pread(fd, size, at), at, end)
        if found is None or len(frames) == MOST_FRAMES:
            wrong = f"damaged at byte {at}: no whole frame begins there"
            break
        frames.append(FrameStart(text, at, 0, UNKNOWN))
        length, size = found
        text += size
        at += length
    return Index(number, text, at, 0, tuple(frames)), wrong
