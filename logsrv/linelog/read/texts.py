"""The text of a segment in frames of about 1 MiB, for any form on disk.

A frame contains the lines that begin within its bounds. A compressed segment has the frames of its index.
In a plain segment, frame n contains the lines that begin in the n-th MiB. Bounds are offsets in the text:
they mean the same lines if the segment is sealed between planning and reading.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, Self
from zlib import crc32

import zstandard

from logsrv.linelog.fields.stored_line import Choice, FirstLines
from logsrv.linelog.store.disk import explanation
from logsrv.linelog.store.frames import LARGEST, MOST_FRAMES, frame_sizes_at
from logsrv.linelog.store.index.segment_index import FrameStart, Index
from logsrv.linelog.store.times import UNKNOWN, Times, combine_times, time_of, times_of

SIZE = 1 << 20
# Bytes that are read at once. For each piece of 128 KiB or more, glibc would map new memory: reading 250
# MiB took 0.41 s of CPU time so, and 0.21 s in these smaller pieces.
SMALL_FOR_NUMPY = 256 << 10
"""Bytes. For less text, loading NumPy takes longer than counting without it."""

_SMALL = 64 << 10


class DamagedSegment(ValueError):
    """A part of a segment cannot be read; `str()` of the error names the file and the offset."""


class SegmentFrames:
    """The text of an open segment: `count` frames, with `size` bytes of whole lines in all.

    path: of the file, for messages.
    """

    count: int
    size: int

    def __init__(self, number: int, path: str, fd: int) -> None:
        self.number = number
        self.path = path
        self.fd = fd

    @abstractmethod
    def frame_bounds(self, frame: int) -> tuple[int, int]:
        """Return the offsets in the text at which a frame begins and ends."""

    @abstractmethod
    def frame_at(self, offset: int) -> int:
        """Return the number of the frame that contains `offset`; `count` at or past the end."""

    def bounds_between(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the bounds of each frame between two offsets; those of the first and last are cut there."""
        for frame in range(self.frame_at(start), self.count):
            begin, end = self.frame_bounds(frame)
            if begin >= stop:
                break
            yield max(begin, start), min(end, stop)

    @abstractmethod
    def lines_between(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that begin from `start` up to `stop`, in pieces, each with its offset.

        Raises OSError and DamagedSegment.
        """

    def next_line_start(self, offset: int) -> int:
        """Return the start of the first line that begins at `offset` or after it; `size` if there is none.

        Raises OSError and DamagedSegment.
        """
        return next((start for start, _ in self.lines_between(offset, self.size)), self.size)

    @abstractmethod
    def times_of_frame(self, frame: int) -> Times:
        """Return the times of the lines of a frame. In a plain segment, this reads the whole frame.

        Raises OSError.
        """

    def level_counts(self, frame: int, rules: int) -> tuple[int, ...] | None:
        """Return how many lines of a frame have no level, and how many have each; None if not indexed.

        rules: the required version of the rules of levels; 0 for any.
        """
        return None

    def kept_first_lines(
        self, start: int, text: bytes, choose: Choice | None = None
    ) -> FirstLines | None:
        """Return the first lines of the continuation lines of a frame, as the index keeps them.

        None if it does not, or if no frame has this start and text. choose: if given, it chooses
        among them.
        """
        return None

    @abstractmethod
    def file_bytes_of_frame(self, frame: int) -> int:
        """Return the number of bytes of the file that belong to a frame."""

    def time_at(self, start: int) -> str:
        """Return the time of the first line from an offset on, or the least of its frame; "" if unknown."""
        try:
            begin = self.next_line_start(start)
            return next(
                (time_of(text) or "" for _, text in self.lines_between(begin, begin + 1)), ""
            )
        except OSError:
            return ""

    @abstractmethod
    def identity(
        self, start: int, stop: int, digest_of: Callable[[Iterator[bytes]], bytes]
    ) -> list[int | bytes] | None:
        """Return what tells the lines that begin from `start` up to `stop` from all others of the segment.

        None if it is not known. digest_of: returns the digest of a text, in pieces, if that must be read.
        Raises OSError.
        """

    @property
    def file_size(self) -> int:
        """The bytes of the file."""
        return os.fstat(self.fd).st_size

    def close(self) -> None:
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PlainFrames(SegmentFrames):
    """An uncompressed segment: the active one with its present lines, or a sealed one."""

    def __init__(self, number: int, path: str, fd: int) -> None:
        super().__init__(number, path, fd)
        self.size = self._end_of_whole_lines(os.fstat(fd).st_size)
        self.count = -(-self.size // SIZE)

    def _end_of_whole_lines(self, end: int) -> int:
        """Return the end of the last whole line: the line after it may be half-written."""
        while end:
            start = max(0, end - SIZE)
            newline = os.pread(self.fd, end - start, start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
        return 0

    @property
    def is_removed(self) -> bool:
        """True if the file has lost its name: the segment was compressed, or removed."""
        return not os.fstat(self.fd).st_nlink

    def frame_bounds(self, frame: int) -> tuple[int, int]:
        return frame * SIZE, min((frame + 1) * SIZE, self.size)

    def frame_at(self, offset: int) -> int:
        return offset // SIZE if offset < self.size else self.count

    def lines_between(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        start, stop = self.next_line_start(start), self.next_line_start(stop)
        while start < stop:
            end = self.next_line_start(start + SIZE) if stop - start > 2 * SIZE else stop
            yield start, os.pread(self.fd, end - start, start)
            start = end

    def identity(
        self, start: int, stop: int, digest_of: Callable[[Iterator[bytes]], bytes]
    ) -> list[int | bytes] | None:
        # The last frame still grows: its digest would be new each time.
        if stop - start < SIZE:
            return None
        first = min(stop, self.next_line_start(start))
        return [first, digest_of(text for _, text in self.lines_between(start, stop))]

    def next_line_start(self, offset: int) -> int:
        if offset <= 0:
            return 0
        # A line that begins at `offset` itself has its LF one byte before.
        offset -= 1
        while offset < self.size:
            piece = os.pread(self.fd, min(4096, self.size - offset), offset)
            newline = piece.find(b"\n")
            if newline >= 0:
                return offset + newline + 1
            if not piece:
                break
            offset += len(piece)
        return self.size

    def times_of_frame(self, frame: int) -> Times:
        start, stop = self.frame_bounds(frame)
        pieces = (
            self.lines_between(at, min(at + _SMALL, stop)) for at in range(start, stop, _SMALL)
        )
        return combine_times(times_of(text) for piece in pieces for _, text in piece)

    def file_bytes_of_frame(self, frame: int) -> int:
        start, stop = self.frame_bounds(frame)
        return stop - start


class PackedFrames(SegmentFrames):
    """A compressed segment with its index, which is loaded when it is first needed.

    A search for a rare word needs few indexes: the word indexes exclude most segments.
    """

    index: Index
    _stored: int

    def __init__(self, number: int, path: str, fd: int, load: Callable[[], Index]) -> None:
        super().__init__(number, path, fd)
        self._load = load
        self._decompressor = zstandard.ZstdDecompressor()

    def __getattr__(self, name: str) -> object:
        if name not in ("index", "size", "count", "_stored"):
            raise AttributeError(name)
        self.index = self._load()
        self._stored = self.file_size
        self.size, self.count = self.index.text, len(self.index.frames)
        return getattr(self, name)

    def frame_bounds(self, frame: int) -> tuple[int, int]:
        after = frame + 1
        stop = self.index.frames[after].text if after < self.count else self.size
        return self.index.frames[frame].text, stop

    def frame_at(self, offset: int) -> int:
        return self.index.frame_number_at(offset)

    def lines_between(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for frame in range(self.frame_at(start), self.count):
            offset, end = self.frame_bounds(frame)
            if offset >= stop:
                break
            _, text = self.read_packed_and_text(frame, end - offset)
            yield from clip_lines(text, offset, start, stop)

    def read_packed_and_text(self, frame: int, wanted: int) -> tuple[bytes, bytes]:
        """Return a compressed frame, and its text of `wanted` bytes.

        Raises OSError and DamagedSegment.
        """
        packed = self.read_packed_frame(frame, wanted)
        try:
            text: bytes = self._decompressor.decompress(packed)
            return packed, text
        except zstandard.ZstdError as error:
            raise self._damage_error(frame, error) from error

    def read_packed_frame(self, frame: int, wanted: int) -> bytes:
        """Return a compressed frame whose header says that its text has `wanted` bytes.

        Raises OSError and DamagedSegment.
        """
        at, size = self.index.packed_extent(frame)
        try:
            # The size is checked before reading, and the header before unpacking, which allocates what the
            # header claims.
            packed = self._read_bytes(frame, at, size) if max(wanted, size) <= LARGEST else b""
            if zstandard.frame_content_size(packed) != wanted:
                raise ValueError("the bytes there are not the frame that the index describes")
            return packed
        except DamagedSegment:
            raise
        except (zstandard.ZstdError, ValueError) as error:
            raise self._damage_error(frame, error) from error

    def _damage_error(self, frame: int, error: Exception) -> DamagedSegment:
        return DamagedSegment(
            f"{self.path} is damaged at byte {self.index.packed_extent(frame)[0]}: {error}"
        )

    def _read_bytes(self, frame: int, at: int, size: int) -> bytes:
        return os.pread(self.fd, size, at)

    def read_packed_frames(self, frame: int, after: int) -> bytes:
        """Return the compressed frames from number `frame` up to, but without, `after`. Raises OSError."""
        begin = self.index.packed_extent(frame)[0]
        return os.pread(self.fd, sum(self.index.packed_extent(after - 1)) - begin, begin)

    def times_of_frame(self, frame: int) -> Times:
        return self.index.frames[frame].times

    def time_at(self, start: int) -> str:
        return self.times_of_frame(self.frame_at(start)).smallest or ""

    def level_counts(self, frame: int, rules: int) -> tuple[int, ...] | None:
        index = self.index
        if not index.levels or rules not in (0, index.rules):
            return None
        counts = index.levels[frame]
        # The file may have been truncated, and then the index counts lines that it lacks.
        return counts if sum(index.packed_extent(frame)) <= self._stored else None

    def kept_first_lines(
        self, start: int, text: bytes, choose: Choice | None = None
    ) -> FirstLines | None:
        frame = self.frame_at(start)
        if frame == self.count or self.frame_bounds(frame) != (start, start + len(text)):
            return None
        return self.index.first_lines_of_frame(frame, text, choose)

    def file_bytes_of_frame(self, frame: int) -> int:
        return self.index.packed_extent(frame)[1]

    def identity(
        self, start: int, stop: int, digest_of: Callable[[Iterator[bytes]], bytes]
    ) -> list[int | bytes] | None:
        # A lost index, or an old one, has no checksums.
        return [crc32(self.index.sums), start, stop] if self.index.sums else None

    def line_count(self, frame: int) -> int:
        """Return the number of lines of a frame; 0 if the index does not have it."""
        after, index = frame + 1, self.index
        behind = index.frames[after].lines if after < self.count else index.lines
        return behind - index.frames[frame].lines


class AwayText(Protocol):
    """The compressed text of a segment that stands elsewhere. address: for messages.

    Each method raises ValueError, with a sentence, if that cannot be had unchanged.
    """

    @property
    def address(self) -> str: ...

    @property
    def size(self) -> int:
        """The bytes of the compressed text."""

    def index(self) -> Index:
        """Return the index of its frames."""

    def frame(self, number: int, at: int, size: int) -> bytes:
        """Return compressed frame `number`, which has `size` bytes at offset `at`."""


def _index_of_away(number: int, text: AwayText, report: Callable[[str], None]) -> Index:
    try:
        return text.index()
    except ValueError as error:
        report(f"segment {number} cannot be read: {explanation(error)}")
        return Index(number)


class AwayFrames(PackedFrames):
    """A compressed segment whose text is elsewhere. report: gets a sentence if no index is usable."""

    def __init__(self, number: int, text: AwayText, report: Callable[[str], None]) -> None:
        # A method of these frames would be a cycle, which only the collector frees, with zstd's memory.
        super().__init__(number, text.address, -1, partial(_index_of_away, number, text, report))
        self._text = text

    @property
    def file_size(self) -> int:
        return self._text.size

    def _read_bytes(self, frame: int, at: int, size: int) -> bytes:
        try:
            return self._text.frame(frame, at, size)
        except ValueError as error:
            raise DamagedSegment(str(error)) from error

    def close(self) -> None:
        pass


def clip_lines(text: bytes, offset: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that begin from `start` up to `stop`, and their offset. offset: of `text`."""
    first, last = _line_start(text, start - offset), _line_start(text, stop - offset)
    if first < last:
        yield offset + first, text[first:last]


def _line_start(text: bytes, offset: int) -> int:
    """Return the start of the first line that begins at `offset` or after it."""
    if offset <= 0:
        return 0
    return (text.find(b"\n", offset - 1) + 1 or len(text)) if offset < len(text) else len(text)


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


def require_index_fits(found: Index, fd: int) -> None:
    """Raise ValueError if the index does not fit an open file. A truncated file still fits."""
    size = os.fstat(fd).st_size
    if size > found.compressed:
        raise ValueError(
            f"it belongs to a file of {found.compressed} bytes, and this one has {size}"
        )
