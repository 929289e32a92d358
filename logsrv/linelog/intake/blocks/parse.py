"""Checks of a received block before it is stored: its frames and its lines (no I/O).

Unpacking takes no more memory and time than the headers of the frames announce. The lines must have the
format of stored lines.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy
from zstandard import CONTENTSIZE_UNKNOWN, ZstdDecompressor, ZstdError, get_frame_parameters

from logsrv.linelog.fields.stamps import NO_TIME, StampedLines
from logsrv.linelog.lines.clean import is_clean
from logsrv.linelog.store.frames import MAGIC, frame_sizes_at

MOST_FRAMES = 256
_LARGEST_WINDOW = 8 << 20
_OTHER_SIZES = "the frames have other sizes than the headers say"


def split_frames(packed: bytes, size: int) -> list[tuple[memoryview, int]]:
    """Return the frames of a block, each with the number of bytes of its unpacked text.

    size: the bytes of text that the headers of the block announce. Nothing is unpacked.

    Raises ValueError, whose message is one sentence.
    """
    whole = memoryview(packed)
    found: list[tuple[memoryview, int]] = []
    left = size
    while whole:
        if len(found) == MOST_FRAMES:
            raise ValueError(f"a block has at most {MOST_FRAMES} frames")
        end, content = _frame_and_text_sizes(whole, left)
        left -= content
        found.append((whole[:end], content))
        whole = whole[end:]
    if left:
        raise ValueError(_OTHER_SIZES)
    return found


def _frame_and_text_sizes(data: memoryview, most: int) -> tuple[int, int]:
    """Return the length of the frame at the start of `data`, and the number of bytes of its text.

    most: the most bytes of its text. Raises ValueError, whose message is one sentence, also if the frame is
    cut off.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("the body is not made of Zstandard frames")
    try:
        found = get_frame_parameters(data)
    except ZstdError:
        raise ValueError("a frame breaks off") from None
    if found.content_size in (0, CONTENTSIZE_UNKNOWN) or not found.has_checksum:
        raise ValueError("each frame has to have its size and a checksum")
    if found.dict_id or found.window_size > _LARGEST_WINDOW:
        raise ValueError("a frame needs a dictionary or too much memory")
    if found.content_size > most:
        raise ValueError(_OTHER_SIZES)
    sizes = frame_sizes_at(lambda at, size: bytes(data[at : at + size]), 0, len(data))
    if sizes is None:
        raise ValueError("a frame breaks off")
    return sizes


def unpack_frames(frames: list[tuple[memoryview, int]]) -> Iterator[bytes]:
    """Yield the text of each frame, verified. Raises ValueError, whose message is one sentence."""
    decompressor = ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    for frame, content in frames:
        try:
            # The header tells the size; no more bytes are unpacked.
            text = decompressor.decompress(frame, max_output_size=content)
        except ZstdError:
            raise ValueError("a frame is damaged: its text does not match its header") from None
        yield text


LONGEST_STAMP = 1024
_PIECE = 1 << 20
_DEL = 127


def check_and_count_lines(text: bytes, *, raw: bool) -> Iterator[int]:
    """Yield the number of lines in each piece of a text that ends with an LF.

    raw: whether messages may have any bytes. Raises ValueError, whose message is one sentence about the
    first wrong piece.
    """
    start = 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + _PIECE) + 1 or text.index(b"\n", start) + 1
        piece = text[start:end]
        start = end
        if not raw and not is_clean(piece):
            raise ValueError(
                "a line has bytes that are no UTF-8, or control characters, which a store without --raw"
                " does not hold"
            )
        # If a piece has bytes that only messages may have, check that no SOURCE has them.
        yield _check_and_count_stamps(piece, odd=raw or not piece.isascii() or b"\t" in piece)


def _check_and_count_stamps(piece: bytes, *, odd: bool) -> int:
    stamps = StampedLines(piece)
    if len(stamps.stamped) != len(stamps) or (stamps.moments() == NO_TIME).any():
        raise ValueError("a line does not begin with a TIME and a SOURCE")
    if int((stamps.messages - stamps.starts).max()) > LONGEST_STAMP:
        raise ValueError(f"a line has a SOURCE that is longer than {LONGEST_STAMP} bytes")
    if odd:
        codes = numpy.frombuffer(piece, numpy.uint8)
        offsets = numpy.flatnonzero((codes < 0x20) & (codes != 0x0A) | (codes >= _DEL))
        lines = numpy.searchsorted(stamps.starts, offsets, side="right") - 1
        if (offsets < stamps.messages[lines]).any():
            raise ValueError("a line has a SOURCE that is not printable ASCII")
    return len(stamps)
