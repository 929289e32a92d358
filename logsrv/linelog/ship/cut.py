"""Cutting blocks: the text of a store from a place on, packed, as much as a target takes at once.

Frames of a compressed segment are sent unchanged and are not unpacked: the checksums in its index verify
them, and give the CRC-32 of their text. Text that is not compressed yet, and the rest of a frame that
begins before the place, are compressed for the block.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import attrs
import zstandard

from logsrv.linelog.formats.blocks.send import LARGEST_TEXT, UNKNOWN, PackedBlock
from logsrv.linelog.read.texts import DamagedSegment, PackedFrames, PlainFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.batches import SegmentSyncer
from logsrv.linelog.ship.store_places import combine_crcs
from logsrv.linelog.store.frames import quick_compressor
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.segment_notes import MissingText

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
    """The frames of a block that is being cut."""

    limits: BlockLimits
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
    def bytes_left(self) -> int:
        return self.limits.block - self.size

    @property
    def nearly_full(self) -> bool:
        """True if another frame would probably not fit: most frames have about the same size."""
        return bool(self.packed) and len(self.packed[-1]) > self.bytes_left


class BlockCutter:
    """The cutter of a store: from its place on, it cuts one block after the other.

    store: the identity of the store. refuse: called with each line, with its LF, that is too large even for
    a block by itself. unpacks: whether frames are unpacked to verify them, because the checksums in the
    index may be wrong.
    """

    def __init__(self, view: View, store: str, refuse: Callable[[bytes], object]) -> None:
        self._view = view
        self._store = store
        self._refuse = refuse
        self.unpacks = False
        self._segment = SegmentSyncer(view)
        self._compressor = quick_compressor()
        self._position = Position(0, 0)
        # The place after the last line that was refused.
        self._refused = Position(0, 0)
        # The text that was skipped and that no block has reported yet.
        self._missing = MissingText()

    def move_to(self, position: Position) -> None:
        """Cut from this place on; forget the text that was skipped before it."""
        self._position = position
        self._missing = MissingText()

    @property
    def open_segment_number(self) -> int | None:
        """The number of the open segment, which can be read even after its removal."""
        return self._segment.number

    @property
    def cut_up_to(self) -> Position | None:
        """The place up to which all text was cut; None after a gap that no block has reported yet."""
        return None if self._missing else self._position

    def close(self) -> None:
        self._segment.close()

    def cut_block(self, after: Position | None, limits: BlockLimits) -> CutBlock | None:
        """Return the next block; None if there is none at present. after: the end of the block before it.

        Damaged and removed text is skipped. Raises OSError and StoreError.
        """
        while (frames := self._open_segment_or_next()) is not None:
            offset = self._position.offset
            reach = self._segment.sync_whole_lines(offset)
            if offset >= reach:
                if not self._segment.ended:
                    return None
                self._move_to_next_segment(frames, reach)
                continue
            unfinished = _UnfinishedBlock(limits)
            self._fill_block(frames, unfinished, reach)
            if unfinished.packed:
                return self._make_block(unfinished, after, reach)
            if self._position.offset == offset:
                # Another program has shortened the file.
                return None
        return None

    def _make_block(
        self, unfinished: _UnfinishedBlock, after: Position | None, reach: int
    ) -> CutBlock:
        start = self._position
        end = Position(start.segment, start.offset + unfinished.text)
        missing = self._missing
        gap = str(missing.bytes or "") if missing.known else UNKNOWN
        block = PackedBlock(
            self._store, start, end, after, unfinished.crc, b"".join(unfinished.packed), gap
        )
        self._position, self._missing = end, MissingText()
        more = unfinished.full or self._segment.ended or end.offset < reach
        return CutBlock(block, unfinished.lines, more, missing)

    def _open_segment_or_next(self) -> SegmentFrames | None:
        """Return the segment of the place; if it was removed, the next one that the store has."""
        while (frames := self._segment.open_segment(self._position.segment)) is None:
            following = self._segment.next_segment_number(self._position.segment)
            if following is None:
                return None
            gone = self._view.missing_between(self._position, following)
            self._missing = self._missing.plus(gone)
            self._position = Position(following, 0)
        return frames

    def _move_to_next_segment(self, frames: SegmentFrames, reach: int) -> None:
        number, offset = self._position
        if self._segment.unfinished and offset <= reach:
            self._view.report_damage(f"{frames.path} ends in an unfinished line, which is not sent")
            self._skip_as_missing(self._segment.unfinished)
        self._position = Position(number + 1, 0)

    def _skip_as_missing(self, size: int) -> None:
        self._missing = self._missing.plus(MissingText(size))
        number, offset = self._position
        self._position = Position(number, offset + size)

    def _fill_block(self, frames: SegmentFrames, unfinished: _UnfinishedBlock, reach: int) -> None:
        """Fill the next block with frames of text from the position on.

        The position itself moves only past text that is not sent: damaged, unfinished or too large. reach:
        how far an uncompressed segment may be read.
        """
        offset = self._position.offset
        if isinstance(frames, PlainFrames):
            text = bytearray(min(PIECE, reach - offset))
            for end in _read_whole_lines(frames.fd, offset, reach, text):
                if not self._compress_lines(text, end, unfinished) or unfinished.nearly_full:
                    return
            return
        assert isinstance(frames, PackedFrames)
        frame = frames.frame_at(offset)
        begin, stop = frames.frame_bounds(frame)
        try:
            if offset > begin or not _add_whole_frames(frames, frame, unfinished, self.unpacks):
                self._compress_frame_rest(frames, stop, unfinished)
        except DamagedSegment as error:
            self._view.report_damage(str(error))
            self._skip_as_missing(stop - offset)

    def _compress_frame_rest(
        self, frames: PackedFrames, stop: int, unfinished: _UnfinishedBlock
    ) -> None:
        """Compress the rest of a frame from the place on. Raises DamagedSegment."""
        offset = self._position.offset
        found = list(frames.lines_between(offset, stop))
        text = b"".join([text for _, text in found])
        whole = text[: text.rfind(b"\n") + 1]
        if not whole:
            self._view.report_damage(f"{frames.path} has an unfinished line, which is not sent")
            self._skip_as_missing(stop - offset)
            return
        # If the place is inside a line, the text begins with the next line.
        self._skip_as_missing(found[0][0] - offset)
        self._compress_lines(whole, len(whole), unfinished)

    def _compress_lines(
        self, text: bytes | bytearray, stop: int, unfinished: _UnfinishedBlock
    ) -> bool:
        """Compress the lines up to `stop` into the block; return false once the block is full."""
        at = 0
        while at < stop:
            if unfinished.nearly_full:
                unfinished.full = True
                return False
            end = _last_line_end(text, at, min(PIECE, stop - at))
            frame = self._compressor.compress(memoryview(text)[at:end])
            while len(frame) > unfinished.bytes_left or end - at > LARGEST_TEXT - unfinished.text:
                if unfinished.packed:
                    unfinished.full = True
                    return False
                if text.find(b"\n", at) + 1 == end:
                    return self._add_or_refuse_line(frame, bytes(text[at:end]), unfinished)
                less = min(
                    (end - at) // 2, (end - at) * unfinished.limits.block // len(frame) * 9 // 10
                )
                end = _last_line_end(text, at, less)
                frame = self._compressor.compress(memoryview(text)[at:end])
            piece = memoryview(text)[at:end]
            unfinished.add_frame(frame, piece, text.count(b"\n", at, end))
            at = end
        return True

    def _add_or_refuse_line(self, frame: bytes, line: bytes, unfinished: _UnfinishedBlock) -> bool:
        """Make a block of a line that is larger than the limit of a block, or refuse and skip the line."""
        if len(frame) <= unfinished.limits.line and len(line) <= LARGEST_TEXT:
            unfinished.add_frame(frame, line, 1)
        else:
            # A line that is cut again after a failure is not refused a second time.
            if self._position >= self._refused:
                self._refuse(line)
                self._refused = Position(self._position.segment, self._position.offset + len(line))
            self._skip_as_missing(len(line))
        unfinished.full = True
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


def _read_whole_lines(fd: int, offset: int, reach: int, text: bytearray) -> Iterator[int]:
    """Read the lines from `offset` up to `reach`, the end of a line, into `text`, in pieces.

    Yields how many bytes of `text` are whole lines. Raises OSError.
    """
    while offset < reach:
        wanted = min(len(text), reach - offset)
        size = os.preadv(fd, [memoryview(text)[:wanted]], offset)
        end = text.rfind(b"\n", 0, size) + 1
        if end:
            yield end
            offset += end
        elif size < wanted:
            # Another program has shortened the file.
            return
        else:
            text.extend(bytes(len(text)))


def _last_line_end(text: bytes | bytearray, at: int, most: int) -> int:
    """Return the end of the last line that ends within `most` bytes; if there is none, of the first."""
    return text.rfind(b"\n", at, at + most) + 1 or text.find(b"\n", at) + 1
