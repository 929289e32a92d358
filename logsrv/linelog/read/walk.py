"""Frames of a Zstandard file found by their headers alone (RFC 8878, section 3.1.1), nothing unpacked.

For a segment whose index is missing or wrong: 256 MiB of text take a few milliseconds.
"""

from __future__ import annotations

import os

from logsrv.linelog.store.segments import zstd
from logsrv.linelog.store.segments.index import Frame, Index
from logsrv.linelog.store.segments.times import UNKNOWN

_MAGIC = b"\x28\xb5\x2f\xfd"
_LONGEST_HEADER = 18
_BLOCK_HEADER = 3
_RLE = 1


def walk(number: int, fd: int) -> tuple[Index, str]:
    """Return an index of the frames in the file, without times and lines, and what is wrong behind them.

    number: the segment's. The sentence is "" where the file is whole. Raises OSError.
    """
    frames: list[Frame] = []
    text = at = 0
    end = os.fstat(fd).st_size
    wrong = ""
    while at < end:
        found = _frame(fd, at, end)
        if found is None:
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
        head = os.pread(fd, _LONGEST_HEADER, frame.at)
        try:
            size = zstd.frame_content_size(head)
        except zstd.ZstdError:
            size = -1
        if size != stop - frame.text:
            raise ValueError(f"frame {number + 1} is not where it says, or has another size")


def _frame(fd: int, at: int, end: int) -> tuple[int, int] | None:
    """Return how many bytes the frame at `at` takes, and how many its text has; None if it is none."""
    head = os.pread(fd, _LONGEST_HEADER, at)
    try:
        header = zstd.frame_header_size(head)
        parameters = zstd.get_frame_parameters(head)
    except (zstd.ZstdError, ValueError):
        return None
    if not head.startswith(_MAGIC) or parameters.content_size == zstd.CONTENTSIZE_UNKNOWN:
        return None
    place, last = at + header, False
    while not last:
        block = os.pread(fd, _BLOCK_HEADER, place)
        if len(block) < _BLOCK_HEADER:
            return None
        bits = int.from_bytes(block, "little")
        last = bool(bits & 1)
        place += _BLOCK_HEADER + (1 if bits >> 1 & 3 == _RLE else bits >> 3)
    place += 4 if parameters.has_checksum else 0
    return (place - at, parameters.content_size) if place <= end else None
