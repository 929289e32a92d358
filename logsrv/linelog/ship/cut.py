"""Cutting blocks: the text of a store from a position on, packed, as much as a target takes at once.

Frames of a compressed segment are sent unchanged and are not unpacked: the checksums in its index verify
them, and give the CRC-32 of their text. Text that is not compressed yet, and the rest of a frame that
begins before the position, are compressed for the block.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import attrs
import zstandard

from logsrv.linelog.read.texts import DamagedSegment, PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.durable import DurableFollower
from logsrv.linelog.ship.store_positions import combine_crcs
from logsrv.linelog.store.frames import quick_compressor
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.packed_block import LARGEST_TEXT, UNKNOWN, PackedBlock
from logsrv.linelog.store.segment import NOWHERE, Position

PIECE = 1 << 20
"""Bytes of text that are compressed as one frame."""


class CutBlock(NamedTuple):
    """A block. lines: the number of its lines. more: whether more text follows.

    missing: the amount of text that is missing before the block.
    """

    block: PackedBlock
    lines: int
    more: bool
    missing: MissingText = MissingText()


class BlockLimits(NamedTuple):
    """The most packed bytes of a block, and of a block with a single line."""

    block: int
    line: int


@attrs.define
class _UnfinishedBlock:
    """The frames of a block that is being cut. start: its position. missing: the text missing before it."""

    limits: BlockLimits
    start: Position
    missing: MissingText
    packed: list[bytes] = attrs.field(factory=list)
    size: int = 0
    text: int = 0
    crc: int = 0
    lines: int = 0
    full: bool = False

    def add_frame(self, packed: bytes, text: bytes | memoryview, lines: int) -> None:
        self.packed.append(packed)
        self.count_frame(len(packed), len(text), zlib.crc32(text, self.crc), lines)

    def count_frame(self, packed: int, text: int, crc: int, lines: int) -> None:
        """Count a frame. crc: the CRC-32 of all text up to its end."""
        self.size += packed
        self.text += text
        self.crc = crc
        self.lines += lines

    @property
    def end(self) -> Position:
        return self.start.beside(self.text)

    @property
    def bytes_left(self) -> int:
        return self.limits.block - self.size

    @property
    def nearly_full(self) -> bool:
        """True if another frame would probably not fit: most frames have about the same size."""
        return bool(self.packed) and len(self.packed[-1]) > self.bytes_left


class BlockCutter:
    """The cutter of a store: from its position on, it cuts one block after the other.

    store: the identity of the store. refuse: called with each line, with its LF, that is too large even for
    a block by itself. unpacks: whether frames are unpacked to verify them, because the checksums in the
    index may be wrong.
    """

    def __init__(self, view: View, store: str, refuse: Callable[[bytes], object]) -> None:
        self._view = view
        self._store = store
        self._refuse = refuse
        self.unpacks = False
        self._follower = DurableFollower(view, NOWHERE)
        self._compressor = quick_compressor()
        # The position after the last line that was refused.
        self._refused = NOWHERE

    def move_to(self, position: Position) -> None:
        """Cut from this position on; forget the text that was skipped before it."""
        self._follower.move_to(position)

    def store_needed_from(self, start: Position) -> Position:
        """Return the position from which on the store is needed if all text before `start` was sent."""
        needed = self._follower.needed_from
        return needed if start.segment == self._follower.position.segment else start

    @property
    def cut_up_to(self) -> Position | None:
        """The position up to which all text was cut; None after a gap that no block has reported yet."""
        return None if self._follower.missing else self._follower.position

    def close(self) -> None:
        self._follower.close()

    def cut_block(self, after: Position | None, limits: BlockLimits) -> CutBlock | None:
        """Return the next block; None if there is none at present. after: the end of the block before it.

        Damaged and removed text is skipped. Raises OSError and StoreError.
        """
        follower = self._follower
        while (found := follower.find_readable()) is not None:
            frames, reach = found
            before = follower.position
            block = _UnfinishedBlock(limits, before, follower.missing)
            follower.missing = MissingText()
            self._fill_block(frames, reach, block)
            if block.packed:
                follower.position = block.end
                return self._finish_block(block, after, reach)
            follower.missing = block.missing.plus(follower.missing)
            if follower.position == before:
                # Another program has shortened the file.
                return None
        return None

    def _finish_block(
        self, unfinished: _UnfinishedBlock, after: Position | None, reach: int
    ) -> CutBlock:
        start, end, missing = unfinished.start, unfinished.end, unfinished.missing
        gap = str(missing.bytes or "") if missing.known else UNKNOWN
        block = PackedBlock(
            self._store, start, end, after, unfinished.crc, b"".join(unfinished.packed), gap
        )
        more = unfinished.full or self._follower.ended or end.offset < reach
        return CutBlock(block, unfinished.lines, more, missing)

    def _fill_block(self, frames: SegmentFrames, reach: int, block: _UnfinishedBlock) -> None:
        """Fill the next block from the position on, which moves past text that is not sent.

        reach: how far the segment may be read. With text that is not sent, the block may stay empty.
        """
        follower, limit = self._follower, PIECE
        if isinstance(frames, PackedFrames):
            frame = frames.frame_at(block.start.offset)
            begin, stop = frames.frame_bounds(frame)
            # If the frame is damaged, reading it reports that, and skips it.
            with suppress(DamagedSegment):
                if begin == block.start.offset and _add_whole_frames(
                    frames, frame, block, self.unpacks
                ):
                    return
            limit, reach = stop - block.start.offset, stop
        while lines := follower.read(limit, until=Position(frames.number, reach)):
            if lines.missing:
                # The next block begins after the damage.
                follower.move_to(lines.position)
                follower.missing = lines.missing
                return
            if not lines.text.endswith(b"\n"):
                if not block.packed:
                    why = f"{frames.path} has an unfinished line, which is not sent"
                    self._view.report_damage(why)
                    block.missing = block.missing.plus(MissingText(len(lines.text)))
                return
            if not block.packed:
                block.start = lines.position
            if not self._compress_lines(lines.text, block) or block.nearly_full:
                return

    def _compress_lines(self, text: bytes, block: _UnfinishedBlock) -> bool:
        """Compress lines into the block; return False once the block is full."""
        at, stop = 0, len(text)
        while at < stop:
            if block.nearly_full:
                block.full = True
                return False
            end = _last_line_end(text, at, min(PIECE, stop - at))
            frame = self._compressor.compress(memoryview(text)[at:end])
            while len(frame) > block.bytes_left or end - at > LARGEST_TEXT - block.text:
                if block.packed:
                    block.full = True
                    return False
                if text.find(b"\n", at) + 1 == end:
                    return self._add_or_refuse_line(frame, text[at:end], block)
                less = min((end - at) // 2, (end - at) * block.limits.block // len(frame) * 9 // 10)
                end = _last_line_end(text, at, less)
                frame = self._compressor.compress(memoryview(text)[at:end])
            block.add_frame(frame, memoryview(text)[at:end], text.count(b"\n", at, end))
            at = end
        return True

    def _add_or_refuse_line(self, frame: bytes, line: bytes, block: _UnfinishedBlock) -> bool:
        """Make a block of a line that is larger than the limit of a block, or refuse and skip the line."""
        block.full = True
        if len(frame) <= block.limits.line and len(line) <= LARGEST_TEXT:
            block.add_frame(frame, line, 1)
            return False
        after = block.start.beside(len(line))
        # A line that is cut again after a failure is not refused a second time.
        if block.start >= self._refused:
            self._refuse(line)
            self._refused = after
        block.missing = block.missing.plus(MissingText(len(line)))
        self._follower.position = after
        return False


def _add_whole_frames(
    frames: PackedFrames, frame: int, unfinished: _UnfinishedBlock, unpacks: bool
) -> bool:
    """Add whole frames unchanged; return whether there were any.

    Raises DamagedSegment if the first one is damaged.
    """
    after, packed, text = frame, 0, 0
    while after < frames.count:
        begin, stop = frames.frame_bounds(after)
        packed, text = packed + frames.file_bytes_of_frame(after), text + stop - begin
        if packed > unfinished.limits.block or text > LARGEST_TEXT:
            unfinished.full = True
            break
        after += 1
    return after > frame and (
        (not unpacks and _add_frames_by_checksums(frames, frame, after, unfinished))
        or _add_frames_by_unpacking(frames, frame, after, unfinished)
    )


def _add_frames_by_checksums(
    frames: PackedFrames, frame: int, after: int, unfinished: _UnfinishedBlock
) -> bool:
    """Add the frames before number `after` that match their checksums in the index; unpack none."""
    if frames.index.checksums_of_frame(frame) is None:
        return False
    run = frames.read_packed_frames(frame, after)
    whole = memoryview(run)
    for number in range(frame, after):
        begin, stop = frames.frame_bounds(number)
        packed = whole[unfinished.size : unfinished.size + frames.file_bytes_of_frame(number)]
        sums = frames.index.checksums_of_frame(number)
        if (
            sums is None
            or zlib.crc32(packed) != sums.packed
            or not _has_valid_frame_header(packed, stop - begin)
        ):
            break
        crc = combine_crcs(unfinished.crc, sums.text, stop - begin)
        unfinished.count_frame(len(packed), stop - begin, crc, frames.line_count(number))
    if unfinished.size:
        unfinished.packed.append(run[: unfinished.size])
    return bool(unfinished.size)


def _has_valid_frame_header(packed: memoryview, size: int) -> bool:
    """Return whether a frame's header has what a receiver requires: the checksum flag, and `size`."""
    found = zstandard.get_frame_parameters(packed)
    return bool(found.has_checksum) and found.content_size == size


def _add_frames_by_unpacking(
    frames: PackedFrames, frame: int, after: int, unfinished: _UnfinishedBlock
) -> bool:
    """Add the frames before number `after`; unpack each. Raises DamagedSegment if the first one is."""
    for number in range(frame, after):
        begin, stop = frames.frame_bounds(number)
        try:
            packed, text = frames.read_packed_and_text(number, stop - begin)
        except DamagedSegment:
            if unfinished.packed:
                break
            raise
        if not zstandard.get_frame_parameters(packed).has_checksum or not text.endswith(b"\n"):
            break
        unfinished.add_frame(packed, text, frames.line_count(number) or text.count(b"\n"))
    return bool(unfinished.packed)


def _last_line_end(text: bytes, at: int, most: int) -> int:
    """Return the end of the last line that ends within `most` bytes; if there is none, of the first."""
    return text.rfind(b"\n", at, at + most) + 1 or text.find(b"\n", at) + 1
