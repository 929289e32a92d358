"""Making the index of a sealed segment, while it is sealed or later from its frames.

`segment_index.py` reads indexes. It is a separate module, because its import has to be fast.

The index has the number of lines of each level in a frame. A reader that counts lines per step of time uses
these numbers, instead of the text, if the smallest and the largest TIME of the frame are in the same step.
So lines are counted only if each begins with a valid TIME.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import (
    U64,
    Array,
    RowShape,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.continuations.first_lines import ContinuationLines, find_continuations
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.fields.level_numbers import (
    OF_NUMBERS,
    level_numbers_if_quick,
    levels_of_records,
)
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.index.kept_continuations import MOST_TEXT
from logsrv.linelog.store.index.segment_index import FORMAT, FrameStart, Index, IndexHead
from logsrv.linelog.store.index.text_before import earlier_texts
from logsrv.linelog.store.segment import Segment
from logsrv.linelog.store.times import (
    SHAPE,
    SIZE,
    UNKNOWN,
    Times,
    combine_times,
    time_of,
    times_of,
)

# A line whose level the quick method cannot find takes 10 µs. With more than one such line in this many, a
# frame gets no numbers, and readers read its lines: sealing would take 50 % longer.
_SLOW = 32
_TIME = RowShape(SHAPE)
_DATE = len("2026-11-20")
_OF_DATE = numpy.frombuffer(b"\xff" * _DATE + bytes(_TIME.width - _DATE), "<u8")
# The offsets of the first digits of hours, minutes and seconds in a TIME, each with its greatest digit.
_TENS = ((11, b"2"), (14, b"5"), (17, b"5"))
_SUMS = struct.Struct("<II")
# The number of bytes at the beginning of a line that are compared: a TIME and a few more.
_HEAD = 32
# Bytes. Only a longer line makes a frame larger than this. Such a frame is scanned in parts: for 250 MiB,
# lists of LFs took 4 GB.
_LARGE = 8 << 20


def count_levels(lines: StampedLines) -> tuple[int, ...] | None:
    """Return the numbers of lines without a level and with each level; None if they are not counted.

    lines: with the first lines of records.
    """
    text, newlines = lines.text, lines.ends
    if not text.endswith(b"\n") or not _have_times(text, newlines):
        return None
    most = max(len(newlines) // _SLOW, 1)
    numbers = level_numbers_if_quick(text, newlines, most, lines.message_starts())
    if numbers is None:
        return None
    if lines.first_lines:
        numbers = levels_of_records(lines, numbers)
    return tuple(numpy.bincount(numbers, minlength=len(OF_NUMBERS)).tolist())


def _have_times(text: bytes, newlines: Array) -> bool:
    """Return whether each line begins with a valid TIME."""
    raw: Array = numpy.frombuffer(text + bytes(_TIME.width), numpy.uint8)
    heads = rows_at(raw, numpy.concatenate(([0], newlines[:-1] + 1)), _TIME.width)
    if not _TIME.matching_rows(heads).all():
        return False
    if any((heads[:, column] > most[0]).any() for column, most in _TENS):
        return False
    if ((heads[:, 11] == ord("2")) & (heads[:, 12] > ord("3"))).any():
        return False
    dates = heads.view("<u8") & _OF_DATE
    first = numpy.concatenate(([True], rows_with_nonzero(dates[1:] ^ dates[:-1])))
    found = {bytes(head[:_DATE]) for head in heads[first]}
    return all(time_of(date + b"T00:00:00.000000Z") for date in found)


class FrameScan(NamedTuple):
    """The data about the text of a frame that its index needs.

    size: the bytes of the text. newlines: the offsets of its LFs; None if the text is too large for a list.
    levels: the number of lines without a level, then with each level; None if they were not counted. crc:
    the CRC-32 of the text; None if it does not end with an LF. goes_on: whether a line may go on with a
    record that begins before the text. continuations: what is kept of the continuation lines.
    """

    size: int
    lines: int
    newlines: Array | None
    times: Times
    levels: tuple[int, ...] | None
    crc: int | None
    goes_on: bool
    continuations: bytes | None


def scan_frame(chunk: bytes, end: int, earlier: EarlierTexts) -> FrameScan:
    """Scan the text `chunk[:end]` of a frame for its index. earlier: the frames before; this is added."""
    crc = zlib.crc32(memoryview(chunk)[:end]) if chunk[end - 1 : end] == b"\n" else None
    if end > _LARGE:
        earlier.add(StampedLines(chunk[end - REACH : end]))
        times = _times_of_large(chunk, end)
        return FrameScan(end, chunk.count(b"\n", 0, end), None, times, None, crc, True, None)
    lines = StampedLines(chunk[:end])
    newlines = lines.ends
    times = _times(chunk, end, newlines)
    found = find_continuations(lines, earlier)
    counted = times.sure and found.are_sure
    lines.first_lines = found.first_lines
    levels = count_levels(lines) if counted else None
    earlier.add(lines)
    goes_on = found.reach_back or not found.are_sure
    kept = encode_continuations(found, lines)
    return FrameScan(end, len(newlines), newlines, times, levels, crc, goes_on, kept)


def encode_continuations(found: ContinuationLines, lines: StampedLines) -> bytes | None:
    """Return what an index keeps of the continuation lines of a frame; b"" if there are none.

    None: text before the frame is missing, or they are too large.
    """
    if not found.are_sure:
        return None
    if not found.first_lines:
        return b""
    known = found.first_lines
    starts, heads, inside = known.starts, known.codes, known.begins[known.begins >= 0]
    before = known.lines[: len(known.lines) - len(inside)]
    if sum(map(len, before)) > MOST_TEXT:
        return None
    rows = numpy.searchsorted(lines.starts, starts)
    goes_on = (numpy.diff(rows) == 1) & (numpy.diff(heads) == 0)
    runs = numpy.concatenate(([0], numpy.flatnonzero(~goes_on) + 1))
    numbers = (
        numpy.diff(starts[runs], prepend=0),
        numpy.diff(runs, append=len(starts)),
        heads[runs],
        numpy.diff(inside, prepend=0),
        numpy.array([*map(len, before)], numpy.int64),
    )
    packed: Array = numpy.concatenate(numbers).astype("<u4")
    by_significance = packed.view(numpy.uint8).reshape(-1, 4).T.tobytes()
    sizes = struct.pack("<3I", len(runs), len(before), len(inside))
    return zlib.compress(b"".join([sizes, by_significance, *before]))


class Indexer:
    """An index of a segment under construction, a frame at a time.

    text, compressed, lines: totals of the frames so far, the first two in bytes.
    """

    def __init__(self, segment: int) -> None:
        self.text = self.compressed = self.lines = 0
        self.frames: list[FrameStart] = []
        self._segment = segment
        self._levels: list[tuple[int, ...] | None] = []
        self._continuations: list[bytes | None] = []
        self._sums = bytearray()

    def add(self, looked: FrameScan, frame: bytes) -> None:
        """Add a frame. looked: the scan of its text. frame: its packed bytes."""
        if looked.crc is not None and len(self._sums) == len(self.frames) * _SUMS.size:
            self._sums += _SUMS.pack(looked.crc, zlib.crc32(frame))
        told = looked.levels, looked.continuations, looked.goes_on
        self._append_frame(looked.size, len(frame), looked.times, *told)
        self.lines += looked.lines

    def add_unreadable(self, text: int, compressed: int) -> None:
        """Add an unreadable frame with its known or supposed sizes in bytes."""
        self._append_frame(text, compressed, UNKNOWN, None, None)

    def _append_frame(
        self,
        text: int,
        compressed: int,
        times: Times,
        levels: tuple[int, ...] | None,
        continuations: bytes | None,
        goes_on: bool = True,
    ) -> None:
        self.frames.append(FrameStart(self.text, self.compressed, self.lines, times, goes_on))
        self._levels.append(levels)
        self._continuations.append(continuations)
        self.text += text
        self.compressed += compressed

    def index_so_far(self) -> Index:
        """Return the index of the frames so far."""
        totals = self.text, self.compressed, self.lines
        return Index(
            self._segment,
            *totals,
            tuple(self.frames),
            rules=RULES,
            levels=tuple(self._levels),
            sums=bytes(self._sums),
            continuations=tuple(self._continuations),
        )


def _times(chunk: bytes, end: int, newlines: Array) -> Times:
    """Return the same as `times_of(chunk[:end])`, ten times as fast if each line has a TIME."""
    before_lines = newlines[:-1] if len(newlines) and newlines[-1] == end - 1 else newlines
    if len(before_lines) and before_lines[-1] + 1 + _HEAD <= end:
        # The head of a shorter line includes the beginning of the next. That does not change the
        # order: LF sorts before all characters of a TIME.
        heads = numpy.ndarray((end - _HEAD,), f"V{_HEAD}", chunk, 1, (1,))[before_lines]
        ends = chunk[:SIZE], *_smallest_and_largest(heads)
        smallest, largest = time_of(min(ends)), time_of(max(ends))
        if smallest is not None and largest is not None:
            return Times(smallest, largest, sure=True)
    return times_of(chunk[:end])


def _times_of_large(chunk: bytes, end: int) -> Times:
    """Return the times of a large text, read in parts; of a long line only the beginning is compared."""
    found: list[Times] = []
    at = 0
    while at < end and (not found or found[-1].sure):
        most = min(at + _LARGE, end)
        stop = chunk.rfind(b"\n", at, most) + 1 or chunk.find(b"\n", most, end) + 1 or end
        part = chunk[at : min(stop, most)]
        newlines = indexes_of_true(numpy.frombuffer(part, numpy.uint8) == ord("\n"))
        found.append(_times(part, len(part), newlines))
        at = stop
    return combine_times(found) if found[-1].sure else UNKNOWN


def _smallest_and_largest(heads: Array) -> tuple[bytes, bytes]:
    """Return the smallest and the largest of these heads, compared as text."""
    eights = numpy.ndarray((_HEAD // 8, len(heads)), ">u8", heads, 0, (8, _HEAD)).astype(U64, "C")
    differ = eights.min(axis=1) != eights.max(axis=1)
    row = int(differ.argmax())
    return _extreme_column(eights, row, numpy.min), _extreme_column(eights, row, numpy.max)


def _extreme_column(eights: Array, first: int, extreme: Callable[[Array], Any]) -> bytes:
    """Return the smallest or the largest column as text. All columns are the same before row `first`."""
    for row in range(first, len(eights)):
        eights = eights[:, eights[row] == extreme(eights[row])]
    found: bytes = eights[:, 0].astype(">u8").tobytes()
    return found[:SIZE]


def encode_index(index: Index) -> bytes:
    """Return the content of the file for an index."""
    frames = [[*frame[:3], *frame.times, frame.goes_on] for frame in index.frames]
    kept = index.continuations or (None,) * len(frames)
    lines = frames, index.levels, [None if one is None else len(one) for one in kept]
    body = b"\n".join([*map(_compact_json, lines), index.sums]) + b"".join(filter(None, kept))
    head = IndexHead(*index[:4], index.times, len(body), zlib.crc32(body), index.rules)
    text = _compact_json({"format": FORMAT, **head._asdict()})
    return b"%b %08x\n%b" % (text, zlib.crc32(text), body)


def _compact_json(found: object) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def save_index(index: Index, packed: Segment, disk: Disk) -> None:
    """Write the index beside its segment; an interruption leaves the old one. Raises OSError."""
    disk.replace(packed.index, encode_index(index))


def rebuild_index(packed: Segment, disk: Disk, others: Iterable[Segment] = ()) -> Index:
    """Make the index again from the frames, save it and return it.

    others: the segments of the store, for the text before. Raises OSError, and ValueError if the segment is
    damaged or empty.
    """
    made = Indexer(packed.number)
    earlier = EarlierTexts(partial(earlier_texts, packed, disk, lambda: others))
    for text, frame in unpack_frames(packed, disk):
        made.add(scan_frame(text, len(text), earlier), frame)
    if not made.frames:
        raise ValueError("it is empty")
    save_index(made.index_so_far(), packed, disk)
    return made.index_so_far()
